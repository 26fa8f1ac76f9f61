//! Detached processes, attaching, replay, listing.

use crate::host::{eventually, Guest};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;

#[test]
fn a_detached_process_is_listed_followed_and_fed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let args = json!({"shell": "echo one; echo two >&2; cat; exit 4", "detach": true, "id": "mine", "tag": "t", "stdin": true});
    let started = host.call("exec", args.clone());
    assert_eq!(started.ok()["id"], "mine");
    assert!(started.events.is_empty());
    assert_eq!(host.call("exec", args).code(), "already_exists");
    let list = host.call("proc.list", json!({}));
    let entry = &list.ok()["processes"][0];
    assert_eq!(
        (entry["id"].as_str(), entry["running"].as_bool(), entry["tag"].as_str()),
        (Some("mine"), Some(true), Some("t"))
    );
    assert_eq!((entry["argv"].clone(), entry["stdin"].as_bool()), (json!(null), Some(true)));
    // Another host, later: the first one's connection is gone.
    drop(host);
    let mut host = guest.connect();
    eventually("both lines are there", || {
        let stream = host.open("proc.attach", json!({"id": "mine"}));
        host.next_event(stream);
        let replay = host.next_event(stream);
        host.cancel(stream, false);
        host.finish(stream);
        replay["stdout_bytes"] == 4 && replay["stderr_bytes"] == 4
    });
    let stream = host.open("proc.attach", json!({"id": "mine"}));
    host.send(FrameType::Data, 0, stream, b"three\n");
    host.send(FrameType::End, 0, stream, b"");
    let outcome = host.finish(stream);
    assert_eq!((outcome.text(), outcome.stderr.as_slice()), ("one\nthree\n", &b"two\n"[..]));
    assert_eq!(outcome.ok()["exit_code"], 4);
    let late = host.call("proc.attach", json!({"id": "mine"}));
    assert_eq!((late.text(), late.ok()["exit_code"].as_i64()), ("one\nthree\n", Some(4)));
    let without = host.call("proc.attach", json!({"id": "mine", "replay": false}));
    assert_eq!((without.text(), without.events.len()), ("", 1));
    assert_eq!(host.call("proc.attach", json!({"id": "other"})).code(), "process_not_found");
}

#[test]
fn replay_keeps_the_newest() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let shell = "head -c 100000 /dev/zero | tr '\\0' a; printf 0123456789";
    host.call("exec", json!({"shell": shell, "detach": true, "id": "r", "replay_bytes": 16})).ok();
    eventually("it has exited", || host.call("proc.list", json!({})).ok()["processes"][0]["running"] == false);
    let outcome = host.call("proc.attach", json!({"id": "r"}));
    assert_eq!(outcome.text(), "aaaaaa0123456789");
    assert_eq!(outcome.events[1]["stdout_bytes"], 16);
}

#[test]
fn several_followers_get_everything() {
    let guest = Guest::start();
    let mut host = guest.connect();
    host.call("exec", json!({"shell": "read x; seq 1 20000", "detach": true, "id": "s", "stdin": true})).ok();
    let streams: Vec<u32> = (0..3).map(|_| host.open("proc.attach", json!({"id": "s"}))).collect();
    host.send(FrameType::Data, 0, streams[1], b"go\n");
    for stream in streams {
        let outcome = host.finish(stream);
        assert!(outcome.text().ends_with("19999\n20000\n"));
        assert_eq!(outcome.text().lines().count(), 20_000);
    }
}

#[test]
fn signals_reach_the_group_by_id_and_by_pid() {
    let guest = Guest::start();
    let mut host = guest.connect();
    host.call("exec", json!({"shell": "sleep 30 & wait", "detach": true, "id": "g"})).ok();
    host.call("proc.signal", json!({"id": "g", "signal": "SIGTERM"})).ok();
    assert_eq!(host.call("proc.attach", json!({"id": "g"})).ok()["signal"], "SIGTERM");
    assert_eq!(host.call("proc.signal", json!({"id": "g", "signal": "SIGTERM"})).code(), "process_not_found");
    assert_eq!(host.call("proc.signal", json!({"id": "g", "signal": "SIGNOPE"})).code(), "bad_request");
    for pid in [json!(1), json!(0), json!(-1)] {
        assert_eq!(host.call("proc.signal", json!({"pid": pid, "signal": "SIGTERM"})).code(), "bad_request");
    }
}

#[test]
fn output_goes_on_into_the_buffer_when_the_peer_is_lost() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"shell": "sleep 0.2; seq 1 30000; echo end", "id": "lost"}));
    host.next_event(stream);
    drop(host);
    let mut host = guest.connect();
    let outcome = host.call("proc.attach", json!({"id": "lost"}));
    assert!(outcome.text().ends_with("30000\nend\n"));
    assert_eq!(outcome.ok()["exit_code"], 0);
}

#[test]
fn a_finished_name_can_be_used_again() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for code in 0..3 {
        assert_eq!(host.call("exec", json!({"shell": format!("exit {code}"), "id": "again"})).ok()["exit_code"], code);
    }
}
