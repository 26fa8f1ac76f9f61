//! TCP: connections for the host, the list of listening ports, and the end of connections that a copy must not keep.

mod connect;
mod ports;
mod proc_tcp;
pub mod reset_connections;

use crate::jobs::Work;
use crate::protocol::OpError;
pub use connect::Connection;

pub fn work(op: &str) -> Option<Result<Work, OpError>> {
    (op == "ports").then(|| Ok(Box::new(|_: &_| ports::list()) as Work))
}
