//! What the loop waits on: descriptors, deadlines, children.

mod descriptor;
mod epoll;
mod signals;
mod timers;

pub use descriptor::{event_fd, is_hung_up, null_device, pipe, read, set_nonblocking, write, Transfer};
pub use epoll::{Epoll, Event, Token, TokenKind};
pub use signals::ChildSignals;
pub use timers::{monotonic_ms, Timer, TimerId, Timers};
