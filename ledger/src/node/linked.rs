//! A node's two ends of its links to other validators.

use super::{Frame, Handle, Shared, member::Links};
use crate::peers::{Inbox, PeerStatus, Peers};
use std::sync::{Arc, Weak};

/// Where frames of other validators come in, for as long as the node is there: the links belong to it, so
/// they must not keep it.
struct Door(Weak<Shared>);

impl Inbox for Door {
    fn receive(&self, from: u16, frame: Vec<u8>) -> bool {
        self.0.upgrade().is_some_and(|shared| Handle::new(shared).deliver(from, frame))
    }
}

impl Handle {
    /// Where its links put what arrives.
    pub fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::new(Door(Arc::downgrade(&self.shared)))
    }
}

impl Links for Peers {
    fn send(&self, to: u16, frame: &Arc<[u8]>) {
        // Who is away, or has too much waiting, misses it, and asks for it again.
        let _sent = if Frame::is_submission(frame) {
            self.send_spare(to, frame.clone())
        } else {
            Peers::send(self, to, frame.clone())
        };
    }

    fn status(&self) -> Vec<PeerStatus> {
        Peers::status(self)
    }

    fn blame(&self, from: u16, fault: &str) {
        Peers::blame(self, from, fault);
    }
}
