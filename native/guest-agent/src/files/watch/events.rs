//! From inotify's events to changes: two halves of a rename become one, writes in a row to one file become one.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::tree::Tree;
use crate::reactor::{read, Transfer};

#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Seen { kind: &'static str, path: PathBuf, from: Option<PathBuf>, is_dir: bool },
    Overflow,
}

fn seen(kind: &'static str, path: PathBuf, is_dir: bool) -> Change {
    Change::Seen { kind, path, from: None, is_dir }
}

/// Holds at least one event with the longest name (16 + 256), and usually all that wait.
const BUFFER_BYTES: usize = 16 * 1024;
const HEADER_BYTES: usize = 16;

struct RawEvent {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: PathBuf,
}

impl RawEvent {
    fn has(&self, bits: u32) -> bool {
        self.mask & bits != 0
    }
}

#[derive(Default)]
pub struct Reader {
    buffer: Vec<u8>,
}

/// The first half of a rename, which waits for its second.
struct Departure {
    cookie: u32,
    path: PathBuf,
    is_dir: bool,
}

impl Reader {
    /// All changes that can be read now.
    pub fn read(&mut self, tree: &mut Tree) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut departure: Option<Departure> = None;
        loop {
            self.read_batch(tree, &mut departure, &mut changes);
            // The kernel queues the second half of a rename after the first, but not in the same instant.
            if departure.is_none() || !has_more(tree.raw_fd()) {
                break;
            }
        }
        // A lone first half has left the tree.
        leave(departure.take(), tree, &mut changes);
        changes
    }

    fn read_batch(&mut self, tree: &mut Tree, departure: &mut Option<Departure>, changes: &mut Vec<Change>) {
        self.buffer.resize(BUFFER_BYTES, 0);
        let Transfer::Bytes(count) = read(tree.raw_fd(), &mut self.buffer) else { return };
        for event in split(&self.buffer[..count]) {
            let arrives =
                departure.as_ref().is_some_and(|left| event.has(libc::IN_MOVED_TO) && left.cookie == event.cookie);
            if !arrives {
                leave(departure.take(), tree, changes);
            }
            translate(event, departure, tree, changes);
        }
    }
}

/// How long the first half of a rename waits for its second: the renaming task may lose its processor between the two.
const RENAME_WAIT_MS: i32 = 50;

fn has_more(fd: i32) -> bool {
    let mut waited = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    unsafe { libc::poll(&mut waited, 1, RENAME_WAIT_MS) > 0 }
}

fn leave(departure: Option<Departure>, tree: &mut Tree, changes: &mut Vec<Change>) {
    let Some(Departure { path, is_dir, .. }) = departure else { return };
    if is_dir {
        tree.drop_below(&path);
    }
    push(changes, seen("remove", path, is_dir));
}

fn push(changes: &mut Vec<Change>, change: Change) {
    if changes.last() != Some(&change) {
        changes.push(change);
    }
}

fn split(mut bytes: &[u8]) -> Vec<RawEvent> {
    let word = |bytes: &[u8], at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut events = Vec::new();
    while bytes.len() >= HEADER_BYTES {
        let end = HEADER_BYTES + word(bytes, 12) as usize;
        let Some(name) = bytes.get(HEADER_BYTES..end) else { break };
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        events.push(RawEvent {
            watch: word(bytes, 0) as i32,
            mask: word(bytes, 4),
            cookie: word(bytes, 8),
            name: PathBuf::from(OsStr::from_bytes(name)),
        });
        bytes = &bytes[end..];
    }
    events
}

fn translate(event: RawEvent, departure: &mut Option<Departure>, tree: &mut Tree, changes: &mut Vec<Change>) {
    if event.has(libc::IN_Q_OVERFLOW) {
        return push(changes, Change::Overflow);
    }
    if event.has(libc::IN_IGNORED) {
        return tree.forget(event.watch);
    }
    let Some(folder) = tree.path_of(event.watch) else { return };
    let names_itself = event.name.as_os_str().is_empty();
    let path = if names_itself { folder.to_owned() } else { folder.join(&event.name) };
    let is_dir = event.has(libc::IN_ISDIR);
    if event.has(libc::IN_CREATE) {
        push(changes, seen("create", path.clone(), is_dir));
        adopt(is_dir, &path, tree, changes);
    } else if event.has(libc::IN_MOVED_FROM) {
        *departure = Some(Departure { cookie: event.cookie, path, is_dir });
    } else if event.has(libc::IN_MOVED_TO) {
        arrive(departure.take(), path, is_dir, tree, changes);
    } else if event.has(libc::IN_MODIFY | libc::IN_CLOSE_WRITE) {
        push(changes, seen("write", path, is_dir));
    } else if event.has(libc::IN_DELETE) {
        push(changes, seen("remove", path, is_dir));
    } else if event.has(libc::IN_DELETE_SELF) {
        // A folder inside the tree is named by its parent's watch; only the root has none.
        if !has_watched_parent(tree, &path) {
            push(changes, seen("remove", path, is_dir));
        }
    } else if event.has(libc::IN_ATTRIB) && !(names_itself && is_dir && has_watched_parent(tree, &path)) {
        push(changes, seen("chmod", path, is_dir));
    }
}

fn has_watched_parent(tree: &Tree, path: &Path) -> bool {
    path.parent().is_some_and(|parent| tree.watches(parent))
}

fn arrive(departure: Option<Departure>, path: PathBuf, is_dir: bool, tree: &mut Tree, changes: &mut Vec<Change>) {
    match departure {
        Some(left) => {
            if is_dir {
                tree.rename(&left.path, &path);
            }
            changes.push(Change::Seen { kind: "rename", path, from: Some(left.path), is_dir });
        }
        None => {
            push(changes, seen("create", path.clone(), is_dir));
            adopt(is_dir, &path, tree, changes);
        }
    }
}

fn adopt(is_dir: bool, path: &Path, tree: &mut Tree, changes: &mut Vec<Change>) {
    if !is_dir || !tree.is_recursive {
        return;
    }
    match tree.adopt(path) {
        Ok(content) => content.into_iter().for_each(|(path, is_dir)| push(changes, seen("create", path, is_dir))),
        // Too many watches, or no right to look: the host must know that it sees less than all.
        Err(_) => push(changes, Change::Overflow),
    }
}
