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
