//! The byte stream to the host: the virtio-serial port or a TCP connection.

mod listener;
mod outbox;
mod port;

pub use listener::{accept, listen};
pub use outbox::{Outbox, DATA_ROOM_BYTES};
pub use port::open_port;

use std::os::fd::OwnedFd;

use crate::protocol::Parser;

/// The one peer. For the port the descriptor stays when the host goes.
pub struct Peer {
    pub fd: OwnedFd,
    pub is_port: bool,
    pub parser: Parser,
    pub outbox: Outbox,
    /// A HELLO was accepted; before it, frames mean nothing.
    pub is_greeted: bool,
    /// There may be bytes to read that no new edge will announce.
    pub is_readable: bool,
    /// It has said that it hangs up in the silence after `quiesce` and comes back.
    pub comes_back: bool,
    /// It goes on with the streams of the one before, which hung up while nobody might speak. Until its HELLO is answered.
    pub continues: bool,
    /// EPOLLOUT is in the interest set.
    pub awaits_room: bool,
}

impl Peer {
    pub fn new(fd: OwnedFd, is_port: bool) -> Self {
        Self {
            fd,
            is_port,
            parser: Parser::default(),
            outbox: Outbox::default(),
            is_greeted: false,
            is_readable: false,
            comes_back: false,
            continues: false,
            awaits_room: false,
        }
    }
}
