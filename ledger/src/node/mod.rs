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
//! A node whose key does not open, or cannot sign, waits for it ([`waiting`]).

mod alone;
mod ballots;
mod error;
mod fate;
mod handle;
mod heed;
mod inbox;
mod intake;
mod linked;
mod member;
mod misconduct;
mod observer;
mod role;
mod run;
mod seat;
mod side_share;
mod status;
mod taking;
mod waiting;
mod witnessed;

pub use alone::{Shown, Sources};
pub use ballots::Wanted;
pub use error::{NodeError, Unopened};
pub use fate::{Decided, Fate};
pub use handle::{Handle, Refused};
pub use member::{Frame, Links};
pub use misconduct::Evidence;
pub use seat::{Keys, ValidatorKeys};
pub use side_share::SideShare;
pub use status::{NextProtocol, Status};
pub use taking::{Entrant, Taken};

use crate::{
    api::BlockPage,
    archive::{Pruner, Retention},
    chain::Chain,
    era::{self, Era},
    highwater::{HighWater, Mark},
    limits::UNSEALED_HEIGHTS_MAX,
    log,
    mempool::Mempool,
    receipt::{SetChange, Trust},
    sides::{Sides, SidesError},
    snapshot::Stations,
    store::{Reader, Store, Tip},
    time::now_ms,
    verified::Verified,
};
use contracts::id::{Height, NetworkId, TimeMs, TransactionId};
use genesis::SignedDocument;
use parking_lot::{Condvar, Mutex, RwLock};
use role::Role;
pub(crate) use seat::Seated;
use std::{
    collections::{HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};
use tokio::sync::watch;
use tracing::Span;

/// What a node needs.
pub struct Config {
    /// Its folder. Nobody else writes there.
    pub folder: PathBuf,
    /// What the network is founded on.
    pub document: SignedDocument,
    /// Keys of the validators that it may be: in each era it is the one whose keys are in the set, and where none
    /// is, it observes.
    pub keys: Arc<dyn Keys>,
    /// Who brings it blocks where it is none of the validators, which it may be only if there is somebody.
    pub sources: Sources,
    /// Somebody has confirmed that the clock is right, however far it is ahead.
    pub confirm_time: bool,
    /// What it keeps of old blocks; everything where there is none.
    pub retention: Option<Retention>,
}

impl Config {
    /// Are the keys those of a validator of the era, or may there be none?
    fn check_keys(&self, seated: &Seated) -> Result<(), NodeError> {
        match &seated.seat {
            Some((number, keys)) => role::check_keys(&seated.set.validators[usize::from(*number)], keys),
            None if self.sources.are_named() => Ok(()),
            None if seated.era.number > 0 => Err(NodeError::NoValidatorAnyMore { changes: seated.era.number }),
            None => Err(NodeError::WrongKey("consensus")),
        }
    }
}

/// A running node.
pub struct Node {
    handle: Handle,
    pruner: Option<Pruner>,
    keepers: Option<intake::Keepers>,
    thread: Option<JoinHandle<()>>,
}

/// What the node's thread and its handles share.
pub(crate) struct Shared {
    pub network: NetworkId,
    pub document: SignedDocument,
    /// The era at work.
    era: RwLock<Arc<Seated>>,
    /// Number of the era: tells whoever makes the links.
    pub eras: watch::Sender<u32>,
    /// All sets up to the era at work, and their records.
    trust: RwLock<Arc<Trust>>,
    /// Where frames for the other validators go, once there are links.
    pub links: RwLock<Option<Arc<dyn Links>>>,
    pub store: Store,
    pub stations: Arc<Stations>,
    pub sides: Sides,
    pub verified: Arc<Verified>,
    /// Owned by whoever holds the lock; `wake` tells the node's thread that something waits.
    pub queue: Mutex<Queue>,
    pub wake: Condvar,
    /// What the other validators hand on and what waits for a disk.
    pub intake: intake::Intake,
    pub tip: watch::Sender<Tip>,
    /// Why the node makes no blocks, if it makes none: for now, or for good.
    pub stopped: Mutex<Option<String>>,
    /// Who brings blocks where we are none of the validators.
    pub sources: Sources,
    /// Why a node that observes gets no blocks, if it gets none.
    pub unreached: Mutex<Option<String>>,
    /// Why old transactions cannot be moved into the archive, if they cannot.
    pub unarchived: Mutex<Option<&'static str>>,
    /// Has the node's thread ended?
    pub ended: watch::Sender<bool>,
    /// Are those who wait for the next block to be sent home, since the server stops?
    pub closing: watch::Sender<bool>,
    /// Where the keys of all validators are that we may be.
    pub keys: Arc<dyn Keys>,
    pub confirm_time: bool,
    /// What a validator among several stamps blocks by, and measures those of the others by.
    pub clock: fn() -> TimeMs,
    /// What validators were caught at.
    pub misconduct: misconduct::Kept,
    /// What waits for ballots.
    pub ballots: ballots::Ballots,
    /// The newest checkpoint that witnesses cosigned.
    pub witnessed: witnessed::Witnessed,
    pub metrics: crate::metrics::Metrics,
    /// What each party has in side bodies.
    pub side_shares: Mutex<side_share::Shares>,
}

/// Somebody who waits for what becomes of a transaction.
pub(crate) struct Waiter {
    pub told: tokio::sync::oneshot::Sender<Fate>,
    /// What a trace shows of it.
    pub span: Span,
}

/// What waits for the next block, and who waits for it.
#[derive(Default)]
pub(crate) struct Queue {
    pub mempool: Mempool,
    pub waiters: HashMap<contracts::id::TransactionId, Vec<Waiter>>,
    /// What the other validators sent.
    pub inbox: inbox::Inbox,
    /// Blocks that others decided and that were fetched for a node that observes.
    pub pages: VecDeque<BlockPage>,
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
        Self::start_with(config, now_ms, |opened| opened)
    }

    /// As [`Node::start`]; tests have a clock of their own, and put another high-water file in the place of the one
    /// that was opened.
    fn start_with(
        config: Config,
        clock: fn() -> TimeMs,
        replace: impl FnOnce(HighWater) -> HighWater,
    ) -> Result<Self, NodeError> {
        config.document.verify()?;
        let network = config.document.network;
        let db = config.folder.join("db");
        let fresh = !db.exists();
        let founding = &config.document.document.founding.validators;
        if fresh {
            // Before anything is made.
            let first = Era { number: 0, after: 0, set: founding.clone() };
            let seated = Seated::of(first, &*config.keys, config.sources, 0, 0)?;
            config.check_keys(&seated)?;
            config.sources.check(&seated)?;
        }
        std::fs::create_dir_all(&config.folder)
            .map_err(|source| NodeError::Folder { path: config.folder.clone(), source })?;
        let mark_path = config.folder.join("highwater");
        let archive = config.retention.as_ref().map(|retention| retention.archive.clone());
        let keep_blocks = config.retention.as_ref().map(|retention| retention.keep_blocks);
        // Made before the store, so that a store without it is one whose file was taken away.
        let highwater =
            if fresh && !mark_path.exists() { HighWater::create(&mark_path)? } else { HighWater::open(&mark_path)? };
        let mut chain = Chain::open(Store::open_with(&db, archive)?, network, &config.document.document.founding)?;
        let snapshots = config.folder.join("snapshots");
        let stations = Stations::start(chain.store().clone(), network, snapshots.clone())
            .map_err(|source| NodeError::Folder { path: snapshots, source })?;
        let stations = Arc::new(stations);
        chain.hand_on(stations.clone());
        let reader = chain.store().reader();
        let era = Era::at(&reader, chain.tip().height, founding)?;
        let trust = era::trust(&reader, network, founding)?;
        let ballots = ballots::Ballots::of(&reader)?;
        drop(reader);
        let seated = Seated::of(era, &*config.keys, config.sources, chain.tip().height, highwater.mark().height)?;
        config.check_keys(&seated)?;
        config.sources.check(&seated)?;
        let has_others = seated.set.validators.len() > 1 || seated.seat.is_none();
        check_mark(&chain, highwater.mark(), &db, has_others)?;
        let sides = Sides::open(&config.folder.join("sides"), &config.folder.join("sides.key"))?;
        sides.clear_unfinished()?;
        heed::forget(&sides, &chain.store().reader())?;
        let evidence = config.folder.join("evidence");
        let misconduct = misconduct::Kept::open(evidence.clone(), &network)
            .map_err(|source| NodeError::Folder { path: evidence, source })?;
        let (tip, _) = watch::channel(newest_sealed(&chain)?);
        let shared = Arc::new(Shared {
            network,
            eras: watch::channel(seated.era.number).0,
            era: RwLock::new(Arc::new(seated)),
            trust: RwLock::new(Arc::new(trust)),
            links: RwLock::new(None),
            store: chain.store().clone(),
            stations,
            sides,
            verified: chain.verified().clone(),
            queue: Mutex::default(),
            wake: Condvar::new(),
            intake: intake::Intake::default(),
            tip,
            stopped: Mutex::new(None),
            sources: config.sources,
            unreached: Mutex::new(None),
            unarchived: Mutex::new(None),
            ended: watch::channel(false).0,
            closing: watch::channel(false).0,
            confirm_time: config.confirm_time,
            clock,
            misconduct,
            ballots,
            witnessed: witnessed::Witnessed::open(config.folder.join("witnessed")),
            metrics: crate::metrics::Metrics::new(now_ms(), keep_blocks),
            side_shares: Mutex::default(),
            keys: config.keys,
            document: config.document,
        });
        let handle = Handle::new(shared.clone());
        let prune = |retention| {
            let told = shared.clone();
            let tell = move |reason| *told.unarchived.lock() = reason;
            Pruner::start(handle.store().clone(), retention, handle.watch(), tell)
        };
        let pruner = config.retention.map(prune).transpose().map_err(NodeError::Thread)?;
        let keepers = Some(intake::Keepers::start(&shared).map_err(NodeError::Thread)?);
        let spawn = |work: Box<dyn FnOnce() + Send>| std::thread::Builder::new().name("lonja-node".into()).spawn(work);
        let (role, folder) = (Role::of(&shared, chain, replace(highwater), &config.folder)?, config.folder);
        let thread = spawn(Box::new(move || run::to_the_end(&shared, || role.run(&shared, &folder))));
        Ok(Self { handle, pruner, keepers, thread: Some(thread.map_err(NodeError::Thread)?) })
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
        drop(self.keepers.take());
        self.handle.stations().stop();
        drop(self.pruner.take());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.join();
    }
}

