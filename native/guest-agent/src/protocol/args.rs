//! Reading the `args` of an operation: every wrong type becomes a `bad_request` that names the argument.

use super::error::OpError;
use crate::json::Json;

#[derive(Clone, Copy)]
pub struct Args<'a>(pub &'a Json);

impl<'a> Args<'a> {
    pub fn optional_str(self, key: &str) -> Result<Option<&'a str>, OpError> {
        self.typed(key, "a string", Json::as_str)
    }

    pub fn str(self, key: &str) -> Result<&'a str, OpError> {
        self.optional_str(key)?.ok_or_else(|| missing(key))
    }

    pub fn optional_u64(self, key: &str) -> Result<Option<u64>, OpError> {
        self.typed(key, "a whole number", Json::as_u64)
    }

    pub fn bool_or(self, key: &str, default: bool) -> Result<bool, OpError> {
        Ok(self.typed(key, "a boolean", Json::as_bool)?.unwrap_or(default))
    }

    /// Permission bits, `0..=0o7777`.
    pub fn optional_mode(self, key: &str) -> Result<Option<u32>, OpError> {
        match self.optional_u64(key)? {
            Some(mode) if mode > 0o7777 => Err(OpError::bad_request(format!("{key} is above 0o7777"))),
            mode => Ok(mode.map(|mode| mode as u32)),
        }
    }

    pub fn strings(self, key: &str) -> Result<Option<Vec<String>>, OpError> {
        let Some(items) = self.typed(key, "a list of strings", Json::as_array)? else {
            return Ok(None);
        };
        let strings = items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<_>>();
        strings.map(Some).ok_or_else(|| wrong(key, "a list of strings"))
    }

    /// An absolute path without NUL.
    pub fn path(self, key: &str) -> Result<&'a str, OpError> {
        let path = self.str(key)?;
        check_path(key, path)?;
        Ok(path)
    }

    pub fn typed<T>(
        self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Json) -> Option<T>,
    ) -> Result<Option<T>, OpError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| wrong(key, expected)),
        }
    }
}

pub fn check_path(key: &str, path: &str) -> Result<(), OpError> {
    if !path.starts_with('/') {
        return Err(OpError::bad_request(format!("{key} is not an absolute path")));
    }
    if path.contains('\0') {
        return Err(OpError::bad_request(format!("{key} contains NUL")));
    }
    if path.len() >= libc::PATH_MAX as usize {
        return Err(OpError::bad_request(format!("{key} is too long")));
    }
    Ok(())
}

fn missing(key: &str) -> OpError {
    OpError::bad_request(format!("{key} is missing"))
}

fn wrong(key: &str, expected: &str) -> OpError {
    OpError::bad_request(format!("{key} is not {expected}"))
}
