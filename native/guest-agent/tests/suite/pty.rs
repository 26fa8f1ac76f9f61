use crate::host::{Guest, Host};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;

#[test]
fn a_terminal_has_a_size_a_name_and_a_session() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call("exec", json!({"shell": "tty; stty size; echo $TERM; ps -o tpgid=,pgid= -p $$; echo err >&2", "pty": {"rows": 40, "cols": 120}}));
    let lines: Vec<&str> = outcome.text().lines().map(|line| line.trim_end_matches('\r')).collect();
    assert!(lines[0].starts_with("/dev/pts/"), "{lines:?}");
    assert_eq!((lines[1], lines[2]), ("40 120", "xterm-256color"));
    let groups: Vec<&str> = lines[3].split_whitespace().collect();
    assert_eq!(groups[0], groups[1], "it is in the foreground");
    assert_eq!(lines[4], "err", "both outputs are one");
    assert!(outcome.stderr.is_empty());
    assert_eq!(outcome.ok()["exit_code"], 0);
}

#[test]
fn a_terminal_is_resized_and_interrupted_by_its_key() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let script = "trap 'stty size' WINCH; trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done";
    let stream = host.open("exec", json!({"shell": script, "pty": {"rows": 24, "cols": 80}}));
    host.next_event(stream);
    let mut text = String::new();
    let mut read_until = |host: &mut Host, wanted: &str| {
        while !text.contains(wanted) {
            text.push_str(&String::from_utf8_lossy(&host.next_of(stream).payload));
        }
    };
    read_until(&mut host, "ready");
    host.send(FrameType::Control, 0, stream, br#"{"resize":{"rows":50,"cols":99}}"#);
    read_until(&mut host, "50 99");
    host.send(FrameType::Data, 0, stream, b"\x03");
    assert_eq!(host.finish(stream).ok()["exit_code"], 7);
}

#[test]
fn the_end_of_input_is_told_to_a_terminal() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"argv": ["cat"], "pty": {"rows": 24, "cols": 80}}));
    host.next_event(stream);
    host.send(FrameType::Data, 0, stream, b"line\n");
    host.send(FrameType::End, 0, stream, b"");
    let outcome = host.finish(stream);
    assert_eq!(outcome.ok()["exit_code"], 0);
    assert!(outcome.text().contains("line\r\nline\r\n"));
}

#[test]
fn all_of_a_terminals_output_comes_before_the_result() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for _ in 0..10 {
        let outcome = host.call("exec", json!({"shell": "seq 1 5000", "pty": {"rows": 24, "cols": 80}}));
        assert!(outcome.text().ends_with("5000\r\n"));
        assert_eq!(outcome.text().lines().count(), 5000);
    }
    let refused = host.call("exec", json!({"shell": "true", "pty": {"rows": 0, "cols": 80}}));
    assert_eq!(refused.code(), "bad_request");
}

#[test]
fn a_user_owns_its_terminal() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call("exec", json!({"shell": "stat -c %U $(tty); : > $(tty) && echo may write", "user": "nobody", "cwd": "/", "pty": {"rows": 24, "cols": 80}}));
    assert_eq!(outcome.text(), "nobody\r\nmay write\r\n");
}
