//! Being `/init`: from the kernel's hands to a machine that commands can run in.

mod command_line;
mod devices;
mod interface;
mod kernel_settings;
mod modules;
mod mounts;
mod root;
pub mod start;

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use crate::refresh::Identity;
use command_line::CommandLine;
use start::{Announce, LinkKind, Machine, Start};

/// The rest of the boot may still be going on; then the device or the port is not there, which no waiting mends.
const DEVICE_TIMEOUT: Duration = Duration::from_secs(30);

/// Boots the machine. What fails is logged, and the boot goes on as far as it makes sense.
pub fn boot() -> Start {
    mounts::mount_kernel_interfaces();
    let command_line = CommandLine::read();
    modules::load_listed();
    root::switch(&command_line);
    mounts::mount_memory_file_systems();
    mounts::bind_identity(Path::new(mounts::IDENTITY_FOLDER));
    interface::configure(&command_line);
    kernel_settings::apply();
    raise_limits();
    let link = match command_line.listen {
        Some(address) => LinkKind::Tcp(address),
        None => LinkKind::Port(devices::wait_for(DEVICE_TIMEOUT, "the agent's port", crate::link::open_port)),
    };
    Start {
        link,
        token: command_line.token,
        identity: Identity::in_folder(Path::new(mounts::IDENTITY_FOLDER)),
        machine: Machine::Virtual,
        host: None,
        announce: Announce::Quietly,
    }
}

/// PID 1 of a container: file systems and network are there already. `host`: who may connect, and who answers DNS.
pub fn enter_container(link: LinkKind, token: Option<String>, host: Option<Ipv4Addr>) -> Start {
    unsafe { libc::umask(0o022) };
    mounts::bind_identity(Path::new(mounts::IDENTITY_FOLDER));
    if let Some(host) = host {
        interface::write_resolv_conf(&[host]);
    }
    raise_limits();
    crate::console::never_wait();
    // What runsc gave us as standard error.
    let _ = std::os::unix::fs::symlink("/proc/1/fd/2", "/dev/console");
    Start {
        link,
        token,
        identity: Identity::in_folder(Path::new(mounts::IDENTITY_FOLDER)),
        machine: Machine::Container,
        host: host.map(Into::into),
        announce: Announce::Quietly,
    }
}

/// Descriptors: the agent holds up to three for each process. Soft and hard differ, because programs that use `select`
/// or close every descriptor suffer from a high soft limit.
fn raise_limits() {
    let limit = libc::rlimit { rlim_cur: 8192, rlim_max: 524_288 };
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
}

/// PID 1 must not exit: without what it needs it says so and sleeps, and the VMM ends the machine.
pub fn give_up(reason: &str) -> ! {
    crate::log!("{reason}");
    if std::process::id() != 1 {
        std::process::exit(1);
    }
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// Powers off; a process on a machine that is not ours just ends.
pub fn end_machine(machine: Machine) -> ! {
    if machine.is_virtual() {
        unsafe {
            libc::reboot(libc::RB_POWER_OFF);
            // No ACPI: a reset ends a VM that was told not to reboot.
            libc::reboot(libc::RB_AUTOBOOT);
        }
    }
    std::process::exit(0)
}
