//! Kernel modules of the initramfs, in the order of `/modules.list` (which puts what others need first).

use std::fs::{self, File};
use std::os::fd::AsRawFd;

const LIST: &str = "/modules.list";

pub fn load_listed() {
    let list = fs::read_to_string(LIST).unwrap_or_default();
    for line in list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let path = if line.starts_with('/') { line.to_owned() } else { format!("/{line}") };
        if let Err(error) = load(&path) {
            crate::log!("module {path}: {error}");
        }
        // The initramfs is memory; a loaded module's file is of no use.
        let _ = fs::remove_file(&path);
    }
    let _ = fs::remove_file(LIST);
}

fn load(path: &str) -> std::io::Result<()> {
    let file = File::open(path)?;
    let result = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    if result < 0 {
        let error = std::io::Error::last_os_error();
        // Built in, or loaded by someone else.
        if error.raw_os_error() != Some(libc::EEXIST) {
            return Err(error);
        }
    }
    Ok(())
}
