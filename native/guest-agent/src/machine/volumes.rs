//! `volume.mount`, `volume.unmount`, `volume.grow`, `volume.read_only` and `volume.sync`.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::files::c_path;
use crate::jobs::Work;
use crate::json::ObjectWriter;
use crate::protocol::{Args, Code, OpError};

/// The host tells the drive's size by an interrupt; the kernel hears of it within milliseconds, on a busy host later.
const SIZE_TIMEOUT: Duration = Duration::from_secs(10);
const SIZE_POLL: Duration = Duration::from_millis(1);

/// `_IOW('f', 16, __u64)`: the number of blocks that an ext4 is to have.
const EXT4_IOC_RESIZE_FS: libc::c_ulong = 0x4008_6610;
const BLKROSET: libc::c_ulong = 0x125d;
const BLKGETSIZE64: libc::c_ulong = 0x8008_1272;

/// Of an ext4 superblock: where it is, and where in it the fields are.
const SUPERBLOCK_AT: u64 = 1024;
const BLOCKS_LOW_AT: usize = 0x04;
const LOG_BLOCK_SIZE_AT: usize = 0x18;
const BLOCKS_HIGH_AT: usize = 0x150;

const MOUNT_FLAGS: libc::c_ulong = libc::MS_NOATIME | libc::MS_NODEV;

