//! Work that may block: file operations, watches, `sync`. Each job has a thread of its own while it runs, so that a reader
//! who is slow or a file system that hangs stalls that job alone. Threads are started on demand and a few are kept.

mod channel;
mod pool;
mod pump;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

pub use channel::JobChannel;
use channel::Notifier;
use pool::Pool;

use crate::protocol::OpResult;

/// What a job does. It runs on a thread of its own and speaks through the channel.
pub type Work = Box<dyn FnOnce(&JobChannel) -> OpResult + Send>;

pub struct Jobs {
    pool: Pool,
    notifier: Arc<Notifier>,
    wake: Arc<OwnedFd>,
    active: BTreeMap<u64, Job>,
    made: u64,
}

struct Job {
    stream: u32,
    channel: Arc<JobChannel>,
}

impl Jobs {
    pub fn new() -> io::Result<Self> {
        let wake = Arc::new(crate::reactor::event_fd()?);
        let notifier = Arc::new(Notifier::new(wake.clone()));
        Ok(Self { pool: Pool::default(), notifier, wake, active: BTreeMap::new(), made: 0 })
    }

    pub fn raw_fd(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    fn start(&mut self, stream: u32, work: Work) -> u64 {
        self.made += 1;
        let key = self.made;
        let channel = Arc::new(JobChannel::new(key, self.notifier.clone()));
        self.active.insert(key, Job { stream, channel: channel.clone() });
        self.pool.run(channel, work);
        key
    }

    /// The job finds out at its next step; what it says from now on is dropped.
    pub fn cancel(&mut self, key: u64) {
        if let Some(job) = self.active.remove(&key) {
            job.channel.cancel();
        }
    }
}
