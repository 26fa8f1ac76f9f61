//! Copying a tree with owners, modes, times and links, for moves across file systems.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{lchown, symlink, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use super::c_path;
use super::walk::{Step, Walk};
use crate::jobs::JobChannel;
use crate::protocol::OpError;

/// Between two looks at the cancellation.
const COPY_STEP_BYTES: usize = 8 * 1024 * 1024;

pub fn copy_tree(channel: &JobChannel, from: &Path, to: &Path) -> Result<(), OpError> {
    let fault = |error: io::Error| OpError::of_io(&error, &from.to_string_lossy());
    let metadata = fs::symlink_metadata(from).map_err(fault)?;
    copy_one(channel, from, to, &metadata)?;
    if !metadata.is_dir() {
        return Ok(());
    }
    let mut walk = Walk::new(from, usize::MAX).map_err(fault)?.leaving_folders();
    while let Some(step) = walk.next().map_err(fault)? {
        channel.check_cancelled()?;
        match step {
            Step::Found(path, metadata) => copy_one(channel, &path, &target(from, to, &path), &metadata)?,
            // Only now: adding files changes a folder's time.
            Step::Left(path) => {
                if let Ok(metadata) = fs::symlink_metadata(&path) {
                    copy_times(&target(from, to, &path), &metadata).map_err(fault)?;
                }
            }
        }
    }
    copy_times(to, &metadata).map_err(fault)
}

fn target(from: &Path, to: &Path, path: &Path) -> std::path::PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) => to.join(rest),
        Err(_) => to.to_owned(),
    }
}

fn copy_one(channel: &JobChannel, from: &Path, to: &Path, metadata: &Metadata) -> Result<(), OpError> {
    let fault = |error: io::Error| OpError::of_io(&error, &from.to_string_lossy());
    let kind = metadata.file_type();
    if kind.is_file() {
        copy_bytes(channel, from, to)?;
    } else if kind.is_dir() {
        fs::create_dir(to).map_err(fault)?;
    } else if kind.is_symlink() {
        symlink(fs::read_link(from).map_err(fault)?, to).map_err(fault)?;
    } else if unsafe { libc::mknod(c_path(to).as_ptr(), metadata.mode(), metadata.rdev()) } < 0 {
        return Err(OpError::last_os(&to.to_string_lossy()));
    }
    lchown(to, Some(metadata.uid()), Some(metadata.gid())).map_err(fault)?;
    if kind.is_symlink() {
        return Ok(());
    }
    fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode() & 0o7777)).map_err(fault)?;
    super::xattr::copy(from, to);
    if kind.is_file() {
        copy_times(to, metadata).map_err(fault)?;
    }
    Ok(())
}

fn copy_bytes(channel: &JobChannel, from: &Path, to: &Path) -> Result<(), OpError> {
    let fault = |error: io::Error| OpError::of_io(&error, &from.to_string_lossy());
    let source = File::open(from).map_err(fault)?;
    let copy = File::options().write(true).create_new(true).open(to).map_err(fault)?;
    loop {
        let mut part = io::Read::take(&source, COPY_STEP_BYTES as u64);
        if io::copy(&mut part, &mut &copy).map_err(fault)? == 0 {
            return Ok(());
        }
        channel.check_cancelled()?;
    }
}

fn copy_times(to: &Path, metadata: &Metadata) -> io::Result<()> {
    let nanoseconds = metadata.mtime_nsec() as u32;
    let Some(modified) = UNIX_EPOCH.checked_add(Duration::new(metadata.mtime().max(0) as u64, nanoseconds)) else {
        return Ok(());
    };
    File::open(to)?.set_modified(modified)
}
