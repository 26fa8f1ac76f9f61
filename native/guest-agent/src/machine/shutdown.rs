//! `shutdown`: SIGTERM, up to 5 s, SIGKILL, sync, read-only, RESULT, power off.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::agent::{Agent, StreamOp};
use crate::protocol::OpError;
use crate::reactor::{Timer, TimerId, Transfer};

const TERM_TIMEOUT_MS: u64 = 5_000;
/// Killed processes need a moment to go; one in uninterruptible sleep never does.
const KILL_TIMEOUT_MS: u64 = 1_000;
/// For the last bytes to a host that may not read any more.
const FAREWELL_TIMEOUT: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Terminating,
    Killing,
}

pub struct Shutdown {
    stream: u32,
    phase: Phase,
    timer: TimerId,
}

impl Agent {
    pub(crate) fn start_shutdown(&mut self, stream: u32) -> Result<(), OpError> {
        if self.shutdown.is_some() {
            return Err(OpError::bad_request("the machine is going down already"));
        }
        self.register(stream, StreamOp::Shutdown);
        let timer = self.timers.start(TERM_TIMEOUT_MS, Timer::Shutdown);
        self.shutdown = Some(Shutdown { stream, phase: Phase::Terminating, timer });
        self.signal_everyone(libc::SIGTERM);
        // A stopped process would sleep through it.
        self.signal_everyone(libc::SIGCONT);
        // With no child at all no SIGCHLD will come.
        self.reap();
        Ok(())
    }

    /// As PID 1 everyone but ourselves; elsewhere only what was started here.
    fn signal_everyone(&self, signal: i32) {
        if self.machine.is_own() {
            unsafe { libc::kill(-1, signal) };
            return;
        }
        self.processes.iter().for_each(|process| process.signal_group(signal));
    }

    /// After each round of reaping. `is_alone`: we have no children left.
    pub(crate) fn on_reaped(&mut self, is_alone: bool) {
        if is_alone && self.shutdown.is_some() {
            self.power_off();
        }
    }

    pub(crate) fn on_shutdown_timer(&mut self) {
        let Some(shutdown) = &mut self.shutdown else { return };
        if shutdown.phase == Phase::Killing {
            return self.power_off();
        }
        shutdown.phase = Phase::Killing;
        shutdown.timer = self.timers.start(KILL_TIMEOUT_MS, Timer::Shutdown);
        self.signal_everyone(libc::SIGKILL);
    }

    fn power_off(&mut self) {
        let Some(shutdown) = self.shutdown.take() else { return };
        self.timers.cancel(shutdown.timer);
        if self.machine.is_virtual() {
            unsafe {
                libc::sync();
                libc::mount(
                    std::ptr::null(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REMOUNT | libc::MS_RDONLY,
                    std::ptr::null(),
                );
            }
        }
        self.finish_empty(shutdown.stream);
        self.say_farewell();
        crate::init::end_machine(self.machine)
    }

    fn say_farewell(&mut self) {
        let deadline = Instant::now() + FAREWELL_TIMEOUT;
        while let Some(peer) = &mut self.peer {
            peer.outbox.release();
            let outcome = peer.outbox.flush(peer.fd.as_raw_fd());
            if outcome != Transfer::WouldBlock || Instant::now() > deadline {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
