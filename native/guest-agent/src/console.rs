//! The agent's own words, on standard error: the VM's console. Rare by design; an emulated serial line is slow.

/// Writes one line; never fails, never blocks for a reader that is not there.
pub fn log(line: std::fmt::Arguments<'_>) {
    let text = format!("pandastack-guest-agent: {line}\n");
    // A console that can't be written must not matter, so the result is dropped.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

/// For a console that is a pipe: what does not fit into it is lost, and nobody waits for a reader.
pub fn never_wait() {
    for fd in [1, 2] {
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFL);
            libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
        }
    }
}

#[macro_export]
macro_rules! log {
    ($($part:tt)*) => { $crate::console::log(format_args!($($part)*)) };
}
