//! A thin epoll. Everything is registered edge-triggered, once: a port without a host reports a hang-up for ever, which a
//! level-triggered wait would turn into a busy loop, and changing interest back and forth costs a system call each time.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// What a descriptor belongs to; the key tells which one of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TokenKind {
    Children = 0,
    Peer = 1,
    Listener = 2,
    Login = 3,
    Jobs = 4,
    Stdout = 5,
    Stderr = 6,
    Stdin = 7,
    Tcp = 8,
}

const KINDS: [TokenKind; 9] = [
    TokenKind::Children,
    TokenKind::Peer,
    TokenKind::Listener,
    TokenKind::Login,
    TokenKind::Jobs,
    TokenKind::Stdout,
    TokenKind::Stderr,
    TokenKind::Stdin,
    TokenKind::Tcp,
];

/// Keys are never reused, so an event for something that is gone finds nothing.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    pub kind: TokenKind,
    pub key: u64,
}

impl Token {
    pub fn new(kind: TokenKind, key: u64) -> Self {
        Self { kind, key }
    }

    fn pack(self) -> u64 {
        (self.kind as u64) << 56 | self.key
    }

    fn unpack(packed: u64) -> Self {
        Self { kind: KINDS[(packed >> 56) as usize], key: packed & ((1 << 56) - 1) }
    }
}

pub struct Event {
    pub token: Token,
    pub flags: u32,
}

impl Event {
    pub fn is_readable(&self) -> bool {
        self.flags & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR | libc::EPOLLRDHUP) as u32 != 0
    }

    pub fn is_writable(&self) -> bool {
        self.flags & (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32 != 0
    }
}

pub struct Epoll {
    fd: OwnedFd,
}

/// Events taken in one wait; more simply come with the next.
const EVENTS_PER_WAIT: usize = 32;

impl Epoll {
    pub fn new() -> io::Result<Self> {
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    fn control(&self, operation: i32, fd: RawFd, flags: i32, token: Token) -> io::Result<()> {
        let mut event = libc::epoll_event { events: (flags | libc::EPOLLET) as u32, u64: token.pack() };
        if unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), operation, fd, &mut event) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Closing the descriptor removes it.
    pub fn add(&self, fd: RawFd, flags: i32, token: Token) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, flags, token)
    }

    pub fn modify(&self, fd: RawFd, flags: i32, token: Token) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, flags, token)
    }

    /// Waits up to `timeout_ms` (-1: for ever) and puts what happened into `events`.
    pub fn wait(&self, events: &mut Vec<Event>, timeout_ms: i32) {
        let mut raw = [libc::epoll_event { events: 0, u64: 0 }; EVENTS_PER_WAIT];
        let count =
            unsafe { libc::epoll_wait(self.fd.as_raw_fd(), raw.as_mut_ptr(), EVENTS_PER_WAIT as i32, timeout_ms) };
        events.clear();
        for event in raw.iter().take(count.max(0) as usize) {
            events.push(Event { token: Token::unpack(event.u64), flags: event.events });
        }
    }
}
