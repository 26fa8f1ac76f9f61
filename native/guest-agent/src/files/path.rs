//! Paths as the kernel wants them.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Paths from the peer were checked for NUL; names from the kernel have none.
pub fn c_path(path: impl AsRef<OsStr>) -> CString {
    CString::new(path.as_ref().as_bytes()).unwrap_or_default()
}

/// Writing here means telling the kernel, never replacing a file.
pub fn is_kernel_interface(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/sys")
}

/// The path without `.`, `..` and doubled slashes, by its text alone.
pub fn normalised(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn dots_are_resolved_and_never_leave_the_root() {
        assert_eq!(normalised("/tmp/x/../../root/y"), "/root/y");
        assert_eq!(normalised("/../../etc//./passwd/"), "/etc/passwd");
        assert_eq!(normalised("/"), "/");
    }
}
