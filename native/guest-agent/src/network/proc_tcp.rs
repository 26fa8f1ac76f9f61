//! `/proc/net/tcp` and `/proc/net/tcp6`.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LISTEN: &str = "0A";

pub struct Listener {
    pub address: IpAddr,
    pub port: u16,
    pub inode: u64,
}

pub fn listeners() -> Vec<Listener> {
    let mut found = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = fs::read_to_string(path).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(parse));
    }
    found
}

fn parse(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return None;
    }
    let (address, port) = fields.get(1)?.split_once(':')?;
    Some(Listener {
        address: parse_address(address)?,
        port: u16::from_str_radix(port, 16).ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Groups of 32 bits in the machine's byte order.
fn parse_address(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for group in hex.as_bytes().chunks(8) {
        let text = std::str::from_utf8(group).ok()?;
        bytes.extend_from_slice(&u32::from_str_radix(text, 16).ok()?.to_ne_bytes());
    }
    if let Ok(octets) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(bytes.as_slice()).ok().map(|octets| Ipv6Addr::from(octets).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_listening_line_and_no_other() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0";
        let found = parse(line).unwrap();
        assert_eq!((found.address.to_string().as_str(), found.port, found.inode), ("127.0.0.1", 8080, 12345));
        assert!(parse(&line.replace(" 0A ", " 01 ")).is_none());
        assert!(parse("").is_none());
        assert_eq!(parse_address("00000000000000000000000001000000").unwrap().to_string(), "::1");
    }
}
