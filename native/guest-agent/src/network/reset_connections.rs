//! Destroying the TCP sockets that reach outside: after a restore their peers talk to another copy, or to nobody. The
//! processes see a reset at once instead of waiting for minutes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The older request: one dump for both families, where the newer needs one each.
const TCPDIAG_GETSOCK: u16 = 18;
const SOCK_DESTROY: u16 = 21;
const HEADER_BYTES: usize = 16;
/// `struct inet_diag_msg`: family, state, timer, retrans, then the socket's id of 48 bytes.
const ID_AT: usize = 4;
const ID_BYTES: usize = 48;
/// Destination address within the id: source port, destination port, source address.
const DESTINATION_AT: usize = 2 + 2 + 16;
/// Established up to closing, without TIME_WAIT (no process has it) and LISTEN.
const STATES: u32 = 0b1011_1011_1110 & !(1 << 6) & !(1 << 10);
const BUFFER_BYTES: usize = 32 * 1024;

/// Opened at boot and kept: opening and closing a netlink socket after a restore cost more than the dump itself.
pub struct ConnectionReset {
    netlink: OwnedFd,
}

impl ConnectionReset {
    pub fn open() -> io::Result<Self> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_SOCK_DIAG) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { netlink: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Destroys every TCP socket whose peer is not on the loopback network; the number of them.
    pub fn reset(&self) -> io::Result<usize> {
        self.request_dump()?;
        let found = self.collect()?;
        for (family, id) in &found {
            self.request_destruction(*family, id)?;
            // The acknowledgement; a socket that is gone already is fine.
            let mut answer = [0u8; 1024];
            unsafe { libc::recv(self.netlink.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), 0) };
        }
        Ok(found.len())
    }

    /// `struct inet_diag_req`: family, lengths and extensions, an empty id, states, flags.
    fn request_dump(&self) -> io::Result<()> {
        let mut body = [0u8; 4 + ID_BYTES + 8];
        body[4 + ID_BYTES..8 + ID_BYTES].copy_from_slice(&STATES.to_ne_bytes());
        self.send(TCPDIAG_GETSOCK, libc::NLM_F_DUMP, &body)
    }

    /// `struct inet_diag_req_v2`: family, protocol, extensions, states, the id.
    fn request_destruction(&self, family: u8, id: &[u8]) -> io::Result<()> {
        let mut body = vec![family, libc::IPPROTO_TCP as u8, 0, 0, 0, 0, 0, 0];
        body.extend_from_slice(id);
        self.send(SOCK_DESTROY, libc::NLM_F_ACK, &body)
    }

    fn send(&self, kind: u16, flags: i32, body: &[u8]) -> io::Result<()> {
        let mut message = Vec::with_capacity(HEADER_BYTES + body.len());
        message.extend_from_slice(&((HEADER_BYTES + body.len()) as u32).to_ne_bytes());
        message.extend_from_slice(&kind.to_ne_bytes());
        message.extend_from_slice(&((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(body);
        if unsafe { libc::send(self.netlink.as_raw_fd(), message.as_ptr().cast(), message.len(), 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn collect(&self) -> io::Result<Vec<(u8, Vec<u8>)>> {
        let mut found = Vec::new();
        let mut buffer = vec![0u8; BUFFER_BYTES];
        loop {
            let at = buffer.as_mut_ptr().cast();
            let count = unsafe { libc::recv(self.netlink.as_raw_fd(), at, buffer.len(), 0) };
            if count < 0 {
                return Err(io::Error::last_os_error());
            }
            let mut rest = &buffer[..count as usize];
            while rest.len() >= HEADER_BYTES {
                let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
                let kind = i32::from(u16::from_ne_bytes([rest[4], rest[5]]));
                if length < HEADER_BYTES || length > rest.len() || kind == libc::NLMSG_ERROR {
                    return Err(io::Error::from_raw_os_error(libc::EPROTO));
                }
                if kind == libc::NLMSG_DONE {
                    return Ok(found);
                }
                note(&rest[HEADER_BYTES..length], &mut found);
                rest = &rest[length.next_multiple_of(4).min(rest.len())..];
            }
        }
    }
}

fn note(message: &[u8], found: &mut Vec<(u8, Vec<u8>)>) {
    let Some(id) = message.get(ID_AT..ID_AT + ID_BYTES) else { return };
    let family = message[0];
    let destination = &id[DESTINATION_AT..DESTINATION_AT + 16];
    if !is_loopback(family, destination) {
        found.push((family, id.to_vec()));
    }
}

fn is_loopback(family: u8, address: &[u8]) -> bool {
    let mut octets = [0u8; 16];
    octets.copy_from_slice(address);
    let address = if i32::from(family) == libc::AF_INET {
        IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]))
    } else {
        Ipv6Addr::from(octets).to_canonical()
    };
    address.is_loopback()
}
