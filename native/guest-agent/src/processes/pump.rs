//! Moving output: pipe → replay buffer → streams.
//!
//! With one follower the pipe is read only as fast as it takes the bytes, so nothing is lost and a slow follower slows the
//! command, as a terminal would. With several the fastest decides; one that falls behind by more than the buffer is told
//! how much it lost. With none the pipe is always read.

use super::{Output, Process, ProcessKey, ReadOutcome};
use crate::agent::{Agent, Source, Streams, SCRATCH_BYTES};
use crate::json::ObjectWriter;
use crate::link::Peer;
use crate::protocol::FrameType;
use crate::reactor::Event;

/// Reads in one turn; a command that never stops writing must let the others have theirs.
const ROUNDS_PER_TURN: usize = 4;

enum Next {
    /// Nothing to do until an event, a CREDIT or the exit.
    Wait,
    /// More to do, but it is others' turn.
    Again,
    /// The outbox is full.
    Blocked,
}

impl Agent {
    pub(crate) fn on_output_event(&mut self, key: ProcessKey, index: usize, event: &Event) {
        let Some(process) = self.processes.get_mut(key) else { return };
        let is_terminal = process.is_terminal;
        let Some(output) = process.outputs.get_mut(index) else { return };
        if event.flags == libc::EPOLLHUP as u32 && !is_terminal {
            // No writer and nothing in it: the read that would say so can be saved.
            output.close();
        } else {
            output.mark_readable();
        }
        self.pump_process(key);
    }

    pub(crate) fn pump_process(&mut self, key: ProcessKey) {
        let Some(process) = self.processes.get_mut(key) else { return };
        let mut next = Next::Again;
        for _ in 0..ROUNDS_PER_TURN {
            next = advance(process, &mut self.streams, self.peer.as_mut(), &mut self.scratch);
            if !matches!(next, Next::Again) {
                break;
            }
        }
        match next {
            Next::Wait => {}
            Next::Again => self.ready.push(Source::Process(key)),
            Next::Blocked => self.ready.block(Source::Process(key)),
        }
        self.report_exit(key);
    }
}

fn advance(process: &mut Process, streams: &mut Streams, mut peer: Option<&mut Peer>, scratch: &mut [u8]) -> Next {
    let mut next = Next::Wait;
    for index in 0..process.outputs.len() {
        if let Some(peer) = peer.as_deref_mut() {
            send_kept(process, index, streams, peer);
        }
        if !process.outputs[index].wants_reading() {
            continue;
        }
        let limit = match reading_limit(process, index, streams, peer.as_deref()) {
            Ok(0) => continue,
            Ok(limit) => limit,
            Err(Blocked) => {
                next = Next::Blocked;
                continue;
            }
        };
        if let ReadOutcome::Some = process.outputs[index].read_some(scratch, limit) {
            if let Some(peer) = peer.as_deref_mut() {
                send_kept(process, index, streams, peer);
            }
            if !matches!(next, Next::Blocked) {
                next = Next::Again;
            }
        }
    }
    let has_room = peer.is_some_and(|peer| peer.outbox.has_data_room());
    if !has_room && is_owed_anything(process, streams) {
        next = Next::Blocked;
    }
    next
}

struct Blocked;

/// How much may be read from one output now.
fn reading_limit(process: &Process, index: usize, streams: &Streams, peer: Option<&Peer>) -> Result<usize, Blocked> {
    let output = &process.outputs[index];
    if process.attachments.is_empty() {
        return Ok(SCRATCH_BYTES);
    }
    // What others write into the pipe after the exit is not part of the result.
    if process.exit.is_some() && output.is_settled() {
        return Ok(0);
    }
    let up_to_date = process.attachments.iter().filter(|one| one.positions[index] == output.replay.end());
    let credit = up_to_date.map(|one| credit_of(streams, one.stream, output)).max().unwrap_or(0);
    if credit > 0 && !peer.is_some_and(|peer| peer.outbox.has_data_room()) {
        return Err(Blocked);
    }
    Ok(credit as usize)
}

fn credit_of(streams: &Streams, stream: u32, output: &Output) -> u32 {
    streams.get(&stream).map_or(0, |stream| stream.credit[output.channel as usize])
}

fn is_owed_anything(process: &Process, streams: &Streams) -> bool {
    process.attachments.iter().any(|attachment| {
        process.outputs.iter().enumerate().any(|(index, output)| {
            attachment.positions[index] < output.replay.end() && credit_of(streams, attachment.stream, output) > 0
        })
    })
}

/// Sends what the buffer holds and the followers may take.
fn send_kept(process: &mut Process, index: usize, streams: &mut Streams, peer: &mut Peer) {
    let output = &process.outputs[index];
    let replay = &output.replay;
    for attachment in &mut process.attachments {
        let Some(stream) = streams.get_mut(&attachment.stream) else { continue };
        let position = &mut attachment.positions[index];
        if *position < replay.start() {
            let lost = ObjectWriter::new()
                .string("event", "lost")
                .int("channel", output.channel.into())
                .int("bytes", (replay.start() - *position) as i64);
            peer.outbox.push(FrameType::Event, 0, attachment.stream, &[&lost.finish()]);
            *position = replay.start();
        }
        let credit = &mut stream.credit[output.channel as usize];
        while *position < replay.end() && *credit > 0 && peer.outbox.has_data_room() {
            let (first, second) = replay.read(*position, (*credit as usize).min(SCRATCH_BYTES));
            let sent = first.len() + second.len();
            peer.outbox.push(FrameType::Data, output.channel, attachment.stream, &[first, second]);
            *position += sent as u64;
            *credit -= sent as u32;
        }
    }
}
