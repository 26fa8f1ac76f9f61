//! PandaStack's guest agent: the server of `docs/guest-protocol.md`, PID 1 of a sandbox.
//!
//! Shape: one thread, one epoll loop ([`agent`]), so that a process's exit can't race with its registration and no lock is
//! on a hot path. What may block for long (file operations, a directory watch, `sync`) runs as a job on a thread of its own
//! ([`jobs`]), started on demand. Everything that the host can make grow has a named limit.

pub mod accounts;
pub mod agent;
pub mod base64;
pub mod console;
pub mod files;
pub mod init;
pub mod jobs;
pub mod json;
pub mod link;
pub mod machine;
pub mod network;
pub mod processes;
pub mod protocol;
pub mod reactor;
pub mod refresh;
