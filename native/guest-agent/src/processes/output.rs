//! One output of a process: the pipe (or the terminal) and what is kept of it.

use std::os::fd::{AsRawFd, OwnedFd};

use super::Replay;
use crate::reactor::{read, Transfer};

pub struct Output {
    pub channel: u8,
    fd: Option<OwnedFd>,
    /// There may be bytes that no new edge will announce.
    is_readable: bool,
    pub replay: Replay,
    /// After the process's exit: how many more bytes belong to its result. Others may hold the pipe and go on writing.
    owed_bytes: Option<usize>,
}

pub enum ReadOutcome {
    Some,
    Nothing,
}

/// A terminal can't tell how much it holds, so this much is read after the exit at most; its buffers are smaller.
const TERMINAL_OWED_BYTES: usize = 128 * 1024;

impl Output {
    pub fn new(channel: u8, fd: OwnedFd, replay: Replay) -> Self {
        Self { channel, fd: Some(fd), is_readable: false, replay, owed_bytes: None }
    }

    pub fn is_open(&self) -> bool {
        self.fd.is_some()
    }

    pub fn close(&mut self) {
        self.fd = None;
    }

    pub fn mark_readable(&mut self) {
        self.is_readable = true;
    }

    pub fn wants_reading(&self) -> bool {
        self.is_readable && self.fd.is_some()
    }

    /// Everything that belongs to the result of an exited process was read.
    pub fn is_settled(&self) -> bool {
        self.fd.is_none() || self.owed_bytes == Some(0)
    }

    pub fn raw_fd(&self) -> i32 {
        self.fd.as_ref().map_or(-1, |fd| fd.as_raw_fd())
    }

    /// The process has exited: measures what its pipe holds now.
    pub fn settle(&mut self, is_terminal: bool) {
        let Some(fd) = &self.fd else { return };
        if is_terminal {
            self.owed_bytes = Some(TERMINAL_OWED_BYTES);
            self.is_readable = true;
            return;
        }
        let mut held: libc::c_int = 0;
        unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &mut held) };
        self.owed_bytes = Some(held.max(0) as usize);
        self.is_readable |= held > 0;
    }

    /// Reads up to `limit` bytes into the replay buffer.
    pub fn read_some(&mut self, scratch: &mut [u8], limit: usize) -> ReadOutcome {
        let Some(fd) = &self.fd else { return ReadOutcome::Nothing };
        let mut limit = limit.min(scratch.len());
        if let Some(owed) = self.owed_bytes.filter(|owed| *owed > 0) {
            limit = limit.min(owed);
        }
        let mut outcome = read(fd.as_raw_fd(), &mut scratch[..limit]);
        if outcome == Transfer::Failed(libc::EIO) {
            // A terminal whose last user has gone answers this. Linux looks for what is on its way before it looks whether
            // somebody is there: last words of one who went in between are found by another look.
            outcome = read(fd.as_raw_fd(), &mut scratch[..limit]);
        }
        match outcome {
            Transfer::Bytes(count) => {
                self.replay.push(&scratch[..count]);
                if let Some(owed) = &mut self.owed_bytes {
                    *owed = owed.saturating_sub(count);
                }
                return ReadOutcome::Some;
            }
            Transfer::WouldBlock => {
                self.is_readable = false;
                self.owed_bytes = self.owed_bytes.map(|_| 0);
            }
            Transfer::End | Transfer::Failed(_) => self.fd = None,
        }
        ReadOutcome::Nothing
    }
}
