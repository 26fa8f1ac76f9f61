//! The agent: its state and its loop. Each concern adds its part of `impl Agent` in its own file.
//!
//! One iteration: wait, handle what happened, fire timers, produce output while there is room, write. Handlers never
//! block. Output that can't be sent now stays where it is (pipe, file, socket), so a slow reader costs nobody else.

mod dispatch;
mod hello;
mod login;
mod peer;
mod ready;
mod streams;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::accounts::Accounts;
use crate::init::start::{LinkKind, Machine, Start};
use crate::jobs::Jobs;
use crate::link::{self, Outbox, Peer};
use crate::machine::shutdown::Shutdown;
use crate::network::reset_connections::ConnectionReset;
use crate::network::Connection;
use crate::processes::spawn::Spawner;
use crate::processes::Processes;
use crate::reactor::{ChildSignals, Epoll, Event, Timer, Timers, Token, TokenKind};
use crate::refresh::{Entropy, HookRun, Identity, Refreshed};
use login::Login;
pub use ready::{ReadyQueue, Source};
pub use streams::{Stream, StreamOp, Streams};

/// The largest read from a pipe, a socket or the host in one go; also the largest DATA.
pub const SCRATCH_BYTES: usize = 64 * 1024;

pub struct Agent {
    pub(crate) epoll: Epoll,
    pub(crate) signals: ChildSignals,
    pub(crate) timers: Timers,
    pub(crate) peer: Option<Peer>,
    /// What waits for a host that hung up in the silence and comes back: answers, one for each stream at most. All else waits
    /// where it is.
    pub(crate) parked: Option<Outbox>,
    pub(crate) listener: Option<OwnedFd>,
    logins: BTreeMap<u64, Login>,
    pub(crate) streams: Streams,
    pub(crate) ready: ReadyQueue,
    pub(crate) processes: Processes,
    pub(crate) spawner: Spawner,
    pub(crate) accounts: Accounts,
    pub(crate) jobs: Jobs,
    pub(crate) connections: BTreeMap<u64, Connection>,
    pub(crate) hooks: Option<HookRun>,
    pub(crate) shutdown: Option<Shutdown>,
    /// The stream whose job is the sync before a snapshot.
    pub(crate) quiescing: Option<u32>,
    pub(crate) identity: Identity,
    pub(crate) entropy: Entropy,
    pub(crate) connection_reset: Option<ConnectionReset>,
    pub(crate) refreshed: Refreshed,
    pub(crate) machine: Machine,
    /// The only address that may connect over TCP.
    host: Option<IpAddr>,
    /// There may be connections to accept that no new edge will announce.
    may_accept: bool,
    pub(crate) scratch: Vec<u8>,
    keys_made: u64,
}

/// Runs for ever.
pub fn run(start: Start) -> ! {
    let mut agent = match Agent::new(start) {
        Ok(agent) => agent,
        Err(error) => crate::init::give_up(&format!("cannot start: {error}")),
    };
    let mut events = Vec::new();
    loop {
        agent.wait(&mut events);
        for event in events.drain(..) {
            survive(|| agent.on_event(&event));
        }
        survive(|| agent.accept_logins());
        survive(|| agent.continue_receiving());
        survive(|| agent.fire_timers());
        survive(|| agent.produce());
        survive(|| agent.flush());
    }
}

/// A panic is a bug in one handler. Ending PID 1 would end every process of the sandbox, so only that handler ends. Each
/// event has its own guard: edges that are not handled are never announced again.
fn survive(handler: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(handler)).is_err() {
        crate::log!("a handler panicked; going on");
    }
}

impl Agent {
    fn new(start: Start) -> std::io::Result<Self> {
        let epoll = Epoll::new()?;
        let signals = ChildSignals::new()?;
        epoll.add(signals.raw_fd(), libc::EPOLLIN, Token::new(TokenKind::Children, 0))?;
        let mut agent = Self {
            jobs: Jobs::new()?,
            epoll,
            signals,
            timers: Timers::default(),
            peer: None,
            parked: None,
            listener: None,
            logins: BTreeMap::new(),
            streams: Streams::default(),
            ready: ReadyQueue::default(),
            processes: Processes::default(),
            spawner: Spawner::default(),
            accounts: Accounts::default(),
            connections: BTreeMap::new(),
            hooks: None,
            shutdown: None,
            quiescing: None,
            refreshed: Refreshed::new(start.token),
            identity: start.identity,
            entropy: Entropy::open(start.machine.is_virtual()),
            connection_reset: start.machine.is_virtual().then(|| ConnectionReset::open().ok()).flatten(),
            machine: start.machine,
            host: start.host,
            may_accept: false,
            scratch: vec![0; SCRATCH_BYTES],
            keys_made: 0,
        };
        agent.epoll.add(agent.jobs.raw_fd(), libc::EPOLLIN, Token::new(TokenKind::Jobs, 0))?;
        match start.link {
            LinkKind::Port(fd) => agent.set_peer(Peer::new(fd, true)),
            LinkKind::Tcp(address) => {
                let (listener, port) = link::listen(address)?;
                agent.epoll.add(listener.as_raw_fd(), libc::EPOLLIN, Token::new(TokenKind::Listener, 0))?;
                agent.listener = Some(listener);
                start.announce.announce(address.ip(), port);
            }
        }
        Ok(agent)
    }

    pub(crate) fn next_key(&mut self) -> u64 {
        self.keys_made += 1;
        self.keys_made
    }

    fn wait(&mut self, events: &mut Vec<Event>) {
        let has_work = !self.ready.is_empty() || self.peer_has_input() || self.may_accept;
        let timeout_ms = if has_work { 0 } else { self.timers.wait_ms() };
        self.epoll.wait(events, timeout_ms);
    }

    fn continue_receiving(&mut self) {
        if self.peer_has_input() {
            self.receive();
        }
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.timers.take_due() {
            self.on_timer(timer);
        }
    }

    fn on_event(&mut self, event: &Event) {
        let key = event.token.key;
        match event.token.kind {
            TokenKind::Children => self.reap(),
            TokenKind::Peer => self.on_peer_event(event),
            TokenKind::Listener => self.may_accept = true,
            TokenKind::Login => self.on_login_event(key),
            TokenKind::Jobs => self.on_jobs_event(),
            TokenKind::Stdout => self.on_output_event(key, 0, event),
            TokenKind::Stderr => self.on_output_event(key, 1, event),
            TokenKind::Stdin => self.on_input_event(key),
            TokenKind::Tcp => self.on_tcp_event(key, event),
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::ProcessTimeout(key) => self.on_process_timeout(key),
            Timer::Login(key) => drop(self.logins.remove(&key)),
            Timer::HangUp => self.on_hang_up_settled(),
            Timer::Hooks => self.on_hooks_timeout(),
            Timer::Shutdown => self.on_shutdown_timer(),
        }
    }
}
