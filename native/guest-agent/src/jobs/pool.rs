//! Threads for jobs.

use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use super::{JobChannel, Work};
use crate::protocol::{Code, OpError};

/// Jobs that run at a time; the others wait. A job whose reader is slow keeps its thread, hence the number.
const MAX_THREADS: usize = 256;
/// Threads that wait for the next job. A parked thread wakes for nothing, but its stack is memory.
const MAX_IDLE_THREADS: usize = 2;
/// Jobs walk trees with lists, not by recursion.
const STACK_BYTES: usize = 256 * 1024;

struct Assignment {
    channel: Arc<JobChannel>,
    work: Work,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Assignment>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work_came: Condvar,
}

#[derive(Default)]
pub struct Pool {
    shared: Arc<Shared>,
}

impl Pool {
    pub fn run(&self, channel: Arc<JobChannel>, work: Work) {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.queue.push_back(Assignment { channel, work });
        if state.idle >= state.queue.len() {
            self.shared.work_came.notify_one();
        } else if state.threads < MAX_THREADS {
            let shared = self.shared.clone();
            let started = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve(&shared));
            match started {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    let failed = state.queue.pop_back();
                    drop(state);
                    if let Some(assignment) = failed {
                        assignment.channel.send_result(Err(OpError::of_io(&error, "thread")));
                    }
                }
                // One of the running threads will take it.
                Err(_) => {}
            }
        }
    }
}

fn serve(shared: &Shared) {
    let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while let Some(Assignment { channel, work }) = state.queue.pop_front() {
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| work(&channel)))
                .unwrap_or_else(|_| Err(OpError::new(Code::IoError, "a bug in the guest agent")));
            channel.send_result(result);
            drop(channel);
            state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        if state.idle >= MAX_IDLE_THREADS {
            state.threads -= 1;
            return;
        }
        state.idle += 1;
        while state.queue.is_empty() {
            state = shared.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.idle -= 1;
    }
}
