//! Finding the virtio-serial port by its name: its number depends on the order of the VMM's devices.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;

const PORTS_FOLDER: &str = "/sys/class/virtio-ports";
pub const PORT_NAME: &str = "pandastack.agent";

/// Opens the port, non-blocking; `None` while the device is not there.
pub fn open_port() -> Option<OwnedFd> {
    for entry in fs::read_dir(PORTS_FOLDER).ok()?.flatten() {
        let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
        if name.trim_end() != PORT_NAME {
            continue;
        }
        let device = std::path::Path::new("/dev").join(entry.file_name());
        let opened = fs::File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(device);
        match opened {
            Ok(file) => return Some(file.into()),
            Err(error) => crate::log!("cannot open the port {:?}: {error}", entry.file_name()),
        }
    }
    None
}
