//! From a frame to the operation that it starts or reaches.

use super::streams::MAX_STREAMS;
use super::{Agent, Stream, StreamOp};
use crate::files;
use crate::json::{parse, Json};
use crate::protocol::{Args, Code, Frame, FrameType, OpError};

impl Agent {
    pub(super) fn on_frame(&mut self, frame: Frame) {
        if let Some(peer) = &mut self.peer {
            peer.outbox.release();
        }
        match frame.kind {
            FrameType::Hello => self.on_hello(&frame.payload),
            _ if !self.peer.as_ref().is_some_and(|peer| peer.is_greeted) => {}
            FrameType::Open => self.on_open(frame),
            FrameType::Data => self.on_data(frame),
            FrameType::End => self.on_end(frame),
            FrameType::Credit => self.on_credit(&frame),
            FrameType::Cancel => self.on_cancel(&frame),
            FrameType::Control => self.on_control(&frame),
            FrameType::Ping => self.send(FrameType::Pong, 0, 0, &[&frame.payload]),
            // Only a guest sends these.
            FrameType::HelloOk | FrameType::Result | FrameType::Event | FrameType::Pong => {}
        }
    }

    fn on_open(&mut self, frame: Frame) {
        let stream = frame.stream;
        if stream == 0 || self.streams.contains_key(&stream) {
            crate::log!("OPEN on stream {stream}, which is not free");
            return;
        }
        if let Err(error) = self.open(stream, &frame.payload) {
            self.finish(stream, Err(error));
        }
    }

    fn open(&mut self, stream: u32, payload: &[u8]) -> Result<(), OpError> {
        if self.streams.len() >= MAX_STREAMS {
            return Err(OpError::new(Code::TooManyProcesses, "too many open streams"));
        }
        let request = parse(payload).ok_or_else(|| OpError::bad_request("OPEN is not JSON"))?;
        let op = request.get("op").and_then(Json::as_str).ok_or_else(|| OpError::bad_request("op is missing"))?;
        let args = Args(request.get("args").unwrap_or(&Json::Null));
        match op {
            "exec" => self.exec(stream, args),
            "proc.list" => self.list_processes(stream),
            "proc.attach" => self.attach(stream, args),
            "proc.signal" => self.signal_process(stream, args),
            "metrics" => self.metrics(stream),
            "clock.set" => self.set_clock(stream, args),
            "tcp.connect" => self.connect_tcp(stream, args),
            "quiesce" => self.quiesce(stream, args),
            "shutdown" => self.start_shutdown(stream),
            _ => {
                let work = files::work(op, args)
                    .or_else(|| crate::machine::work(op, args))
                    .or_else(|| crate::network::work(op))
                    .ok_or_else(|| OpError::new(Code::Unsupported, format!("unknown operation {op}")))??;
                self.start_job(stream, work)
            }
        }
    }

    pub(crate) fn register(&mut self, stream: u32, op: StreamOp) {
        self.streams.insert(stream, Stream::new(op));
    }

    fn on_data(&mut self, frame: Frame) {
        // After a RESULT bytes may still be under way; they belong to nothing.
        let Some(stream) = self.streams.get_mut(&frame.stream) else { return };
        let length = frame.payload.len() as u32;
        if frame.channel != 0 || length > stream.window {
            let error = OpError::bad_request("DATA without credit");
            self.abandon(frame.stream, true);
            return self.finish(frame.stream, Err(error));
        }
        stream.window -= length;
        match stream.op {
            StreamOp::Process(key) => self.feed_process(key, frame.stream, frame.payload),
            StreamOp::Job(key) => self.feed_job(key, frame.payload),
            StreamOp::Tcp(key) => self.feed_tcp(key, frame.payload),
            StreamOp::Hooks | StreamOp::Shutdown => {}
        }
    }

    fn on_end(&mut self, frame: Frame) {
        match self.streams.get(&frame.stream).map(|stream| stream.op) {
            Some(StreamOp::Process(key)) => self.end_process_input(key),
            Some(StreamOp::Job(key)) => self.end_job_input(key),
            Some(StreamOp::Tcp(key)) => self.end_tcp_input(key),
            Some(StreamOp::Hooks | StreamOp::Shutdown) | None => {}
        }
    }

    fn on_credit(&mut self, frame: &Frame) {
        let Ok(bytes) = <[u8; 4]>::try_from(frame.payload.as_slice()) else { return };
        let Some(stream) = self.streams.get_mut(&frame.stream) else { return };
        let Some(credit) = stream.credit.get_mut(frame.channel as usize) else { return };
        *credit = credit.saturating_add(u32::from_le_bytes(bytes));
        if let Some(source) = stream.source() {
            self.ready.push(source);
        }
    }

    fn on_cancel(&mut self, frame: &Frame) {
        if !self.streams.contains_key(&frame.stream) {
            return;
        }
        let kill = parse(&frame.payload).and_then(|json| json.get("kill")?.as_bool()).unwrap_or(false);
        self.abandon(frame.stream, kill);
        self.finish(frame.stream, Err(OpError::cancelled()));
    }

    /// Ends what runs for a stream, or only its interest in it. Sends nothing.
    pub(super) fn abandon(&mut self, stream: u32, kill: bool) {
        if self.quiescing == Some(stream) {
            self.quiescing = None;
        }
        match self.streams.remove(&stream).map(|state| state.op) {
            Some(StreamOp::Process(key)) => self.detach(key, stream, kill),
            Some(StreamOp::Job(key)) => self.jobs.cancel(key),
            Some(StreamOp::Tcp(key)) => drop(self.connections.remove(&key)),
            // Hooks and a shutdown go on: half of either is worse than all of it.
            Some(StreamOp::Hooks | StreamOp::Shutdown) | None => {}
        }
    }

    fn on_control(&mut self, frame: &Frame) {
        if let Some(StreamOp::Process(key)) = self.streams.get(&frame.stream).map(|stream| stream.op) {
            if let Some(json) = parse(&frame.payload) {
                self.control_process(key, &json);
            }
        }
    }
}