pub fn mount_work(args: Args<'_>) -> Result<Work, OpError> {
    let device = PathBuf::from(args.path("device")?);
    let path = PathBuf::from(args.path("path")?);
    let read_only = args.bool_or("read_only", false)?;
    let size_bytes = args.optional_u64("size_bytes")?;
    Ok(Box::new(move |_| {
        let opened = open(&device)?;
        std::fs::create_dir_all(&path).map_err(|error| OpError::of_io(&error, &path.to_string_lossy()))?;
        if is_folder(&opened) {
            mount_folder(&device, &path, read_only)?;
            return Ok(ObjectWriter::new().finish());
        }
        if let Some(size_bytes) = size_bytes {
            wait_for_size(&opened, &device, size_bytes)?;
        }
        let flags = MOUNT_FLAGS | if read_only { libc::MS_RDONLY } else { 0 };
        mount(Some(&device), &path, Some(c"ext4".to_owned()), flags)?;
        if read_only {
            // After the mount, which may have to replay the journal. From here on a remount cannot make it writable.
            set_read_only(&opened);
        } else if let Err(error) = grow(&opened, &path) {
            // All that it holds is there; only the room that was added is not.
            crate::log!("could not grow the volume at {}: {}", path.to_string_lossy(), error.message);
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

/// Makes a mounted file system fill its device. One that the host has mounted is the host's to grow.
pub fn grow_work(args: Args<'_>) -> Result<Work, OpError> {
    let device = PathBuf::from(args.path("device")?);
    let path = PathBuf::from(args.path("path")?);
    let size_bytes = args.optional_u64("size_bytes")?.unwrap_or(0);
    Ok(Box::new(move |_| {
        let opened = open(&device)?;
        if !is_folder(&opened) {
            wait_for_size(&opened, &device, size_bytes)?;
            grow(&opened, &path)?;
        }
        Ok(ObjectWriter::new().finish())
    }))
}

/// For a copy of a machine that has the volume mounted for writing. Where files are open for writing the file system itself
/// cannot become read-only: then a read-only mount of it covers the other, and only those open files go on as they were.
pub fn read_only_work(args: Args<'_>) -> Result<Work, OpError> {
    let device = PathBuf::from(args.path("device")?);
    let path = PathBuf::from(args.path("path")?);
    Ok(Box::new(move |_| {
        let flags = MOUNT_FLAGS | libc::MS_REMOUNT | libc::MS_RDONLY;
        match mount(None, &path, None, flags) {
            Ok(()) => set_read_only(&open(&device)?),
            Err((libc::EBUSY, _)) => {
                mount(Some(&path), &path, None, libc::MS_BIND)?;
                mount(None, &path, None, flags | libc::MS_BIND)?;
            }
            // No mount point any more: someone inside has unmounted it.
            Err((libc::EINVAL | libc::ENOENT, _)) => {}
            Err((_, error)) => return Err(error),
        }
        Ok(ObjectWriter::new().finish())
    }))
}

/// Everything that was written to it is on the device.
pub fn sync_work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    Ok(Box::new(move |_| {
        let folder = open(&path)?;
        if unsafe { libc::syncfs(folder.as_raw_fd()) } < 0 {
            return Err(OpError::last_os(&path.to_string_lossy()));
        }
        Ok(ObjectWriter::new().finish())
    }))
}

/// Where the kernel has no block devices, the host mounts volumes and shows each as a folder.
fn is_folder(opened: &File) -> bool {
    opened.metadata().is_ok_and(|metadata| metadata.is_dir())
}

fn mount_folder(folder: &Path, path: &Path, read_only: bool) -> Result<(), OpError> {
    mount(Some(folder), path, None, libc::MS_BIND)?;
    if read_only {
        mount(None, path, None, MOUNT_FLAGS | libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY)?;
    }
    Ok(())
}

/// The errno beside the error, for who has another way.
type MountError = (i32, OpError);

impl From<MountError> for OpError {
    fn from((_, error): MountError) -> Self {
        error
    }
}

fn mount(source: Option<&Path>, target: &Path, kind: Option<CString>, flags: libc::c_ulong) -> Result<(), MountError> {
    let source_text = source.map(c_path);
    let pointer = |text: Option<&CString>| text.map_or(std::ptr::null(), |text| text.as_ptr());
    let result = unsafe {
        libc::mount(
            pointer(source_text.as_ref()),
            c_path(target).as_ptr(),
            pointer(kind.as_ref()),
            flags,
            std::ptr::null(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    let subject = format!("{} on {}", source.unwrap_or(target).to_string_lossy(), target.to_string_lossy());
    Err((error.raw_os_error().unwrap_or(libc::EIO), OpError::of_io(&error, &subject)))
}

fn open(path: &Path) -> Result<File, OpError> {
    File::open(path).map_err(|error| OpError::of_io(&error, &path.to_string_lossy()))
}

fn device_bytes(device: &File) -> u64 {
    let mut bytes = 0u64;
    unsafe { libc::ioctl(device.as_raw_fd(), BLKGETSIZE64 as _, &mut bytes) };
    bytes
}

fn wait_for_size(opened: &File, device: &Path, size_bytes: u64) -> Result<(), OpError> {
    let end = Instant::now() + SIZE_TIMEOUT;
    while device_bytes(opened) < size_bytes {
        if Instant::now() > end {
            let text = format!("{} did not become {size_bytes} bytes large", device.to_string_lossy());
            return Err(OpError::new(Code::IoError, text));
        }
        std::thread::sleep(SIZE_POLL);
    }
    Ok(())
}

fn set_read_only(device: &File) {
    let on: libc::c_int = 1;
    unsafe { libc::ioctl(device.as_raw_fd(), BLKROSET as _, &on) };
}

/// Asks the kernel for it only where there is something to grow by: the superblock is in memory already.
fn grow(device: &File, path: &Path) -> Result<(), OpError> {
    let mut superblock = [0u8; 1024];
    device
        .read_exact_at(&mut superblock, SUPERBLOCK_AT)
        .map_err(|error| OpError::of_io(&error, &path.to_string_lossy()))?;
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| superblock[at + i]));
    let block_bytes = 1024u64 << word(LOG_BLOCK_SIZE_AT).min(6);
    let blocks = u64::from(word(BLOCKS_LOW_AT)) | u64::from(word(BLOCKS_HIGH_AT)) << 32;
    let wanted = device_bytes(device) / block_bytes;
    if wanted <= blocks {
        return Ok(());
    }
    let mounted = open(path)?;
    if unsafe { libc::ioctl(mounted.as_raw_fd(), EXT4_IOC_RESIZE_FS as _, &wanted) } < 0 {
        return Err(OpError::last_os(&path.to_string_lossy()));
    }
    Ok(())
}
