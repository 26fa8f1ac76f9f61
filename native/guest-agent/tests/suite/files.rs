use crate::host::{eventually, Guest};
use pandastack_guest_agent::protocol::FrameType;
use serde_json::{json, Value};
use std::fs;
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};

#[test]
fn a_file_is_written_read_and_described() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("new/folder/file.txt");
    let written = host.write_file(json!({"path": path, "user": "nobody", "mode": 0o640}), "grüß dich".as_bytes());
    assert_eq!(written.ok(), &json!({"path": path, "bytes": 11}));
    let read = host.call("fs.read", json!({"path": path}));
    assert_eq!(read.text(), "grüß dich");
    let entry = &read.events[0]["entry"];
    assert_eq!(
        (entry["name"].as_str(), entry["type"].as_str(), entry["size"].as_i64()),
        (Some("file.txt"), Some("file"), Some(11))
    );
    assert_eq!((entry["mode"].as_i64(), entry["mode_string"].as_str()), (Some(0o640), Some("-rw-r-----")));
    assert_eq!((entry["uid"].as_i64(), entry["user"].as_str()), (Some(65534), Some("nobody")));
    assert_eq!(fs::metadata(guest.path("new")).unwrap().uid(), 65534, "folders made on the way belong to the user");
    let part = host.call("fs.read", json!({"path": path, "offset": 4, "length": 5}));
    assert_eq!(part.ok()["bytes"], 5);
    assert_eq!(part.stdout, &"grüß dich".as_bytes()[4..9]);
}

#[test]
fn a_replaced_file_keeps_mode_and_owner() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("kept");
    fs::write(&path, "old content").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).unwrap();
    std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
    symlink("kept", guest.path("link")).unwrap();
    let inode = fs::metadata(&path).unwrap().ino();
    host.write_file(json!({"path": guest.path("link")}), b"new").ok();
    let found = fs::metadata(&path).unwrap();
    assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (0o751, 1234, 4321));
    assert_ne!(found.ino(), inode);
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert!(fs::symlink_metadata(guest.path("link")).unwrap().is_symlink());
    host.write_file(json!({"path": path, "append": true}), b"er").ok();
    host.write_file(json!({"path": path, "offset": 1}), b"ix").ok();
    assert_eq!(fs::read(&path).unwrap(), b"nixer");
}

#[test]
fn an_unfinished_write_leaves_the_old_file_and_nothing_else() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("safe");
    fs::write(&path, "old").unwrap();
    let stream = host.open("fs.write", json!({"path": path}));
    host.send(FrameType::Data, 0, stream, b"half of the n");
    eventually("the temporary file is there", || fs::read_dir(&guest.folder).unwrap().count() == 3);
    host.cancel(stream, true);
    assert_eq!(host.finish(stream).code(), "cancelled");
    eventually("it is gone", || fs::read_dir(&guest.folder).unwrap().count() == 2);
    let stream = host.open("fs.write", json!({"path": path}));
    host.send(FrameType::Data, 0, stream, b"half of the n");
    eventually("the temporary file is there", || fs::read_dir(&guest.folder).unwrap().count() == 3);
    drop(host);
    eventually("it is gone", || fs::read_dir(&guest.folder).unwrap().count() == 2);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn large_files_pass_with_flat_memory() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let content: Vec<u8> = (0..40_000_000u32).map(|at| (at / 251) as u8).collect();
    let path = guest.path("large");
    host.write_file(json!({"path": path}), &content).ok();
    let read = host.call("fs.read", json!({"path": path}));
    assert!(read.stdout == content);
    let status = fs::read_to_string(format!("/proc/{}/status", guest.pid())).unwrap();
    let peak: u64 = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    assert!(peak < 20_000, "{peak} kB");
}

#[test]
fn kernel_interfaces_and_pipes_are_written_in_place() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let read = host.call("fs.read", json!({"path": "/proc/self/status"}));
    assert!(read.text().starts_with("Name:"));
    host.write_file(json!({"path": "/dev/null"}), b"gone").ok();
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let fifo = guest.path("fifo");
    host.shell(&format!("mkfifo {fifo}")).ok();
    let reader = host.open("fs.read", json!({"path": fifo}));
    host.next_event(reader);
    host.write_file(json!({"path": fifo}), b"through the pipe").ok();
    assert_eq!(host.finish(reader).text(), "through the pipe");
    let waiting = host.open("fs.read", json!({"path": fifo}));
    host.next_event(waiting);
    host.cancel(waiting, false);
    assert_eq!(host.finish(waiting).code(), "cancelled");
}

