use crate::host::{Guest, Host};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::{json, Value};
use std::fs;

/// Changes until one of `kind` at `path` comes, which is the last of them.
fn changes_until(host: &mut Host, stream: u32, kind: &str, path: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let change = host.next_event(stream);
        let is_last = change["kind"] == kind && change["path"] == path;
        seen.push(change);
        if is_last {
            return seen;
        }
    }
}

#[test]
fn a_folder_is_watched() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir(guest.folder.join("w")).unwrap();
    let stream = host.open("fs.watch", json!({"path": guest.path("w")}));
    assert_eq!(host.next_event(stream)["event"], "ready");
    let file = guest.path("w/f");
    fs::write(&file, "x").unwrap();
    assert_eq!(changes_until(&mut host, stream, "write", &file)[0]["kind"], "create");
    fs::rename(&file, guest.path("w/g")).unwrap();
    let renamed = changes_until(&mut host, stream, "rename", &guest.path("w/g"));
    assert_eq!(renamed.last().unwrap()["from"], json!(file));
    fs::set_permissions(guest.path("w/g"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    changes_until(&mut host, stream, "chmod", &guest.path("w/g"));
    fs::remove_file(guest.path("w/g")).unwrap();
    changes_until(&mut host, stream, "remove", &guest.path("w/g"));
    host.cancel(stream, false);
    assert_eq!(host.finish(stream).code(), "cancelled");
    assert_eq!(host.call("fs.watch", json!({"path": guest.path("none")})).code(), "not_found");
}

#[test]
fn new_folders_are_watched_too() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir_all(guest.folder.join("r/old")).unwrap();
    let stream = host.open("fs.watch", json!({"path": guest.path("r"), "recursive": true}));
    host.next_event(stream);
    for round in 0..20 {
        let folder = guest.folder.join(format!("r/old/n{round}/m"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("f"), "x").unwrap();
        let path = folder.join("f").to_str().unwrap().to_owned();
        changes_until(&mut host, stream, "create", &path);
    }
    // Moved within the tree it is reported under its new name from then on.
    fs::rename(guest.path("r/old"), guest.path("r/new")).unwrap();
    changes_until(&mut host, stream, "rename", &guest.path("r/new"));
    fs::write(guest.path("r/new/n3/m/later"), "x").unwrap();
    changes_until(&mut host, stream, "create", &guest.path("r/new/n3/m/later"));
    // Moved out of it, no more.
    fs::rename(guest.path("r/new/n4"), guest.path("n4")).unwrap();
    changes_until(&mut host, stream, "remove", &guest.path("r/new/n4"));
    fs::write(guest.path("n4/m/unseen"), "x").unwrap();
    fs::write(guest.path("r/last"), "x").unwrap();
    let seen = changes_until(&mut host, stream, "create", &guest.path("r/last"));
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn lost_events_are_told() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir(guest.folder.join("o")).unwrap();
    let stream = host.open("fs.watch", json!({"path": guest.path("o")}));
    host.next_event(stream);
    // More than the agent's and the kernel's queue, while nobody reads.
    let script = format!("cd {} && for i in $(seq 1 12000); do : > $i; done", guest.path("o"));
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
    std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
    fs::write(guest.path("o/last"), "x").unwrap();
    let mut count = 0;
    let mut has_overflow = false;
    loop {
        let frame = host.next_of(stream);
        assert_eq!(frame.kind, FrameType::Event);
        let change: Value = serde_json::from_slice(&frame.payload).unwrap();
        has_overflow |= change["event"] == "overflow";
        count += 1;
        if has_overflow || change["path"].as_str() == Some(&guest.path("o/last")) {
            break;
        }
    }
    assert!(has_overflow || count >= 12_000, "{count} events and no word of the lost ones");
}
