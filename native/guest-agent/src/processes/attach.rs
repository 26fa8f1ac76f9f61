//! Following, feeding and steering a process through a stream.

use super::command::size_of;
use super::input::Consumed;
use super::{pty, signal_number, Attachment, ProcessKey};
use crate::agent::{Agent, Source, StreamOp};
use crate::json::{Json, ObjectWriter};
use crate::protocol::{Args, Code, OpError};

/// Followers of one process: each gets a copy of every byte.
const MAX_ATTACHMENTS: usize = 64;

impl Agent {
    pub(crate) fn attach(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        self.processes.forget_old();
        let wants_replay = args.bool_or("replay", true)?;
        let process = self.processes.by_id(args.str("id")?)?;
        if process.attachments.len() >= MAX_ATTACHMENTS {
            return Err(OpError::new(Code::TooManyProcesses, "too many followers of this process"));
        }
        let mut positions = [0; 2];
        let mut kept = [0; 2];
        for (index, output) in process.outputs.iter().enumerate() {
            let replay = &output.replay;
            let bytes = if wants_replay { replay.len().min(process.replay_bytes) } else { 0 };
            positions[index] = replay.end() - bytes as u64;
            kept[index] = bytes as i64;
        }
        process.attachments.push(Attachment { stream, positions });
        let (key, id, pid) = (process.key, process.id.clone(), process.pid);
        self.register(stream, StreamOp::Process(key));
        self.send_started(stream, &id, pid);
        if wants_replay {
            let replay =
                ObjectWriter::new().string("event", "replay").int("stdout_bytes", kept[0]).int("stderr_bytes", kept[1]);
            self.send_event(stream, &replay.finish());
        }
        self.ready.push(Source::Process(key));
        Ok(())
    }

    /// The stream is gone; the process goes on unless `kill`.
    pub(crate) fn detach(&mut self, key: ProcessKey, stream: u32, kill: bool) {
        let Some(process) = self.processes.get_mut(key) else { return };
        process.attachments.retain(|attachment| attachment.stream != stream);
        if kill {
            process.signal_group(libc::SIGKILL);
        }
        // With one follower less the pipe may have to be read for the others, or for nobody.
        self.ready.push(Source::Process(key));
    }

    pub(crate) fn feed_process(&mut self, key: ProcessKey, stream: u32, bytes: Vec<u8>) {
        if let Some(process) = self.processes.get_mut(key) {
            let consumed = process.input.push(stream, bytes);
            self.grant_all(consumed);
        }
    }

    pub(crate) fn end_process_input(&mut self, key: ProcessKey) {
        if let Some(process) = self.processes.get_mut(key) {
            let consumed = process.input.end();
            self.grant_all(consumed);
        }
    }

    pub(crate) fn on_input_event(&mut self, key: ProcessKey) {
        if let Some(process) = self.processes.get_mut(key) {
            let consumed = process.input.drain();
            self.grant_all(consumed);
        }
    }

    fn grant_all(&mut self, consumed: Consumed) {
        for (stream, bytes) in consumed {
            self.grant(stream, bytes);
        }
    }

    /// CONTROL: a signal to the group, or a new size of the terminal.
    pub(crate) fn control_process(&mut self, key: ProcessKey, control: &Json) {
        let Some(process) = self.processes.get(key) else { return };
        if let Some(signal) = control.get("signal").and_then(signal_number) {
            process.signal_group(signal);
        }
        let size = control.get("resize").and_then(|size| size_of(size).ok());
        if let Some((rows, cols)) = size.filter(|_| process.is_terminal) {
            let _ = pty::resize(process.outputs[0].raw_fd(), rows, cols);
        }
    }
}
