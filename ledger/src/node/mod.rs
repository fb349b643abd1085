//! The node: one task that owns the chain, and what others may ask of it.
//!
//! [`Node::start`] opens store, high-water file and side store, checks that they belong together, and
//! starts the thread that proposes, orders, commits and signs. Everybody else holds a [`Handle`]: it
//! takes submissions in, waits for their fate, and reads what is committed. The order in which a
//! block becomes known is the safety argument: durable block, then high-water, then signature, then
//! the answer to whoever waits.
//!
//! A node whose disk is full stops: what it has not answered may or may not be in the ledger, and
//! only a start tells, which finishes the newest block. It never goes on with a part of its files.

mod error;
mod fate;
mod handle;
mod run;

pub use error::NodeError;
pub use fate::{Decided, Fate};
pub use handle::{Handle, Refused, Status};

use crate::{
    chain::Chain,
    highwater::{HighWater, Mark},
    log,
    mempool::Mempool,
    ordering::solo::Solo,
    sides::{Sides, SidesError},
    store::{Store, Tip},
};
use contracts::{id::NetworkId, key::Signer, validators::ValidatorSet};
use genesis::SignedDocument;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::watch;

/// The three keys of a validator.
#[derive(Clone)]
pub struct ValidatorKeys {
    /// Votes.
    pub consensus: Arc<dyn Signer>,
    /// Signs checkpoints as the log.
    pub log: Arc<dyn Signer>,
    /// Cosigns checkpoints.
    pub cosigner: Arc<dyn Signer>,
}

/// What a solo node needs.
pub struct Config {
    /// Its folder. Nobody else writes there.
    pub folder: PathBuf,
    /// What the network is founded on.
    pub document: SignedDocument,
    /// The keys of its one validator.
    pub keys: ValidatorKeys,
    /// Somebody has confirmed that the clock is right, however far it is ahead.
    pub confirm_time: bool,
}

/// A running node.
pub struct Node {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

/// What the node's thread and its handles share.
pub(crate) struct Shared {
    pub network: NetworkId,
    pub document: SignedDocument,
    pub set: ValidatorSet,
    pub store: Store,
    pub sides: Sides,
    /// Owned by whoever holds the lock; `wake` tells the node's thread that something waits.
    pub queue: Mutex<Queue>,
    pub wake: Condvar,
    pub tip: watch::Sender<Tip>,
    /// Why the node makes no blocks, if it makes none: for now, or for good.
    pub stopped: Mutex<Option<String>>,
    /// Has the node's thread ended?
    pub ended: watch::Sender<bool>,
    /// Are those who wait for the next block to be sent home, since the server stops?
    pub closing: watch::Sender<bool>,
    pub keys: ValidatorKeys,
    pub confirm_time: bool,
    pub metrics: crate::metrics::Metrics,
}

/// What waits for the next block, and who waits for it.
#[derive(Default)]
pub(crate) struct Queue {
    pub mempool: Mempool,
    pub waiters: HashMap<contracts::id::TransactionId, Vec<tokio::sync::oneshot::Sender<Fate>>>,
    pub shutdown: bool,
    /// What must stop the node, found by somebody who takes submissions in.
    pub halt: Option<SidesError>,
    /// No block comes any more: nobody may begin to wait.
    pub ended: bool,
}

impl Node {
    /// Opens everything, checks that it belongs together, and starts.
    ///
    /// # Errors
    /// [`NodeError`], naming file and remedy.
    pub fn start(config: Config) -> Result<Self, NodeError> {
        Self::start_with(config, |opened| opened)
    }

    /// As [`Node::start`]; tests put another high-water file in the place of the one that was opened.
    fn start_with(config: Config, replace: impl FnOnce(HighWater) -> HighWater) -> Result<Self, NodeError> {
        config.document.verify()?;
        let network = config.document.network;
        let set = check_keys(&config)?;
        let db = config.folder.join("db");
        let fresh = !db.exists();
        std::fs::create_dir_all(&config.folder)
            .map_err(|source| NodeError::Folder { path: config.folder.clone(), source })?;
        let mark_path = config.folder.join("highwater");
        // Made before the store, so that a store without it is one whose file was taken away.
        let highwater =
            if fresh && !mark_path.exists() { HighWater::create(&mark_path)? } else { HighWater::open(&mark_path)? };
        let chain = Chain::open(Store::open(&db)?, network, &config.document.document.founding)?;
        check_mark(&chain, highwater.mark(), &db)?;
        let sides = Sides::open(&config.folder.join("sides"), &config.folder.join("sides.key"))?;
        sides.clear_unfinished()?;
        let (tip, _) = watch::channel(chain.tip().clone());
        let shared = Arc::new(Shared {
            network,
            set,
            store: chain.store().clone(),
            sides,
            queue: Mutex::default(),
            wake: Condvar::new(),
            tip,
            stopped: Mutex::new(None),
            ended: watch::channel(false).0,
            closing: watch::channel(false).0,
            confirm_time: config.confirm_time,
            metrics: crate::metrics::Metrics::default(),
            keys: config.keys.clone(),
            document: config.document,
        });
        let ordering = Box::new(Solo::new(network, config.keys.consensus));
        let mut owner = run::Owner::new(shared.clone(), chain, replace(highwater), ordering);
        owner.recover()?;
        let thread = std::thread::Builder::new()
            .name("lonja-node".into())
            .spawn(move || owner.run())
            .map_err(NodeError::Thread)?;
        Ok(Self { handle: Handle::new(shared), thread: Some(thread) })
    }

    /// What others may ask of it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Finishes the block at work and stops. What still waits is answered with "stopped".
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.handle.ask_to_stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported by its hook, and the handle says that it stopped.
            drop(thread.join());
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.join();
    }
}

fn check_keys(config: &Config) -> Result<ValidatorSet, NodeError> {
    let set = config.document.document.founding.validators.clone();
    let [validator] = set.validators.as_slice() else { return Err(NodeError::NotSolo(set.validators.len())) };
    for (what, expected, signer) in [
        ("consensus", validator.consensus, &config.keys.consensus),
        ("log", validator.log, &config.keys.log),
        ("cosigner", validator.cosigner, &config.keys.cosigner),
    ] {
        if signer.public() != expected {
            return Err(NodeError::WrongKey(what));
        }
    }
    Ok(set)
}

/// Refuses a store that is behind, or beside, what was signed.
fn check_mark(chain: &Chain, mark: Mark, path: &Path) -> Result<(), NodeError> {
    let tip = chain.tip();
    let path = path.to_path_buf();
    if tip.height < mark.height {
        return Err(NodeError::RolledBack { path, found: tip.height, signed: mark.height });
    }
    if tip.log.count() < mark.size || log::root(&chain.store().reader(), mark.size)? != mark.root {
        return Err(NodeError::OtherHistory { path, signed: mark.height });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
