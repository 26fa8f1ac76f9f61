//! All processes that the agent knows: by key, and findable by id and pid.

use std::collections::BTreeMap;

use super::{Process, ProcessKey};
use crate::protocol::{Code, OpError};
use crate::reactor::monotonic_ms;

/// Each costs up to three descriptors and a replay buffer.
pub const MAX_LIVE_PROCESSES: usize = 1024;
/// Finished ones that a late `proc.attach` can still find, and for how long.
const MAX_FINISHED_PROCESSES: usize = 64;
const KEEP_FINISHED_MS: u64 = 10 * 60 * 1000;
/// Finished ones whose pipes others still hold (`server &`). They are kept and read, because closing the pipe would kill
/// the holder with SIGPIPE at its next line; beyond this number the oldest is closed all the same.
const MAX_LINGERING_PROCESSES: usize = 256;
/// Replay memory of finished processes together; beyond it the oldest forget their output first.
const MAX_FINISHED_REPLAY_BYTES: usize = 8 * 1024 * 1024;

#[derive(Default)]
pub struct Processes {
    by_key: BTreeMap<ProcessKey, Process>,
    by_pid: BTreeMap<libc::pid_t, ProcessKey>,
    made: u64,
}

impl Processes {
    pub fn next_key(&mut self) -> ProcessKey {
        self.made += 1;
        self.made
    }

    pub fn insert(&mut self, process: Process) {
        self.by_pid.insert(process.pid, process.key);
        self.by_key.insert(process.key, process);
    }

    pub fn get(&self, key: ProcessKey) -> Option<&Process> {
        self.by_key.get(&key)
    }

    pub fn get_mut(&mut self, key: ProcessKey) -> Option<&mut Process> {
        self.by_key.get_mut(&key)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Process> {
        self.by_key.values()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        self.by_key.values_mut()
    }

    pub fn live(&self) -> usize {
        self.by_pid.len()
    }

    /// The running process with this pid.
    pub fn running(&self, pid: libc::pid_t) -> Option<ProcessKey> {
        self.by_pid.get(&pid).copied()
    }

    /// The pid was reaped: from here on it may be anyone's.
    pub fn forget_pid(&mut self, pid: libc::pid_t) -> Option<ProcessKey> {
        self.by_pid.remove(&pid)
    }

    pub fn by_id(&mut self, id: &str) -> Result<&mut Process, OpError> {
        self.by_key
            .values_mut()
            .rev()
            .find(|process| process.id == id)
            .ok_or_else(|| OpError::new(Code::ProcessNotFound, format!("process {id} does not exist")))
    }

    /// Makes room for a process named `id`: an unfinished one of that name is in the way, a finished one is forgotten.
    pub fn free_id(&mut self, id: &str) -> Result<(), OpError> {
        let Ok(existing) = self.by_id(id) else { return Ok(()) };
        if existing.is_running() || !existing.attachments.is_empty() {
            return Err(OpError::new(Code::AlreadyExists, format!("process {id} exists")));
        }
        if existing.is_silent() {
            let key = existing.key;
            self.by_key.remove(&key);
        } else {
            existing.id = format!("{id} (replaced)");
        }
        Ok(())
    }

    /// Forgets finished processes beyond the limits. Called when one starts or finishes, so that no timer is needed.
    pub fn forget_old(&mut self) {
        if self.by_key.len() == self.by_pid.len() {
            return;
        }
        let now = monotonic_ms();
        let mut finished: Vec<(u64, ProcessKey)> = Vec::new();
        let mut lingering: Vec<(u64, ProcessKey)> = Vec::new();
        for process in self.by_key.values() {
            let Some(exit) = process.exit.as_ref().filter(|_| process.attachments.is_empty()) else { continue };
            let list = if process.is_silent() { &mut finished } else { &mut lingering };
            list.push((exit.at_ms, process.key));
        }
        for list in [&mut finished, &mut lingering] {
            list.sort_unstable_by(|one, other| other.cmp(one));
        }
        for (_, key) in lingering.into_iter().skip(MAX_LINGERING_PROCESSES) {
            self.by_key.remove(&key);
        }
        let mut replay_bytes = 0;
        for (index, (at_ms, key)) in finished.into_iter().enumerate() {
            if index >= MAX_FINISHED_PROCESSES || now - at_ms > KEEP_FINISHED_MS {
                self.by_key.remove(&key);
                continue;
            }
            let Some(process) = self.by_key.get_mut(&key) else { continue };
            replay_bytes += process.outputs.iter().map(|output| output.replay.len()).sum::<usize>();
            if replay_bytes > MAX_FINISHED_REPLAY_BYTES {
                process.outputs.iter_mut().for_each(|output| output.replay.forget());
            }
        }
    }
}
