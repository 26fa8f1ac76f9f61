//! Starting a command with `clone(CLONE_VM | CLONE_VFORK)`: no page table is copied, and the child shares our memory until
//! it executes, so that it can report what failed without a pipe.
//!
//! Between clone and exec the child may only make system calls on memory prepared before: no allocation, no lock, no
//! glibc wrapper that synchronises threads (`setuid` and friends go straight to the kernel).

use std::ffi::{c_char, c_int, c_void, CString};
use std::io;
use std::os::fd::RawFd;
use std::ptr;

/// What becomes of user and groups; `None` in the plan: the agent's own.
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

pub struct SpawnPlan {
    /// Paths to try in order, from `PATH`.
    pub candidates: Vec<CString>,
    pub argv: Vec<CString>,
    pub env: Vec<CString>,
    pub cwd: CString,
    /// A home that does not exist is replaced by `/`; a folder that was asked for is not.
    pub may_fall_back_to_root: bool,
    pub credentials: Option<Credentials>,
    /// Standard input, output, error. All above 2.
    pub stdio: [RawFd; 3],
    /// Standard input is a terminal that becomes the controlling one.
    pub is_terminal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Clone,
    Session,
    Stdio,
    User,
    Cwd,
}

#[derive(Debug)]
pub struct SpawnError {
    pub stage: Stage,
    pub errno: i32,
}

/// The child runs a handful of small functions; the kernel writes the new program's stack elsewhere.
const CHILD_STACK_BYTES: usize = 64 * 1024;

struct Child<'a> {
    plan: &'a SpawnPlan,
    candidates: Vec<*const c_char>,
    argv: Vec<*const c_char>,
    /// For files without `#!`: `/bin/sh FILE ARGS…`, as execvp does.
    script_argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    failed: Option<(Stage, i32)>,
}

/// A stack for children, allocated once: at most one child uses it, because the parent waits for its exec.
pub struct Spawner {
    stack: Vec<u8>,
}

impl Default for Spawner {
    fn default() -> Self {
        Self { stack: vec![0; CHILD_STACK_BYTES] }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

impl Spawner {
    /// Starts the command; it leads its own session. A command that can't be executed is started all the same: it says so on
    /// its standard error and exits 127 (not found) or 126.
    pub fn spawn(&mut self, plan: &SpawnPlan) -> Result<libc::pid_t, SpawnError> {
        let argv = pointers(&plan.argv);
        let mut script_argv = vec![c"/bin/sh".as_ptr(), ptr::null()];
        script_argv.extend_from_slice(&argv[1..]);
        let mut child = Child {
            plan,
            candidates: pointers(&plan.candidates),
            argv,
            script_argv,
            env: pointers(&plan.env),
            failed: None,
        };
        let top = self.stack.as_mut_ptr_range().end as usize & !15;
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument: *mut c_void = (&raw mut child).cast();
        let pid = unsafe { libc::clone(run_child, top as *mut c_void, flags, argument) };
        if pid < 0 {
            let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EAGAIN);
            return Err(SpawnError { stage: Stage::Clone, errno });
        }
        // The child wrote this through shared memory, behind the compiler's back.
        let failed = unsafe { ptr::read_volatile(&raw const child.failed) };
        match failed {
            None => Ok(pid),
            Some((stage, errno)) => {
                unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
                Err(SpawnError { stage, errno })
            }
        }
    }
}

fn last_errno() -> i32 {
    unsafe { *libc::__errno_location() }
}

extern "C" fn run_child(argument: *mut c_void) -> c_int {
    let child = unsafe { &mut *argument.cast::<Child>() };
    if let Err(stage) = unsafe { prepare(child.plan) } {
        let failed = Some((stage, last_errno()));
        unsafe {
            ptr::write_volatile(&raw mut child.failed, failed);
            libc::_exit(1)
        }
    }
    unsafe { execute(child) }
}

unsafe fn prepare(plan: &SpawnPlan) -> Result<(), Stage> {
    let check = |result: c_int, stage: Stage| if result < 0 { Err(stage) } else { Ok(()) };
    let mut none: libc::sigset_t = std::mem::zeroed();
    libc::sigemptyset(&mut none);
    libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    check(libc::setsid(), Stage::Session)?;
    for (target, fd) in plan.stdio.iter().enumerate() {
        check(libc::dup2(*fd, target as c_int), Stage::Stdio)?;
    }
    if plan.is_terminal {
        check(libc::ioctl(0, libc::TIOCSCTTY, 0), Stage::Stdio)?;
    }
    if let Some(to) = &plan.credentials {
        let calls = [
            libc::syscall(libc::SYS_setgroups, to.groups.len(), to.groups.as_ptr()),
            libc::syscall(libc::SYS_setresgid, to.gid, to.gid, to.gid),
            libc::syscall(libc::SYS_setresuid, to.uid, to.uid, to.uid),
        ];
        for result in calls {
            check(result as c_int, Stage::User)?;
        }
    }
    if libc::chdir(plan.cwd.as_ptr()) < 0 {
        let errno = last_errno();
        if !plan.may_fall_back_to_root || libc::chdir(c"/".as_ptr()) < 0 {
            *libc::__errno_location() = errno;
            return Err(Stage::Cwd);
        }
    }
    Ok(())
}

unsafe fn execute(child: &mut Child) -> ! {
    let mut errno = libc::ENOENT;
    for &path in &child.candidates[..child.candidates.len() - 1] {
        libc::execve(path, child.argv.as_ptr(), child.env.as_ptr());
        match last_errno() {
            libc::ENOEXEC => {
                child.script_argv[1] = path;
                libc::execve(c"/bin/sh".as_ptr(), child.script_argv.as_ptr(), child.env.as_ptr());
                errno = libc::ENOEXEC;
            }
            libc::ENOENT | libc::ENOTDIR => {}
            other => errno = other,
        }
    }
    let is_missing = errno == libc::ENOENT;
    let reason = match errno {
        libc::ENOENT => c": command not found\n",
        libc::EACCES => c": permission denied\n",
        libc::E2BIG => c": argument list too long\n",
        _ => c": cannot be executed\n",
    };
    libc::write(2, child.argv[0].cast(), libc::strlen(child.argv[0]));
    libc::write(2, reason.as_ptr().cast(), reason.count_bytes());
    libc::_exit(if is_missing { 127 } else { 126 })
}
