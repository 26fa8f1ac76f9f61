//! Reaping, and the RESULT that follows an exit.
//!
//! Only this thread starts and reaps children, and a process is in the table before the loop reaps again: a wait status
//! always finds its process, and a pid in the table is never someone else's.

use super::signal::signal_name;
use super::{Exit, Process, ProcessKey};
use crate::agent::{Agent, Source};
use crate::json::ObjectWriter;
use crate::reactor::monotonic_ms;

/// What a shell user knows from `timeout`.
const TIMED_OUT_EXIT_CODE: i32 = 124;

impl Agent {
    /// Takes every child that has ended, ours and orphans.
    pub(crate) fn reap(&mut self) {
        self.signals.acknowledge();
        loop {
            let mut status = 0;
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
            if pid <= 0 {
                // No child at all, rather than none that has ended: as PID 1, nobody is left.
                let is_alone = pid < 0;
                return self.on_reaped(is_alone);
            }
            if self.on_hook_exit(pid) {
                continue;
            }
            if let Some(key) = self.processes.forget_pid(pid) {
                self.on_exit(key, status);
            }
        }
    }

    fn on_exit(&mut self, key: ProcessKey, status: i32) {
        let Some(process) = self.processes.get_mut(key) else { return };
        let now = monotonic_ms();
        let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
        let code = match signal {
            _ if process.timed_out => TIMED_OUT_EXIT_CODE,
            Some(signal) => 128 + signal,
            None => libc::WEXITSTATUS(status),
        };
        process.exit = Some(Exit { code, signal, duration_ms: now - process.started_ms, at_ms: now });
        if let Some(timer) = process.timeout.take() {
            self.timers.cancel(timer);
        }
        let is_terminal = process.is_terminal;
        process.outputs.iter_mut().for_each(|output| output.settle(is_terminal));
        for (stream, bytes) in process.input.close() {
            self.grant(stream, bytes);
        }
        self.ready.push(Source::Process(key));
        self.processes.forget_old();
    }

    /// Answers the followers of an exited process that have all of its output.
    pub(super) fn report_exit(&mut self, key: ProcessKey) {
        let Some(process) = self.processes.get_mut(key) else { return };
        if process.attachments.is_empty() || !process.outputs.iter().all(|output| output.is_settled()) {
            return;
        }
        let Some(exit) = &process.exit else { return };
        let answer = answer(process, exit);
        let outputs = &process.outputs;
        let mut done = Vec::new();
        process.attachments.retain(|attachment| {
            let has_all =
                outputs.iter().enumerate().all(|(index, output)| attachment.positions[index] == output.replay.end());
            if has_all {
                done.push(attachment.stream);
            }
            !has_all
        });
        let is_left_alone = process.attachments.is_empty();
        for stream in done {
            self.finish(stream, Ok(answer.clone()));
        }
        if is_left_alone {
            // Others may hold its pipes; from here on they are read for nobody, so that the holders don't stall.
            self.ready.push(Source::Process(key));
        }
    }

    pub(crate) fn on_process_timeout(&mut self, key: ProcessKey) {
        let Some(process) = self.processes.get_mut(key) else { return };
        process.timeout = None;
        process.timed_out = process.is_running();
        process.signal_group(libc::SIGKILL);
    }
}

fn answer(process: &Process, exit: &Exit) -> Vec<u8> {
    ObjectWriter::new()
        .int("exit_code", exit.code.into())
        .string_or_null("signal", exit.signal.map(signal_name).as_deref())
        .bool("timed_out", process.timed_out)
        .int("duration_ms", exit.duration_ms as i64)
        .finish()
}
