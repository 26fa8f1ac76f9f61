//! `proc.list` and `proc.signal`.

use super::{signal_number, Process};
use crate::agent::Agent;
use crate::json::{ListWriter, ObjectWriter};
use crate::protocol::frame::MAX_PAYLOAD_BYTES;
use crate::protocol::{Args, Code, OpError};

/// A command line in the list; longer ones are cut, since a single one could fill the frame.
const MAX_COMMAND_BYTES: usize = 512;
/// Room for what surrounds the list in its frame.
const FRAMING_BYTES: usize = 64;

impl Agent {
    pub(crate) fn list_processes(&mut self, stream: u32) -> Result<(), OpError> {
        self.processes.forget_old();
        let mut list = ListWriter::new();
        let mut is_truncated = false;
        // Running ones first: when the frame is full, finished ones are left out.
        let (running, finished): (Vec<_>, Vec<_>) = self.processes.iter().partition(|process| process.is_running());
        for process in running.into_iter().chain(finished) {
            let entry = entry(process);
            if list.len() + entry.len() + FRAMING_BYTES > MAX_PAYLOAD_BYTES {
                is_truncated = true;
                break;
            }
            list.raw(&entry);
        }
        let mut answer = ObjectWriter::new().raw("processes", &list.finish());
        if is_truncated {
            answer = answer.bool("truncated", true);
        }
        self.finish(stream, Ok(answer.finish()));
        Ok(())
    }

    pub(crate) fn signal_process(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        let signal = args.0.get("signal").and_then(signal_number);
        let signal = signal.ok_or_else(|| OpError::bad_request("signal is missing or unknown"))?;
        let missing = |subject: &str| OpError::new(Code::ProcessNotFound, format!("process {subject} is not running"));
        if let Some(id) = args.optional_str("id")? {
            let process = self.processes.by_id(id)?;
            if !process.is_running() {
                return Err(missing(id));
            }
            process.signal_group(signal);
        } else {
            let pid = args.optional_u64("pid")?.ok_or_else(|| OpError::bad_request("id or pid is missing"))?;
            let pid = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 1);
            let pid = pid.ok_or_else(|| OpError::bad_request("pid is not a process of yours"))?;
            let target = if self.processes.running(pid).is_some() { -pid } else { pid };
            if unsafe { libc::kill(target, signal) } < 0 {
                return Err(missing(&pid.to_string()));
            }
        }
        self.finish_empty(stream);
        Ok(())
    }
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_COMMAND_BYTES {
        return text.to_owned();
    }
    let end = (0..=MAX_COMMAND_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}…", &text[..end])
}

fn entry(process: &Process) -> Vec<u8> {
    let entry = ObjectWriter::new().string("id", &process.id).int("pid", process.pid.into());
    let entry = match &process.argv {
        None => entry.raw("argv", b"null"),
        Some(argv) => {
            let mut room = MAX_COMMAND_BYTES;
            let mut words = Vec::new();
            for word in argv {
                if room == 0 {
                    break;
                }
                words.push(cut(word));
                room = room.saturating_sub(word.len() + 1);
            }
            entry.strings("argv", &words)
        }
    };
    entry
        .string_or_null("shell", process.shell.as_deref().map(cut).as_deref())
        .string("cwd", &process.cwd)
        .string("user", &process.user)
        .string_or_null("tag", process.tag.as_deref())
        .bool("pty", process.is_terminal)
        .bool("stdin", process.has_stdin)
        .bool("running", process.is_running())
        .int_or_null("exit_code", process.exit.as_ref().map(|exit| exit.code.into()))
        .int("started_at_ms", process.started_at_ms)
        .finish()
}
