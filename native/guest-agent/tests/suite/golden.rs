//! `tests/golden/guest-protocol.json`, which the host's tests read as well.

use pandastack_guest_agent::protocol::frame::{encode, INITIAL_CREDIT_BYTES, MAX_PAYLOAD_BYTES, RESYNC_ZEROS};
use pandastack_guest_agent::protocol::{Frame, FrameType, Parser};
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/guest-protocol.json");

fn golden() -> Value {
    serde_json::from_str(&std::fs::read_to_string(GOLDEN).unwrap()).unwrap()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn chunk_of(chunk: &Value) -> Vec<u8> {
    match chunk.as_str() {
        Some(hex) => bytes_of(hex),
        None => bytes_of(chunk["repeat_hex"].as_str().unwrap()).repeat(chunk["count"].as_u64().unwrap() as usize),
    }
}

fn frame_of(golden: &Value) -> Frame {
    let payload = match golden["payload_utf8"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => bytes_of(golden["payload_hex"].as_str().unwrap()),
    };
    Frame {
        kind: FrameType::from_byte(golden["type_byte"].as_u64().unwrap() as u8).unwrap(),
        channel: golden["channel"].as_u64().unwrap() as u8,
        stream: golden["stream"].as_u64().unwrap() as u32,
        payload,
    }
}

#[test]
fn constants_are_those_of_the_contract() {
    let constants = &golden()["constants"];
    assert_eq!(constants["max_payload"], MAX_PAYLOAD_BYTES as u64);
    assert_eq!(constants["initial_credit"], u64::from(INITIAL_CREDIT_BYTES));
    assert_eq!(constants["resync_zeros"], u64::from(RESYNC_ZEROS));
}

#[test]
fn every_golden_frame_is_encoded_and_decoded_as_written() {
    let golden = golden();
    let mut kinds = std::collections::BTreeSet::new();
    for entry in golden["frames"].as_array().unwrap() {
        let frame = frame_of(entry);
        let bytes = bytes_of(entry["bytes_hex"].as_str().unwrap());
        let mut encoded = Vec::new();
        encode(&mut encoded, frame.kind, frame.channel, frame.stream, &frame.payload);
        assert_eq!(encoded, bytes, "{}", entry["name"]);
        let mut parser = Parser::default();
        parser.feed(&bytes);
        kinds.insert(frame.kind as u8);
        assert_eq!(parser.next(), Some(frame), "{}", entry["name"]);
        assert_eq!(parser.next(), None);
    }
    assert_eq!(kinds.len(), 12, "every frame type has a golden frame");
}

#[test]
fn the_guest_finds_its_place_again_as_written() {
    let golden = golden();
    let frames = golden["frames"].as_array().unwrap();
    let by_name = |name: &Value| frame_of(frames.iter().find(|frame| frame["name"] == *name).unwrap());
    for case in golden["resync"].as_array().unwrap() {
        if case["parser"] == "host" {
            continue;
        }
        let mut parser = Parser::default();
        let mut found = Vec::new();
        for chunk in case["chunks"].as_array().unwrap() {
            parser.feed(&chunk_of(chunk));
            while let Some(frame) = parser.next() {
                found.push(frame);
            }
        }
        let expected: Vec<Frame> = case["expect"].as_array().unwrap().iter().map(by_name).collect();
        assert_eq!(found, expected, "{}", case["name"]);
    }
}
