//! Frames of the other validators that wait for the node's thread: bounded for each of them, and taken
//! in turns, so that one that sends much waits behind itself.

use crate::limits::{INBOX_BYTES_PER_PEER_MAX, INBOX_FRAMES_PER_PEER_MAX};
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
struct Waiting {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
}

/// Frames that wait.
#[derive(Default)]
pub struct Inbox {
    peers: BTreeMap<u16, Waiting>,
    /// Peers with something waiting, next first.
    turn: VecDeque<u16>,
}

impl Inbox {
    /// Puts a frame in. False where its sender has as much waiting as it may have; nothing is kept then.
    pub fn put(&mut self, from: u16, frame: Vec<u8>) -> bool {
        let waiting = self.peers.entry(from).or_default();
        let full =
            waiting.frames.len() >= INBOX_FRAMES_PER_PEER_MAX || waiting.bytes + frame.len() > INBOX_BYTES_PER_PEER_MAX;
        if full {
            return false;
        }
        if waiting.frames.is_empty() {
            self.turn.push_back(from);
        }
        waiting.bytes += frame.len();
        waiting.frames.push_back(frame);
        true
    }

    /// Takes the next frame out.
    pub fn take(&mut self) -> Option<(u16, Vec<u8>)> {
        let from = self.turn.pop_front()?;
        let waiting = self.peers.get_mut(&from).expect("whoever has a turn has something waiting");
        let frame = waiting.frames.pop_front().expect("whoever has a turn has something waiting");
        waiting.bytes -= frame.len();
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
        let sent = (0..2 * INBOX_FRAMES_PER_PEER_MAX).filter(|number| inbox.put(1, vec![*number as u8])).count();
        assert_eq!(sent, INBOX_FRAMES_PER_PEER_MAX);
        assert!(!inbox.put(2, vec![0; INBOX_BYTES_PER_PEER_MAX + 1]));
        assert!(inbox.put(2, b"two".to_vec()) && inbox.put(3, b"three".to_vec()));
        let firsts: Vec<_> = (0..4).map(|_| inbox.take().unwrap()).collect();
        assert_eq!(firsts, [(1, vec![0]), (2, b"two".to_vec()), (3, b"three".to_vec()), (1, vec![1])]);
        assert!(inbox.put(1, vec![9]), "what was taken makes room");
        assert_eq!(std::iter::from_fn(|| inbox.take()).count(), INBOX_FRAMES_PER_PEER_MAX - 1);
        assert!(inbox.peers.values().all(|waiting| waiting.bytes == 0));
    }
}
