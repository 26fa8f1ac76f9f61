//! The loop's part in jobs: moving what they say to the host and what the host says to them.

use super::channel::Outgoing;
use super::Work;
use crate::agent::{Agent, Source, StreamOp};
use crate::protocol::{FrameType, OpError};

/// Messages of one job in one turn.
const MESSAGES_PER_TURN: usize = 16;

impl Agent {
    pub(crate) fn start_job(&mut self, stream: u32, work: Work) -> Result<(), OpError> {
        let key = self.jobs.start(stream, work);
        self.register(stream, StreamOp::Job(key));
        Ok(())
    }

    pub(crate) fn on_jobs_event(&mut self) {
        for key in self.jobs.notifier.take() {
            self.grant_consumed(key);
            self.pump_job(key);
        }
    }

    fn grant_consumed(&mut self, key: u64) {
        let Some(job) = self.jobs.active.get(&key) else { return };
        let (stream, consumed) = (job.stream, job.channel.take_consumed());
        if consumed > 0 {
            self.grant(stream, consumed);
        }
    }

    pub(crate) fn pump_job(&mut self, key: u64) {
        for _ in 0..MESSAGES_PER_TURN {
            if !self.has_data_room() {
                return self.ready.block(Source::Job(key));
            }
            let Some(job) = self.jobs.active.get(&key) else { return };
            let stream = job.stream;
            match job.channel.take() {
                None => return,
                Some(Outgoing::Event(json)) => self.send_event(stream, &json),
                Some(Outgoing::Result(result)) => {
                    self.jobs.active.remove(&key);
                    return self.on_job_result(stream, result);
                }
                Some(Outgoing::Data(bytes)) => {
                    let Some(state) = self.streams.get_mut(&stream) else { return };
                    let sent = bytes.len().min(state.credit[1] as usize);
                    state.credit[1] -= sent as u32;
                    if sent < bytes.len() {
                        // The next CREDIT brings us here again.
                        job.channel.put_back(Outgoing::Data(bytes[sent..].to_vec()));
                    }
                    if sent > 0 {
                        self.send(FrameType::Data, 1, stream, &[&bytes[..sent]]);
                    }
                    if sent < bytes.len() {
                        return;
                    }
                }
            }
        }
        self.ready.push(Source::Job(key));
    }

    pub(crate) fn feed_job(&mut self, key: u64, bytes: Vec<u8>) {
        if let Some(job) = self.jobs.active.get(&key) {
            job.channel.feed(bytes);
        }
    }

    pub(crate) fn end_job_input(&mut self, key: u64) {
        if let Some(job) = self.jobs.active.get(&key) {
            job.channel.end();
        }
    }
}
