//! TCP instead of a port, for runtimes that have no virtio-serial.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub fn listen(address: SocketAddr) -> io::Result<(OwnedFd, u16)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener.into(), port))
}

/// One waiting connection, non-blocking and without Nagle: answers are small and each is waited for.
pub fn accept(listener: RawFd) -> Option<OwnedFd> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let fd = unsafe { libc::accept4(listener, std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    if fd < 0 {
        return None;
    }
    let connection = unsafe { OwnedFd::from_raw_fd(fd) };
    set_no_delay(connection.as_raw_fd());
    Some(connection)
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
