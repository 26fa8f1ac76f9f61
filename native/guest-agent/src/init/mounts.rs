//! Mounts around the root disk.

use std::fs;
use std::io;
use std::path::Path;

use crate::files::c_path;

/// Holds the files that are bound over host name, machine id and boot id.
pub const IDENTITY_FOLDER: &str = "/run/pandastack";

const NO_DEVICES: u64 = libc::MS_NOSUID | libc::MS_NODEV;
const NO_PROGRAMS: u64 = NO_DEVICES | libc::MS_NOEXEC;

/// Mounts, making the target if it is missing; a failure is logged.
pub fn mount(source: &str, target: &str, kind: &str, flags: u64, options: &str) {
    if !Path::new(target).exists() {
        let _ = fs::create_dir_all(target);
    }
    let (source, place, kind, options) = (c_path(source), c_path(target), c_path(kind), c_path(options));
    let result = unsafe { libc::mount(source.as_ptr(), place.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast()) };
    if result < 0 {
        let error = io::Error::last_os_error();
        // The kernel has mounted devtmpfs itself, for example.
        if error.raw_os_error() != Some(libc::EBUSY) {
            crate::log!("cannot mount {target}: {error}");
        }
    }
}

/// Before anything else: modules, devices and the command line are behind these.
pub fn mount_kernel_interfaces() {
    mount("proc", "/proc", "proc", NO_PROGRAMS, "");
    mount("sysfs", "/sys", "sysfs", NO_PROGRAMS, "");
    mount("devtmpfs", "/dev", "devtmpfs", libc::MS_NOSUID, "mode=755");
    open_standard_descriptors();
}

/// The rest of the agent believes that 0, 1 and 2 are taken: what it opens must never be mistaken for a standard stream.
fn open_standard_descriptors() {
    loop {
        let console = unsafe { libc::open(c"/dev/console".as_ptr(), libc::O_RDWR | libc::O_NOCTTY) };
        let fd = if console >= 0 { console } else { unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) } };
        if fd > 2 {
            unsafe { libc::close(fd) };
        }
        if !(0..=2).contains(&fd) {
            return;
        }
    }
}

/// On the root disk, after the switch.
pub fn mount_memory_file_systems() {
    unsafe { libc::umask(0o022) };
    mount("tmpfs", "/run", "tmpfs", NO_DEVICES, "mode=755");
    mount("tmpfs", "/tmp", "tmpfs", NO_DEVICES, "mode=1777");
    mount("devpts", "/dev/pts", "devpts", libc::MS_NOSUID | libc::MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount("tmpfs", "/dev/shm", "tmpfs", NO_DEVICES, "mode=1777");
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", NO_PROGRAMS, "");
    for (link, target) in
        [("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "fd/0"), ("/dev/stdout", "fd/1"), ("/dev/stderr", "fd/2")]
    {
        let _ = std::os::unix::fs::symlink(target, link);
    }
}

/// Puts files in memory over those that tell who this machine is, with the content they have now.
pub fn bind_identity(folder: &Path) {
    let _ = fs::create_dir_all(folder);
    let boot_id = crate::refresh::BOOT_ID_PATH;
    for (name, path) in [("hostname", "/etc/hostname"), ("machine-id", "/etc/machine-id"), ("boot_id", boot_id)] {
        // A missing one is made: a bind mount needs a place.
        if !Path::new(path).exists() {
            let _ = fs::write(path, "");
        }
        let copy = folder.join(name);
        let content = fs::read(path).unwrap_or_default();
        if let Err(error) = fs::write(&copy, content) {
            crate::log!("cannot write {}: {error}", copy.display());
            continue;
        }
        mount(&copy.to_string_lossy(), path, "", libc::MS_BIND, "");
    }
    if let Ok(name) = fs::read_to_string("/etc/hostname") {
        let name = name.trim();
        unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) };
    }
}
