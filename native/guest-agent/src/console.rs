//! The agent's own words, on standard error: the VM's console. Rare by design; an emulated serial line is slow.

/// Writes one line; never fails, never blocks for a reader that is not there.
pub fn log(line: std::fmt::Arguments<'_>) {
    let text = format!("pandastack-guest-agent: {line}\n");
    // A console that can't be written must not matter, so the result is dropped.
    unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
}

#[macro_export]
macro_rules! log {
    ($($part:tt)*) => { $crate::console::log(format_args!($($part)*)) };
}
