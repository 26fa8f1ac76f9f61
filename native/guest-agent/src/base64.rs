//! Standard base64 with padding, for entropy and extended attributes: both small, so clarity over speed.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = (u32::from(chunk[0]) << 16)
            | (u32::from(*chunk.get(1).unwrap_or(&0)) << 8)
            | u32::from(*chunk.get(2).unwrap_or(&0));
        for index in 0..4 {
            if index <= chunk.len() {
                out.push(ALPHABET[(group >> (18 - 6 * index) & 63) as usize] as char);
            } else {
                out.push('=');
            }
        }
    }
    out
}

/// `None` when `text` is not base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if bytes.len() % 4 != 0 {
        return None;
    }
    let padding = bytes.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    for quad in bytes[..].chunks(4) {
        let is_last = out.len() + 3 == bytes.len() / 4 * 3;
        let mut group = 0;
        for (index, &byte) in quad.iter().enumerate() {
            let digit = match byte {
                b'=' if is_last && index >= 4 - padding => 0,
                _ => ALPHABET.iter().position(|letter| *letter == byte)? as u32,
            };
            group = group << 6 | digit;
        }
        out.extend_from_slice(&group.to_be_bytes()[1..]);
    }
    out.truncate(out.len() - padding.min(out.len()));
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_every_length() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            assert_eq!(decode(&encode(&bytes[..length])).unwrap(), &bytes[..length]);
        }
    }

    #[test]
    fn refuses_what_is_not_base64() {
        for text in ["a", "====", "ab=c", "a=bc", "ab\n=", "abc=abcd"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(encode(b"hello"), "aGVsbG8=");
        assert_eq!(decode("aGVsbG8=").unwrap(), b"hello");
    }
}
