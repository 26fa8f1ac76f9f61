use std::os::fd::{FromRawFd, OwnedFd};

use crate::host::{eventually, Guest, TOKEN};
use crate::parser_property::Random;
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;

#[test]
fn only_the_token_lets_in() {
    let guest = Guest::start();
    for token in ["", "wrong", "a token of this tes", "a token of this test2"] {
        let mut host = guest.connect_silently();
        let hello = json!({"nonce": "00", "version": 1, "token": token}).to_string();
        host.send(FrameType::Hello, 0, 0, hello.as_bytes());
        assert!(host.try_next().is_none(), "{token} was let in");
    }
    let mut host = guest.connect_silently();
    host.send(FrameType::Open, 0, 1, br#"{"op":"metrics"}"#);
    assert!(host.try_next().is_none(), "an operation without HELLO");
    let answer = guest.connect_silently().hello(json!({}));
    assert_eq!((answer["version"].as_i64(), answer["agent"].as_str()), (Some(1), Some(env!("CARGO_PKG_VERSION"))));
    assert!(answer["features"].as_array().unwrap().contains(&json!("pty")));
    assert!(answer["time_ns"].as_str().unwrap().parse::<u64>().unwrap() > 1_600_000_000_000_000_000);
}

#[test]
fn strangers_do_not_disturb_the_peer() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let strangers: Vec<_> = (0..30).map(|_| guest.connect_silently()).collect();
    assert_eq!(host.shell("echo undisturbed").text(), "undisturbed\n");
    drop(strangers);
}

#[test]
fn where_the_host_is_known_nobody_else_is_heard() {
    let guest = Guest::start_with(&["--host", "127.0.0.2"]);
    let mut stranger = guest.connect_silently();
    let hello = json!({"nonce": "00", "version": 1, "token": TOKEN}).to_string();
    stranger.send(FrameType::Hello, 0, 0, hello.as_bytes());
    assert!(stranger.try_next().is_none(), "the token alone let in");
    let guest = Guest::start_with(&["--host", "127.0.0.1"]);
    assert_eq!(guest.connect().shell("echo heard").text(), "heard\n");
}

/// A connection from another address of this machine; `None` where the queue of the listener is full.
fn connect_from(source: [u8; 4], port: u16) -> Option<OwnedFd> {
    let address = |ip: [u8; 4], port: u16| libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(ip) },
        sin_zero: [0; 8],
    };
    let size = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
    let (from, to) = (address(source, 0), address([127, 0, 0, 1], port));
    unsafe {
        let fd = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(fd >= 0);
        let socket = OwnedFd::from_raw_fd(fd);
        let is_bound = libc::bind(fd, (&raw const from).cast(), size) == 0;
        (is_bound && libc::connect(fd, (&raw const to).cast(), size) == 0).then_some(socket)
    }
}

/// Whoever is not the host: connections that the host's address made could push out one another.
#[test]
fn who_connects_without_end_keeps_nobody_waiting() {
    let guest = Guest::start_with(&["--host", "127.0.0.1"]);
    let mut host = guest.connect();
    let port: u16 = guest.address.rsplit(':').next().unwrap().parse().unwrap();
    let is_over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flag = is_over.clone();
    let flood = std::thread::spawn(move || {
        let mut held = std::collections::VecDeque::new();
        let mut made = 0;
        while !flag.load(std::sync::atomic::Ordering::Relaxed) {
            held.extend(connect_from([127, 0, 0, 2], port));
            made += 1;
            if held.len() > 200 {
                held.pop_front();
            }
        }
        made
    });
    for round in 0..20 {
        assert_eq!(host.shell("echo served").text(), "served\n", "round {round}");
        host = guest.connect();
    }
    is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    let made = flood.join().unwrap();
    assert!(made > 100, "{made} connections are no flood");
}

#[test]
fn a_new_host_takes_the_place_of_the_old() {
    let guest = Guest::start();
    let mut first = guest.connect();
    let mut second = guest.connect();
    assert!(first.try_next().is_none());
    assert_eq!(second.shell("echo second").text(), "second\n");
}

#[test]
fn a_refreshed_token_replaces_the_old_one() {
    let guest = Guest::start();
    let mut host = guest.connect();
    host.hello(json!({"refresh": {"generation": "x", "token": "new"}}));
    drop(host);
    let mut host = guest.connect_silently();
    host.send(FrameType::Hello, 0, 0, json!({"nonce": "1", "token": TOKEN}).to_string().as_bytes());
    assert!(host.try_next().is_none());
    guest.connect_silently().hello(json!({"token": "new"}));
}

#[test]
fn hello_may_come_at_any_time_and_ends_all_streams() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let stream = host.open("exec", json!({"shell": "sleep 30", "id": "s"}));
    host.next_event(stream);
    host.hello(json!({}));
    assert_eq!(host.call("proc.list", json!({})).ok()["processes"][0]["running"], true);
    host.call("proc.signal", json!({"id": "s", "signal": "SIGKILL"})).ok();
}

#[test]
fn garbage_after_hello_is_survived() {
    let mut guest = Guest::start();
    for seed in 1..=20 {
        let mut random = Random(seed);
        let mut host = guest.connect();
        for _ in 0..30 {
            let payload = match random.below(3) {
                0 => {
                    let count = random.below(2000);
                    random.bytes(count)
                }
                1 => br#"{"op":"exec","args":{"argv":[[[[]]]],"env":7}}"#.to_vec(),
                _ => json!({"op": "fs.read", "args": {"path": random.below(9)}}).to_string().into_bytes(),
            };
            // Not 1 (a HELLO without token closes the connection, as it should).
            let kind = FrameType::from_byte(2 + random.below(11) as u8).unwrap();
            host.send(kind, random.below(4) as u8, random.below(5) as u32, &payload);
        }
        let count = random.below(5000);
        let mut noise = random.bytes(count);
        noise.extend(vec![0; 65_600]);
        let _ = std::io::Write::write_all(&mut host.socket, &noise);
    }
    let mut host = guest.connect();
    assert_eq!(host.shell("echo alive").text(), "alive\n");
    eventually("the agent lives", || guest.is_alive());
}
