//! The entry. Not Rust's own `main`: the standard library's start-up aborts when descriptors 0 to 2 are closed and there
//! is no `/dev/null` yet, which is the state of an init that a kernel starts without a console.
#![cfg_attr(not(test), no_main)]

use pandastack_guest_agent::{agent, init};

#[cfg_attr(not(test), no_mangle)]
pub extern "C" fn main(_count: i32, _words: *const *const u8) -> i32 {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match init::start::of_arguments(&arguments) {
        Ok(start) => agent::run(start),
        Err(usage) => {
            eprintln!("{usage}");
            2
        }
    }
}
