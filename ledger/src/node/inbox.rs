//! What the other validators sent and what waits, frames for the node's thread above all: bounded for each of them, and
//! taken in turns, so that one that sends much waits behind itself.

use crate::limits::{INBOX_BYTES_PER_PEER_MAX, INBOX_FRAMES_PER_PEER_MAX};
use std::collections::{BTreeMap, VecDeque};

struct Waiting<T> {
    /// With the bytes of each.
    frames: VecDeque<(usize, T)>,
    bytes: usize,
}

/// Frames that wait, or what was read from them.
pub struct Inbox<T = Vec<u8>> {
    frames_max: usize,
    bytes_max: usize,
    peers: BTreeMap<u16, Waiting<T>>,
    /// Peers with something waiting, next first.
    turn: VecDeque<u16>,
}

/// For frames.
impl Default for Inbox {
    fn default() -> Self {
        Self::of(INBOX_FRAMES_PER_PEER_MAX, INBOX_BYTES_PER_PEER_MAX)
    }
}

impl<T> Inbox<T> {
    /// An empty one, with room for so much of each peer.
    pub fn of(frames_max: usize, bytes_max: usize) -> Self {
        Self { frames_max, bytes_max, peers: BTreeMap::new(), turn: VecDeque::new() }
    }

    /// Puts a frame of `bytes` in. False where its sender has as much waiting as it may have; nothing is kept then.
    pub fn put(&mut self, from: u16, bytes: usize, frame: T) -> bool {
        let none = || Waiting { frames: VecDeque::new(), bytes: 0 };
        let waiting = self.peers.entry(from).or_insert_with(none);
        if waiting.frames.len() >= self.frames_max || waiting.bytes + bytes > self.bytes_max {
            return false;
        }
        if waiting.frames.is_empty() {
            self.turn.push_back(from);
        }
        waiting.bytes += bytes;
        waiting.frames.push_back((bytes, frame));
        true
    }

    /// Takes the next frame out.
    pub fn take(&mut self) -> Option<(u16, T)> {
        let from = self.turn.pop_front()?;
        let waiting = self.peers.get_mut(&from).expect("whoever has a turn has something waiting");
        let (bytes, frame) = waiting.frames.pop_front().expect("whoever has a turn has something waiting");
        waiting.bytes -= bytes;
        if !waiting.frames.is_empty() {
            self.turn.push_back(from);
        }
        Some((from, frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_take_turns_and_none_keeps_more_than_its_share() {
        let mut inbox = Inbox::default();
        let sent = (0..2 * INBOX_FRAMES_PER_PEER_MAX).filter(|number| inbox.put(1, 1, vec![*number as u8])).count();
        assert_eq!(sent, INBOX_FRAMES_PER_PEER_MAX);
        assert!(!inbox.put(2, INBOX_BYTES_PER_PEER_MAX + 1, Vec::new()));
        assert!(inbox.put(2, 3, b"two".to_vec()) && inbox.put(3, 5, b"three".to_vec()));
        let firsts: Vec<_> = (0..4).map(|_| inbox.take().unwrap()).collect();
        assert_eq!(firsts, [(1, vec![0]), (2, b"two".to_vec()), (3, b"three".to_vec()), (1, vec![1])]);
        assert!(inbox.put(1, 1, vec![9]), "what was taken makes room");
        assert_eq!(std::iter::from_fn(|| inbox.take()).count(), INBOX_FRAMES_PER_PEER_MAX - 1);
        assert!(inbox.peers.values().all(|waiting| waiting.bytes == 0));
    }
}
