//! `fs.mkdir`.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::entry::EntryWriter;
use super::folder::{make_folder, make_folders};
use crate::accounts::Accounts;
use crate::jobs::Work;
use crate::protocol::{Args, OpError};

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let parents = args.bool_or("parents", true)?;
    let mode = args.optional_mode("mode")?.unwrap_or(0o755);
    let user = args.optional_str("user")?.map(|user| Accounts::default().user(user)).transpose()?;
    Ok(Box::new(move |_| {
        let made = || -> io::Result<Vec<u8>> {
            let created = if parents {
                make_folders(&path, mode, user.as_ref())?
            } else {
                make_folder(&path, mode, user.as_ref())?;
                true
            };
            let metadata = fs::metadata(&path)?;
            Ok(EntryWriter::default().write(&path, &metadata).bool("created", created).finish())
        };
        made().map_err(|error| OpError::of_io(&error, &path.to_string_lossy()))
    }))
}
