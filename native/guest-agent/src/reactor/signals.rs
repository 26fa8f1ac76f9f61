//! SIGCHLD as a readable descriptor. The agent has no signal handler at all, so nothing ever interrupts it and nothing has
//! to be async-signal-safe but the few lines between clone and exec.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub struct ChildSignals {
    fd: OwnedFd,
}

impl ChildSignals {
    /// Blocks SIGCHLD (read from here) and SIGPIPE (a write fails with EPIPE instead). SIGPIPE keeps its default action,
    /// because an ignored signal stays ignored in every command that is executed, a blocked one is unblocked there.
    pub fn new() -> io::Result<Self> {
        let fd = unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut mask);
            libc::sigaddset(&mut mask, libc::SIGCHLD);
            let mut blocked = mask;
            libc::sigaddset(&mut blocked, libc::SIGPIPE);
            libc::sigprocmask(libc::SIG_SETMASK, &blocked, std::ptr::null_mut());
            libc::signalfd(-1, &mask, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    pub fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Takes the pending signal, so that the next child makes a new edge. SIGCHLD does not queue: one read is enough.
    pub fn acknowledge(&self) {
        let mut info = [0u8; 128];
        unsafe { libc::read(self.raw_fd(), info.as_mut_ptr().cast(), info.len()) };
    }
}
