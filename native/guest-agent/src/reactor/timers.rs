//! Deadlines of the loop. No entry, no wake-up: an idle agent sleeps for ever.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// `timeout_ms` of the process with this key.
    ProcessTimeout(u64),
    /// A TCP connection with this key has not said HELLO.
    Login(u64),
    /// The port said that nobody is there.
    HangUp,
    Hooks,
    Shutdown,
}

/// Deadline in monotonic milliseconds, and a number that tells equal deadlines apart.
pub type TimerId = (u64, u64);

#[derive(Default)]
pub struct Timers {
    pending: BTreeMap<TimerId, Timer>,
    made: u64,
}

pub fn monotonic_ms() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1000 + now.tv_nsec as u64 / 1_000_000
}

impl Timers {
    pub fn start(&mut self, after_ms: u64, timer: Timer) -> TimerId {
        self.made += 1;
        let id = (monotonic_ms().saturating_add(after_ms), self.made);
        self.pending.insert(id, timer);
        id
    }

    pub fn cancel(&mut self, id: TimerId) {
        self.pending.remove(&id);
    }

    /// For `epoll_wait`: -1 when nothing is pending. Rounded up, so that a timer has fired when the wait returns.
    pub fn wait_ms(&self) -> i32 {
        match self.pending.first_key_value() {
            None => -1,
            Some(((deadline, _), _)) => {
                deadline.saturating_sub(monotonic_ms()).saturating_add(1).min(i32::MAX as u64) as i32
            }
        }
    }

    /// One timer that is due.
    pub fn take_due(&mut self) -> Option<Timer> {
        let (&id, _) = self.pending.first_key_value()?;
        if id.0 > monotonic_ms() {
            return None;
        }
        self.pending.remove(&id)
    }
}
