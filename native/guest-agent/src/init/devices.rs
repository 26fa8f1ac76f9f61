//! Waiting for devices. They usually are there when their modules are loaded, so this looks first and sleeps briefly.

use std::thread::sleep;
use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(1);

/// What `find` finds; without it in time there is nothing to go on with.
pub fn wait_for<T>(timeout: Duration, name: &str, find: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = find() {
            return found;
        }
        if Instant::now() > deadline {
            super::give_up(&format!("{name} did not appear"));
        }
        sleep(STEP);
    }
}
