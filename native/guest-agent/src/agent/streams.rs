//! Streams: what the host opened and did not get a RESULT for yet, with their flow control.

use std::collections::BTreeMap;

use super::{Agent, Source};
use crate::json::ObjectWriter;
use crate::protocol::frame::{INITIAL_CREDIT_BYTES, MAX_PAYLOAD_BYTES};
use crate::protocol::{Code, FrameType, OpError, OpResult};

/// Open streams at a time. More than live processes, so that files can be reached while all processes are followed.
pub const MAX_STREAMS: usize = 2048;
/// Credit is granted in steps of this at least, so that CREDIT stays rare.
const CREDIT_STEP_BYTES: u32 = INITIAL_CREDIT_BYTES / 4;

pub type Streams = BTreeMap<u32, Stream>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamOp {
    Process(u64),
    Job(u64),
    Tcp(u64),
    Hooks,
    Shutdown,
}

pub struct Stream {
    pub op: StreamOp,
    /// Bytes of DATA that the host will still take, by channel.
    pub credit: [u32; 3],
    /// Bytes of DATA on channel 0 that the host may still send.
    pub window: u32,
    /// Consumed, but not granted anew yet.
    consumed: u32,
}

impl Stream {
    pub fn new(op: StreamOp) -> Self {
        Self { op, credit: [INITIAL_CREDIT_BYTES; 3], window: INITIAL_CREDIT_BYTES, consumed: 0 }
    }

    pub fn source(&self) -> Option<Source> {
        match self.op {
            StreamOp::Process(key) => Some(Source::Process(key)),
            StreamOp::Job(key) => Some(Source::Job(key)),
            StreamOp::Tcp(key) => Some(Source::Tcp(key)),
            StreamOp::Hooks | StreamOp::Shutdown => None,
        }
    }
}

impl Agent {
    pub(crate) fn send(&mut self, kind: FrameType, channel: u8, stream: u32, parts: &[&[u8]]) {
        match &mut self.peer {
            Some(peer) if peer.is_greeted => peer.outbox.push(kind, channel, stream, parts),
            Some(_) => {}
            None => self.parked.iter_mut().for_each(|parked| parked.push(kind, channel, stream, parts)),
        }
    }

    pub(crate) fn send_event(&mut self, stream: u32, json: &[u8]) {
        self.send(FrameType::Event, 0, stream, &[json]);
    }

    /// The last frame of a stream.
    pub(crate) fn finish(&mut self, stream: u32, result: OpResult) {
        self.streams.remove(&stream);
        const FRAMING_BYTES: usize = 16;
        match result {
            Ok(json) if json.len() + FRAMING_BYTES > MAX_PAYLOAD_BYTES => {
                let error = OpError::new(Code::IoError, "the answer is longer than a frame");
                self.send(FrameType::Result, 0, stream, &[b"{\"error\":", &error.to_json(), b"}"]);
            }
            Ok(json) => self.send(FrameType::Result, 0, stream, &[b"{\"ok\":", &json, b"}"]),
            Err(error) => self.send(FrameType::Result, 0, stream, &[b"{\"error\":", &error.to_json(), b"}"]),
        }
    }

    pub(crate) fn finish_empty(&mut self, stream: u32) {
        self.finish(stream, Ok(ObjectWriter::new().finish()));
    }

    pub(crate) fn has_data_room(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.outbox.has_data_room())
    }

    /// The operation has consumed bytes of channel 0: the host may send as many again.
    pub(crate) fn grant(&mut self, stream: u32, bytes: u32) {
        let Some(state) = self.streams.get_mut(&stream) else { return };
        state.consumed += bytes;
        if state.consumed < CREDIT_STEP_BYTES {
            return;
        }
        let granted = std::mem::take(&mut state.consumed);
        state.window += granted;
        self.send(FrameType::Credit, 0, stream, &[&granted.to_le_bytes()]);
    }
}
