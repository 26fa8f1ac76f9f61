//! Writers that append JSON to one buffer, in the order of the calls.

use super::Json;

/// Appends `text` as a JSON string.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[(byte >> 4) as usize]);
                out.push(HEX[(byte & 15) as usize]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn write_int(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes one object.
///
/// ```
/// use pandastack_guest_agent::json::ObjectWriter;
/// let json = ObjectWriter::new().string("id", "p1").int("pid", 42).finish();
/// assert_eq!(json, br#"{"id":"p1","pid":42}"#);
/// ```
pub struct ObjectWriter {
    out: Vec<u8>,
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ObjectWriter {
    pub fn new() -> Self {
        let mut out = Vec::with_capacity(128);
        out.push(b'{');
        Self { out }
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    pub fn string(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        write_string(&mut self.out, value);
        self
    }

    pub fn string_or_null(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(text) => self.string(key, text),
            None => self.raw(key, b"null"),
        }
    }

    pub fn int(mut self, key: &str, value: i64) -> Self {
        self.key(key);
        write_int(&mut self.out, value);
        self
    }

    pub fn int_or_null(self, key: &str, value: Option<i64>) -> Self {
        match value {
            Some(number) => self.int(key, number),
            None => self.raw(key, b"null"),
        }
    }

    pub fn bool(self, key: &str, value: bool) -> Self {
        self.raw(key, if value { b"true" } else { b"false" })
    }

    /// `value` is JSON already.
    pub fn raw(mut self, key: &str, value: &[u8]) -> Self {
        self.key(key);
        self.out.extend_from_slice(value);
        self
    }

    /// A value that came from the peer, given back (`argv`).
    pub fn strings(self, key: &str, values: &[String]) -> Self {
        let mut list = ListWriter::new();
        for value in values {
            list.string(value);
        }
        self.raw(key, &list.finish())
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b'}');
        self.out
    }
}

/// Writes one array.
pub struct ListWriter {
    out: Vec<u8>,
}

impl Default for ListWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl ListWriter {
    pub fn new() -> Self {
        Self { out: vec![b'['] }
    }

    fn separate(&mut self) {
        if self.out.len() > 1 {
            self.out.push(b',');
        }
    }

    pub fn string(&mut self, value: &str) {
        self.separate();
        write_string(&mut self.out, value);
    }

    pub fn raw(&mut self, value: &[u8]) {
        self.separate();
        self.out.extend_from_slice(value);
    }

    /// Bytes so far, without the closing bracket.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(b']');
        self.out
    }
}

/// Only tests write whole values; the agent's answers are written member by member.
impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn write(value: &Json, out: &mut Vec<u8>) {
            match value {
                Json::Null => out.extend_from_slice(b"null"),
                Json::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
                Json::Int(value) => write_int(out, *value),
                Json::Float(value) => out.extend_from_slice(value.to_string().as_bytes()),
                Json::Str(text) => write_string(out, text),
                Json::Array(items) => {
                    out.push(b'[');
                    for (index, item) in items.iter().enumerate() {
                        if index > 0 {
                            out.push(b',');
                        }
                        write(item, out);
                    }
                    out.push(b']');
                }
                Json::Object(members) => {
                    out.push(b'{');
                    for (index, (key, item)) in members.iter().enumerate() {
                        if index > 0 {
                            out.push(b',');
                        }
                        write_string(out, key);
                        out.push(b':');
                        write(item, out);
                    }
                    out.push(b'}');
                }
            }
        }
        let mut out = Vec::new();
        write(self, &mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn strings_survive_a_round_trip() {
        for text in ["", "a\"b\\c", "line\nnext\ttab\u{0}\u{1f}", "grüß 😀"] {
            let mut out = Vec::new();
            write_string(&mut out, text);
            assert_eq!(parse(&out), Some(Json::Str(text.into())));
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }

    #[test]
    fn integers_reach_both_ends() {
        for value in [0, 7, -1, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_int(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }
    }
}
