//! `fs.remove`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::walk::{Step, Walk};
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::{Args, Code, OpError};

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let recursive = args.bool_or("recursive", false)?;
    let missing_ok = args.bool_or("missing_ok", false)?;
    if path.components().count() < 2 {
        return Err(OpError::bad_request("the root folder stays"));
    }
    Ok(Box::new(move |channel| match remove(channel, &path, recursive) {
        Err(error) if missing_ok && error.code == Code::NotFound => Ok(ObjectWriter::new().finish()),
        other => other.map(|()| ObjectWriter::new().finish()),
    }))
}

/// Removes a file, a link, an empty folder, or with `recursive` a whole tree.
pub fn remove(channel: &JobChannel, path: &Path, recursive: bool) -> Result<(), OpError> {
    let fault = |error: io::Error| OpError::of_io(&error, &path.to_string_lossy());
    if !fs::symlink_metadata(path).map_err(fault)?.is_dir() {
        return fs::remove_file(path).map_err(fault);
    }
    if recursive {
        let mut walk = Walk::new(path, usize::MAX).map_err(fault)?.leaving_folders();
        while let Some(step) = walk.next().map_err(fault)? {
            channel.check_cancelled()?;
            let gone = match step {
                Step::Found(_, metadata) if metadata.is_dir() => continue,
                Step::Found(path, _) => fs::remove_file(path),
                Step::Left(path) => fs::remove_dir(path),
            };
            match gone {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
                _ => {}
            }
        }
    }
    fs::remove_dir(path).map_err(fault)
}