fn entries(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

#[test]
fn folders_are_listed_sorted_and_deep() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir_all(guest.folder.join("d/b/c")).unwrap();
    for name in ["d/z", "d/a", "d/b/y", "d/b/c/x"] {
        fs::write(guest.folder.join(name), name).unwrap();
    }
    symlink("/nowhere", guest.path("d/l")).unwrap();
    let names = |outcome: &crate::host::Outcome| -> Vec<String> {
        entries(&outcome.stdout)
            .iter()
            .map(|entry| entry["path"].as_str().unwrap().rsplit_once("/d/").unwrap().1.to_owned())
            .collect()
    };
    let flat = host.call("fs.list", json!({"path": guest.path("d")}));
    assert_eq!(names(&flat), ["a", "b", "l", "z"]);
    assert_eq!(flat.ok()["count"], 4);
    assert_eq!(entries(&flat.stdout)[2]["symlink_target"], "/nowhere");
    assert_eq!(
        names(&host.call("fs.list", json!({"path": guest.path("d"), "depth": 2}))),
        ["a", "b", "b/c", "b/y", "l", "z"]
    );
    assert_eq!(names(&host.call("fs.list", json!({"path": guest.path("d"), "depth": 32}))).len(), 7);
    assert_eq!(host.call("fs.list", json!({"path": guest.path("d/a")})).code(), "not_a_directory");
    assert_eq!(host.call("fs.list", json!({"path": "/", "depth": 33})).code(), "bad_request");
}

#[test]
fn a_huge_folder_streams() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir(guest.folder.join("huge")).unwrap();
    for number in 0..20_000 {
        fs::write(guest.folder.join(format!("huge/file-{number:05}")), "").unwrap();
    }
    let outcome = host.call("fs.list", json!({"path": guest.path("huge")}));
    let found = entries(&outcome.stdout);
    assert_eq!(found.len(), 20_000);
    assert_eq!(found[12_345]["name"], "file-12345");
}

#[test]
fn stat_follows_unless_told_not_to() {
    let guest = Guest::start();
    let mut host = guest.connect();
    symlink("/etc/passwd", guest.path("l")).unwrap();
    assert_eq!(host.call("fs.stat", json!({"path": guest.path("l")})).ok()["type"], "file");
    assert_eq!(host.call("fs.stat", json!({"path": guest.path("l"), "follow": false})).ok()["type"], "symlink");
    assert_eq!(host.call("fs.stat", json!({"path": guest.path("none")})).code(), "not_found");
    assert_eq!(host.call("fs.stat", json!({"path": "/dev/null"})).ok()["type"], "char");
    assert_eq!(host.call("fs.stat", json!({"path": "/"})).ok()["name"], "/");
    for path in ["relative", "", "/a\u{0}b"] {
        assert_eq!(host.call("fs.stat", json!({"path": path})).code(), "bad_request");
    }
    assert_eq!(host.call("fs.read", json!({"path": "/etc"})).code(), "is_a_directory");
    assert_eq!(host.write_file(json!({"path": "/etc"}), b"x").code(), "is_a_directory");
    assert_eq!(host.write_file(json!({"path": "/etc/passwd/x"}), b"x").code(), "not_a_directory");
}

#[test]
fn folders_are_made_once() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("a/b/c");
    assert_eq!(host.call("fs.mkdir", json!({"path": path, "parents": false})).code(), "not_found");
    let made = host.call("fs.mkdir", json!({"path": path, "mode": 0o700, "user": "nobody"}));
    assert_eq!(
        (made.ok()["created"].clone(), made.ok()["mode"].as_i64(), made.ok()["uid"].as_i64()),
        (json!(true), Some(0o700), Some(65534))
    );
    assert_eq!(host.call("fs.mkdir", json!({"path": path})).ok()["created"], false);
    assert_eq!(host.call("fs.mkdir", json!({"path": path, "parents": false})).code(), "already_exists");
    fs::write(guest.path("file"), "").unwrap();
    assert_eq!(host.call("fs.mkdir", json!({"path": guest.path("file/x")})).code(), "not_a_directory");
}

