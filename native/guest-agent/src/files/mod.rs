//! File operations. Each runs as a job and may block; each checks for its cancellation between steps.

mod attributes;
mod copy;
mod entry;
mod folder;
mod list;
mod mkdir;
mod move_path;
mod path;
mod read;
mod remove;
mod stat;
mod walk;
mod watch;
mod write;
mod xattr;

use crate::jobs::Work;
use crate::protocol::{Args, OpError};

pub use path::c_path;

/// The operation by this name; `None` when it is not about files. Arguments are read before the thread starts.
pub fn work(op: &str, args: Args<'_>) -> Option<Result<Work, OpError>> {
    Some(match op {
        "fs.read" => read::work(args),
        "fs.write" => write::work(args),
        "fs.list" => list::work(args),
        "fs.stat" => stat::work(args),
        "fs.mkdir" => mkdir::work(args),
        "fs.move" => move_path::work(args),
        "fs.remove" => remove::work(args),
        "fs.chmod" => attributes::chmod_work(args),
        "fs.chown" => attributes::chown_work(args),
        "fs.xattr.get" => xattr::get_work(args),
        "fs.xattr.set" => xattr::set_work(args),
        "fs.xattr.list" => xattr::list_work(args),
        "fs.xattr.remove" => xattr::remove_work(args),
        "fs.watch" => watch::work(args),
        _ => return None,
    })
}
