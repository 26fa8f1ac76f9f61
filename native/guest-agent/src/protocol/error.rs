//! Refusals and faults that an operation answers with. Codes are part of the contract: never renamed, never reused.

use crate::json::ObjectWriter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    BadRequest,
    NotFound,
    AlreadyExists,
    NotADirectory,
    IsADirectory,
    DirectoryNotEmpty,
    PermissionDenied,
    NoSpace,
    UserNotFound,
    CwdNotFound,
    ProcessNotFound,
    TooManyProcesses,
    ConnectionRefused,
    Cancelled,
    Unsupported,
    IoError,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::BadRequest => "bad_request",
            Code::NotFound => "not_found",
            Code::AlreadyExists => "already_exists",
            Code::NotADirectory => "not_a_directory",
            Code::IsADirectory => "is_a_directory",
            Code::DirectoryNotEmpty => "directory_not_empty",
            Code::PermissionDenied => "permission_denied",
            Code::NoSpace => "no_space",
            Code::UserNotFound => "user_not_found",
            Code::CwdNotFound => "cwd_not_found",
            Code::ProcessNotFound => "process_not_found",
            Code::TooManyProcesses => "too_many_processes",
            Code::ConnectionRefused => "connection_refused",
            Code::Cancelled => "cancelled",
            Code::Unsupported => "unsupported",
            Code::IoError => "io_error",
        }
    }

    fn of_errno(errno: i32) -> Self {
        match errno {
            libc::ENOENT => Code::NotFound,
            libc::EEXIST => Code::AlreadyExists,
            libc::ENOTDIR => Code::NotADirectory,
            libc::EISDIR => Code::IsADirectory,
            libc::ENOTEMPTY => Code::DirectoryNotEmpty,
            libc::EACCES | libc::EPERM | libc::EROFS => Code::PermissionDenied,
            libc::ENOSPC | libc::EDQUOT => Code::NoSpace,
            libc::ESRCH => Code::ProcessNotFound,
            libc::ECONNREFUSED => Code::ConnectionRefused,
            libc::EOPNOTSUPP => Code::Unsupported,
            libc::ENAMETOOLONG | libc::EINVAL => Code::BadRequest,
            _ => Code::IoError,
        }
    }
}

#[derive(Debug, Clone)]
pub struct OpError {
    pub code: Code,
    pub message: String,
}

/// The answer of an operation: the JSON of `ok`.
pub type OpResult = Result<Vec<u8>, OpError>;

impl OpError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub fn cancelled() -> Self {
        Self::new(Code::Cancelled, "cancelled")
    }

    /// A failed system call on `subject` (a path, an address).
    pub fn of_errno(errno: i32, subject: &str) -> Self {
        let text = std::io::Error::from_raw_os_error(errno);
        Self::new(Code::of_errno(errno), format!("{subject}: {text}"))
    }

    pub fn of_io(error: &std::io::Error, subject: &str) -> Self {
        Self::of_errno(error.raw_os_error().unwrap_or(libc::EIO), subject)
    }

    pub fn last_os(subject: &str) -> Self {
        Self::of_io(&std::io::Error::last_os_error(), subject)
    }

    pub fn to_json(&self) -> Vec<u8> {
        ObjectWriter::new().string("code", self.code.name()).string("message", &self.message).finish()
    }
}
