//! Walking a tree without recursion: a stack of folders, so that depth costs memory and never the thread's stack.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::folder::Names;

pub struct Walk {
    levels: Vec<Names>,
    path: PathBuf,
    max_depth: usize,
    /// The walk also names each folder again after its content.
    leaves_folders: bool,
    enters: bool,
}

pub enum Step {
    /// Found; a folder's content follows.
    Found(PathBuf, Metadata),
    /// All of the folder's content was named.
    Left(PathBuf),
}

impl Walk {
    /// Names what is in `root`, sorted within each folder; links are not followed. Folders are entered up to `max_depth`.
    pub fn new(root: &Path, max_depth: usize) -> io::Result<Self> {
        let levels = vec![Names::read(root)?];
        Ok(Self { levels, path: root.to_owned(), max_depth, leaves_folders: false, enters: false })
    }

    pub fn leaving_folders(mut self) -> Self {
        self.leaves_folders = true;
        self
    }

    /// What vanishes while the walk goes on is passed over.
    pub fn next(&mut self) -> io::Result<Option<Step>> {
        if std::mem::take(&mut self.enters) {
            match Names::read(&self.path) {
                Ok(names) => self.levels.push(names),
                Err(error) => {
                    let folder = self.path.clone();
                    self.path.pop();
                    if error.kind() != io::ErrorKind::NotFound {
                        return Err(error);
                    }
                    if self.leaves_folders {
                        return Ok(Some(Step::Left(folder)));
                    }
                }
            }
        }
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some(name) = level.next() else {
                self.levels.pop();
                if self.levels.is_empty() {
                    return Ok(None);
                }
                let folder = self.path.clone();
                self.path.pop();
                if self.leaves_folders {
                    return Ok(Some(Step::Left(folder)));
                }
                continue;
            };
            let path = self.path.join(name);
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
                Ok(metadata) => {
                    if metadata.is_dir() && self.levels.len() < self.max_depth {
                        self.path.push(path.file_name().unwrap_or_default());
                        self.enters = true;
                    }
                    return Ok(Some(Step::Found(path, metadata)));
                }
            }
        }
    }
}
