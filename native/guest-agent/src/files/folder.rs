//! Making folders and reading their names.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{lchown, DirBuilderExt};
use std::path::{Path, PathBuf};

use crate::accounts::User;

/// Creates the missing folders above `path`, owned by `user`.
pub fn make_parents(path: &Path, user: Option<&User>) -> io::Result<()> {
    match path.parent() {
        Some(parent) => make_folders(parent, 0o755, user).map(drop),
        None => Ok(()),
    }
}

/// Creates `path` and what is missing above it; true when `path` itself was missing.
pub fn make_folders(path: &Path, mode: u32, user: Option<&User>) -> io::Result<bool> {
    let mut missing: Vec<PathBuf> = Vec::new();
    for folder in path.ancestors() {
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(folder.to_owned()),
            Err(error) => return Err(error),
        }
    }
    let is_new = !missing.is_empty();
    for folder in missing.iter().rev() {
        let mode = if folder == path { mode } else { 0o755 };
        match make_folder(folder, mode, user) {
            // Someone else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            other => other?,
        }
    }
    Ok(is_new)
}

pub fn make_folder(path: &Path, mode: u32, user: Option<&User>) -> io::Result<()> {
    fs::DirBuilder::new().mode(mode).create(path)?;
    // The umask may have taken bits away.
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    match user {
        Some(user) => lchown(path, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}

/// The sorted names of a folder in one piece of memory: a folder of a million files costs some 25 MB, not 100.
pub struct Names {
    bytes: Vec<u8>,
    /// Start and length in `bytes`, in reverse order, so that the next one is popped.
    spans: Vec<(u32, u8)>,
}

impl Names {
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            // NAME_MAX is 255; other names can't come from Linux.
            let (Ok(start), Ok(length)) = (u32::try_from(bytes.len()), u8::try_from(name.len())) else { continue };
            bytes.extend_from_slice(name.as_bytes());
            spans.push((start, length));
        }
        let mut names = Self { bytes, spans };
        let mut spans = std::mem::take(&mut names.spans);
        spans.sort_unstable_by(|one, other| names.at(*other).cmp(names.at(*one)));
        names.spans = spans;
        Ok(names)
    }

    fn at(&self, (start, length): (u32, u8)) -> &[u8] {
        &self.bytes[start as usize..start as usize + usize::from(length)]
    }

    pub fn next(&mut self) -> Option<&std::ffi::OsStr> {
        let span = self.spans.pop()?;
        Some(std::ffi::OsStr::from_bytes(self.at(span)))
    }
}
