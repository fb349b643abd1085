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
mod inbox;
mod linked;
mod member;
mod run;

pub use error::NodeError;
pub use fate::{Decided, Fate};
pub use handle::{Handle, Refused, Status};
pub use member::{Frame, Links};

use crate::{
    chain::Chain,
    highwater::{HighWater, Mark},
    log,
    mempool::Mempool,
    ordering::solo::Solo,
    sides::{Sides, SidesError},
    store::{Reader, Store, Tip},
    verified::Verified,
};
use contracts::{
    id::{Height, NetworkId, TransactionId},
    key::Signer,
    validators::ValidatorSet,
};
use genesis::SignedDocument;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
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

/// What a node needs.
pub struct Config {
    /// Its folder. Nobody else writes there.
    pub folder: PathBuf,
    /// What the network is founded on.
    pub document: SignedDocument,
    /// The keys of the validator that it is.
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
    /// Our number in the set.
    pub number: u16,
    /// Where frames for the other validators go, once there are links.
    pub links: OnceLock<Arc<dyn Links>>,
    pub store: Store,
    pub sides: Sides,
    pub verified: Arc<Verified>,
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
    /// What the other validators sent.
    pub inbox: inbox::Inbox,
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
        let (number, set) = check_keys(&config)?;
        let db = config.folder.join("db");
        let fresh = !db.exists();
        std::fs::create_dir_all(&config.folder)
            .map_err(|source| NodeError::Folder { path: config.folder.clone(), source })?;
        let mark_path = config.folder.join("highwater");
        // Made before the store, so that a store without it is one whose file was taken away.
        let highwater =
            if fresh && !mark_path.exists() { HighWater::create(&mark_path)? } else { HighWater::open(&mark_path)? };
        let chain = Chain::open(Store::open(&db)?, network, &config.document.document.founding)?;
        check_mark(&chain, highwater.mark(), &db, set.validators.len() > 1)?;
        let sides = Sides::open(&config.folder.join("sides"), &config.folder.join("sides.key"))?;
        sides.clear_unfinished()?;
        let (tip, _) = watch::channel(newest_sealed(&chain)?);
        let shared = Arc::new(Shared {
            network,
            set,
            number,
            links: OnceLock::new(),
            store: chain.store().clone(),
            sides,
            verified: chain.verified().clone(),
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
        let handle = Handle::new(shared.clone());
        let spawn = |work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name("lonja-node".into()).spawn(work);
        let thread = if shared.set.validators.len() == 1 {
            let ordering = Solo::new(network, config.keys.consensus);
            let mut owner = run::Owner::new(shared.clone(), chain, replace(highwater), ordering);
            owner.recover()?;
            spawn(Box::new(move || run::to_the_end(&shared, || owner.run())))
        } else {
            let mut member = member::Member::new(shared.clone(), chain, replace(highwater), &config.folder)?;
            member.recover()?;
            spawn(Box::new(move || run::to_the_end(&shared, || member.run())))
        };
        Ok(Self { handle, thread: Some(thread.map_err(NodeError::Thread)?) })
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

/// The validator that the keys belong to, by its number.
fn check_keys(config: &Config) -> Result<(u16, ValidatorSet), NodeError> {
    let set = config.document.document.founding.validators.clone();
    let key = config.keys.consensus.public();
    let number = set.validators.iter().position(|validator| validator.consensus == key);
    let number = number.ok_or(NodeError::WrongKey("consensus"))?;
    let validator = &set.validators[number];
    for (what, expected, signer) in
        [("log", validator.log, &config.keys.log), ("cosigner", validator.cosigner, &config.keys.cosigner)]
    {
        if signer.public() != expected {
            return Err(NodeError::WrongKey(what));
        }
    }
    Ok((number as u16, set))
}

/// The newest block that is sealed, as are all before it. Only a network of many has later ones.
fn newest_sealed(chain: &Chain) -> Result<Tip, NodeError> {
    let (reader, newest) = (chain.store().reader(), chain.tip());
    let mut height = newest.height;
    while height > 0 && reader.seal(height)?.is_none() {
        height -= 1;
    }
    if height == newest.height { Ok(newest.clone()) } else { tip_at(&reader, newest.network, height) }
}

/// Where the ledger stood at `height`.
fn tip_at(reader: &Reader, network: NetworkId, height: Height) -> Result<Tip, NodeError> {
    let Some(header) = reader.header(height)? else {
        let (block, log) = (contracts::id::Digest(network.0), contracts::merkle::Frontier::EMPTY);
        let state_root = crate::tree::root(reader, 0).map_err(crate::chain::BlockError::from)?;
        return Ok(Tip { network, height: 0, block, time_ms: 0, log, state_root });
    };
    let log = log::frontier(reader, header.log_size)?;
    let (block, entry) = (header.id(), header.entry);
    Ok(Tip { network, height, block, time_ms: entry.time_ms, log, state_root: entry.state_root })
}

impl Shared {
    /// Tells whoever waits what became of their transactions.
    fn tell(&self, fates: Vec<(TransactionId, Fate)>) {
        let mut queue = self.queue.lock();
        for (id, fate) in fates {
            for waiter in queue.waiters.remove(&id).into_iter().flatten() {
                // Whoever waited may have gone; its transaction is committed all the same.
                drop(waiter.send(fate.clone()));
            }
        }
    }

    /// Sends a frame to all other validators.
    fn send_others(&self, frame: &Frame) {
        self.send((0..self.set.validators.len() as u16).filter(|to| *to != self.number), frame);
    }

    /// Sends a frame to some of the other validators, if there are links.
    fn send(&self, to: impl Iterator<Item = u16>, frame: &Frame) {
        let Some(links) = self.links.get() else { return };
        let bytes: Arc<[u8]> = frame.encode().into();
        to.for_each(|to| links.send(to, &bytes));
    }
}

/// Refuses a store that is beside what was signed, or behind it and without others who have the rest.
fn check_mark(chain: &Chain, mark: Mark, path: &Path, has_others: bool) -> Result<(), NodeError> {
    let tip = chain.tip();
    let path = path.to_path_buf();
    if tip.height < mark.height {
        if has_others {
            tracing::warn!(height = tip.height, signed = mark.height, "the store is behind what was signed");
            return Ok(());
        }
        return Err(NodeError::RolledBack { path, found: tip.height, signed: mark.height });
    }
    if tip.log.count() < mark.size || log::root(&chain.store().reader(), mark.size)? != mark.root {
        return Err(NodeError::OtherHistory { path, signed: mark.height });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
