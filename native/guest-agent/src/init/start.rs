//! How the agent was started: as `/init` of a VM, or as a process that listens.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;

use crate::refresh::Identity;

const USAGE: &str = "usage: pandastack-guest-agent --listen tcp:[ADDRESS:]PORT
  --token-file FILE | --token-variable NAME   the first token, from a file or from the environment
  --host ADDRESS                              the only one that may connect; in a container also the name server
(without arguments only as PID 1, the init of a virtual machine)";

/// Whose the machine is that the agent runs on, and with it what is the agent's to change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// PID 1 on a kernel of its own: everything, the clock and the kernel's randomness included.
    Virtual,
    /// PID 1 of a container: its name, its files and its processes. Clock and randomness are the host's, and right.
    Container,
    /// A process on somebody's machine: nothing.
    Stranger,
}

impl Machine {
    pub fn is_virtual(self) -> bool {
        self == Machine::Virtual
    }

    /// The agent is PID 1: names and processes are its own.
    pub fn is_own(self) -> bool {
        self != Machine::Stranger
    }
}

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
    pub machine: Machine,
    /// The only address that connections over TCP may come from; others are closed at once.
    pub host: Option<IpAddr>,
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

/// The options, each with its value.
#[derive(Default)]
struct Options<'a> {
    listen: Option<&'a str>,
    token_file: Option<&'a str>,
    token_variable: Option<&'a str>,
    host: Option<&'a str>,
}

impl<'a> Options<'a> {
    fn read(arguments: &'a [String]) -> Option<Self> {
        let mut options = Self::default();
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return None };
            let place = match name.as_str() {
                "--listen" => &mut options.listen,
                "--token-file" => &mut options.token_file,
                "--token-variable" => &mut options.token_variable,
                "--host" => &mut options.host,
                _ => return None,
            };
            if place.replace(value).is_some() {
                return None;
            }
        }
        Some(options)
    }
}

pub fn of_arguments(arguments: &[String]) -> Result<Start, String> {
    let is_first = std::process::id() == 1;
    let options = Options::read(arguments).filter(|options| options.listen.is_some());
    let Some(options) = options else {
        // The kernel passes words of its command line that it does not know on to init.
        return if is_first { Ok(super::boot()) } else { Err(USAGE.to_owned()) };
    };
    let listen = options.listen.and_then(parse_listen).ok_or_else(|| format!("cannot read --listen\n{USAGE}"))?;
    let host = options
        .host
        .map(|host| host.parse::<Ipv4Addr>().map_err(|_| format!("{host} is not an IPv4 address\n{USAGE}")))
        .transpose()?;
    // What the caller left open is not for the commands that are started here.
    unsafe { libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC as libc::c_int) };
    let token = match (options.token_file, options.token_variable) {
        (Some(file), None) => fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?,
        (None, Some(name)) => std::env::var(name).map_err(|error| format!("{name}: {error}"))?,
        _ => return Err(USAGE.to_owned()),
    };
    let token = Some(token.trim_end().to_owned()).filter(|token| !token.is_empty());
    let link = LinkKind::Tcp(listen);
    if is_first {
        return Ok(super::enter_container(link, token, host));
    }
    Ok(Start {
        link,
        token,
        identity: Identity::of_stranger(),
        machine: Machine::Stranger,
        host: host.map(IpAddr::V4),
        announce: Announce::OnStdout,
    })
}
