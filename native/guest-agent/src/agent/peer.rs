//! Reading from the peer, writing to it, losing it.

use std::os::fd::AsRawFd;

use super::Agent;
use crate::link::Peer;
use crate::reactor::{is_hung_up, read, Event, Timer, Token, TokenKind, Transfer};

const INPUT: i32 = libc::EPOLLIN | libc::EPOLLRDHUP;
const TOKEN: Token = Token { kind: TokenKind::Peer, key: 0 };
/// Reads in one turn; then everyone else gets theirs. A port gives at most 4 KiB a read.
const READS_PER_TURN: usize = 32;
/// In it the kernel's worker, which hears of the next host, has had its turn in a busy guest that is emulated, 36 times of 36.
const HANG_UP_SETTLES_MS: u64 = 200;

impl Agent {
    pub(super) fn set_peer(&mut self, peer: Peer) {
        if let Err(error) = self.epoll.add(peer.fd.as_raw_fd(), INPUT, TOKEN) {
            crate::log!("cannot wait for the host: {error}");
        }
        self.peer = Some(peer);
    }

    pub(super) fn peer_has_input(&self) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.is_readable && !peer.outbox.is_overfull())
    }

    pub(super) fn on_peer_event(&mut self, event: &Event) {
        if event.is_readable() {
            if let Some(peer) = &mut self.peer {
                peer.is_readable = true;
            }
        }
        // Room for writing needs nothing here: the end of this turn flushes.
    }

    /// Handles frames, then reads more, until the descriptor is empty or the turn is over.
    pub(super) fn receive(&mut self) {
        for _ in 0..READS_PER_TURN {
            loop {
                let Some(peer) = &mut self.peer else { return };
                if peer.outbox.is_overfull() {
                    return;
                }
                let Some(frame) = peer.parser.next() else { break };
                self.on_frame(frame);
            }
            let Some(peer) = &mut self.peer else { return };
            match read(peer.fd.as_raw_fd(), &mut self.scratch) {
                Transfer::Bytes(count) => peer.parser.feed(&self.scratch[..count]),
                Transfer::WouldBlock => {
                    peer.is_readable = false;
                    return;
                }
                Transfer::End | Transfer::Failed(_) => return self.on_hang_up(),
            }
        }
    }

    /// The kernel tells of a port's hang-up beside what comes through it: when it is seen, the next host may have come, and its
    /// HELLO may have been read. So it counts if it still holds a moment later.
    fn on_hang_up(&mut self) {
        match &mut self.peer {
            Some(peer) if peer.is_port => {
                peer.is_readable = false;
                self.timers.start(HANG_UP_SETTLES_MS, Timer::HangUp);
            }
            _ => self.lose_peer(),
        }
    }

    pub(super) fn on_hang_up_settled(&mut self) {
        if self.peer.as_ref().is_some_and(|peer| is_hung_up(peer.fd.as_raw_fd())) {
            self.lose_peer();
        }
    }

    /// Forgets all streams. Processes live on; their output goes into their replay buffers.
    pub(super) fn reset_streams(&mut self) {
        if let Some(peer) = &mut self.peer {
            peer.outbox.clear();
        }
        self.parked = None;
        let open: Vec<u32> = self.streams.keys().copied().collect();
        for stream in open {
            self.abandon(stream, false);
        }
        self.ready.unblock();
    }

    fn lose_peer(&mut self) {
        if let Some(peer) = self.peer.take_if(|peer| peer.comes_back && !peer.is_port && peer.outbox.is_silent()) {
            self.parked = Some(peer.outbox);
            return;
        }
        self.reset_streams();
        let Some(peer) = &mut self.peer else { return };
        if !peer.is_port {
            self.peer = None;
            return;
        }
        // The port stays open. Its hang-up stays pending for ever; being edge-triggered it is reported once.
        peer.parser.reset();
        peer.is_greeted = false;
        peer.is_readable = false;
    }

    pub(crate) fn flush(&mut self) {
        let Some(peer) = &mut self.peer else { return };
        let had_room = peer.outbox.has_data_room();
        if peer.outbox.unsent() == 0 && !peer.awaits_room {
            if had_room {
                self.ready.unblock();
            }
            return;
        }
        let outcome = peer.outbox.flush(peer.fd.as_raw_fd());
        let awaits_room = outcome == Transfer::WouldBlock;
        if awaits_room != peer.awaits_room {
            let flags = if awaits_room { INPUT | libc::EPOLLOUT } else { INPUT };
            let _ = self.epoll.modify(peer.fd.as_raw_fd(), flags, TOKEN);
            peer.awaits_room = awaits_room;
        }
        if peer.outbox.has_data_room() {
            self.ready.unblock();
        }
        if matches!(outcome, Transfer::Failed(_)) {
            self.lose_peer();
        }
    }
}
