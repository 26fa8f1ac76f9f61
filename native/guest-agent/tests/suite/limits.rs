use crate::host::Guest;
use serde_json::json;

#[test]
fn live_processes_are_limited_and_all_can_be_listed() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for number in 0..1024 {
        let started = host.call("exec", json!({"argv": ["sleep", "100"], "detach": true, "id": format!("n{number}")}));
        started.ok();
    }
    assert_eq!(host.call("exec", json!({"argv": ["true"]})).code(), "too_many_processes");
    let list = host.call("proc.list", json!({}));
    assert!(list.ok()["processes"].as_array().unwrap().len() > 200);
    assert_eq!(list.ok()["truncated"], true);
    // One goes, one fits.
    host.call("proc.signal", json!({"id": "n7", "signal": "SIGKILL"})).ok();
    host.call("proc.attach", json!({"id": "n7"})).ok();
    assert_eq!(host.call("exec", json!({"argv": ["echo", "fits"]})).text(), "fits\n");
    for number in 0..1024 {
        host.call("proc.signal", json!({"id": format!("n{number}"), "signal": "SIGKILL"}));
    }
}

#[test]
fn finished_processes_are_forgotten_beyond_the_limit() {
    let guest = Guest::start();
    let mut host = guest.connect();
    for number in 0..80 {
        host.call("exec", json!({"argv": ["true"], "id": format!("n{number}")})).ok();
    }
    let list = host.call("proc.list", json!({}));
    let processes = list.ok()["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 64);
    assert_eq!(host.call("proc.attach", json!({"id": "n0"})).code(), "process_not_found");
    host.call("proc.attach", json!({"id": "n79"})).ok();
}

#[test]
fn open_streams_are_limited() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let fifo = guest.path("fifo");
    host.shell(&format!("mkfifo {fifo}")).ok();
    // 300 readers that wait for a writer that never comes: more than there are threads.
    let streams: Vec<u32> = (0..300).map(|_| host.open("fs.read", json!({"path": fifo}))).collect();
    assert_eq!(host.shell("echo others").text(), "others\n");
    for stream in streams {
        host.cancel(stream, false);
        assert_eq!(host.finish(stream).code(), "cancelled");
    }
    host.call("fs.stat", json!({"path": "/"})).ok();
    assert_eq!(host.call("no.such.operation", json!({})).code(), "unsupported");
    assert!(host.call("metrics", json!(7)).ok()["cpus"].is_number());
}
