//! TCP instead of a port, for runtimes that have no virtio-serial.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub fn listen(address: SocketAddr) -> io::Result<(OwnedFd, u16)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener.into(), port))
}

/// One waiting connection, non-blocking and without Nagle: answers are small and each is waited for. Beside it who it is from.
pub fn accept(listener: RawFd) -> Option<(OwnedFd, Option<IpAddr>)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let mut from: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    let mut length = std::mem::size_of_val(&from) as libc::socklen_t;
    let fd = unsafe { libc::accept4(listener, (&raw mut from).cast(), &mut length, flags) };
    if fd < 0 {
        return None;
    }
    let connection = unsafe { OwnedFd::from_raw_fd(fd) };
    set_no_delay(connection.as_raw_fd());
    let is_ipv4 = i32::from(from.sin_family) == libc::AF_INET;
    let address = Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr));
    Some((connection, is_ipv4.then_some(address.into())))
}

pub fn set_no_delay(fd: RawFd) {
    let on: libc::c_int = 1;
    unsafe {
        libc::setsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&on as *const libc::c_int).cast(),
            std::mem::size_of_val(&on) as u32,
        )
    };
}
