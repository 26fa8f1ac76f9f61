//! The newest output of one channel, addressed by its position since the start: readers keep a position each.

use std::collections::VecDeque;

#[derive(Default)]
pub struct Replay {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Position behind the newest byte.
    end: u64,
}

impl Replay {
    pub fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity, end: 0 }
    }

    pub fn end(&self) -> u64 {
        self.end
    }

    /// Position of the oldest byte that is kept.
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.end += bytes.len() as u64;
        let kept = &bytes[bytes.len() - bytes.len().min(self.capacity)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..excess);
        self.bytes.extend(kept);
    }

    /// Up to `limit` bytes from `position` on, as two slices because the buffer is a ring.
    pub fn read(&self, position: u64, limit: usize) -> (&[u8], &[u8]) {
        let from = (position - self.start()) as usize;
        let count = limit.min(self.bytes.len() - from);
        let (front, back) = self.bytes.as_slices();
        if from >= front.len() {
            let from = from - front.len();
            return (&back[from..from + count], &[]);
        }
        let first = count.min(front.len() - from);
        (&front[from..from + first], &back[..count - first])
    }

    /// Gives the memory back; positions stay right.
    pub fn forget(&mut self) {
        self.bytes = VecDeque::new();
        self.capacity = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(replay: &Replay, position: u64, limit: usize) -> Vec<u8> {
        let (first, second) = replay.read(position, limit);
        [first, second].concat()
    }

    #[test]
    fn keeps_the_newest_and_its_positions() {
        let mut replay = Replay::new(5);
        replay.push(b"abc");
        replay.push(b"defg");
        assert_eq!((replay.start(), replay.end()), (2, 7));
        assert_eq!(text(&replay, 2, 100), b"cdefg");
        assert_eq!(text(&replay, 4, 2), b"ef");
        assert_eq!(text(&replay, 7, 10), b"");
        replay.push(b"0123456789");
        assert_eq!(text(&replay, replay.start(), 9), b"56789");
        assert_eq!(replay.end(), 17);
    }

    #[test]
    fn a_buffer_of_nothing_counts_all_the_same() {
        let mut replay = Replay::new(0);
        replay.push(b"abc");
        assert_eq!((replay.start(), replay.end(), replay.len()), (3, 3, 0));
    }
}
