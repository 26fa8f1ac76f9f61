//! Between a job's thread and the loop: two bounded queues and a flag.
//!
//! The job waits when its outgoing queue is full, so it holds at most that much; what comes in is bounded by the stream's
//! window. The loop never waits: it is told through an event descriptor which jobs have news.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::protocol::{OpError, OpResult};

/// One chunk being sent, one being read. A job may hold this much and no more.
const MAX_OUTGOING_BYTES: usize = 128 * 1024;
/// Events count for at least this much, which bounds their number.
const MIN_MESSAGE_BYTES: usize = 512;

pub enum Outgoing {
    Event(Vec<u8>),
    Data(Vec<u8>),
    Result(OpResult),
}

impl Outgoing {
    fn weight(&self) -> usize {
        match self {
            Outgoing::Event(bytes) | Outgoing::Data(bytes) => bytes.len().max(MIN_MESSAGE_BYTES),
            Outgoing::Result(_) => 0,
        }
    }
}

/// Tells the loop which jobs have news.
pub struct Notifier {
    news: Mutex<Vec<u64>>,
    wake: Arc<OwnedFd>,
}

impl Notifier {
    pub fn new(wake: Arc<OwnedFd>) -> Self {
        Self { news: Mutex::default(), wake }
    }

    fn notify(&self, key: u64) {
        let mut news = lock(&self.news);
        if news.contains(&key) {
            return;
        }
        news.push(key);
        if news.len() == 1 {
            let one: u64 = 1;
            unsafe { libc::write(self.wake.as_raw_fd(), (&raw const one).cast(), 8) };
        }
    }

    /// The jobs with news; the descriptor is quiet afterwards.
    pub fn take(&self) -> Vec<u64> {
        let mut news = lock(&self.news);
        let mut count = [0u8; 8];
        unsafe { libc::read(self.wake.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
        std::mem::take(&mut *news)
    }
}

/// A job that panicked left nothing half-done behind the lock: every section moves whole values.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[derive(Default)]
struct State {
    outgoing: VecDeque<Outgoing>,
    outgoing_bytes: usize,
    incoming: VecDeque<Vec<u8>>,
    incoming_ended: bool,
    /// Taken by the job and not yet granted anew by the loop.
    consumed: u32,
    is_cancelled: bool,
    cancel_fd: Option<OwnedFd>,
}

pub struct JobChannel {
    key: u64,
    state: Mutex<State>,
    changed: Condvar,
    notifier: Arc<Notifier>,
}

/// The job's side.
impl JobChannel {
    pub fn check_cancelled(&self) -> Result<(), OpError> {
        if lock(&self.state).is_cancelled {
            return Err(OpError::cancelled());
        }
        Ok(())
    }

    pub fn send_event(&self, json: Vec<u8>) -> Result<(), OpError> {
        self.send(Outgoing::Event(json))
    }

    /// At most one frame's payload.
    pub fn send_data(&self, bytes: Vec<u8>) -> Result<(), OpError> {
        self.send(Outgoing::Data(bytes))
    }

    fn send(&self, message: Outgoing) -> Result<(), OpError> {
        let mut state = lock(&self.state);
        while state.outgoing_bytes >= MAX_OUTGOING_BYTES && !state.is_cancelled {
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
        if state.is_cancelled {
            return Err(OpError::cancelled());
        }
        state.outgoing_bytes += message.weight();
        state.outgoing.push_back(message);
        drop(state);
        self.notifier.notify(self.key);
        Ok(())
    }

    pub(super) fn send_result(&self, result: OpResult) {
        lock(&self.state).outgoing.push_back(Outgoing::Result(result));
        self.notifier.notify(self.key);
    }

    /// The next bytes from the host; `None` after END.
    pub fn receive(&self) -> Result<Option<Vec<u8>>, OpError> {
        let mut state = lock(&self.state);
        loop {
            if state.is_cancelled {
                return Err(OpError::cancelled());
            }
            if let Some(bytes) = state.incoming.pop_front() {
                state.consumed += bytes.len() as u32;
                drop(state);
                self.notifier.notify(self.key);
                return Ok(Some(bytes));
            }
            if state.incoming_ended {
                return Ok(None);
            }
            state = self.changed.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// A descriptor that becomes readable when the job is cancelled, for jobs that wait in `poll`.
    pub fn cancel_fd(&self) -> RawFd {
        let mut state = lock(&self.state);
        let initial = u32::from(state.is_cancelled);
        let fd = state.cancel_fd.get_or_insert_with(|| {
            let fd = unsafe { libc::eventfd(initial, libc::EFD_CLOEXEC) };
            unsafe { OwnedFd::from_raw_fd(fd) }
        });
        fd.as_raw_fd()
    }
}

/// The loop's side.
impl JobChannel {
    pub(super) fn new(key: u64, notifier: Arc<Notifier>) -> Self {
        Self { key, state: Mutex::default(), changed: Condvar::new(), notifier }
    }

    pub(super) fn cancel(&self) {
        let mut state = lock(&self.state);
        state.is_cancelled = true;
        state.outgoing.clear();
        state.incoming.clear();
        if let Some(fd) = &state.cancel_fd {
            let one: u64 = 1;
            unsafe { libc::write(fd.as_raw_fd(), (&raw const one).cast(), 8) };
        }
        self.changed.notify_all();
    }

    pub(super) fn feed(&self, bytes: Vec<u8>) {
        lock(&self.state).incoming.push_back(bytes);
        self.changed.notify_all();
    }

    pub(super) fn end(&self) {
        lock(&self.state).incoming_ended = true;
        self.changed.notify_all();
    }

    pub(super) fn take_consumed(&self) -> u32 {
        std::mem::take(&mut lock(&self.state).consumed)
    }

    pub(super) fn take(&self) -> Option<Outgoing> {
        let mut state = lock(&self.state);
        let message = state.outgoing.pop_front()?;
        state.outgoing_bytes -= message.weight();
        drop(state);
        self.changed.notify_all();
        Some(message)
    }

    /// The rest of a chunk for which the credit did not suffice.
    pub(super) fn put_back(&self, message: Outgoing) {
        let mut state = lock(&self.state);
        if state.is_cancelled {
            return;
        }
        state.outgoing_bytes += message.weight();
        state.outgoing.push_front(message);
    }
}
