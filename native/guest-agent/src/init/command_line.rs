//! The parts of the kernel's command line that are for us.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use super::start::parse_listen;

#[derive(Default, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Address and prefix length of `eth0`.
    pub address: Option<(Ipv4Addr, u8)>,
    pub gateway: Option<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub listen: Option<SocketAddr>,
    pub token: Option<String>,
    pub root_is_read_only: bool,
}

impl CommandLine {
    pub fn read() -> Self {
        Self::parse(&fs::read_to_string("/proc/cmdline").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let mut parsed = Self::default();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some(("pandastack.ip", value)) => parsed.address = parse_address(value),
                Some(("pandastack.gw", value)) => parsed.gateway = value.parse().ok(),
                Some(("pandastack.dns", value)) => {
                    parsed.dns = value.split(',').filter_map(|one| one.parse().ok()).collect();
                }
                Some(("pandastack.listen", value)) => parsed.listen = parse_listen(value),
                Some(("pandastack.token", value)) => parsed.token = Some(value.to_owned()),
                None if word == "ro" => parsed.root_is_read_only = true,
                _ => {}
            }
        }
        parsed
    }
}

fn parse_address(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
    Some((address.parse().ok()?, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_its_own_words() {
        let line = "quiet console=ttyS0 pandastack.ip=169.254.100.2/30 pandastack.gw=169.254.100.1 pandastack.dns=169.254.100.1,1.1.1.1 pandastack.listen=tcp:52 pandastack.token=x ro\n";
        let parsed = CommandLine::parse(line);
        assert_eq!(parsed.address, Some((Ipv4Addr::new(169, 254, 100, 2), 30)));
        assert_eq!(parsed.gateway, Some(Ipv4Addr::new(169, 254, 100, 1)));
        assert_eq!(parsed.dns.len(), 2);
        assert_eq!(parsed.listen.unwrap().port(), 52);
        assert!(parsed.root_is_read_only);
        assert_eq!(CommandLine::parse("pandastack.ip=nonsense pandastack.ip=1.2.3.4/33"), CommandLine::default());
    }
}
