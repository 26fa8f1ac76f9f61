//! `ports`: who listens. The owner of a socket is found by its inode among all processes' descriptors.

use std::collections::BTreeMap;
use std::fs;

use super::proc_tcp::{listeners, Listener};
use crate::json::{ListWriter, ObjectWriter};
use crate::protocol::frame::MAX_PAYLOAD_BYTES;
use crate::protocol::OpResult;

pub fn list() -> OpResult {
    let mut listeners = listeners();
    listeners.sort_by_key(|listener| (listener.port, listener.address));
    let owners = if listeners.is_empty() { BTreeMap::new() } else { owners_of(&listeners) };
    let mut ports = ListWriter::new();
    for listener in listeners {
        let pid = owners.get(&listener.inode);
        // Our own, over TCP: of no concern to anyone but the host.
        if pid == Some(&std::process::id()) {
            continue;
        }
        let name = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
        let port = ObjectWriter::new()
            .int("port", listener.port.into())
            .string("address", &listener.address.to_string())
            .int_or_null("pid", pid.map(|pid| i64::from(*pid)))
            .string_or_null("process", name.as_deref().map(str::trim_end))
            .finish();
        // Nobody looks at more than some hundreds; what does not fit the frame is left out.
        if ports.len() + port.len() + 64 > MAX_PAYLOAD_BYTES {
            break;
        }
        ports.raw(&port);
    }
    Ok(ObjectWriter::new().raw("ports", &ports.finish()).finish())
}

fn owners_of(listeners: &[Listener]) -> BTreeMap<u64, u32> {
    let mut owners = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return owners };
    for process in processes.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let Ok(target) = fs::read_link(descriptor.path()) else { continue };
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            let Some(inode) = inode else { continue };
            if listeners.iter().any(|listener| listener.inode == inode) {
                // A server's first process, when its children share the socket.
                let owner = owners.entry(inode).or_insert(pid);
                *owner = pid.min(*owner);
            }
        }
    }
    owners
}
