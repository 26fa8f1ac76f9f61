//! Background work of the kernel that a sandbox has no use for: it costs idle sandboxes time, and restored ones their first
//! milliseconds, since timers that ran out are the first thing that a copy does.

use std::fs;

const SETTINGS: [(&str, &str); 2] = [
    // Seconds between foldings of the counters behind /proc/vmstat, which are folded when they are read, too. Default 1.
    ("/proc/sys/vm/stat_interval", "60"),
    // Moving memory together ahead of need, looked at twice a second. Default 20; 0 is off, on demand it works all the same.
    ("/proc/sys/vm/compaction_proactiveness", "0"),
];

pub fn apply() {
    for (path, value) in SETTINGS {
        if let Err(error) = fs::write(path, value) {
            crate::log!("cannot set {path}: {error}");
        }
    }
}
