//! `fs.stat`.

use std::path::PathBuf;

use super::entry::EntryWriter;
use crate::jobs::Work;
use crate::protocol::{Args, OpError};

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let follow = args.bool_or("follow", true)?;
    Ok(Box::new(move |_| {
        EntryWriter::default().read(&path, follow).map_err(|error| OpError::of_io(&error, &path.to_string_lossy()))
    }))
}
