//! HELLO: the host found us, perhaps after a restore. The clock is right and randomness fresh before the answer; the rest of
//! what makes a copy itself happens after it, while the answer is under way, and before the next frame is looked at.

use super::Agent;
use crate::json::{parse, Json, ListWriter, ObjectWriter};
use crate::protocol::{Args, FrameType, OpError};
use crate::refresh::{clock, AfterHooks, ON_RESTORE_FOLDER};

const VERSION: i64 = 1;
const FEATURES: [&str; 7] = ["exec", "pty", "fs", "watch", "xattr", "tcp", "metrics"];
/// What takes a kernel of one's own: setting the clock, and destroying other processes' connections.
const KERNEL_FEATURES: [&str; 2] = ["clock", "reset_connections"];
/// 32 hex digits by contract; what comes back in the answer has to be short all the same.
const MAX_NONCE_CHARS: usize = 64;

impl Agent {
    pub(super) fn on_hello(&mut self, payload: &[u8]) {
        let Some(hello) = parse(payload) else { return };
        let nonce = hello.get("nonce").and_then(Json::as_str).unwrap_or("");
        if nonce.is_empty() || nonce.len() > MAX_NONCE_CHARS {
            return;
        }
        let is_trusted = self.peer.as_ref().is_some_and(|peer| peer.is_port) || self.knows_token(payload);
        let continues = self.peer.as_mut().is_some_and(|peer| std::mem::take(&mut peer.continues));
        if !continues {
            self.reset_streams();
        }
        if !is_trusted {
            self.peer = None;
            return;
        }
        if let Some(peer) = &mut self.peer {
            peer.is_greeted = true;
        }
        if let Some(time_ns) = hello.get("time_ns").and_then(Json::as_str).and_then(|text| text.parse().ok()) {
            self.set_time(time_ns);
        }
        let Some(refresh) = hello.get("refresh").filter(|refresh| self.begin_refresh(refresh)) else {
            return self.greet(nonce, continues);
        };
        if self.wants_hooks(refresh) {
            self.refresh(refresh);
            let nonce = nonce.to_owned();
            return self.run_hooks(ON_RESTORE_FOLDER, AfterHooks::Greet { nonce });
        }
        self.greet(nonce, continues);
        self.flush();
        self.refresh(refresh);
    }

    /// A machine that stood still has lost that time; its streams go on, so it is told by an operation and not by a HELLO.
    pub(super) fn set_clock(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        let time_ns = args.str("time_ns")?.parse().map_err(|_| OpError::bad_request("time_ns is not a number"))?;
        self.set_time(time_ns);
        self.finish_empty(stream);
        Ok(())
    }

    /// A container's clock is the host's.
    fn set_time(&self, time_ns: i64) {
        if self.machine.is_virtual() {
            clock::set(time_ns);
        }
    }

    pub(crate) fn greet(&mut self, nonce: &str, continues: bool) {
        let mut features = ListWriter::new();
        FEATURES.iter().for_each(|feature| features.string(feature));
        if self.machine.is_virtual() {
            KERNEL_FEATURES.iter().for_each(|feature| features.string(feature));
        }
        let mut answer = ObjectWriter::new()
            .string("nonce", nonce)
            .int("version", VERSION)
            .string("agent", env!("CARGO_PKG_VERSION"))
            .raw("features", &features.finish())
            .string("time_ns", &clock::now_ns().to_string())
            .string("boot_id", self.identity.boot_id());
        if continues {
            answer = answer.bool("continues", true);
        }
        self.send(FrameType::HelloOk, 0, 0, &[&answer.finish()]);
    }
}
