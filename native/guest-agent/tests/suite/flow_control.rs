//! Readers that stop, and everyone else who must not notice.

use crate::host::{eventually, Guest, Host};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;
use std::time::Duration;

const WINDOW: usize = 262_144;

/// Takes DATA of `stream` without granting anything, until nothing more comes.
fn drain_window(host: &mut Host, stream: u32) -> usize {
    let mut bytes = 0;
    while bytes < WINDOW {
        let frame = host.next_of(stream);
        if frame.kind == FrameType::Data {
            bytes += frame.payload.len();
        }
    }
    bytes
}

fn memory_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_reader_that_stops_stalls_alone() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let endless = host.open("exec", json!({"argv": ["yes"]}));
    let file = host.open("fs.read", json!({"path": "/dev/zero"}));
    assert_eq!(drain_window(&mut host, endless), WINDOW);
    assert_eq!(drain_window(&mut host, file), WINDOW);
    assert!(host.is_quiet(Duration::from_millis(200)), "more than the window came");
    assert_eq!(host.shell("echo still here").text(), "still here\n");
    host.send(FrameType::Credit, 1, endless, &1000u32.to_le_bytes());
    host.send(FrameType::Credit, 1, file, &10u32.to_le_bytes());
    assert_eq!(host.next_of(endless).payload.len(), 1000);
    assert_eq!(host.next_of(file).payload.len(), 10);
    assert!(memory_kb(guest.pid()) < 20_000);
    host.cancel(endless, true);
    host.cancel(file, true);
    assert_eq!(host.finish(endless).code(), "cancelled");
    assert_eq!(host.finish(file).code(), "cancelled");
}

#[test]
fn a_peer_that_does_not_read_at_all_stalls_nothing_inside() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for _ in 0..20 {
        host.open("exec", json!({"shell": "head -c 200000 /dev/zero"}));
    }
    let marker = guest.path("marker");
    host.open("exec", json!({"shell": format!("echo done > {marker}")}));
    eventually("commands run while nobody reads", || std::path::Path::new(&marker).exists());
    assert!(memory_kb(guest.pid()) < 30_000);
    drop(host);
    assert_eq!(guest.connect().shell("echo alive").text(), "alive\n");
}

#[test]
fn an_exit_is_reported_when_the_slow_reader_has_all() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"shell": "head -c 300000 /dev/zero"}));
    let mut bytes = drain_window(&mut host, stream);
    assert!(host.is_quiet(Duration::from_millis(100)));
    host.send(FrameType::Credit, 1, stream, &1_000_000u32.to_le_bytes());
    let rest = host.finish(stream);
    bytes += rest.stdout.len();
    assert_eq!((bytes, rest.ok()["exit_code"].as_i64()), (300_000, Some(0)));
}

#[test]
fn input_beyond_the_window_ends_the_stream() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"argv": ["sleep", "30"], "stdin": true}));
    for _ in 0..6 {
        host.send(FrameType::Data, 0, stream, &[7; 65_536]);
    }
    assert_eq!(host.finish(stream).code(), "bad_request");
    assert_eq!(host.shell("echo alive").text(), "alive\n");
}

#[test]
fn input_is_granted_as_it_is_consumed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"argv": ["wc", "-c"], "stdin": true}));
    let mut window = WINDOW;
    for _ in 0..64 {
        while window < 65_536 {
            let frame = host.next_of(stream);
            if frame.kind == FrameType::Credit {
                let granted = u32::from_le_bytes(frame.payload.try_into().unwrap()) as usize;
                assert!(granted >= WINDOW / 4);
                window += granted;
            }
        }
        host.send(FrameType::Data, 0, stream, &[7; 65_536]);
        window -= 65_536;
    }
    host.send(FrameType::End, 0, stream, b"");
    assert_eq!(host.finish(stream).text().trim(), (64 * 65_536).to_string());
}

#[test]
fn a_slow_follower_of_many_is_told_what_it_lost() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let shell = "read x; head -c 3000000 /dev/zero";
    host.call("exec", json!({"shell": shell, "detach": true, "id": "f", "stdin": true, "replay_bytes": 65536})).ok();
    let slow = host.open("proc.attach", json!({"id": "f"}));
    let quick = host.open("proc.attach", json!({"id": "f"}));
    host.send(FrameType::Data, 0, quick, b"go\n");
    assert_eq!(host.finish(quick).stdout.len(), 3_000_000);
    host.send(FrameType::Credit, 1, slow, &10_000_000u32.to_le_bytes());
    let outcome = host.finish(slow);
    let lost: u64 = outcome
        .events
        .iter()
        .filter(|event| event["event"] == "lost")
        .map(|event| event["bytes"].as_u64().unwrap())
        .sum();
    assert!(lost > 0);
    assert_eq!(outcome.stdout.len() as u64 + lost, 3_000_000);
    assert_eq!(outcome.ok()["exit_code"], 0);
}
