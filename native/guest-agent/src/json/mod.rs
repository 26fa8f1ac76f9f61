//! JSON, the small part that the protocol needs.
//!
//! Why not serde: in an emulated guest every distinct code path is translated anew after a restore. One parser that is
//! shared by all messages is shorter than one generated for each, and the agent's only dependency stays `libc`.

mod parse;
mod value;
mod write;

pub use parse::parse;
pub use value::Json;
pub use write::{write_string, ListWriter, ObjectWriter};
