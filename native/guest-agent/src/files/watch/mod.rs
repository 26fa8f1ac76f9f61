//! `fs.watch`: inotify on a thread of its own, which sleeps in `poll` until something happens or nobody is interested.

mod events;
mod tree;

use std::fs;
use std::path::PathBuf;

use crate::jobs::{JobChannel, Work};
use crate::json::ObjectWriter;
use crate::protocol::{Args, OpError, OpResult};
use events::{Change, Reader};
use tree::Tree;

pub fn work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    let recursive = args.bool_or("recursive", false)?;
    Ok(Box::new(move |channel| run(channel, path, recursive)))
}

fn run(channel: &JobChannel, path: PathBuf, recursive: bool) -> OpResult {
    let subject = path.to_string_lossy().into_owned();
    let fault = |error: std::io::Error| OpError::of_io(&error, &subject);
    let is_dir = fs::metadata(&path).map_err(fault)?.is_dir();
    let mut tree = Tree::new(path, recursive && is_dir).map_err(fault)?;
    let mut reader = Reader::default();
    channel.send_event(ObjectWriter::new().string("event", "ready").finish())?;
    loop {
        wait(channel, tree.raw_fd())?;
        for change in reader.read(&mut tree) {
            channel.send_event(json_of(&change))?;
        }
    }
}

fn wait(channel: &JobChannel, fd: i32) -> Result<(), OpError> {
    let interest = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut waited = [interest(fd), interest(channel.cancel_fd())];
    unsafe { libc::poll(waited.as_mut_ptr(), 2, -1) };
    channel.check_cancelled()
}

fn json_of(change: &Change) -> Vec<u8> {
    match change {
        Change::Overflow => ObjectWriter::new().string("event", "overflow").finish(),
        Change::Seen { kind, path, from, is_dir } => {
            let json = ObjectWriter::new()
                .string("event", "change")
                .string("kind", kind)
                .string("path", &path.to_string_lossy());
            let json = match from {
                Some(from) => json.string("from", &from.to_string_lossy()),
                None => json,
            };
            json.bool("is_dir", *is_dir).finish()
        }
    }
}
