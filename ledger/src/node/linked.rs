//! A node's two ends of its links to other validators.

use super::{Handle, member::Links};
use crate::peers::{Inbox, PeerStatus, Peers};
use std::sync::Arc;

impl Inbox for Handle {
    fn receive(&self, from: u16, frame: Vec<u8>) -> bool {
        self.deliver(from, frame)
    }
}

impl Links for Peers {
    fn send(&self, to: u16, frame: &Arc<[u8]>) {
        // Who is away, or has too much waiting, misses it, and asks for it again.
        let _sent = Peers::send(self, to, frame.clone());
    }

    fn status(&self) -> Vec<PeerStatus> {
        Peers::status(self)
    }
}
