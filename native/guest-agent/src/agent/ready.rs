//! Who may have output to send, in the order of asking: every source gets its turn before one gets a second.

use std::collections::VecDeque;

use super::Agent;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Process(u64),
    Job(u64),
    Tcp(u64),
}

/// `ready` are asked next; `blocked` wait for room in the outbox.
#[derive(Default)]
pub struct ReadyQueue {
    ready: VecDeque<Source>,
    blocked: Vec<Source>,
}

impl ReadyQueue {
    /// Adds a source; one that is queued already stays where it is.
    pub fn push(&mut self, source: Source) {
        if !self.ready.contains(&source) {
            self.ready.push_back(source);
        }
    }

    pub fn block(&mut self, source: Source) {
        if !self.blocked.contains(&source) {
            self.blocked.push(source);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub fn unblock(&mut self) {
        for source in std::mem::take(&mut self.blocked) {
            self.push(source);
        }
    }
}

impl Agent {
    /// Asks each source that was ready at the start once.
    pub(super) fn produce(&mut self) {
        for _ in 0..self.ready.ready.len() {
            let Some(source) = self.ready.ready.pop_front() else { return };
            match source {
                Source::Process(key) => self.pump_process(key),
                Source::Job(key) => self.pump_job(key),
                Source::Tcp(key) => self.pump_tcp(key),
            }
        }
    }
}
