//! One command that was started through the agent, running or finished.

use crate::reactor::TimerId;

use super::{Input, Output};

/// Never reused, unlike a pid.
pub type ProcessKey = u64;

pub struct Process {
    pub key: ProcessKey,
    /// The name under which the host finds it again.
    pub id: String,
    pub pid: libc::pid_t,
    pub argv: Option<Vec<String>>,
    pub shell: Option<String>,
    pub cwd: String,
    pub user: String,
    pub tag: Option<String>,
    pub is_terminal: bool,
    pub has_stdin: bool,
    pub started_at_ms: i64,
    pub started_ms: u64,
    pub timeout: Option<TimerId>,
    pub timed_out: bool,
    pub input: Input,
    /// stdout, and stderr unless a terminal carries both.
    pub outputs: Vec<Output>,
    pub attachments: Vec<Attachment>,
    /// How much of its output a late reader gets.
    pub replay_bytes: usize,
    pub exit: Option<Exit>,
}

/// A stream that follows the process.
pub struct Attachment {
    pub stream: u32,
    /// Position in each output, by index.
    pub positions: [u64; 2],
}

#[derive(Debug, Clone)]
pub struct Exit {
    pub code: i32,
    pub signal: Option<i32>,
    pub duration_ms: u64,
    /// Monotonic; for forgetting it.
    pub at_ms: u64,
}

impl Process {
    pub fn is_running(&self) -> bool {
        self.exit.is_none()
    }

    /// Nobody holds its pipes any more.
    pub fn is_silent(&self) -> bool {
        self.outputs.iter().all(|output| !output.is_open())
    }

    /// Signals the whole group. Only while the leader is not reaped: after that the number may be someone else's.
    pub fn signal_group(&self, signal: i32) {
        if self.is_running() {
            unsafe { libc::kill(-self.pid, signal) };
        }
    }
}
