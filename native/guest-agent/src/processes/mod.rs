//! Commands: starting, feeding, reading, ending and remembering them.

mod attach;
mod command;
mod environment;
mod exec;
mod exit;
mod input;
mod list;
mod output;
mod process;
mod pty;
mod pump;
mod replay;
mod signal;
pub mod spawn;
mod table;

pub use environment::Environment;
pub use input::Input;
pub use output::{Output, ReadOutcome};
pub use process::{Attachment, Exit, Process, ProcessKey};
pub use pty::Pty;
pub use replay::Replay;
pub use signal::signal_number;
pub use table::Processes;
