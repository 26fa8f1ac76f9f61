//! The wire contract, `docs/guest-protocol.md`: frames, their parser, errors, arguments.

pub mod args;
pub mod error;
pub mod frame;
pub mod parser;

pub use args::Args;
pub use error::{Code, OpError, OpResult};
pub use frame::{Frame, FrameType};
pub use parser::Parser;
