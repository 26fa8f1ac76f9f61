use crate::host::{eventually, is_process, Guest};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;
use std::time::Duration;

/// A command that says something and ends when the test lets it: not before the silence that it is to end in.
fn gated(guest: &Guest) -> String {
    let (gate, passed) = (guest.path("gate"), guest.path("passed"));
    format!("until [ -e {gate} ]; do sleep 0.02; done; echo late; echo > {passed}; exit 5")
}

/// Lets it, and waits until it has said it.
fn open_gate(guest: &Guest) {
    std::fs::write(guest.path("gate"), "").unwrap();
    eventually("it has passed the gate", || std::fs::metadata(guest.path("passed")).is_ok());
}

#[test]
fn nothing_is_sent_between_quiesce_and_the_next_frame() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let ending = host.open("exec", json!({"shell": gated(&guest)}));
    let talking = host.open("exec", json!({"shell": "while :; do echo x; sleep 0.01; done"}));
    host.next_event(ending);
    host.next_event(talking);
    let quiesce = host.open("quiesce", json!({"sync": false}));
    assert_eq!(host.finish(quiesce).ok(), &json!({}));
    while !host.is_quiet(Duration::from_millis(1)) {
        // What came before the RESULT of quiesce and belongs to others.
        host.next();
    }
    open_gate(&guest);
    assert!(host.is_quiet(Duration::from_millis(400)));
    host.send(FrameType::Ping, 0, 0, b"go on");
    let outcome = host.finish(ending);
    assert_eq!((outcome.text(), outcome.ok()["exit_code"].as_i64()), ("late\n", Some(5)));
    host.cancel(talking, true);
}

#[test]
fn quiesce_syncs() {
    let guest = Guest::start();
    let mut host = guest.connect();
    assert_eq!(host.call("quiesce", json!({})).ok(), &json!({}));
    host.send(FrameType::Ping, 0, 0, b"12345678");
    let pong = host.next();
    assert_eq!((pong.kind, pong.payload.as_slice()), (FrameType::Pong, &b"12345678"[..]));
}

#[test]
fn metrics_are_plausible() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let outcome = host.call("metrics", json!({}));
    let metrics = outcome.ok();
    for key in [
        "cpu_ms",
        "cpus",
        "memory_total_bytes",
        "memory_available_bytes",
        "disk_total_bytes",
        "disk_used_bytes",
        "processes",
        "uptime_ms",
    ] {
        assert!(metrics[key].as_i64().unwrap() > 0, "{key}: {metrics}");
    }
    assert!(metrics["load1"].is_number());
}

#[test]
fn shutdown_ends_what_was_started_and_the_agent() {
    let mut guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"shell": "trap '' TERM; echo ready; sleep 1000", "id": "stubborn"}));
    let pid = host.next_event(stream)["pid"].as_i64().unwrap();
    host.next_of(stream);
    host.call("exec", json!({"shell": "sleep 1000", "detach": true})).ok();
    let begin = std::time::Instant::now();
    let shutdown = host.open("shutdown", json!({}));
    // One that ignores SIGTERM is killed after five seconds.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(host.finish(shutdown).ok(), &json!({}));
    assert!(begin.elapsed() > Duration::from_secs(4));
    assert!(!is_process(pid));
    eventually("the agent has ended", || !guest.is_alive());
}

/// Hangs up and waits until the agent has, too.
fn hang_up_of(mut host: crate::host::Host) -> crate::host::Host {
    host.socket.shutdown(std::net::Shutdown::Write).unwrap();
    // What came before the RESULT of quiesce and belongs to others.
    while host.try_next().is_some() {}
    host
}

#[test]
fn who_hung_up_in_the_silence_may_come_back_and_go_on() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let ending = host.open("exec", json!({"shell": gated(&guest)}));
    let asking = host.open("exec", json!({"shell": "read line; echo \"$line\"", "stdin": true}));
    host.next_event(ending);
    host.next_event(asking);
    host.call("quiesce", json!({"hang_up": true})).ok();
    let mut host = hang_up_of(host);
    // It ends while nobody is there.
    open_gate(&guest);
    host.socket = guest.connect_silently().socket;
    assert_eq!(host.hello(json!({"continues": true}))["continues"], true);
    let outcome = host.finish(ending);
    assert_eq!((outcome.text(), outcome.ok()["exit_code"].as_i64()), ("late\n", Some(5)));
    host.send(FrameType::Data, 0, asking, b"heard\n");
    assert_eq!(host.finish(asking).text(), "heard\n");
}

#[test]
fn who_did_not_say_so_or_does_not_ask_begins_anew() {
    let guest = Guest::start();
    for (hang_up, hello) in [(true, json!({})), (false, json!({"continues": true}))] {
        let mut host = guest.connect();
        let stream = host.open("exec", json!({"shell": "echo said; sleep 30"}));
        host.next_event(stream);
        host.call("quiesce", json!({"hang_up": hang_up})).ok();
        hang_up_of(host);
        let mut host = guest.connect_silently();
        assert_eq!(host.hello(hello).get("continues"), None);
        assert!(host.is_quiet(Duration::from_millis(100)));
        assert_eq!(host.shell("echo new").text(), "new\n");
    }
}

/// A host that died in the silence: nothing waits for it.
#[test]
fn commands_of_a_host_that_did_not_say_it_comes_back_are_held_up_by_nobody() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("done");
    let stream = host.open("exec", json!({"shell": format!("sleep 0.2; seq 200000; echo yes > {path}")}));
    host.next_event(stream);
    host.call("quiesce", json!({})).ok();
    drop(host);
    eventually("the command has ended", || std::fs::metadata(&path).is_ok());
}

#[test]
fn what_happened_meanwhile_waits_where_it_is_and_is_told() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let watch = host.open("fs.watch", json!({"path": guest.folder.to_str().unwrap()}));
    host.next_event(watch);
    host.call("quiesce", json!({"hang_up": true})).ok();
    let mut host = hang_up_of(host);
    const FILES: usize = 500;
    for number in 0..FILES {
        std::fs::write(guest.path(&number.to_string()), "").unwrap();
    }
    host.socket = guest.connect_silently().socket;
    assert_eq!(host.hello(json!({"continues": true}))["continues"], true);
    let mut told = 0;
    while told < FILES {
        told += usize::from(host.next_event(watch)["kind"] == "create");
    }
}
