//! `fs.write`: a regular file is written beside its place and renamed over it, so that readers see the old content or the
//! new one and a lost peer leaves nothing. Devices, pipes, kernel interfaces, `append` and `offset` write in place.

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{fchown, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::folder::make_parents;
use super::path::{is_kernel_interface, normalised};
use crate::accounts::{Accounts, User};
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::{Args, Code, OpError, OpResult};

const DEFAULT_MODE: u32 = 0o644;

struct Request {
    path: PathBuf,
    user: Option<User>,
    mode: Option<u32>,
    append: bool,
    offset: Option<u64>,
    parents: bool,
}

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let request = Request {
        path: PathBuf::from(args.path("path")?),
        user: args.optional_str("user")?.map(|user| Accounts::default().user(user)).transpose()?,
        mode: args.optional_mode("mode")?,
        append: args.bool_or("append", false)?,
        offset: args.optional_u64("offset")?,
        parents: args.bool_or("parents", true)?,
    };
    if request.append && request.offset.is_some() {
        return Err(OpError::bad_request("append and offset exclude each other"));
    }
    Ok(Box::new(move |channel| run(channel, request)))
}

fn run(channel: &JobChannel, request: Request) -> OpResult {
    let shown = normalised(&request.path.to_string_lossy());
    // A link is written through, as by every editor: the file it names is replaced, not the link.
    let path = fs::canonicalize(&request.path).unwrap_or_else(|_| request.path.clone());
    let subject = path.to_string_lossy().into_owned();
    let existing = fs::metadata(&path).ok();
    if existing.as_ref().is_some_and(Metadata::is_dir) {
        return Err(OpError::new(Code::IsADirectory, format!("{subject}: is a directory")));
    }
    if existing.is_none() && request.parents {
        make_parents(&path, request.user.as_ref()).map_err(|error| OpError::of_io(&error, &subject))?;
    }
    let is_plain = existing.as_ref().is_none_or(Metadata::is_file) && !is_kernel_interface(&path);
    let in_place = !is_plain || request.append || request.offset.is_some();
    let bytes = if in_place {
        write_in_place(channel, &request, &path, existing.is_none())
    } else {
        replace(channel, &request, &path, existing.as_ref())
    };
    let bytes = bytes.map_err(|fault| fault.into_error(&subject))?;
    Ok(ObjectWriter::new().string("path", &shown).int("bytes", bytes as i64).finish())
}

enum Fault {
    Cancelled(OpError),
    Io(io::Error),
}

impl Fault {
    fn into_error(self, subject: &str) -> OpError {
        match self {
            Fault::Cancelled(error) => error,
            Fault::Io(error) => OpError::of_io(&error, subject),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

fn copy_from_host(channel: &JobChannel, file: &mut File) -> Result<u64, Fault> {
    let mut bytes = 0;
    while let Some(chunk) = channel.receive().map_err(Fault::Cancelled)? {
        file.write_all(&chunk)?;
        bytes += chunk.len() as u64;
    }
    Ok(bytes)
}

fn write_in_place(channel: &JobChannel, request: &Request, path: &Path, is_new: bool) -> Result<u64, Fault> {
    let mut options = File::options();
    options.write(true).append(request.append).create(true).mode(DEFAULT_MODE).custom_flags(libc::O_NOCTTY);
    let mut file = options.open(path)?;
    if is_new {
        dress(&file, request, None)?;
    }
    if let Some(offset) = request.offset {
        file.seek(SeekFrom::Start(offset))?;
    }
    copy_from_host(channel, &mut file)
}

fn replace(channel: &JobChannel, request: &Request, path: &Path, old: Option<&Metadata>) -> Result<u64, Fault> {
    let temporary = Temporary::create_beside(path)?;
    let mut file = &temporary.file;
    let bytes = copy_from_host(channel, &mut file.try_clone()?)?;
    file.flush()?;
    dress(file, request, old)?;
    temporary.rename_to(path)?;
    Ok(bytes)
}

/// Gives the new file its owner and mode: those of the file it replaces, unless the request says otherwise.
fn dress(file: &File, request: &Request, old: Option<&Metadata>) -> io::Result<()> {
    match (old, &request.user) {
        (Some(old), _) => fchown(file, Some(old.uid()), Some(old.gid()))?,
        (None, Some(user)) => fchown(file, Some(user.uid), Some(user.gid))?,
        (None, None) => {}
    }
    let mode = request.mode.unwrap_or_else(|| old.map_or(DEFAULT_MODE, |old| old.mode() & 0o7777));
    file.set_permissions(fs::Permissions::from_mode(mode))
}

/// A file beside another one that vanishes unless it is renamed.
struct Temporary {
    file: File,
    path: Option<PathBuf>,
}

impl Temporary {
    fn create_beside(path: &Path) -> io::Result<Self> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let temporary = path.with_file_name(format!(".pandastack-{}-{number}.tmp", std::process::id()));
            let opened = File::options().write(true).create_new(true).mode(0o600).open(&temporary);
            match opened {
                Ok(file) => return Ok(Self { file, path: Some(temporary) }),
                // Left by an agent whose VM was cut off.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
        }
    }

    fn rename_to(mut self, path: &Path) -> io::Result<()> {
        if let Some(temporary) = &self.path {
            fs::rename(temporary, path)?;
        }
        self.path = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
