//! Signals by name, and by number for those without one.

use crate::json::Json;

const NAMES: [(&str, i32); 31] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGSTKFLT", libc::SIGSTKFLT),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGURG", libc::SIGURG),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGIO", libc::SIGIO),
    ("SIGPWR", libc::SIGPWR),
    ("SIGSYS", libc::SIGSYS),
];

const LAST_SIGNAL: u64 = 64;

/// `"SIGINT"`, `"INT"`, `"2"` or `2`.
pub fn signal_number(json: &Json) -> Option<i32> {
    if let Some(number) = json.as_u64() {
        return (1..=LAST_SIGNAL).contains(&number).then_some(number as i32);
    }
    let text = json.as_str()?;
    if let Ok(number) = text.parse::<u64>() {
        return (1..=LAST_SIGNAL).contains(&number).then_some(number as i32);
    }
    NAMES.iter().find(|(name, _)| *name == text || name[3..] == *text).map(|(_, number)| *number)
}

pub fn signal_name(number: i32) -> String {
    match NAMES.iter().find(|(_, candidate)| *candidate == number) {
        Some((name, _)) => (*name).to_owned(),
        None => format!("SIG{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for text in ["SIGTERM", "TERM", "15"] {
            assert_eq!(signal_number(&Json::Str(text.into())), Some(15), "{text}");
        }
        assert_eq!(signal_number(&Json::Int(9)), Some(9));
        for wrong in ["SIGNOPE", "0", "65", "-1", ""] {
            assert_eq!(signal_number(&Json::Str(wrong.into())), None, "{wrong}");
        }
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(40), "SIG40");
    }
}
