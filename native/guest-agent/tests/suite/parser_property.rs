//! The parser under any chunking and any bytes, with a generator that is seeded and so repeats itself.

use pandastack_guest_agent::json;
use pandastack_guest_agent::protocol::frame::encode;
use pandastack_guest_agent::protocol::{Frame, FrameType, Parser};

/// xorshift64*: enough randomness for tests, the same on every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> usize {
        (self.next() % limit) as usize
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn any_frame(random: &mut Random) -> Frame {
    let length = match random.below(10) {
        0 => 0,
        1 => 65_536,
        2..=4 => random.below(5000),
        _ => random.below(80),
    };
    Frame {
        kind: FrameType::from_byte(1 + random.below(12) as u8).unwrap(),
        channel: random.below(3) as u8,
        stream: if random.below(4) == 0 { random.next() as u32 } else { random.below(50) as u32 },
        payload: if random.below(3) == 0 { vec![0; length] } else { random.bytes(length) },
    }
}

/// Feeds `bytes` in random pieces; what comes out.
fn parse_in_pieces(parser: &mut Parser, bytes: &[u8], random: &mut Random) -> Vec<Frame> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let limit = [3, 20, 4096, 65_536][random.below(4)];
        let (piece, next) = rest.split_at((1 + random.below(limit)).min(rest.len()));
        parser.feed(piece);
        while let Some(frame) = parser.next() {
            found.push(frame);
        }
        rest = next;
    }
    found
}

#[test]
fn any_chunking_gives_the_same_frames() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let frames: Vec<Frame> = (0..1 + random.below(12)).map(|_| any_frame(&mut random)).collect();
        let mut bytes = Vec::new();
        for frame in &frames {
            bytes.extend(vec![0; random.below(100)]);
            encode(&mut bytes, frame.kind, frame.channel, frame.stream, &frame.payload);
        }
        let found = parse_in_pieces(&mut Parser::default(), &bytes, &mut random);
        assert!(found == frames, "seed {seed}");
    }
}

#[test]
fn a_peer_lost_at_any_byte_costs_only_its_frame() {
    for seed in 1..=200 {
        let mut random = Random(seed);
        let lost = any_frame(&mut random);
        let hello = Frame { kind: FrameType::Hello, channel: 0, stream: 0, payload: b"{}".to_vec() };
        let mut bytes = Vec::new();
        encode(&mut bytes, lost.kind, lost.channel, lost.stream, &lost.payload);
        bytes.truncate(random.below(bytes.len() as u64));
        bytes.extend(vec![0; 65_600]);
        encode(&mut bytes, hello.kind, 0, 0, &hello.payload);
        let found = parse_in_pieces(&mut Parser::default(), &bytes, &mut random);
        assert_eq!(found, [hello], "seed {seed}");
    }
}

#[test]
fn a_cut_anywhere_in_a_conversation_and_garbage_are_survived() {
    for seed in 1..=100 {
        let mut random = Random(seed);
        let mut parser = Parser::default();
        let count = random.below(200_000);
        let mut noise = random.bytes(count);
        parse_in_pieces(&mut parser, &noise, &mut random);
        noise.clear();
        // The pad of the next host, and its HELLO.
        noise.extend(vec![0; 65_600]);
        encode(&mut noise, FrameType::Hello, 0, 0, b"{}");
        let found = parse_in_pieces(&mut parser, &noise, &mut random);
        assert!(found.last().is_some_and(|frame| frame.kind == FrameType::Hello), "seed {seed}");
    }
}

#[test]
fn json_never_panics_and_agrees_with_serde() {
    let seeds: [&[u8]; 4] = [
        br#"{"op":"exec","args":{"argv":["/bin/true","\u00e9\ud83d\ude00"],"env":{"A":"b"},"timeout_ms":1500}}"#,
        br#"[1,-2.5e+3,0.1,true,false,null,"x\n\t\"",{"a":{}},[]]"#,
        br#"{"nonce":"00","version":1,"refresh":{"entropy":"AAAA","env":{}}}"#,
        b"\"\\ud83d\\ude00\"",
    ];
    let mut random = Random(7);
    for round in 0..20_000 {
        let mut text = seeds[round % seeds.len()].to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(text.len() as u64);
            match random.below(4) {
                0 => text[at] = random.next() as u8,
                1 => drop(text.remove(at)),
                2 => text.insert(at, b"{}[],:\"\\0eE+-.u "[random.below(16)]),
                _ => text.truncate(at.max(1)),
            }
            if text.is_empty() {
                text.push(b' ');
            }
        }
        let ours = json::parse(&text).map(|value| value.to_string());
        let theirs = serde_json::from_slice::<serde_json::Value>(&text).ok();
        assert_eq!(ours.is_some(), theirs.is_some(), "{}", String::from_utf8_lossy(&text));
    }
}