#[test]
fn moves_within_and_across_file_systems() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::write(guest.path("one"), "1").unwrap();
    fs::write(guest.path("two"), "2").unwrap();
    let (one, two) = (guest.path("one"), guest.path("two"));
    assert_eq!(host.call("fs.move", json!({"from": one, "to": two, "overwrite": false})).code(), "already_exists");
    host.call("fs.move", json!({"from": one, "to": two})).ok();
    assert_eq!(fs::read(&two).unwrap(), b"1");
    // /dev/shm is memory, the temporary folder is (usually) a disk.
    let away = format!("/dev/shm/pandastack-move-{}", guest.pid());
    fs::create_dir_all(guest.folder.join("tree/sub")).unwrap();
    fs::write(guest.path("tree/sub/file"), "deep").unwrap();
    fs::set_permissions(guest.path("tree/sub/file"), fs::Permissions::from_mode(0o604)).unwrap();
    symlink("sub/file", guest.path("tree/link")).unwrap();
    let modified = fs::metadata(guest.path("tree/sub/file")).unwrap().modified().unwrap();
    host.call("fs.move", json!({"from": guest.path("tree"), "to": away})).ok();
    assert!(!std::path::Path::new(&guest.path("tree")).exists());
    let found = fs::metadata(format!("{away}/sub/file")).unwrap();
    assert_eq!((found.mode() & 0o777, found.modified().unwrap()), (0o604, modified));
    assert_eq!(fs::read_to_string(format!("{away}/link")).unwrap(), "deep");
    host.call("fs.remove", json!({"path": away, "recursive": true})).ok();
    assert!(!std::path::Path::new(&away).exists());
}

#[test]
fn removal_is_careful() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir_all(guest.folder.join("t/u")).unwrap();
    fs::write(guest.path("t/u/f"), "").unwrap();
    symlink("/etc", guest.path("t/etc")).unwrap();
    assert_eq!(host.call("fs.remove", json!({"path": guest.path("t")})).code(), "directory_not_empty");
    host.call("fs.remove", json!({"path": guest.path("t"), "recursive": true})).ok();
    assert!(fs::metadata("/etc/passwd").is_ok(), "links are not followed");
    assert_eq!(host.call("fs.remove", json!({"path": guest.path("t")})).code(), "not_found");
    host.call("fs.remove", json!({"path": guest.path("t"), "missing_ok": true})).ok();
    assert_eq!(host.call("fs.remove", json!({"path": "/", "recursive": true})).code(), "bad_request");
}

#[test]
fn modes_and_owners_change_below() {
    let guest = Guest::start();
    let mut host = guest.connect();
    fs::create_dir_all(guest.folder.join("o/p")).unwrap();
    fs::write(guest.path("o/p/q"), "").unwrap();
    host.call("fs.chmod", json!({"path": guest.path("o"), "mode": 0o700, "recursive": true})).ok();
    host.call("fs.chown", json!({"path": guest.path("o"), "user": "nobody", "group": "nogroup", "recursive": true}))
        .ok();
    let found = fs::metadata(guest.path("o/p/q")).unwrap();
    assert_eq!((found.mode() & 0o777, found.uid(), found.gid()), (0o700, 65534, 65534));
    assert_eq!(host.call("fs.chown", json!({"path": "/tmp"})).code(), "bad_request");
    assert_eq!(host.call("fs.chown", json!({"path": "/tmp", "group": "no-such-group"})).code(), "user_not_found");
}

#[test]
fn extended_attributes() {
    let guest = Guest::start();
    let mut host = guest.connect();
    let path = guest.path("x");
    fs::write(&path, "").unwrap();
    // A file system without user attributes: nothing to see.
    if host.call("fs.xattr.set", json!({"path": path, "name": "user.k", "value": "aGVsbG8="})).result["error"]["code"]
        == "unsupported"
    {
        return;
    }
    assert_eq!(host.call("fs.xattr.get", json!({"path": path, "name": "user.k"})).ok()["value"], "aGVsbG8=");
    assert_eq!(host.call("fs.xattr.list", json!({"path": path})).ok()["names"], json!(["user.k"]));
    host.call("fs.xattr.remove", json!({"path": path, "name": "user.k"})).ok();
    assert_eq!(host.call("fs.xattr.get", json!({"path": path, "name": "user.k"})).code(), "not_found");
    assert_eq!(host.call("fs.xattr.set", json!({"path": path, "name": "user.k", "value": "%"})).code(), "bad_request");
}
