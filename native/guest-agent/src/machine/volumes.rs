//! `volume.mount` and `volume.unmount`.

use std::path::PathBuf;

use crate::files::c_path;
use crate::jobs::Work;
use crate::json::ObjectWriter;
use crate::protocol::{Args, OpError};

pub fn mount_work(args: Args<'_>) -> Result<Work, OpError> {
    let device = PathBuf::from(args.path("device")?);
    let path = PathBuf::from(args.path("path")?);
    let read_only = args.bool_or("read_only", false)?;
    Ok(Box::new(move |_| {
        let subject = path.to_string_lossy();
        std::fs::create_dir_all(&path).map_err(|error| OpError::of_io(&error, &subject))?;
        let flags = libc::MS_NOATIME | libc::MS_NODEV | if read_only { libc::MS_RDONLY } else { 0 };
        let (source, target) = (c_path(&device), c_path(&path));
        let result =
            unsafe { libc::mount(source.as_ptr(), target.as_ptr(), c"ext4".as_ptr(), flags, std::ptr::null()) };
        if result < 0 {
            return Err(OpError::last_os(&format!("{} on {subject}", device.to_string_lossy())));
        }
        Ok(ObjectWriter::new().finish())
    }))
}

pub fn unmount_work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    Ok(Box::new(move |_| {
        // Never lazily: the host takes the device away next, and what is not written then is lost.
        if unsafe { libc::umount2(c_path(&path).as_ptr(), libc::UMOUNT_NOFOLLOW) } < 0 {
            return Err(OpError::last_os(&path.to_string_lossy()));
        }
        Ok(ObjectWriter::new().finish())
    }))
}
