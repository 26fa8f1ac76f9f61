//! `fs.move`: a rename, or a copy and a removal where a rename can't reach.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::c_path;
use super::copy::copy_tree;
use super::remove::remove;
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::{Args, OpError, OpResult};

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let from = PathBuf::from(args.path("from")?);
    let to = PathBuf::from(args.path("to")?);
    let overwrite = args.bool_or("overwrite", true)?;
    Ok(Box::new(move |channel| run(channel, &from, &to, overwrite)))
}

fn rename(from: &Path, to: &Path, overwrite: bool) -> io::Result<()> {
    let flags = if overwrite { 0 } else { libc::RENAME_NOREPLACE };
    let (old, new) = (c_path(from), c_path(to));
    let result = unsafe { libc::renameat2(libc::AT_FDCWD, old.as_ptr(), libc::AT_FDCWD, new.as_ptr(), flags) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // File systems that don't know the flag.
    if !overwrite && error.raw_os_error() == Some(libc::EINVAL) && fs::symlink_metadata(to).is_err() {
        return fs::rename(from, to);
    }
    Err(error)
}

fn run(channel: &JobChannel, from: &Path, to: &Path, overwrite: bool) -> OpResult {
    let subject = format!("{} to {}", from.to_string_lossy(), to.to_string_lossy());
    let fault = |error: io::Error| OpError::of_io(&error, &subject);
    match rename(from, to, overwrite) {
        Err(error) if error.raw_os_error() == Some(libc::EXDEV) => {}
        other => return other.map(|()| ObjectWriter::new().finish()).map_err(fault),
    }
    // The copy is made beside the target and renamed, so that the target is the old or the new, never half of one.
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let beside = to.with_file_name(format!(".pandastack-move-{name}.tmp"));
    let discard = |error| {
        let _ = if beside.is_dir() { fs::remove_dir_all(&beside) } else { fs::remove_file(&beside) };
        error
    };
    copy_tree(channel, from, &beside).map_err(discard)?;
    rename(&beside, to, overwrite).map_err(|error| discard(fault(error)))?;
    remove(channel, from, true)?;
    Ok(ObjectWriter::new().finish())
}
