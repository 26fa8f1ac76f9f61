//! Pseudo terminals.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

pub struct Pty {
    /// Our end, non-blocking.
    pub controller: OwnedFd,
    /// The command's end; the agent closes it after the start.
    pub terminal: OwnedFd,
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Pty {
    /// A new terminal of that size, owned by the user, as a login would leave it.
    pub fn open(rows: u16, cols: u16, uid: u32, gid: u32) -> io::Result<Self> {
        let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
        let controller = File::options().read(true).write(true).custom_flags(flags).open("/dev/ptmx")?;
        let unlocked: libc::c_int = 0;
        let mut number: libc::c_uint = 0;
        check(unsafe { libc::ioctl(controller.as_raw_fd(), libc::TIOCSPTLCK, &unlocked) })?;
        check(unsafe { libc::ioctl(controller.as_raw_fd(), libc::TIOCGPTN, &mut number) })?;
        let path = format!("/dev/pts/{number}");
        let terminal = File::options().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&path)?;
        let _ = std::os::unix::fs::fchown(&terminal, Some(uid), Some(gid));
        let controller: OwnedFd = controller.into();
        resize(controller.as_raw_fd(), rows, cols)?;
        Ok(Self { controller, terminal: terminal.into() })
    }
}

/// Tells the terminal its size; the kernel sends SIGWINCH to its foreground group.
pub fn resize(controller: i32, rows: u16, cols: u16) -> io::Result<()> {
    let size = libc::winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    check(unsafe { libc::ioctl(controller, libc::TIOCSWINSZ, &size) })
}

pub fn duplicate(fd: &OwnedFd) -> io::Result<OwnedFd> {
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    check(copy)?;
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}
