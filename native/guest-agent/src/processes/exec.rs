//! `exec`: from checked arguments to a registered process.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::command::Command;
use super::spawn::{SpawnError, SpawnPlan, Stage};
use super::table::MAX_LIVE_PROCESSES;
use super::{pty, Attachment, Input, Output, Process, Pty, Replay};
use crate::agent::{Agent, StreamOp, SCRATCH_BYTES};
use crate::json::ObjectWriter;
use crate::protocol::{Args, Code, OpError};
use crate::reactor::{monotonic_ms, null_device, pipe, set_nonblocking, Timer, Token, TokenKind};
use crate::refresh::clock;

/// Shared by the replay buffers of all live processes: a thousand of them with the default would fill a small guest.
const REPLAY_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The agent's ends of a command's standard streams, and the command's.
struct Stdio {
    input: Option<OwnedFd>,
    outputs: Vec<OwnedFd>,
    theirs: [RawFd; 3],
    /// Closed after the start.
    _held: Vec<OwnedFd>,
}

impl Agent {
    pub(crate) fn exec(&mut self, stream: u32, args: Args<'_>) -> Result<(), OpError> {
        self.processes.forget_old();
        if self.processes.live() >= MAX_LIVE_PROCESSES {
            return Err(OpError::new(Code::TooManyProcesses, "too many live processes"));
        }
        let mut command = Command::parse(args, &mut self.accounts, &self.refreshed.env)?;
        let key = self.processes.next_key();
        let id = command.id.take().unwrap_or_else(|| format!("p{key}"));
        self.processes.free_id(&id)?;
        let stdio = open_stdio(&command).map_err(|error| OpError::of_io(&error, "standard streams"))?;
        let plan = SpawnPlan {
            candidates: command.candidates(),
            argv: command.argv_c_strings(),
            env: command.env.to_c_strings(),
            cwd: CString::new(command.cwd.as_str()).unwrap_or_default(),
            may_fall_back_to_root: command.cwd_is_default,
            credentials: command.credentials.take(),
            stdio: stdio.theirs,
            is_terminal: command.terminal.is_some(),
        };
        let started_ms = monotonic_ms();
        let pid = self.spawner.spawn(&plan).map_err(|error| refusal(&error, &command))?;
        let Stdio { input, outputs, _held, .. } = stdio;
        drop(_held);
        let is_terminal = command.terminal.is_some();
        let timeout =
            (command.timeout_ms > 0).then(|| self.timers.start(command.timeout_ms, Timer::ProcessTimeout(key)));
        let replay_bytes = command.replay_bytes.min(REPLAY_BUDGET_BYTES / (self.processes.live() + 1));
        // What is read has to fit until it is sent, however little is kept for later.
        let replay_capacity = replay_bytes.max(SCRATCH_BYTES);
        let mut process = Process {
            key,
            id,
            pid,
            argv: command.argv,
            shell: command.shell,
            cwd: command.cwd,
            user: command.user.name,
            tag: command.tag,
            is_terminal,
            has_stdin: command.has_stdin || is_terminal,
            started_at_ms: clock::now_ms(),
            started_ms,
            timeout,
            timed_out: false,
            input: Input::new(input, is_terminal),
            outputs: outputs
                .into_iter()
                .enumerate()
                .map(|(index, fd)| Output::new(index as u8 + 1, fd, Replay::new(replay_capacity)))
                .collect(),
            replay_bytes,
            attachments: Vec::new(),
            exit: None,
        };
        self.watch_process(&process);
        if command.is_detached {
            let answer = ObjectWriter::new().string("id", &process.id).int("pid", pid.into()).finish();
            self.finish(stream, Ok(answer));
        } else {
            process.attachments.push(Attachment { stream, positions: [0; 2] });
            self.send_started(stream, &process.id, pid);
            self.register(stream, StreamOp::Process(key));
        }
        self.processes.insert(process);
        Ok(())
    }

    pub(super) fn send_started(&mut self, stream: u32, id: &str, pid: libc::pid_t) {
        let started = ObjectWriter::new().string("event", "started").string("id", id).int("pid", pid.into());
        self.send_event(stream, &started.finish());
    }

    fn watch_process(&self, process: &Process) {
        let kinds = [TokenKind::Stdout, TokenKind::Stderr];
        for (output, kind) in process.outputs.iter().zip(kinds) {
            let _ = self.epoll.add(output.raw_fd(), libc::EPOLLIN, Token::new(kind, process.key));
        }
        if let Some(fd) = process.input.raw_fd() {
            let _ = self.epoll.add(fd, libc::EPOLLOUT, Token::new(TokenKind::Stdin, process.key));
        }
    }
}

fn open_stdio(command: &Command) -> io::Result<Stdio> {
    if let Some((rows, cols)) = command.terminal {
        let Pty { controller, terminal } = Pty::open(rows, cols, command.user.uid, command.user.gid)?;
        let input = pty::duplicate(&controller)?;
        let theirs = [terminal.as_raw_fd(); 3];
        return Ok(Stdio { input: Some(input), outputs: vec![controller], theirs, _held: vec![terminal] });
    }
    let (output, their_output) = pipe()?;
    let (error, their_error) = pipe()?;
    set_nonblocking(&output);
    set_nonblocking(&error);
    let mut held = vec![their_output, their_error];
    let mut input = None;
    let mut their_input = null_device()?.as_raw_fd();
    if command.has_stdin {
        let (theirs, ours) = pipe()?;
        set_nonblocking(&ours);
        their_input = theirs.as_raw_fd();
        input = Some(ours);
        held.push(theirs);
    }
    let theirs = [their_input, held[0].as_raw_fd(), held[1].as_raw_fd()];
    Ok(Stdio { input, outputs: vec![output, error], theirs, _held: held })
}

fn refusal(error: &SpawnError, command: &Command) -> OpError {
    match (error.stage, error.errno) {
        (Stage::Cwd, libc::ENOENT | libc::ENOTDIR) => {
            OpError::new(Code::CwdNotFound, format!("{}: no such folder", command.cwd))
        }
        (Stage::Cwd, errno) => OpError::of_errno(errno, &command.cwd),
        (Stage::Clone, libc::EAGAIN) => OpError::new(Code::TooManyProcesses, "the machine has no room for a process"),
        (Stage::User, errno) => OpError::of_errno(errno, &command.user.name),
        (_, errno) => OpError::of_errno(errno, "cannot start"),
    }
}
