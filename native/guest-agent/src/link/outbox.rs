//! Frames on their way to the host, bounded.
//!
//! DATA is only produced while there is room (`DATA_ROOM_BYTES`): a peer that reads slowly leaves output in its pipes and
//! files in theirs. Answers and events are small and always accepted; above `PAUSE_INPUT_BYTES` the agent stops reading
//! requests, which bounds them too.

use std::os::fd::RawFd;

use crate::protocol::frame::{encode_parts, FrameType};
use crate::reactor::{write, Transfer};

/// Two full frames: one being written, one being made.
pub const DATA_ROOM_BYTES: usize = 128 * 1024;
/// Above this much unsent, requests wait. A host that reads never gets here.
pub const PAUSE_INPUT_BYTES: usize = 1024 * 1024;
/// A buffer that grew larger is given back when it has run empty.
const KEEP_CAPACITY_BYTES: usize = 256 * 1024;

#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    /// After `quiesce`: frames from this offset on wait for the next frame from the host.
    held_from: Option<usize>,
}

impl Outbox {
    pub fn push(&mut self, kind: FrameType, channel: u8, stream: u32, parts: &[&[u8]]) {
        encode_parts(&mut self.bytes, kind, channel, stream, parts);
    }

    pub fn unsent(&self) -> usize {
        self.bytes.len() - self.sent
    }

    pub fn has_data_room(&self) -> bool {
        self.held_from.is_none() && self.unsent() < DATA_ROOM_BYTES
    }

    pub fn is_overfull(&self) -> bool {
        self.unsent() >= PAUSE_INPUT_BYTES
    }

    /// From now on nothing is sent but what is here already.
    pub fn hold(&mut self) {
        self.held_from = Some(self.bytes.len());
    }

    pub fn release(&mut self) {
        self.held_from = None;
    }

    /// Held, and all that may be sent is.
    pub fn is_silent(&self) -> bool {
        self.held_from == Some(self.sent)
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes what the descriptor takes. `WouldBlock`: the rest waits for room. `Bytes`: all (that may be) is sent.
    pub fn flush(&mut self, fd: RawFd) -> Transfer {
        let limit = self.held_from.unwrap_or(self.bytes.len());
        while self.sent < limit {
            match write(fd, &self.bytes[self.sent..limit]) {
                Transfer::Bytes(count) => self.sent += count,
                other => {
                    self.compact();
                    return other;
                }
            }
        }
        self.compact();
        Transfer::Bytes(0)
    }

    fn compact(&mut self) {
        if self.sent == 0 || (self.sent < self.bytes.len() && self.sent < DATA_ROOM_BYTES) {
            return;
        }
        self.bytes.drain(..self.sent);
        if let Some(from) = &mut self.held_from {
            *from -= self.sent;
        }
        self.sent = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > KEEP_CAPACITY_BYTES {
            self.bytes = Vec::new();
        }
    }
}
