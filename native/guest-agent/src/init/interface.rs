//! `lo` and `eth0`, by the oldest and shortest way there is: ioctls on a socket.

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::command_line::CommandLine;

pub fn configure(command_line: &CommandLine) {
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return;
    }
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let _ = fs::write("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
    bring_up(&socket, "lo");
    if let Some((address, prefix)) = command_line.address {
        let mask = Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0));
        set_address(&socket, "eth0", libc::SIOCSIFADDR, address);
        set_address(&socket, "eth0", libc::SIOCSIFNETMASK, mask);
        bring_up(&socket, "eth0");
        if let Some(gateway) = command_line.gateway {
            add_default_route(&socket, gateway);
        }
    }
    if !command_line.dns.is_empty() {
        write_resolv_conf(&command_line.dns);
    }
}

fn request(name: &str) -> libc::ifreq {
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request
}

fn call(socket: &OwnedFd, command: libc::Ioctl, argument: *const libc::c_void, what: &str) {
    if unsafe { libc::ioctl(socket.as_raw_fd(), command, argument) } < 0 {
        crate::log!("{what}: {}", std::io::Error::last_os_error());
    }
}

fn bring_up(socket: &OwnedFd, name: &str) {
    let mut request = request(name);
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    call(socket, libc::SIOCSIFFLAGS as libc::Ioctl, (&raw const request).cast(), name);
}

fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: 0,
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
        sin_zero: [0; 8],
    };
    unsafe { std::mem::transmute(address) }
}

fn set_address(socket: &OwnedFd, name: &str, command: libc::c_ulong, address: Ipv4Addr) {
    let mut request = request(name);
    request.ifr_ifru.ifru_addr = socket_address(address);
    call(socket, command as libc::Ioctl, (&raw const request).cast(), name);
}

fn add_default_route(socket: &OwnedFd, gateway: Ipv4Addr) {
    let mut route: libc::rtentry = unsafe { std::mem::zeroed() };
    route.rt_dst = socket_address(Ipv4Addr::UNSPECIFIED);
    route.rt_genmask = socket_address(Ipv4Addr::UNSPECIFIED);
    route.rt_gateway = socket_address(gateway);
    route.rt_flags = libc::RTF_UP | libc::RTF_GATEWAY;
    call(socket, libc::SIOCADDRT as libc::Ioctl, (&raw const route).cast(), "default route");
}

pub fn write_resolv_conf(servers: &[Ipv4Addr]) {
    const PATH: &str = "/etc/resolv.conf";
    let text: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
    if fs::read_to_string(PATH).is_ok_and(|current| current == text) {
        return;
    }
    // Often a link to what a resolver that does not run here would write.
    let _ = fs::remove_file(PATH);
    if let Err(error) = fs::write(PATH, text) {
        crate::log!("{PATH}: {error}");
    }
}
