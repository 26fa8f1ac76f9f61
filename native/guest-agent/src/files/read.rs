//! `fs.read`: the entry, then the bytes in chunks; memory stays flat whatever the size.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::PathBuf;

use super::entry::EntryWriter;
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::frame::MAX_PAYLOAD_BYTES;
use crate::protocol::{Args, Code, OpError, OpResult};
use crate::reactor::{read, Transfer};

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let offset = args.optional_u64("offset")?.unwrap_or(0);
    let length = args.optional_u64("length")?.unwrap_or(u64::MAX);
    Ok(Box::new(move |channel| run(channel, &path, offset, length)))
}

fn run(channel: &JobChannel, path: &PathBuf, offset: u64, length: u64) -> OpResult {
    let subject = path.to_string_lossy();
    let fault = |error: std::io::Error| OpError::of_io(&error, &subject);
    // Without O_NONBLOCK the open of a pipe would wait for a writer, where no CANCEL can reach it.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if metadata.is_dir() {
        return Err(OpError::new(Code::IsADirectory, format!("{subject}: is a directory")));
    }
    let entry = EntryWriter::default().write(path, &metadata).finish();
    channel.send_event(ObjectWriter::new().string("event", "stat").raw("entry", &entry).finish())?;
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(fault)?;
    }
    let is_pipe = metadata.file_type().is_fifo();
    let mut seen_writer = false;
    let mut bytes = 0;
    while bytes < length {
        let wanted = (length - bytes).min(MAX_PAYLOAD_BYTES as u64) as usize;
        // A file may be much smaller than a chunk, or tell no size at all (/proc).
        let expected = metadata.len().saturating_sub(offset + bytes).clamp(4096, wanted.max(4096) as u64) as usize;
        let mut chunk = vec![0; wanted.min(expected)];
        match read(file.as_raw_fd(), &mut chunk) {
            Transfer::Bytes(count) => {
                seen_writer = true;
                chunk.truncate(count);
                bytes += count as u64;
                channel.send_data(chunk)?;
            }
            // A pipe that nobody has opened for writing yet.
            Transfer::End if is_pipe && !seen_writer => {
                wait_readable(channel, file.as_raw_fd())?;
                seen_writer = true;
            }
            Transfer::End => break,
            Transfer::WouldBlock => wait_readable(channel, file.as_raw_fd())?,
            Transfer::Failed(errno) => return Err(OpError::of_errno(errno, &subject)),
        }
    }
    Ok(ObjectWriter::new().int("bytes", bytes as i64).finish())
}

fn wait_readable(channel: &JobChannel, fd: i32) -> Result<(), OpError> {
    let interest = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut waited = [interest(fd), interest(channel.cancel_fd())];
    unsafe { libc::poll(waited.as_mut_ptr(), 2, -1) };
    channel.check_cancelled()
}
