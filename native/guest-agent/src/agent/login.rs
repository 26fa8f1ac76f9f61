//! TCP connections that have not proved yet that they are the host. The first frame has to be a HELLO with the token.

use std::os::fd::AsRawFd;

use super::Agent;
use crate::json::{parse, Json};
use crate::link::{accept, Peer};
use crate::protocol::FrameType;
use crate::reactor::{read, Timer, TimerId, Token, TokenKind, Transfer};

/// Anyone on the network may connect; more than this many that say nothing push out the oldest.
const MAX_LOGINS: usize = 8;
/// In one turn of the loop: who connects without end must not keep the peer waiting.
const ACCEPTS_PER_TURN: usize = 64;
const LOGIN_TIMEOUT_MS: u64 = 10_000;

pub(super) struct Login {
    peer: Peer,
    timeout: TimerId,
}

impl Agent {
    pub(super) fn accept_logins(&mut self) {
        if !self.may_accept {
            return;
        }
        let Some(listener) = self.listener.as_ref().map(|listener| listener.as_raw_fd()) else { return };
        for _ in 0..ACCEPTS_PER_TURN {
            let Some((connection, from)) = accept(listener) else {
                self.may_accept = false;
                return;
            };
            if self.host.is_some_and(|host| from != Some(host)) {
                continue;
            }
            let key = self.next_key();
            let token = Token::new(TokenKind::Login, key);
            if self.epoll.add(connection.as_raw_fd(), libc::EPOLLIN | libc::EPOLLRDHUP, token).is_err() {
                continue;
            }
            if self.logins.len() >= MAX_LOGINS {
                if let Some((_, oldest)) = self.logins.pop_first() {
                    self.timers.cancel(oldest.timeout);
                }
            }
            let timeout = self.timers.start(LOGIN_TIMEOUT_MS, Timer::Login(key));
            self.logins.insert(key, Login { peer: Peer::new(connection, false), timeout });
        }
    }

    pub(super) fn on_login_event(&mut self, key: u64) {
        let Some(mut login) = self.logins.remove(&key) else { return };
        loop {
            if let Some(frame) = login.peer.parser.next() {
                self.timers.cancel(login.timeout);
                if frame.kind == FrameType::Hello && self.knows_token(&frame.payload) {
                    self.welcome(login.peer, &frame.payload);
                }
                return;
            }
            match read(login.peer.fd.as_raw_fd(), &mut self.scratch) {
                Transfer::Bytes(count) => login.peer.parser.feed(&self.scratch[..count]),
                Transfer::WouldBlock => {
                    self.logins.insert(key, login);
                    return;
                }
                Transfer::End | Transfer::Failed(_) => return self.timers.cancel(login.timeout),
            }
        }
    }

    /// The connection becomes the peer; the one before it is closed. Of that one's streams, those that wait for it may go on.
    fn welcome(&mut self, mut peer: Peer, hello: &[u8]) {
        match self.parked.take().filter(|_| wants_to_continue(hello)) {
            Some(parked) => {
                peer.outbox = parked;
                peer.outbox.release();
                peer.continues = true;
            }
            None => self.reset_streams(),
        }
        peer.is_readable = true;
        let token = Token::new(TokenKind::Peer, 0);
        let flags = libc::EPOLLIN | libc::EPOLLRDHUP;
        if self.epoll.modify(peer.fd.as_raw_fd(), flags, token).is_ok() {
            self.peer = Some(peer);
            self.on_hello(hello);
        }
    }

    /// Without a token of its own the agent lets nobody in over TCP.
    pub(super) fn knows_token(&self, hello: &[u8]) -> bool {
        let Some(expected) = &self.refreshed.token else { return false };
        let hello = parse(hello);
        let given = hello.as_ref().and_then(|json| json.get("token")).and_then(Json::as_str);
        given.is_some_and(|given| is_same_secret(given.as_bytes(), expected.as_bytes()))
    }
}

fn wants_to_continue(hello: &[u8]) -> bool {
    parse(hello).as_ref().and_then(|hello| hello.get("continues")).and_then(Json::as_bool) == Some(true)
}

/// Takes as long for a wrong first byte as for a wrong last one.
fn is_same_secret(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |difference, (one, other)| difference | (one ^ other));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}
