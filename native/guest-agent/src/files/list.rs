//! `fs.list`: one entry in JSON per line, streamed.

use std::fs;
use std::path::PathBuf;

use super::entry::EntryWriter;
use super::walk::{Step, Walk};
use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::frame::MAX_PAYLOAD_BYTES;
use crate::protocol::{Args, Code, OpError, OpResult};

const MAX_DEPTH: u64 = 32;
/// Lines are sent in chunks of about this size; the longest line fits behind it into one frame.
const CHUNK_BYTES: usize = MAX_PAYLOAD_BYTES / 2;

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let depth = args.optional_u64("depth")?.unwrap_or(1);
    if !(1..=MAX_DEPTH).contains(&depth) {
        return Err(OpError::bad_request("depth is from 1 to 32"));
    }
    Ok(Box::new(move |channel| run(channel, &path, depth as usize)))
}

fn run(channel: &JobChannel, path: &PathBuf, depth: usize) -> OpResult {
    let fault = |error: std::io::Error| OpError::of_io(&error, &path.to_string_lossy());
    if !fs::metadata(path).map_err(fault)?.is_dir() {
        return Err(OpError::new(Code::NotADirectory, format!("{}: not a directory", path.to_string_lossy())));
    }
    let mut entries = EntryWriter::default();
    let mut walk = Walk::new(path, depth).map_err(fault)?;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut count = 0;
    while let Some(step) = walk.next().map_err(fault)? {
        let Step::Found(path, metadata) = step else { continue };
        chunk.extend_from_slice(&entries.write(&path, &metadata).finish());
        chunk.push(b'\n');
        count += 1;
        while chunk.len() >= CHUNK_BYTES {
            let rest = chunk.split_off(chunk.len().min(MAX_PAYLOAD_BYTES));
            channel.send_data(std::mem::replace(&mut chunk, rest))?;
        }
    }
    if !chunk.is_empty() {
        channel.send_data(chunk)?;
    }
    Ok(ObjectWriter::new().int("count", count).finish())
}
