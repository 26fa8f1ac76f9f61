//! One frame: 12 bytes of header, payload, 4 bytes of trailer.

/// The longest payload; a length above it can't be a frame.
pub const MAX_PAYLOAD_BYTES: usize = 65_536;
pub const HEADER_BYTES: usize = 12;
pub const TRAILER_BYTES: usize = 4;
/// Zeros in a row after which a parser that lost its place stands at a frame boundary.
pub const RESYNC_ZEROS: u32 = 64;
/// Bytes of DATA that each (stream, channel) may send before the first CREDIT.
pub const INITIAL_CREDIT_BYTES: u32 = 262_144;

const TRAILER_MAGIC: u32 = 0x3153_4450;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameType {
    Hello = 1,
    HelloOk = 2,
    Open = 3,
    Data = 4,
    End = 5,
    Result = 6,
    Event = 7,
    Credit = 8,
    Cancel = 9,
    Ping = 10,
    Pong = 11,
    Control = 12,
}

impl FrameType {
    pub fn from_byte(byte: u8) -> Option<Self> {
        use FrameType::*;
        Some(match byte {
            1 => Hello,
            2 => HelloOk,
            3 => Open,
            4 => Data,
            5 => End,
            6 => Result,
            7 => Event,
            8 => Credit,
            9 => Cancel,
            10 => Ping,
            11 => Pong,
            12 => Control,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: FrameType,
    pub channel: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// What ends a frame: it differs from zero padding and from the trailer of a frame that was cut elsewhere.
pub fn trailer(stream: u32, length: u32) -> u32 {
    TRAILER_MAGIC ^ stream ^ length
}

/// Appends one frame whose payload is `parts`, one after the other.
pub fn encode_parts(out: &mut Vec<u8>, kind: FrameType, channel: u8, stream: u32, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    debug_assert!(length <= MAX_PAYLOAD_BYTES);
    let length = length as u32;
    out.reserve(HEADER_BYTES + length as usize + TRAILER_BYTES);
    out.extend_from_slice(&[kind as u8, channel, 0, 0]);
    out.extend_from_slice(&stream.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(&trailer(stream, length).to_le_bytes());
}

pub fn encode(out: &mut Vec<u8>, kind: FrameType, channel: u8, stream: u32, payload: &[u8]) {
    encode_parts(out, kind, channel, stream, &[payload]);
}
