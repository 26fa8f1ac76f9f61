//! `tcp.connect`: a stream becomes a TCP connection inside the guest.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::agent::{Agent, Source, StreamOp};
use crate::json::ObjectWriter;
use crate::protocol::{Args, Code, FrameType, OpError};
use crate::reactor::{read, write, Event, Token, TokenKind, Transfer};

/// Reads of one connection in one turn.
const READS_PER_TURN: usize = 4;

pub struct Connection {
    stream: u32,
    fd: OwnedFd,
    address: String,
    is_connected: bool,
    is_readable: bool,
    /// What the host sent and the socket did not take yet; bounded by the stream's window.
    queue: VecDeque<Vec<u8>>,
    written: usize,
    input_ended: bool,
    is_input_shut: bool,
    is_output_ended: bool,
}

fn resolve(host: &str) -> Result<IpAddr, OpError> {
    if let Ok(address) = host.parse() {
        return Ok(address);
    }
    if host == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    // No resolver in a static binary; names beyond this file are the host's to look up.
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let found = hosts.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name == host).then_some(address)
    });
    found.ok_or_else(|| OpError::new(Code::NotFound, format!("{host} is not an address and not in /etc/hosts")))
}

fn start_connecting(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let fd = unsafe { libc::socket(family, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let result = match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: family as u16,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            };
            unsafe { libc::connect(fd.as_raw_fd(), (&raw const raw).cast(), std::mem::size_of_val(&raw) as u32) }
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: family as u16,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            };
            unsafe { libc::connect(fd.as_raw_fd(), (&raw const raw).cast(), std::mem::size_of_val(&raw) as u32) }
        }
    };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINPROGRESS) {
            return Err(error);
        }
    }
    Ok(fd)
}

fn socket_error(fd: RawFd) -> i32 {
    let mut errno: libc::c_int = 0;
    let mut length = std::mem::size_of_val(&errno) as u32;
    let at = (&raw mut errno).cast();
    unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, at, &mut length) };
    errno
}

impl Connection {
    /// Sends what the socket takes; the bytes consumed.
    fn drain(&mut self) -> Result<u32, i32> {
        let mut consumed = 0;
        while let Some(chunk) = self.queue.front() {
            match write(self.fd.as_raw_fd(), &chunk[self.written..]) {
                Transfer::Bytes(count) => {
                    self.written += count;
                    consumed += count as u32;
                    if self.written == chunk.len() {
                        self.queue.pop_front();
                        self.written = 0;
                    }
                }
                Transfer::WouldBlock => return Ok(consumed),
                Transfer::End => return Err(libc::EPIPE),
                Transfer::Failed(errno) => return Err(errno),
            }
        }
        if self.input_ended && !self.is_input_shut {
            unsafe { libc::shutdown(self.fd.as_raw_fd(), libc::SHUT_WR) };
            self.is_input_shut = true;
        }
        Ok(consumed)
    }
}

impl Agent {
    pub(crate) fn connect_tcp(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        let port = args.optional_u64("port")?.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        let port = port.ok_or_else(|| OpError::bad_request("port is a number from 1 to 65535"))?;
        let address = SocketAddr::new(resolve(args.optional_str("host")?.unwrap_or("127.0.0.1"))?, port);
        let fault = |error: io::Error| OpError::of_io(&error, &address.to_string());
        let fd = start_connecting(address).map_err(fault)?;
        let key = self.next_key();
        let interest = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP;
        self.epoll.add(fd.as_raw_fd(), interest, Token::new(TokenKind::Tcp, key)).map_err(fault)?;
        let connection = Connection {
            stream,
            fd,
            address: address.to_string(),
            is_connected: false,
            is_readable: false,
            queue: VecDeque::new(),
            written: 0,
            input_ended: false,
            is_input_shut: false,
            is_output_ended: false,
        };
        self.connections.insert(key, connection);
        self.register(stream, StreamOp::Tcp(key));
        Ok(())
    }

    pub(crate) fn on_tcp_event(&mut self, key: u64, event: &Event) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let stream = connection.stream;
        if !connection.is_connected {
            let errno = socket_error(connection.fd.as_raw_fd());
            if errno != 0 {
                return self.fail_tcp(key, errno);
            }
            if !event.is_writable() {
                return;
            }
            connection.is_connected = true;
            self.send_event(stream, &ObjectWriter::new().string("event", "connected").finish());
        }
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.is_readable |= event.is_readable();
        }
        self.drain_tcp(key);
        self.pump_tcp(key);
    }

    pub(crate) fn feed_tcp(&mut self, key: u64, bytes: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.queue.push_back(bytes);
        if connection.is_connected {
            self.drain_tcp(key);
        }
    }

    pub(crate) fn end_tcp_input(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.input_ended = true;
        if connection.is_connected {
            self.drain_tcp(key);
        }
    }

    fn drain_tcp(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let stream = connection.stream;
        match connection.drain() {
            Ok(0) => {}
            Ok(consumed) => self.grant(stream, consumed),
            Err(errno) => return self.fail_tcp(key, errno),
        }
        self.finish_tcp(key);
    }

    pub(crate) fn pump_tcp(&mut self, key: u64) {
        for _ in 0..READS_PER_TURN {
            let has_room = self.has_data_room();
            let Some(connection) = self.connections.get_mut(&key) else { return };
            let Some(stream) = self.streams.get_mut(&connection.stream) else { return };
            let credit = &mut stream.credit[1];
            if !connection.is_readable || connection.is_output_ended || *credit == 0 {
                return;
            }
            if !has_room {
                return self.ready.block(Source::Tcp(key));
            }
            let limit = self.scratch.len().min(*credit as usize);
            match read(connection.fd.as_raw_fd(), &mut self.scratch[..limit]) {
                Transfer::Bytes(count) => {
                    *credit -= count as u32;
                    if let Some(peer) = &mut self.peer {
                        peer.outbox.push(FrameType::Data, 1, connection.stream, &[&self.scratch[..count]]);
                    }
                }
                Transfer::WouldBlock => {
                    connection.is_readable = false;
                    return;
                }
                Transfer::End => {
                    connection.is_output_ended = true;
                    let stream = connection.stream;
                    self.send(FrameType::End, 1, stream, &[]);
                    return self.finish_tcp(key);
                }
                Transfer::Failed(errno) => return self.fail_tcp(key, errno),
            }
        }
        self.ready.push(Source::Tcp(key));
    }

    fn finish_tcp(&mut self, key: u64) {
        let is_done = |connection: &Connection| connection.is_input_shut && connection.is_output_ended;
        if self.connections.get(&key).is_some_and(is_done) {
            if let Some(connection) = self.connections.remove(&key) {
                self.finish_empty(connection.stream);
            }
        }
    }

    fn fail_tcp(&mut self, key: u64, errno: i32) {
        if let Some(connection) = self.connections.remove(&key) {
            self.finish(connection.stream, Err(OpError::of_errno(errno, &connection.address)));
        }
    }
}
