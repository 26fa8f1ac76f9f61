//! Standard input of a process: what came from the host and did not fit into the pipe yet.
//!
//! Bounded by flow control: a stream may have sent no more than its window that was not consumed.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::reactor::{write, Transfer};

/// What a terminal takes for the end of its input, at the start of a line (VEOF).
const END_OF_TRANSMISSION: u8 = 4;

pub struct Input {
    fd: Option<OwnedFd>,
    is_terminal: bool,
    queue: VecDeque<Chunk>,
    ends: bool,
}

struct Chunk {
    stream: u32,
    bytes: Vec<u8>,
    written: usize,
}

/// Bytes that were consumed, by the stream that sent them.
pub type Consumed = Vec<(u32, u32)>;

impl Input {
    pub fn new(fd: Option<OwnedFd>, is_terminal: bool) -> Self {
        Self { fd, is_terminal, queue: VecDeque::new(), ends: false }
    }

    pub fn raw_fd(&self) -> Option<RawFd> {
        self.fd.as_ref().map(|fd| fd.as_raw_fd())
    }

    pub fn is_open(&self) -> bool {
        self.fd.is_some() && !self.ends
    }

    /// Takes bytes from a stream; without an open input they are consumed and dropped.
    pub fn push(&mut self, stream: u32, bytes: Vec<u8>) -> Consumed {
        if !self.is_open() {
            return vec![(stream, bytes.len() as u32)];
        }
        self.queue.push_back(Chunk { stream, bytes, written: 0 });
        self.drain()
    }

    /// No more comes: closes behind what is queued. A terminal stays open and is told.
    pub fn end(&mut self) -> Consumed {
        if !self.is_open() {
            return Consumed::new();
        }
        if self.is_terminal {
            self.queue.push_back(Chunk { stream: 0, bytes: vec![END_OF_TRANSMISSION], written: 0 });
        } else {
            self.ends = true;
        }
        self.drain()
    }

    /// The process is gone; so is what it did not read.
    pub fn close(&mut self) -> Consumed {
        self.fd = None;
        self.queue.drain(..).map(|chunk| (chunk.stream, (chunk.bytes.len() - chunk.written) as u32)).collect()
    }

    /// Writes what the process's end takes now.
    pub fn drain(&mut self) -> Consumed {
        let mut consumed = Consumed::new();
        let Some(fd) = &self.fd else { return consumed };
        while let Some(chunk) = self.queue.front_mut() {
            match write(fd.as_raw_fd(), &chunk.bytes[chunk.written..]) {
                Transfer::Bytes(count) => {
                    chunk.written += count;
                    consumed.push((chunk.stream, count as u32));
                    if chunk.written == chunk.bytes.len() {
                        self.queue.pop_front();
                    }
                }
                Transfer::WouldBlock => return consumed,
                // Nobody reads any more.
                Transfer::End | Transfer::Failed(_) => {
                    consumed.extend(self.close());
                    return consumed;
                }
            }
        }
        if self.ends {
            self.fd = None;
        }
        consumed
    }
}
