//! Non-blocking reads and writes whose outcome is one of four, and the few kinds of descriptors that the agent makes.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;

#[derive(Debug, PartialEq, Eq)]
pub enum Transfer {
    Bytes(usize),
    WouldBlock,
    /// End of file on reading.
    End,
    Failed(i32),
}

fn outcome(result: isize) -> Option<Transfer> {
    if result >= 0 {
        return Some(Transfer::Bytes(result as usize));
    }
    match io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO) {
        libc::EINTR => None,
        libc::EAGAIN => Some(Transfer::WouldBlock),
        errno => Some(Transfer::Failed(errno)),
    }
}

pub fn read(fd: RawFd, into: &mut [u8]) -> Transfer {
    loop {
        match outcome(unsafe { libc::read(fd, into.as_mut_ptr().cast(), into.len()) }) {
            Some(Transfer::Bytes(0)) => return Transfer::End,
            Some(transfer) => return transfer,
            None => continue,
        }
    }
}

/// Whether nobody is at the other end now.
pub fn is_hung_up(fd: RawFd) -> bool {
    let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    unsafe { libc::poll(&raw mut asked, 1, 0) > 0 && asked.revents & libc::POLLHUP != 0 }
}

pub fn write(fd: RawFd, bytes: &[u8]) -> Transfer {
    loop {
        if let Some(transfer) = outcome(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) }) {
            return transfer;
        }
    }
}

/// A pipe, close-on-exec: (read end, write end). Neither end is non-blocking: children don't expect that.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    if unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(unsafe { (OwnedFd::from_raw_fd(fds[0]), OwnedFd::from_raw_fd(fds[1])) })
}

pub fn set_nonblocking(fd: &OwnedFd) {
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) };
}

pub fn event_fd() -> io::Result<OwnedFd> {
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// `/dev/null`, opened once: the standard input of most commands.
pub fn null_device() -> io::Result<BorrowedFd<'static>> {
    static NULL: OnceLock<File> = OnceLock::new();
    let file = match NULL.get() {
        Some(file) => file,
        None => {
            let file = File::options().read(true).write(true).open("/dev/null")?;
            NULL.get_or_init(|| file)
        }
    };
    Ok(unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) })
}
