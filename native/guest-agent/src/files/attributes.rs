//! `fs.chmod` and `fs.chown`.

use std::fs;
use std::io;
use std::os::unix::fs::{lchown, PermissionsExt};
use std::path::{Path, PathBuf};

use super::walk::{Step, Walk};
use crate::accounts::Accounts;
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::{Args, OpError, OpResult};

pub fn chmod_work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let recursive = args.bool_or("recursive", false)?;
    let mode = args.optional_mode("mode")?.ok_or_else(|| OpError::bad_request("mode is missing"))?;
    let change = move |path: &Path, is_link: bool| {
        // A link has no mode of its own; below a folder its target is not part of the request.
        if is_link {
            return Ok(());
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    };
    Ok(Box::new(move |channel| apply(channel, &path, recursive, change)))
}

pub fn chown_work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let recursive = args.bool_or("recursive", false)?;
    let mut accounts = Accounts::default();
    let uid = args.optional_str("user")?.map(|user| accounts.user(user)).transpose()?.map(|user| user.uid);
    let gid = args.optional_str("group")?.map(|group| accounts.group_id(group)).transpose()?;
    if uid.is_none() && gid.is_none() {
        return Err(OpError::bad_request("user or group is missing"));
    }
    let change = move |path: &Path, is_link: bool| {
        if is_link {
            lchown(path, uid, gid)
        } else {
            std::os::unix::fs::chown(path, uid, gid)
        }
    };
    Ok(Box::new(move |channel| apply(channel, &path, recursive, change)))
}

/// Changes `path` (what it points to, if it is a link) and with `recursive` all below it.
fn apply(
    channel: &JobChannel,
    path: &Path,
    recursive: bool,
    change: impl Fn(&Path, bool) -> io::Result<()>,
) -> OpResult {
    let fault = |error: io::Error| OpError::of_io(&error, &path.to_string_lossy());
    change(path, false).map_err(fault)?;
    if recursive && fs::symlink_metadata(path).map_err(fault)?.is_dir() {
        let mut walk = Walk::new(path, usize::MAX).map_err(fault)?;
        while let Some(step) = walk.next().map_err(fault)? {
            channel.check_cancelled()?;
            if let Step::Found(path, metadata) = step {
                match change(&path, metadata.file_type().is_symlink()) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
                    _ => {}
                }
            }
        }
    }
    Ok(ObjectWriter::new().finish())
}
