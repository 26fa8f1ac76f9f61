use crate::host::{eventually, is_process, Guest};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn started_then_output_then_result() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call("exec", json!({"argv": ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]}));
    assert_eq!(outcome.events[0]["event"], "started");
    assert!(outcome.events[0]["pid"].as_i64().unwrap() > 1);
    assert_eq!((outcome.text(), outcome.stderr.as_slice()), ("out\n", &b"err\n"[..]));
    assert_eq!(outcome.ok()["exit_code"], 3);
    assert_eq!(outcome.ok()["signal"], json!(null));
    assert_eq!(outcome.ok()["timed_out"], false);
}

#[test]
fn environment_is_base_then_refresh_then_own() {
    let guest = Guest::start();
    let mut host = guest.connect();
    host.hello(json!({"refresh": {"generation": "1", "env": {"A": "refresh", "B": "refresh"}}}));
    let outcome = host.call("exec", json!({"shell": "env; pwd", "env": {"B": "own", "LANG": "C"}, "cwd": "/tmp"}));
    let text = outcome.text();
    for line in ["A=refresh", "B=own", "LANG=C", "HOME=/root", "USER=root", "LOGNAME=root", "/tmp"] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(text.contains("PATH=/usr/local/sbin:") && text.contains("SHELL=/bin/"));
    assert!(!text.contains("TERM="));
}

#[test]
fn a_repeated_generation_changes_nothing() {
    let guest = Guest::start();
    let mut host = guest.connect();
    host.hello(json!({"refresh": {"generation": "1", "env": {"A": "1"}}}));
    host.hello(json!({"refresh": {"generation": "1", "env": {"A": "2"}}}));
    assert_eq!(host.shell("echo $A").text(), "1\n");
    host.hello(json!({"refresh": {"generation": "2", "env": {"A": "3"}}}));
    assert_eq!(host.shell("echo $A").text(), "3\n");
}

#[test]
fn user_groups_and_home() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call(
        "exec",
        json!({"shell": "id -u; id -g; echo $USER $HOME; grep Groups /proc/self/status", "user": "nobody", "cwd": "/"}),
    );
    let lines: Vec<&str> = outcome.text().lines().collect();
    assert_eq!((lines[0], lines[1]), ("65534", "65534"));
    assert!(lines[2].starts_with("nobody /"));
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["Groups:", "65534"]);
    assert_eq!(host.call("exec", json!({"shell": "id -u", "user": "12345"})).text(), "12345\n");
    assert_eq!(host.call("exec", json!({"shell": "true", "user": "no-such-user"})).code(), "user_not_found");
}

#[test]
fn what_cannot_run_exits_127_or_126() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let missing = host.call("exec", json!({"argv": ["no-such-command"]}));
    assert_eq!(missing.ok()["exit_code"], 127);
    assert_eq!(missing.stderr, b"no-such-command: command not found\n");
    assert_eq!(host.call("exec", json!({"argv": ["/etc/passwd"]})).ok()["exit_code"], 126);
    assert_eq!(host.call("exec", json!({"shell": "true", "cwd": "/no/such/folder"})).code(), "cwd_not_found");
    for args in [
        json!({}),
        json!({"argv": []}),
        json!({"argv": ["a"], "shell": "b"}),
        json!({"argv": [1]}),
        json!({"shell": "a\u{0}b"}),
    ] {
        assert_eq!(host.call("exec", args.clone()).code(), "bad_request", "{args}");
    }
}

#[test]
fn path_is_searched_in_the_environment_of_the_command() {
    let guest = Guest::start();
    let mut host = guest.connect();
    std::fs::write(guest.folder.join("own"), "echo script without a first line $1\n").unwrap();
    let folder = guest.path("");
    host.call("fs.chmod", json!({"path": guest.path("own"), "mode": 0o755})).ok();
    let outcome =
        host.call("exec", json!({"argv": ["own", "x"], "env": {"PATH": format!("/nonexistent:{folder}:/bin")}}));
    assert_eq!(outcome.text(), "script without a first line x\n");
}

#[test]
fn stdin_is_written_and_closed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"argv": ["cat"], "stdin": true}));
    host.send(FrameType::Data, 0, stream, b"hello ");
    host.send(FrameType::Data, 0, stream, b"world");
    host.send(FrameType::End, 0, stream, b"");
    assert_eq!(host.finish(stream).text(), "hello world");
    assert_eq!(host.shell("cat | wc -c").text().trim(), "0");
}

