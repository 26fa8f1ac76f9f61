//! Host name, machine id and boot id: files in `/run/pandastack` that are bound over the real ones at boot, so that a refresh
//! is one write to memory each.

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

pub struct Identity {
    hostname: Option<IdentityFile>,
    machine_id: Option<IdentityFile>,
    boot_id_file: Option<IdentityFile>,
    boot_id: String,
}

struct IdentityFile {
    file: File,
    length: Cell<u64>,
}

/// Where the kernel shows the boot id, and where processes read it.
pub const BOOT_ID_PATH: &str = "/proc/sys/kernel/random/boot_id";

fn open(path: &Path) -> Option<IdentityFile> {
    let file = File::options().write(true).create(true).truncate(false).open(path).ok()?;
    let length = Cell::new(file.metadata().map_or(u64::MAX, |found| found.len()));
    Some(IdentityFile { file, length })
}

fn current_boot_id() -> String {
    fs::read_to_string(BOOT_ID_PATH).unwrap_or_default().trim_end().to_owned()
}

impl Identity {
    /// The files in `folder` that are bound over the real ones.
    pub fn in_folder(folder: &Path) -> Self {
        let file = |name: &str| open(&folder.join(name));
        Self {
            hostname: file("hostname"),
            machine_id: file("machine-id"),
            boot_id_file: file("boot_id"),
            boot_id: current_boot_id(),
        }
    }

    /// A process on a machine that is not ours: changes nothing.
    pub fn of_stranger() -> Self {
        Self { hostname: None, machine_id: None, boot_id_file: None, boot_id: current_boot_id() }
    }

    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// What `boot_id` answers from now on; the file follows with `set`.
    pub fn announce(&mut self, boot_id: &str) {
        boot_id.clone_into(&mut self.boot_id);
    }

    pub fn set(&mut self, hostname: Option<&str>, machine_id: Option<&str>, boot_id: Option<&str>) {
        if let Some(name) = hostname {
            if unsafe { libc::sethostname(name.as_ptr().cast(), name.len()) } < 0 {
                crate::log!("cannot set the host name: {}", std::io::Error::last_os_error());
            }
            write_line(&self.hostname, name, "hostname");
        }
        if let Some(id) = machine_id {
            write_line(&self.machine_id, id, "machine-id");
        }
        if let Some(id) = boot_id {
            write_line(&self.boot_id_file, id, "boot_id");
        }
    }
}

/// Cuts only what is longer than the new line, which the two ids never are: shortening a file is a long path.
fn write_line(file: &Option<IdentityFile>, text: &str, name: &str) {
    let Some(IdentityFile { file, length }) = file else { return };
    let line = format!("{text}\n");
    let bytes = line.len() as u64;
    let mut written = file.write_all_at(line.as_bytes(), 0);
    if length.replace(bytes) > bytes {
        written = written.and_then(|()| file.set_len(bytes));
    }
    if let Err(error) = written {
        crate::log!("cannot write {name}: {error}");
    }
}
