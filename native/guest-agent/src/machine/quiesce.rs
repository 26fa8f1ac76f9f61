//! `quiesce`: hooks, sync, RESULT, silence. The silence lasts until the next frame from the host, so that in every copy of
//! the snapshot both parsers stand at a frame boundary.

use crate::agent::{Agent, StreamOp};
use crate::json::ObjectWriter;
use crate::protocol::{Args, OpError, OpResult};
use crate::refresh::{AfterHooks, BEFORE_SNAPSHOT_FOLDER};

impl Agent {
    pub(crate) fn quiesce(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        let sync = args.bool_or("sync", true)?;
        let comes_back = args.bool_or("hang_up", false)?;
        if let Some(peer) = &mut self.peer {
            peer.comes_back = comes_back;
        }
        self.register(stream, StreamOp::Hooks);
        self.note_hooks();
        self.run_hooks(BEFORE_SNAPSHOT_FOLDER, AfterHooks::Quiesce { stream, sync });
        Ok(())
    }

    pub(crate) fn flush_before_snapshot(&mut self, stream: u32, sync: bool) {
        // Cancelled, or the host is gone.
        if self.streams.get(&stream).map(|state| state.op) != Some(StreamOp::Hooks) {
            return;
        }
        if !sync {
            return self.fall_silent(stream);
        }
        let started = self.start_job(
            stream,
            Box::new(|_| {
                unsafe { libc::sync() };
                Ok(ObjectWriter::new().finish())
            }),
        );
        match started {
            Ok(()) => self.quiescing = Some(stream),
            Err(error) => self.finish(stream, Err(error)),
        }
    }

    /// The RESULT of a job; one of them is the sync before a snapshot.
    pub(crate) fn on_job_result(&mut self, stream: u32, result: OpResult) {
        if self.quiescing == Some(stream) && result.is_ok() {
            self.quiescing = None;
            return self.fall_silent(stream);
        }
        self.finish(stream, result);
    }

    fn fall_silent(&mut self, stream: u32) {
        self.finish_empty(stream);
        if let Some(peer) = &mut self.peer {
            peer.outbox.hold();
        }
    }
}