#[test]
fn the_answer_does_not_wait_for_heirs_of_the_pipes() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let begin = Instant::now();
    let outcome = host.shell("echo before; sleep 300 & echo $!; exit 0");
    assert!(begin.elapsed() < Duration::from_secs(60), "waited for the background process");
    let lines: Vec<&str> = outcome.text().lines().collect();
    assert_eq!(lines[0], "before");
    // Its pipe stays open, so that it does not die of SIGPIPE.
    let pid: i64 = lines[1].parse().unwrap();
    assert!(is_process(pid));
    host.call("proc.signal", json!({"pid": pid, "signal": "SIGKILL"})).ok();
}

#[test]
fn all_output_comes_before_the_result() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for _ in 0..20 {
        let outcome = host.shell("head -c 300000 /dev/zero; head -c 5000 /dev/zero >&2");
        assert_eq!((outcome.stdout.len(), outcome.stderr.len()), (300_000, 5_000));
    }
}

#[test]
fn a_timeout_kills_the_group() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call("exec", json!({"shell": "sleep 30 & echo $!; wait", "timeout_ms": 1500}));
    assert_eq!(outcome.ok()["exit_code"], 124);
    assert_eq!(outcome.ok()["timed_out"], true);
    assert_eq!(outcome.ok()["signal"], "SIGKILL");
    let pid: i64 = outcome.text().trim().parse().unwrap();
    eventually("the group is killed", || !is_process(pid));
}

#[test]
fn a_signal_is_named() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.shell("kill -TERM $$");
    assert_eq!((outcome.ok()["exit_code"].as_i64(), outcome.ok()["signal"].as_str()), (Some(143), Some("SIGTERM")));
    let stream = host.open("exec", json!({"shell": "trap 'exit 9' INT; echo ready; while :; do sleep 0.01; done"}));
    host.next_event(stream);
    host.next_of(stream);
    host.send(FrameType::Control, 0, stream, br#"{"signal":"SIGINT"}"#);
    assert_eq!(host.finish(stream).ok()["exit_code"], 9);
}

#[test]
fn signals_are_as_a_new_program_expects() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.shell("grep -E '^Sig(Blk|Ign)' /proc/self/status; yes | head -1");
    let lines: Vec<&str> = outcome.text().lines().collect();
    let mask = |line: &str| u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap();
    // Beyond the first 31, what the test's own environment ignores shines through.
    assert_eq!((mask(lines[0]), mask(lines[1]) & 0x7fff_ffff), (0, 0), "{lines:?}");
    assert_eq!(lines[2], "y");
}

#[test]
fn nothing_of_the_agent_is_inherited() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.shell("ls /proc/self/fd; ps -o pid=,sid=,pgid= -p $$");
    let text = outcome.text();
    let descriptors: Vec<&str> = text.lines().filter(|line| line.trim().parse::<u32>().is_ok()).collect();
    assert_eq!(descriptors, ["0", "1", "2", "3"], "3 is the folder that ls reads");
    let ids: Vec<&str> = text.lines().last().unwrap().split_whitespace().collect();
    assert_eq!((ids[0], ids[0]), (ids[1], ids[2]), "leads its session and group");
}

#[test]
fn cancel_kills_or_lets_go() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for kill in [true, false] {
        let stream = host.open("exec", json!({"shell": "sleep 30"}));
        let pid = host.next_event(stream)["pid"].as_i64().unwrap();
        host.cancel(stream, kill);
        assert_eq!(host.finish(stream).code(), "cancelled");
        if kill {
            eventually("it is killed", || !is_process(pid));
        } else {
            assert!(is_process(pid));
            host.call("proc.signal", json!({"pid": pid, "signal": "KILL"})).ok();
        }
    }
}

#[test]
fn many_at_once_each_get_their_own_status() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let streams: Vec<(u32, i64)> =
        (0..100).map(|code| (host.open("exec", json!({"shell": format!("exit {code}")})), code)).collect();
    for (stream, code) in streams {
        assert_eq!(host.finish(stream).ok()["exit_code"], code);
    }
}
