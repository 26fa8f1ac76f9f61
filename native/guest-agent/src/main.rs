use pandastack_guest_agent::{agent, init};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let start = match init::start::of_arguments(&arguments) {
        Ok(start) => start,
        Err(usage) => {
            eprintln!("{usage}");
            std::process::exit(2);
        }
    };
    agent::run(start);
}
