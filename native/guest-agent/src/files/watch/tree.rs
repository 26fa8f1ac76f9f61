//! The watched folders. A new folder is watched before its content is reported, so that nothing is created unseen.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use super::super::c_path;
use super::super::walk::{Step, Walk};

const MASK: u32 = libc::IN_CREATE
    | libc::IN_MODIFY
    | libc::IN_CLOSE_WRITE
    | libc::IN_DELETE
    | libc::IN_DELETE_SELF
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_ATTRIB;

pub struct Tree {
    inotify: OwnedFd,
    folders: BTreeMap<i32, PathBuf>,
    pub is_recursive: bool,
}

impl Tree {
    pub fn new(root: PathBuf, is_recursive: bool) -> io::Result<Self> {
        let fd = unsafe { libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let inotify = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut tree = Self { inotify, folders: BTreeMap::new(), is_recursive };
        tree.add(&root)?;
        if is_recursive {
            tree.add_below(&root)?;
        }
        Ok(tree)
    }

    pub fn raw_fd(&self) -> RawFd {
        self.inotify.as_raw_fd()
    }

    pub fn path_of(&self, watch: i32) -> Option<&Path> {
        self.folders.get(&watch).map(PathBuf::as_path)
    }

    pub fn watches(&self, folder: &Path) -> bool {
        self.folders.values().any(|path| path == folder)
    }

    fn add(&mut self, path: &Path) -> io::Result<()> {
        let watch = unsafe { libc::inotify_add_watch(self.raw_fd(), c_path(path).as_ptr(), MASK) };
        if watch < 0 {
            return Err(io::Error::last_os_error());
        }
        self.folders.insert(watch, path.to_owned());
        Ok(())
    }

    /// Each folder is added before it is entered: the walk reads its names only after this returns.
    fn add_below(&mut self, root: &Path) -> io::Result<()> {
        let mut walk = Walk::new(root, usize::MAX)?;
        while let Some(step) = walk.next()? {
            if let Step::Found(path, metadata) = step {
                if metadata.is_dir() {
                    self.add_if_there(&path)?;
                }
            }
        }
        Ok(())
    }

    fn add_if_there(&mut self, path: &Path) -> io::Result<()> {
        match self.add(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Watches a folder that appeared, and names what was in it already. An error means that events may be missed.
    pub fn adopt(&mut self, root: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
        let mut content = Vec::new();
        self.add_if_there(root)?;
        if fs::symlink_metadata(root).is_err() {
            return Ok(content);
        }
        let mut walk = Walk::new(root, usize::MAX)?;
        while let Some(step) = walk.next()? {
            if let Step::Found(path, metadata) = step {
                if metadata.is_dir() {
                    self.add_if_there(&path)?;
                }
                content.push((path, metadata.is_dir()));
            }
        }
        Ok(content)
    }

    /// The kernel dropped the watch.
    pub fn forget(&mut self, watch: i32) {
        self.folders.remove(&watch);
    }

    /// A folder moved within the tree takes its watches along.
    pub fn rename(&mut self, from: &Path, to: &Path) {
        for path in self.folders.values_mut() {
            if let Ok(rest) = path.strip_prefix(from) {
                *path = if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) };
            }
        }
    }

    /// A folder moved out of the tree is not ours any more.
    pub fn drop_below(&mut self, root: &Path) {
        let inotify = self.raw_fd();
        self.folders.retain(|watch, path| {
            let stays = !path.starts_with(root);
            if !stays {
                unsafe { libc::inotify_rm_watch(inotify, *watch) };
            }
            stays
        });
    }
}
