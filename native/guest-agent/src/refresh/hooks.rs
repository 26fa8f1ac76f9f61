//! Executables of the template that run on a restore or before a snapshot: one after the other, in name order, with one
//! deadline for all. The loop goes on meanwhile.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::accounts::User;
use crate::agent::Agent;
use crate::files::c_path;
use crate::processes::spawn::SpawnPlan;
use crate::processes::Environment;
use crate::reactor::{null_device, Timer, TimerId};
use std::os::fd::AsRawFd;

pub const ON_RESTORE_FOLDER: &str = "/etc/pandastack/on-restore.d";
pub const BEFORE_SNAPSHOT_FOLDER: &str = "/etc/pandastack/before-snapshot.d";
/// For all hooks of a folder together.
const HOOKS_TIMEOUT_MS: u64 = 5_000;
const MAX_HOOKS: usize = 64;

/// What follows the last hook.
#[derive(Debug)]
pub enum AfterHooks {
    Greet { nonce: String },
    Quiesce { stream: u32, sync: bool },
}

pub struct HookRun {
    left: VecDeque<PathBuf>,
    running: Option<libc::pid_t>,
    timeout: TimerId,
    after: AfterHooks,
}

fn hooks_in(folder: &str) -> VecDeque<PathBuf> {
    // An absent folder, the usual case, ends here: one system call.
    let Ok(entries) = fs::read_dir(folder) else { return VecDeque::new() };
    let is_hook = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_hook).take(MAX_HOOKS).collect();
    paths.sort();
    paths.into()
}

pub fn exist_in(folder: &str) -> bool {
    !hooks_in(folder).is_empty()
}

impl Agent {
    pub(crate) fn run_hooks(&mut self, folder: &str, after: AfterHooks) {
        self.end_hooks();
        let left = hooks_in(folder);
        if left.is_empty() {
            return self.after_hooks(after);
        }
        let timeout = self.timers.start(HOOKS_TIMEOUT_MS, Timer::Hooks);
        self.hooks = Some(HookRun { left, running: None, timeout, after });
        self.next_hook();
    }

    fn next_hook(&mut self) {
        loop {
            let Some(run) = &mut self.hooks else { return };
            let Some(path) = run.left.pop_front() else { break };
            let Ok(null) = null_device() else { break };
            let plan = SpawnPlan {
                candidates: vec![c_path(&path)],
                argv: vec![c_path(&path)],
                env: Environment::base(&User::root(), false).to_c_strings(),
                cwd: c"/".to_owned(),
                may_fall_back_to_root: false,
                credentials: None,
                stdio: [null.as_raw_fd(), 2, 2],
                is_terminal: false,
            };
            match self.spawner.spawn(&plan) {
                Ok(pid) => {
                    run.running = Some(pid);
                    return;
                }
                Err(error) => crate::log!("hook {}: {error:?}", path.display()),
            }
        }
        self.finish_hooks();
    }

    /// True when the child was a hook.
    pub(crate) fn on_hook_exit(&mut self, pid: libc::pid_t) -> bool {
        let is_hook = self.hooks.as_ref().is_some_and(|run| run.running == Some(pid));
        if is_hook {
            self.next_hook();
        }
        is_hook
    }

    pub(crate) fn on_hooks_timeout(&mut self) {
        crate::log!("hooks took longer than {HOOKS_TIMEOUT_MS} ms; going on without them");
        self.finish_hooks();
    }

    fn finish_hooks(&mut self) {
        if let Some(after) = self.end_hooks() {
            self.after_hooks(after);
        }
    }

    /// Kills what runs still; nothing follows but what the caller does.
    fn end_hooks(&mut self) -> Option<AfterHooks> {
        let run = self.hooks.take()?;
        self.timers.cancel(run.timeout);
        if let Some(pid) = run.running {
            // Reaped already or not: a leader that is gone leaves a group that may be empty, which is an error to ignore.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
        Some(run.after)
    }

    fn after_hooks(&mut self, after: AfterHooks) {
        match after {
            AfterHooks::Greet { nonce } => self.greet(&nonce, false),
            AfterHooks::Quiesce { stream, sync } => self.flush_before_snapshot(stream, sync),
        }
    }
}
