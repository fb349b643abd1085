//! What others may ask of a running node: what became of this, read that. How submissions are taken in is in
//! [`super::taking`].

use super::{Evidence, Links, Shared, fate::Fate, side_share::SideShare, witnessed::Hashes};
use crate::{
    api::BlockPage,
    limits::{SETTLED_WAIT, SUBMIT_WAIT_MS},
    mempool::Busy,
    metrics::Seen,
    note::Note,
    receipt::Trust,
    snapshot::Stations,
    store::{Reader, Store, StoreError, Tip},
    submission::SideMismatch,
};
use contracts::{
    execute::Inadmissible,
    id::{Height, NetworkId, SideId, TransactionId},
    key::PublicKey,
    side::SideBody,
    state::{Fault, Reading},
    takedown::TakenDown,
    transaction::TransactionError,
    validators::ValidatorSet,
};
use genesis::files::FileError;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{oneshot, watch};

/// A running node, for everybody but its own thread. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

/// Why a submission was not taken in. Nothing of it is kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// The bytes are no transaction of this network.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// The side body is not the transaction's.
    #[error(transparent)]
    Side(#[from] SideMismatch),
    /// It may not be in a block.
    #[error(transparent)]
    Inadmissible(#[from] Inadmissible),
    /// Its side body finds no room.
    #[error(transparent)]
    SideShare(#[from] SideShare),
    /// The node cannot take it now.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The side body cannot be kept.
    #[error("the side body cannot be kept: {0}")]
    Sides(String),
    /// There is no room for the side body; the node stops.
    #[error("the transaction was not taken in: {0}")]
    DiskFull(String),
    /// The node votes in nothing, and passes nothing on.
    #[error("this node observes: hand the transaction in at one of the validators")]
    Observes,
    /// The node makes no blocks.
    #[error("the node makes no blocks: {0}")]
    Stopped(String),
    /// The node stopped while it was waited for; it may have been committed.
    #[error(
        "the node stopped before it knew what became of transaction {id} ({reason}): when it runs again, send the same bytes again, which never counts twice"
    )]
    CutShort {
        /// Which.
        id: TransactionId,
        /// Why it stopped.
        reason: String,
    },
    /// It was left out of the block because executing it failed; our fault, reported in the log.
    #[error("executing the transaction failed in a way that is the node's fault; it was left out and nothing changed")]
    Faulty,
    /// No block came in time; it may still be committed. Ask for it by its id.
    #[error("no block came within {SUBMIT_WAIT_MS} ms; ask for transaction {0} later")]
    Pending(TransactionId),
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    pub(super) fn ask_to_stop(&self) {
        self.shared.queue.lock().shutdown = true;
        self.shared.wake.notify_all();
    }

    /// Waits until the node makes no more blocks, because it was asked to stop or because it had to.
    /// Returns why.
    pub async fn ended(&self) -> String {
        // An error means that the node is gone altogether, which is an end too.
        drop(self.shared.ended.subscribe().wait_for(|ended| *ended).await);
        self.why_stopped()
    }

    /// Sends those home who wait for the next block: the server stops.
    pub fn close(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Waits for [`Handle::close`].
    pub async fn closing(&self) {
        drop(self.shared.closing.subscribe().wait_for(|closing| *closing).await);
    }

    pub(super) fn why_stopped(&self) -> String {
        self.hindrance().unwrap_or_else(|| "it is stopping".into())
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.shared.network
    }

    /// What the network is founded on.
    pub fn document(&self) -> &genesis::SignedDocument {
        &self.shared.document
    }

    /// The validators.
    pub fn validators(&self) -> ValidatorSet {
        self.shared.era().set.clone()
    }

    /// Our number among them, if this node is one.
    pub fn seat(&self) -> Option<u16> {
        self.shared.era().number()
    }

    /// Tells of each new era: the number of changes of the set.
    pub fn eras(&self) -> watch::Receiver<u32> {
        self.shared.eras.subscribe()
    }

    /// All sets of validators up to the one at work, with the records by which they follow each other.
    pub fn trust(&self) -> Arc<Trust> {
        self.shared.trust()
    }

    /// The height above which blocks are wanted, on a node that observes, or on a validator that the others do not
    /// bring on, or that `catches_up` with what it is brought; `None` while what it was brought last waits to be taken
    /// up: one answer at a time is in memory.
    pub fn wants_blocks(&self, catches_up: bool) -> Option<Height> {
        let is_validator = self.seat().is_some();
        if is_validator && !catches_up && self.shared.stopped.lock().is_none() {
            return None;
        }
        let tip = self.shared.tip.borrow().height;
        // With the last block of its era a validator gets the record of the end, which it may miss.
        let ends = || self.store().reader().header(tip).ok().flatten().is_some_and(|header| header.ends_era());
        let from = if is_validator && ends() { tip.saturating_sub(1) } else { tip };
        self.shared.queue.lock().pages.is_empty().then_some(from)
    }

    /// Why the node cannot go on by itself, if it cannot.
    pub fn hindrance(&self) -> Option<String> {
        self.shared.stopped.lock().clone()
    }

    /// Blocks that another node serves, for one that observes, which verifies and executes each.
    pub fn observe(&self, pages: Vec<BlockPage>) {
        *self.shared.unreached.lock() = None;
        let mut queue = self.shared.queue.lock();
        queue.pages.extend(pages);
        drop(queue);
        self.shared.wake.notify_all();
    }

    /// Nobody who serves blocks could be reached: a node that observes says so, and is not taken for one that
    /// knows what is so now.
    pub fn unreached(&self, reason: String) {
        *self.shared.unreached.lock() = Some(reason);
    }

    /// Snapshots for those who join.
    pub fn stations(&self) -> &Stations {
        &self.shared.stations
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// What validators were caught at by this node, whether or not the ledger has it.
    pub fn misconduct(&self) -> Vec<Evidence> {
        self.shared.misconduct.all()
    }

    /// The newest checkpoint that enough witnesses cosigned, if any did.
    pub fn witnessed(&self) -> Option<Note> {
        self.shared.witnessed.newest()
    }

    /// Keeps a checkpoint that enough witnesses cosigned. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep_witnessed(&self, note: Note) -> Result<(), FileError> {
        self.shared.witnessed.keep(note)
    }

    /// Takes note that witnesses have cosigned the newest checkpoint as of now, or that from now on they are asked to:
    /// the metrics count from here.
    pub fn note_witnessed(&self) {
        self.shared.metrics.note_witnessed();
    }

    /// The hashes of the log, for whoever proves how it grew.
    pub fn hashes(&self) -> Hashes {
        Hashes(self.shared.store.clone())
    }

    /// Tells of each new tip.
    pub fn watch(&self) -> watch::Receiver<Tip> {
        self.shared.tip.subscribe()
    }

    /// Records that blocks wrote since the start.
    pub fn keys_written(&self) -> u64 {
        self.shared.metrics.keys_written()
    }

    /// What Prometheus reads.
    pub fn metrics(&self) -> String {
        let era = self.shared.era();
        let is_in_force = |key: &PublicKey| era.set.number_of(key).is_some();
        let (status, reader) = (self.status(), self.shared.store.reader());
        let evidence = self.misconduct();
        let caught: BTreeSet<PublicKey> = evidence.iter().map(Evidence::against).filter(is_in_force).collect();
        // What the ledger has is nowhere lost; where it cannot be read, the status says so.
        let is_lost = |one: &&Evidence| !one.is_known(&reader).unwrap_or(true);
        let gone: BTreeSet<PublicKey> = evidence.iter().filter(is_lost).map(Evidence::against).collect();
        let gone = gone.difference(&caught).count();
        let wanted = self.shared.ballots.wanted(&reader, &era.set.digest(), era.number(), status.time_ms);
        // Where the state cannot be read, the node is not well, and its status says why.
        let wanted = wanted.unwrap_or_default();
        self.shared.metrics.render(&Seen { status, accusations: caught.len(), gone, wanted })
    }

    /// Where frames for the other validators go from now on, if anywhere.
    pub fn connect(&self, links: Option<Arc<dyn Links>>) {
        *self.shared.links.write() = links;
    }

    /// Reads of a moment whose block is sealed, not older than the question: where several validators sign, that takes
    /// a while after the block is durable. Blocks for it, at most [`SETTLED_WAIT`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn settled(&self) -> Result<Reader<'_>, StoreError> {
        let until = Instant::now() + SETTLED_WAIT;
        // One moment is waited for. Under load the next block is there before this one is sealed, and whoever waited
        // for a newest block with its seal would not be answered.
        let reader = self.shared.store.reader();
        let newest = reader.tip()?.map_or(0, |tip| tip.height);
        while newest > self.shared.tip.borrow().height && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(reader.with_seals_of(self.shared.store.reader()))
    }

    /// Waits until `deadline` for what becomes of a submission. Those of one request have one
    /// deadline, so that a node which makes no blocks answers in time for all of them together.
    ///
    /// # Errors
    /// [`Refused::Pending`] where no block comes in time, else why it is in none.
    pub async fn fate(
        &self,
        id: TransactionId,
        receiver: oneshot::Receiver<Fate>,
        deadline: tokio::time::Instant,
    ) -> Result<Fate, Refused> {
        match tokio::time::timeout_at(deadline, receiver).await {
            Err(_) => Err(Refused::Pending(id)),
            Ok(Err(_)) => Err(Refused::CutShort { id, reason: self.why_stopped() }),
            Ok(Ok(Fate::Dropped(reason))) => Err(reason.into()),
            Ok(Ok(Fate::Faulty)) => Err(Refused::Faulty),
            Ok(Ok(Fate::Unkept)) => {
                Err(Refused::Sides("it came with the same bytes, handed in at the same time".into()))
            }
            Ok(Ok(fate)) => Ok(fate),
        }
    }

    /// The side body that `id` commits to, unless it was withheld or taken down.
    ///
    /// # Errors
    /// [`Refused::Sides`] and [`Refused::Fault`] where it, or whether it was taken down, cannot be read.
    pub fn side(&self, id: &SideId) -> Result<Option<SideBody>, Refused> {
        // Also where its file is there still.
        if self.shared.store.reader().value::<TakenDown>(&TakenDown::key(id))?.is_some() {
            return Ok(None);
        }
        self.shared.sides.get(id).map_err(|error| Refused::Sides(error.to_string()))
    }
}
