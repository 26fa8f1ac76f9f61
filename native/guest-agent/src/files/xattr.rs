//! Extended attributes.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use super::c_path;
use crate::base64;
use crate::jobs::Work;
use crate::json::{ListWriter, ObjectWriter};
use crate::protocol::{Args, Code, OpError};

/// The kernel's limit for one value, and for the list of names (XATTR_SIZE_MAX, XATTR_LIST_MAX).
const MAX_VALUE_BYTES: usize = 65_536;
/// In base64 a longer value does not fit into the frame of the answer.
const MAX_ANSWER_BYTES: usize = 48_000;

fn name_of(args: Args<'_>) -> Result<CString, OpError> {
    CString::new(args.str("name")?).map_err(|_| OpError::bad_request("name contains NUL"))
}

fn fault(path: &Path) -> OpError {
    let error = std::io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ENODATA) {
        return OpError::new(Code::NotFound, format!("{}: no such attribute", path.to_string_lossy()));
    }
    OpError::of_io(&error, &path.to_string_lossy())
}

fn get(path: &Path, name: &CString) -> Result<Vec<u8>, OpError> {
    let mut value = vec![0u8; MAX_VALUE_BYTES];
    let length =
        unsafe { libc::getxattr(c_path(path).as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    value.truncate(usize::try_from(length).map_err(|_| fault(path))?);
    Ok(value)
}

fn set(path: &Path, name: &CString, value: &[u8]) -> Result<(), OpError> {
    let (path_text, value_at) = (c_path(path), value.as_ptr().cast());
    if unsafe { libc::setxattr(path_text.as_ptr(), name.as_ptr(), value_at, value.len(), 0) } < 0 {
        return Err(fault(path));
    }
    Ok(())
}

fn list(path: &Path) -> Result<Vec<CString>, OpError> {
    let mut names = vec![0u8; MAX_VALUE_BYTES];
    let length = unsafe { libc::listxattr(c_path(path).as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(usize::try_from(length).map_err(|_| fault(path))?);
    Ok(names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .filter_map(|name| CString::new(name).ok())
        .collect())
}

pub fn get_work(args: Args<'_>) -> Result<Work, OpError> {
    let (path, name) = (PathBuf::from(args.path("path")?), name_of(args)?);
    Ok(Box::new(move |_| {
        let value = get(&path, &name)?;
        if value.len() > MAX_ANSWER_BYTES {
            return Err(OpError::new(Code::Unsupported, "the value is longer than a frame"));
        }
        Ok(ObjectWriter::new().string("value", &base64::encode(&value)).finish())
    }))
}

pub fn set_work(args: Args<'_>) -> Result<Work, OpError> {
    let (path, name) = (PathBuf::from(args.path("path")?), name_of(args)?);
    let value = base64::decode(args.str("value")?).ok_or_else(|| OpError::bad_request("value is not base64"))?;
    Ok(Box::new(move |_| set(&path, &name, &value).map(|()| ObjectWriter::new().finish())))
}

pub fn list_work(args: Args<'_>) -> Result<Work, OpError> {
    let path = PathBuf::from(args.path("path")?);
    Ok(Box::new(move |_| {
        let mut names = ListWriter::new();
        list(&path)?.iter().for_each(|name| names.string(&name.to_string_lossy()));
        Ok(ObjectWriter::new().raw("names", &names.finish()).finish())
    }))
}

pub fn remove_work(args: Args<'_>) -> Result<Work, OpError> {
    let (path, name) = (PathBuf::from(args.path("path")?), name_of(args)?);
    Ok(Box::new(move |_| {
        if unsafe { libc::removexattr(c_path(&path).as_ptr(), name.as_ptr()) } < 0 {
            return Err(fault(&path));
        }
        Ok(ObjectWriter::new().finish())
    }))
}

/// As much as the target's file system takes.
pub fn copy(from: &Path, to: &Path) {
    for name in list(from).unwrap_or_default() {
        if let Ok(value) = get(from, &name) {
            let _ = set(to, &name, &value);
        }
    }
}
