use crate::host::Guest;
use pandastack_guest_agent::protocol::FrameType;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;

#[test]
fn a_connection_is_carried_both_ways_and_half_closed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        socket.read_to_end(&mut request).unwrap();
        socket.write_all(&[b'x'; 700_000]).unwrap();
        request
    });
    let stream = host.open("tcp.connect", json!({"port": port}));
    assert_eq!(host.next_event(stream)["event"], "connected");
    host.send(FrameType::Data, 0, stream, b"request");
    host.send(FrameType::End, 0, stream, b"");
    let outcome = host.finish(stream);
    assert_eq!((outcome.stdout.len(), outcome.ok()), (700_000, &json!({})));
    assert_eq!(server.join().unwrap(), b"request");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(host.call("tcp.connect", json!({"port": free})).code(), "connection_refused");
    assert_eq!(host.call("tcp.connect", json!({"port": 0})).code(), "bad_request");
    assert_eq!(host.call("tcp.connect", json!({"port": 80, "host": "no.such.name"})).code(), "not_found");
}

#[test]
fn a_cancelled_connection_is_closed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = host.open("tcp.connect", json!({"port": listener.local_addr().unwrap().port(), "host": "localhost"}));
    host.next_event(stream);
    let (mut socket, _) = listener.accept().unwrap();
    host.cancel(stream, false);
    assert_eq!(host.finish(stream).code(), "cancelled");
    assert_eq!(socket.read(&mut [0; 8]).unwrap_or(0), 0);
}

#[test]
fn listening_ports_have_owners() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let outcome = host.call("ports", json!({}));
    let ports = outcome.ok()["ports"].as_array().unwrap();
    let agents_own = guest.address.rsplit_once(':').unwrap().1.parse::<u64>().unwrap();
    assert!(ports.iter().all(|entry| entry["port"] != agents_own));
    let ours = ports.iter().find(|entry| entry["port"] == port).unwrap();
    assert_eq!(
        (ours["address"].as_str(), ours["pid"].as_u64()),
        (Some("127.0.0.1"), Some(u64::from(std::process::id())))
    );
    assert!(ours["process"].is_string());
}
