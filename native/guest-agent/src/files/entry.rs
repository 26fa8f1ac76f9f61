//! One file as the protocol shows it.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::accounts::Accounts;
use crate::json::ObjectWriter;

/// Writes entries; keeps the account files that name their owners.
#[derive(Default)]
pub struct EntryWriter {
    accounts: Accounts,
}

impl EntryWriter {
    /// The entry of `path`, of what it points to when `follow`.
    pub fn read(&mut self, path: &Path, follow: bool) -> io::Result<Vec<u8>> {
        let metadata = if follow { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        Ok(self.write(path, &metadata).finish())
    }

    pub fn write(&mut self, path: &Path, metadata: &Metadata) -> ObjectWriter {
        let name = path.file_name().map_or_else(|| "/".into(), |name| name.to_string_lossy());
        let target = metadata.file_type().is_symlink().then(|| fs::read_link(path).ok()).flatten();
        let mode = metadata.mode();
        ObjectWriter::new()
            .string("name", &name)
            .string("path", &path.to_string_lossy())
            .string("type", type_name(metadata))
            .int("size", metadata.size() as i64)
            .int("mode", i64::from(mode & 0o7777))
            .string("mode_string", &mode_string(mode))
            .int("uid", metadata.uid().into())
            .int("gid", metadata.gid().into())
            .string("user", &self.accounts.user_name(metadata.uid()))
            .string("group", &self.accounts.group_name(metadata.gid()))
            .int("mtime_ms", metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000)
            .string_or_null("symlink_target", target.as_deref().map(Path::to_string_lossy).as_deref())
    }
}

fn type_name(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    match () {
        _ if kind.is_file() => "file",
        _ if kind.is_dir() => "dir",
        _ if kind.is_symlink() => "symlink",
        _ if kind.is_char_device() => "char",
        _ if kind.is_block_device() => "block",
        _ if kind.is_fifo() => "fifo",
        _ => "socket",
    }
}

/// As `ls -l` shows it.
fn mode_string(mode: u32) -> String {
    let mut text = String::with_capacity(10);
    text.push(match mode & libc::S_IFMT {
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        _ => '-',
    });
    for (shift, special, set, unset) in [(6, 0o4000, 's', 'S'), (3, 0o2000, 's', 'S'), (0, 0o1000, 't', 'T')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_in_ls() {
        assert_eq!(mode_string(libc::S_IFDIR | 0o755), "drwxr-xr-x");
        assert_eq!(mode_string(libc::S_IFREG | 0o4755), "-rwsr-xr-x");
        assert_eq!(mode_string(libc::S_IFREG | 0o2644), "-rw-r-Sr--");
        assert_eq!(mode_string(libc::S_IFDIR | 0o1777), "drwxrwxrwt");
    }
}