/// The newest block that is sealed, as are all before it. Only a network of many has later ones, and among these sealed
/// ones too: seals come in any order.
fn newest_sealed(chain: &Chain) -> Result<Tip, NodeError> {
    let (reader, newest) = (chain.store().reader(), chain.tip());
    let mut height = newest.height.saturating_sub(UNSEALED_HEIGHTS_MAX as Height + 1).max(reader.base()?);
    while height < newest.height && reader.seal(height + 1)?.is_some() {
        height += 1;
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
    /// The era at work.
    pub fn era(&self) -> Arc<Seated> {
        self.era.read().clone()
    }

    /// All sets up to the era at work.
    pub fn trust(&self) -> Arc<Trust> {
        self.trust.read().clone()
    }

    /// Another era begins. What the validators of the last one sent says nothing in it.
    fn enter(&self, seated: Seated) -> Result<(), NodeError> {
        let number = seated.era.number;
        *self.era.write() = Arc::new(seated);
        let mut queue = self.queue.lock();
        queue.inbox = inbox::Inbox::default();
        queue.pages.clear();
        drop(queue);
        self.eras.send_if_modified(|now| std::mem::replace(now, number) != number);
        Ok(())
    }

    /// Keeps the record of a change of the set, which a quorum signed.
    fn keep_set_change(&self, change: &SetChange) -> Result<(), NodeError> {
        self.store.keep_set_change(change)?;
        let mut trust = (*self.trust()).clone();
        if trust.changes() < change.number as usize {
            trust.extend(change).map_err(era::EraError::from)?;
            *self.trust.write() = Arc::new(trust);
        }
        Ok(())
    }

    /// Tells whoever waits what became of their transactions. The block's span, in which we are, is linked to theirs.
    fn tell(&self, fates: Vec<(TransactionId, Fate)>) {
        let (mut queue, block) = (self.queue.lock(), Span::current());
        for (id, fate) in fates {
            for waiter in queue.waiters.remove(&id).into_iter().flatten() {
                // Whoever waited may have gone; its transaction is committed all the same.
                block.follows_from(&waiter.span);
                drop(waiter.told.send(fate.clone()));
            }
        }
    }

    /// Validator `from` did what no honest validator does.
    fn blame(&self, from: u16, fault: &str) {
        if let Some(links) = &*self.links.read() {
            links.blame(from, fault);
        }
    }

    /// Sends a frame to all other validators.
    fn send_others(&self, frame: &Frame) {
        let era = self.era();
        self.send((0..era.set.validators.len() as u16).filter(|to| Some(*to) != era.number()), frame);
    }

    /// Is the link to validator `number` known to be down?
    pub fn is_unlinked(&self, number: u16) -> bool {
        let links = self.links.read().as_ref().map(|links| links.status()).unwrap_or_default();
        links.iter().any(|link| link.number == number && !link.connected)
    }

    /// Sends a frame to some of the other validators, if there are links.
    fn send(&self, to: impl Iterator<Item = u16>, frame: &Frame) {
        let links = self.links.read().clone();
        let Some(links) = links else { return };
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
mod changing;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod tests;
