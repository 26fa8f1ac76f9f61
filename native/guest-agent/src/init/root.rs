//! From the initramfs to the root disk.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::path::Path;

use super::command_line::CommandLine;
use super::{devices, give_up, DEVICE_TIMEOUT};
use crate::files::c_path;

const DEVICE: &str = "/dev/vda";
const NEW_ROOT: &str = "/newroot";

fn check(what: &str, result: libc::c_int) {
    if result < 0 {
        give_up(&format!("{what}: {}", io::Error::last_os_error()));
    }
}

/// Mounts the root disk, takes the kernel's interfaces along and makes it `/`.
pub fn switch(command_line: &CommandLine) {
    devices::wait_for(DEVICE_TIMEOUT, DEVICE, || Path::new(DEVICE).exists().then_some(()));
    let _ = fs::create_dir(NEW_ROOT);
    // Nobody asks when a sandbox's files were last read, and each answer would be a write.
    let flags = libc::MS_NOATIME | if command_line.root_is_read_only { libc::MS_RDONLY } else { 0 };
    let (device, target) = (c_path(DEVICE), c_path(NEW_ROOT));
    let mounted = unsafe { libc::mount(device.as_ptr(), target.as_ptr(), c"ext4".as_ptr(), flags, std::ptr::null()) };
    check("cannot mount the root disk", mounted);
    for folder in ["/dev", "/proc", "/sys"] {
        let new = format!("{NEW_ROOT}{folder}");
        let _ = fs::create_dir(&new);
        move_mount(&c_path(folder), &c_path(&new));
    }
    // The program stays mapped; its file would only be memory that nobody frees.
    let _ = fs::remove_file("/init");
    unsafe {
        check("chdir", libc::chdir(target.as_ptr()));
        move_mount(c".", c"/");
        check("chroot", libc::chroot(c".".as_ptr()));
        check("chdir", libc::chdir(c"/".as_ptr()));
    }
}

fn move_mount(from: &CStr, to: &CStr) {
    let moved = unsafe { libc::mount(from.as_ptr(), to.as_ptr(), std::ptr::null(), libc::MS_MOVE, std::ptr::null()) };
    check("cannot move a mount", moved);
}
