//! Links between the validators of one network: TCP and TLS 1.3, both ends authenticated by the
//! consensus keys that the ledger knows.
//!
//! The keys are raw public keys (RFC 7250). There is no certificate, so none can run out, and no wall
//! clock that is wrong can stop consensus. A TLS signature covers a context string of its own (RFC 8446,
//! 4.4.3), which none of our signing domains begins with, so neither can stand for the other.
//!
//! Between two validators there is one link; the one with the lower key dials, whatever their numbers are: in a
//! change of the validator set one of them may have other numbers already. A link carries frames
//! in order and may lose what waits when it breaks: who sends through it expects that. Everything is
//! bounded: what waits to be sent, what is being received, how fast that may be, how many strangers may
//! knock at once and how long they may take.
//!
//! Read in this order: [`identity`] (TLS with our keys), [`frame`], [`peer`] (what waits for one), [`link`]
//! (one link while it lasts), [`mesh`] (dialling and accepting), [`door`] (who has not proven a key yet), [`aside`]
//! (where our key signs for links), [`faults`] (who is held off, and why).

mod aside;
mod door;
mod faults;
pub(crate) mod frame;
mod identity;
mod link;
mod mesh;
mod peer;

use crate::limits::{
    PEER_FRAME_TIME_MAX, PEER_HANDSHAKE_TIME_MAX, PEER_HELD_OFF_FOR, PEER_KEEP_ALIVE_EVERY, PEER_REDIAL_AFTER_MAX,
    PEER_SILENCE_MAX,
};
use contracts::{
    id::NetworkId,
    key::{PublicKey, Signer},
};
use mesh::Mesh;
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What links need to know.
pub struct Config {
    /// The network.
    pub network: NetworkId,
    /// Our consensus key.
    pub signer: Arc<dyn Signer>,
    /// The other validators.
    pub peers: Vec<Peer>,
    /// How long things may take.
    pub times: Times,
}

/// Another validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its number in the validator set.
    pub number: u16,
    /// Its consensus key.
    pub key: PublicKey,
    /// Host and port where it listens, if that is known: otherwise it may still reach us.
    pub address: Option<String>,
}

/// How long things may take; in tests less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// From a connection to its hello.
    pub handshake: Duration,
    /// From the first byte of a frame to its last, in and out.
    pub frame: Duration,
    /// Between two empty frames on a link that has nothing to say.
    pub keep_alive: Duration,
    /// Without any frame until a link is given up.
    pub silence: Duration,
    /// The longest wait between two attempts to reach a peer.
    pub redial: Duration,
    /// How long a peer is held off that did too much that is wrong.
    pub held_off: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            handshake: PEER_HANDSHAKE_TIME_MAX,
            frame: PEER_FRAME_TIME_MAX,
            keep_alive: PEER_KEEP_ALIVE_EVERY,
            silence: PEER_SILENCE_MAX,
            redial: PEER_REDIAL_AFTER_MAX,
            held_off: PEER_HELD_OFF_FOR,
        }
    }
}

/// Takes frames in.
pub trait Inbox: Send + Sync + 'static {
    /// Takes a frame of validator `from`. False where there is no room for it now: it is dropped.
    fn receive(&self, from: u16, frame: Vec<u8>) -> bool;
}

/// How the link to a peer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its number in the validator set.
    pub number: u16,
    /// Is there a link?
    pub connected: bool,
    /// Frames that it sent and that were taken in.
    pub received: u64,
    /// Frames that it sent and for which there was no room.
    pub refused: u64,
    /// Frames that were written to it.
    pub sent: u64,
    /// Frames that could not wait for it, since it is away or has too many waiting.
    pub lost: u64,
    /// What it did that no honest validator does, counted.
    pub faults: u64,
    /// The last of these.
    pub fault: Option<String>,
    /// Why there was no link, or none any more, the last time.
    pub reason: Option<String>,
}

/// Links that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    /// TLS does not take our keys.
    #[error("the consensus key cannot be used for links: {0}")]
    Key(#[from] rustls::Error),
    /// There is no thread to be had.
    #[error("the thread for handshakes with other validators cannot be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The socket has no address.
    #[error("the socket for other validators cannot be used: {0}")]
    Socket(#[from] std::io::Error),
}

/// The links of one validator, until they are stopped.
pub struct Peers {
    mesh: Arc<Mesh>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Peers {
    /// Listens, dials, and gives what arrives to `inbox`.
    ///
    /// # Errors
    /// [`PeersError`].
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn start(listener: TcpListener, config: Config, inbox: Arc<dyn Inbox>) -> Result<Self, PeersError> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mesh = Arc::new(Mesh::new(config, inbox, stop.clone())?);
        tasks.spawn(mesh.clone().accept(listener, tasks.clone()));
        for peer in mesh.dialled() {
            tasks.spawn(mesh.clone().dial(peer));
        }
        tasks.close();
        Ok(Self { mesh, stop, tasks })
    }

    /// Queues a frame for validator `to`. False where it is away or has too much waiting: the frame is
    /// lost.
    pub fn send(&self, to: u16, frame: Arc<[u8]>) -> bool {
        self.mesh.peer(to).is_some_and(|peer| peer.queue(frame))
    }

    /// Queues a frame that is worth less than the others: it goes after them and takes no room of theirs. False where
    /// it is lost.
    pub fn send_spare(&self, to: u16, frame: Arc<[u8]>) -> bool {
        self.mesh.peer(to).is_some_and(|peer| peer.queue_spare(frame))
    }

    /// Validator `from` did what no honest validator does. Whoever does too much of it is held off: its link
    /// ends, and there is none for a while.
    pub fn blame(&self, from: u16, fault: &str) {
        if let Some(peer) = self.mesh.peer(from) {
            peer.blame(fault, self.mesh.times().held_off);
        }
    }

    /// The validator with this key has moved: it is dialled at `address` from now on. A link that there is stays as
    /// long as it lasts. Returns whether that is news.
    pub fn move_to(&self, key: &PublicKey, address: &str) -> bool {
        self.mesh.known(key).is_some_and(|peer| peer.move_to(address))
    }

    /// How each link is, by the number of the peer.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.mesh.status()
    }

    /// Ends all links and waits until they have ended.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
