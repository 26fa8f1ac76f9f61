//! The incremental parser of the guest's side.
//!
//! Two states. At a *boundary* it skips zeros and waits for a whole frame. *Discarding*, after a frame that can't be, it
//! drops bytes until 64 zeros in a row. A frame with a wrong trailer is dropped alone: its sender died, and the zeros of
//! the next sender filled it up; there may be fewer than 64 of them left.

use super::frame::{trailer, Frame, FrameType, HEADER_BYTES, MAX_PAYLOAD_BYTES, RESYNC_ZEROS, TRAILER_BYTES};

#[derive(Default)]
pub struct Parser {
    buffer: Vec<u8>,
    head: usize,
    /// `Some(zeros seen in a row)` while discarding.
    discarding: Option<u32>,
}

impl Parser {
    /// Adds received bytes. The caller takes all frames with [`Parser::next`] before it adds more, which bounds the
    /// buffer to one frame and one read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.head > 0 {
            self.buffer.drain(..self.head);
            self.head = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if self.discarding.is_some() && !self.discard() {
                return None;
            }
            let zeros = self.rest().iter().take_while(|byte| **byte == 0).count();
            self.head += zeros;
            let rest = self.rest();
            let kind = match rest.first() {
                None => {
                    self.buffer.clear();
                    self.head = 0;
                    return None;
                }
                Some(byte) => FrameType::from_byte(*byte),
            };
            let Some(kind) = kind else {
                self.discarding = Some(0);
                continue;
            };
            if rest.len() < HEADER_BYTES {
                return None;
            }
            let stream = read_u32(rest, 4);
            let length = read_u32(rest, 8);
            if length as usize > MAX_PAYLOAD_BYTES {
                self.discarding = Some(0);
                continue;
            }
            let end = HEADER_BYTES + length as usize;
            if rest.len() < end + TRAILER_BYTES {
                return None;
            }
            let is_whole = read_u32(rest, end) == trailer(stream, length);
            let frame =
                is_whole.then(|| Frame { kind, channel: rest[1], stream, payload: rest[HEADER_BYTES..end].to_vec() });
            self.head += end + TRAILER_BYTES;
            if frame.is_some() {
                return frame;
            }
        }
    }

    /// The peer is gone: what it half said means nothing.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.head..]
    }

    /// Drops bytes up to the end of 64 zeros in a row; false when they have not come yet.
    fn discard(&mut self) -> bool {
        let mut zeros = self.discarding.unwrap_or(0);
        while zeros < RESYNC_ZEROS {
            match self.buffer.get(self.head) {
                None => {
                    self.discarding = Some(zeros);
                    return false;
                }
                Some(0) => zeros += 1,
                Some(_) => zeros = 0,
            }
            self.head += 1;
        }
        self.discarding = None;
        true
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
