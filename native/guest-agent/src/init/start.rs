//! How the agent was started: as `/init` of a VM, or as a process that listens.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use crate::refresh::Identity;

const USAGE: &str = "usage: pandastack-guest-agent --listen tcp:[ADDRESS:]PORT --token-file FILE
(without arguments only as PID 1, the init of a virtual machine)";

pub enum LinkKind {
    Port(OwnedFd),
    Tcp(SocketAddr),
}

/// Whether the port that was bound is printed, for a caller who asked for port 0.
pub enum Announce {
    Quietly,
    OnStdout,
}

impl Announce {
    pub fn announce(&self, address: IpAddr, port: u16) {
        if matches!(self, Announce::OnStdout) {
            println!("listening {}", SocketAddr::new(address, port));
        }
    }
}

pub struct Start {
    pub link: LinkKind,
    pub token: Option<String>,
    pub identity: Identity,
    pub owns_machine: bool,
    pub announce: Announce,
}

/// `tcp:PORT` (all addresses) or `tcp:ADDRESS:PORT`.
pub fn parse_listen(text: &str) -> Option<SocketAddr> {
    let address = text.strip_prefix("tcp:")?;
    match address.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
        Err(_) => address.parse().ok(),
    }
}

pub fn of_arguments(arguments: &[String]) -> Result<Start, String> {
    let is_first = std::process::id() == 1;
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--listen", listen, "--token-file", file] | ["--token-file", file, "--listen", listen] => {
            let address = parse_listen(listen).ok_or_else(|| format!("cannot read {listen}\n{USAGE}"))?;
            // What the caller left open is not for the commands that are started here.
            unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
            let token = fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
            Ok(Start {
                link: LinkKind::Tcp(address),
                token: Some(token.trim_end().to_owned()).filter(|token| !token.is_empty()),
                identity: if is_first { Identity::in_container() } else { Identity::of_stranger() },
                // In a container we are its PID 1; on a developer's machine its clock and name are not ours to change.
                owns_machine: is_first,
                announce: Announce::OnStdout,
            })
        }
        // The kernel passes words of its command line that it does not know on to init.
        _ if is_first => Ok(super::boot()),
        _ => Err(USAGE.to_owned()),
    }
}
