//! A node that is one validator of many: the loop of the thread that owns the replica.
//!
//! It waits for frames of the others, timers, and something to propose; lets the [`Replica`] take one
//! step; and carries out what that asks. A block becomes known in this order: durable, then the
//! high-water mark, then our signatures to the others, then (when a quorum's are there) the seal, and
//! then, in the order of heights, the tip and the answers to whoever waits.
//!
//! A store that was restored from a backup is behind the mark, which never is. Until it has passed the
//! mark, and its log there is the one that was signed, the node takes blocks of others with their seals
//! and signs nothing. A mark that was restored with it is found out by the others ([`gate`]).

mod caught;
mod clock;
mod frame;
mod gate;
mod heard;
mod known;
mod lacking;
mod others;
mod passing;
mod seals;
mod served;
mod work;

pub use frame::Frame;

use super::{NodeError, Shared, fate::Fate, role::Ended, run::made_at, tip_at};
use crate::{
    block::Block,
    chain::{Chain, Committed},
    highwater::HighWater,
    limits::{AWAY_PATIENCE, LATE_BLOCKS_BYTES_MIN, PROPOSAL_TRANSACTIONS_MAX, ROUNDS_OF_FULL_BLOCKS},
    ordering::{
        Timer, TimerKind, Turn,
        bft::{Bft, Patience},
    },
    peers::PeerStatus,
    receipt::Seal,
    replica::{Act, Chained, ChainedError, Ledger, Replica, ReplicaError},
    store::Tip,
    voting::Voting,
};
use contracts::{
    execute::Inadmissible,
    id::{Height, TransactionId},
    limits::BLOCK_BYTES_MAX,
    transaction::Checked,
};
use gate::{Gate, Remembered};
use heard::Heard;
use lacking::Lacking;
use passing::Passing;
use seals::Seals;
use served::Served;
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
use tracing::Span;
use work::Work;

/// Takes frames to the other validators. What does not arrive is asked for again, so it may lose them.
pub trait Links: Send + Sync {
    /// Sends `frame` to validator `to`, if that can be reached now.
    fn send(&self, to: u16, frame: &Arc<[u8]>);

    /// How each of them is.
    fn status(&self) -> Vec<PeerStatus>;

    /// Validator `from` did what no honest validator does.
    fn blame(&self, from: u16, fault: &str);
}

/// The owner of a replica.
pub(super) struct Member {
    shared: Arc<Shared>,
    replica: Replica<Chained, Voting>,
    highwater: HighWater,
    folder: PathBuf,
    seals: Seals,
    remembered: Remembered,
    gate: Gate,
    heard: Heard,
    lacking: Lacking,
    served: Served,
    /// Size of a log that we signed and do not have; 0 if there is none.
    lost: u64,
    /// The record by which our era ends, once its last block is committed.
    passing: Option<Passing>,
    /// Committed blocks that are not known yet, since their seal or one before it is missing.
    unknown: BTreeMap<Height, Unknown>,
    /// They are so many that no height is begun until there are fewer.
    crowded: bool,
    timers: BTreeMap<(Instant, u64), Timer>,
    /// No height is begun, as far as we know.
    resting: bool,
    last_block: Instant,
    /// When we last knew of nothing that was to be done, or did it.
    idle_at: Instant,
    status_at: Instant,
    /// Since when something that is due waits for frames, if it does.
    due_since: Option<Instant>,
    /// When we warned of our clock.
    warned_at: Option<Instant>,
}

/// A committed block that is not known yet.
struct Unknown {
    committed: Committed,
    tip: Tip,
    seal: Option<Seal>,
    since: Instant,
    /// Its span, and that of the wait for the seal.
    block: Span,
    cosign: Span,
}

/// Bytes of the transactions of a block that we make in `round`.
fn bytes_in_round(round: u32) -> usize {
    let halved = (round / ROUNDS_OF_FULL_BLOCKS).min(usize::BITS - 1);
    (BLOCK_BYTES_MAX >> halved).max(LATE_BLOCKS_BYTES_MIN)
}

impl Member {
    pub fn new(shared: Arc<Shared>, chain: Chain, highwater: HighWater, folder: &Path) -> Result<Self, NodeError> {
        let (era, mark, path) = (shared.era(), highwater.mark().height, folder.join("voting"));
        // Without what was voted for, it may be that we voted at the height above the last that we signed. Not so where
        // we never began to vote in this era: then we have only just become one of several.
        let (last, number) = (mark.max(era.after), era.era.number);
        let voted = mark > era.after || shared.store.reader().votes_since()?.is_some_and(|since| since >= number);
        let voting = if voted {
            Voting::open_signed(&path, shared.network, last)?
        } else {
            Voting::open(&path, shared.network)?
        };
        // The file is there by now: from here on, that it is not means that it is gone.
        shared.store.keep_votes_since(number)?;
        let ordering = Bft::new(shared.network, era.keys().consensus.clone(), Patience::default());
        let clock = Box::new(shared.clock);
        let chained = Chained::new(chain, &era.set, clock).map_err(|error| ReplicaError::Part(error.into()))?;
        let observes_to = if voting.is_new() && voted { last + 1 } else { mark };
        let mut replica = Replica::new(shared.network, Box::new(ordering), chained, voting);
        replica.observe(observes_to);
        replica.hold();
        let remembered = Remembered::from_seals(&shared.store.reader(), shared.tip.borrow().height)?;
        let gate = Gate::new(era.set.quorum());
        let (now, last_block) = (Instant::now(), made_at(replica.ledger().chain().tip().time_ms));
        Ok(Self {
            shared,
            replica,
            highwater,
            folder: folder.to_path_buf(),
            seals: Seals::default(),
            remembered,
            gate,
            heard: Heard::default(),
            lacking: Lacking::default(),
            served: Served::default(),
            lost: 0,
            passing: None,
            unknown: BTreeMap::new(),
            crowded: false,
            timers: BTreeMap::new(),
            resting: false,
            last_block,
            idle_at: now,
            status_at: now,
            due_since: None,
            warned_at: None,
        })
    }

    /// Takes up what a crash cut short: heights that are durable and that nobody signed yet.
    pub fn recover(&mut self) -> Result<(), NodeError> {
        let tip = self.replica.ledger().height();
        let sealed = self.shared.tip.borrow().height;
        // Of the newest that is sealed, what was taken down may be there still.
        let results = self.shared.store.reader().results(sealed)?;
        self.shared.heed(&results.unwrap_or_default())?;
        for height in sealed + 1..=tip {
            let reader = self.shared.store.reader();
            let (Some(header), Some(results)) = (reader.header(height)?, reader.results(height)?) else { continue };
            let (before, tip) =
                (tip_at(&reader, self.shared.network, height - 1)?, tip_at(&reader, self.shared.network, height)?);
            drop(reader);
            // Nobody waits for it, so no hash of a path is needed.
            let (hashes, log_before, log) = (Vec::new(), before.log, tip.log.clone());
            let committed = Committed { header, results, hashes, log_before, log, keys: 0 };
            self.committed(committed, tip, Span::none(), true)?;
            // Seals come in any order: the one of a later height may be there.
            let kept = seals::kept(&self.shared.store.reader(), height)?;
            let seal = kept.and_then(|seal| self.seals.sealed(&self.shared.network, height, seal));
            self.sealed(height, seal)?;
        }
        Ok(())
    }

    /// Runs until somebody asks to stop, or until the node must.
    pub fn run(&mut self) -> Result<Ended, NodeError> {
        self.pass_on()?;
        self.turn_of(Replica::start)?;
        self.pass()?;
        while !self.has_passed_on() {
            match self.wait()? {
                Work::Stop => return Ok(Ended::Asked),
                Work::Frame(from, bytes) => self.take(from, &bytes)?,
                Work::Page(page) => self.take_page(*page)?,
                Work::Wake => {
                    self.resting = false;
                    self.turn_of(Replica::wake)?;
                }
                Work::Timer(timer, start) => self.turn_of(|replica, acts| replica.elapsed(timer, start, acts))?,
                Work::Status => self.status(),
            }
        }
        Ok(Ended::EraOver)
    }

    /// What the next era goes on with.
    pub fn into_parts(self) -> (Chain, HighWater) {
        let (chained, _) = self.replica.into_parts();
        (chained.into_chain(), self.highwater)
    }

    /// Our number in the set.
    fn number(&self) -> u16 {
        self.shared.era().number().expect("whoever has no seat is no member")
    }

    /// Lets the replica take a step, and carries out what it asks.
    fn turn_of(
        &mut self,
        step: impl FnOnce(&mut Replica<Chained, Voting>, &mut Vec<Act<Block>>) -> Result<(), ReplicaError>,
    ) -> Result<(), NodeError> {
        let mut acts = Vec::new();
        step(&mut self.replica, &mut acts)?;
        self.compare_clocks();
        acts.into_iter().try_for_each(|act| self.carry_out(act))
    }

    fn carry_out(&mut self, act: Act<Block>) -> Result<(), NodeError> {
        match act {
            Act::Broadcast(packet) => self.broadcast(&packet.into()),
            Act::Answer(to, packet) => self.answer(to, packet)?,
            Act::Start(timer, start, after) => {
                let after = if self.is_missed(timer) { after.min(AWAY_PATIENCE) } else { after };
                self.timers.insert((Instant::now() + after, start), timer);
            }
            Act::Propose(height, round) => {
                let queue = self.shared.queue.lock();
                let candidates = queue.mempool.peek(PROPOSAL_TRANSACTIONS_MAX, bytes_in_round(round));
                drop(queue);
                self.propose(height, round, candidates)?;
            }
            Act::Rest => self.resting = true,
            Act::Misbehaved(misbehaviour) => self.caught(misbehaviour),
            Act::Committed(..) => {
                self.timers.clear();
                let chained = self.replica.ledger_mut();
                let (committed, block) = chained.take_committed().expect("one for each block, in order");
                let entry = &committed.header.entry;
                let tip = Tip {
                    network: self.shared.network,
                    height: entry.height,
                    block: committed.header.id(),
                    time_ms: entry.time_ms,
                    log: committed.log.clone(),
                    state_root: entry.state_root,
                };
                self.committed(committed, tip, block, self.gate.is_open())?;
                self.pass_on()?;
            }
        }
        Ok(())
    }

    /// Makes a block and proposes it. A panic is the fault of a candidate: it is found by halving.
    fn propose(&mut self, height: Height, round: u32, mut candidates: Vec<Checked>) -> Result<(), NodeError> {
        let mut out: Vec<(TransactionId, Fate)> = Vec::new();
        let proposed = self.turn_of(|replica, acts| {
            let make = |chained: &mut Chained| loop {
                match chained.make(candidates.clone(), round) {
                    Err(ChainedError::Panicked(_)) if candidates.len() == 1 => {
                        let id = candidates.remove(0).id();
                        tracing::error!(%id, "executing this transaction panicked; it is left out");
                        out.push((id, Fate::Faulty));
                    }
                    Err(ChainedError::Panicked(_)) if candidates.len() > 1 => candidates.truncate(candidates.len() / 2),
                    Ok((block, dropped)) => {
                        let fate = |(id, reason): (TransactionId, Inadmissible)| (id, Fate::Dropped(reason));
                        out.extend(dropped.into_iter().map(fate));
                        return Ok(block);
                    }
                    Err(error) => return Err(error.into()),
                }
            };
            replica.propose(height, round, make, acts)
        });
        let gone: HashSet<TransactionId> = out.iter().map(|(id, _)| *id).collect();
        self.shared.queue.lock().mempool.remove(&gone);
        self.shared.tell(out);
        proposed
    }

    /// Does this timer run for the turn of one of whom nothing comes, or who let its last turn pass and whose link
    /// is down? It is not worth its time: neither is its proposal, nor the votes of a round that has none. How long
    /// each waits is its own affair; that all do so keeps the turns of one that is away cheap, also when it is
    /// forgotten that it let turns pass. A link alone that was cut a moment ago is no reason: it may be there again
    /// at once, and a turn that is passed over takes many others with it.
    fn is_missed(&self, timer: Timer) -> bool {
        let turns = self.replica.ledger().turns();
        let Turn { number, doubtful } = turns[timer.round as usize % turns.len()];
        let is_silent = || !self.heard.is_near(number, Instant::now());
        timer.kind != TimerKind::Rebroadcast
            && number != self.number()
            && (is_silent() || doubtful && self.shared.is_unlinked(number))
    }

    fn broadcast(&self, frame: &Frame) {
        self.shared.send_others(frame);
    }

    fn send(&self, to: u16, frame: &Frame) {
        self.shared.send(std::iter::once(to), frame);
    }
}

#[cfg(test)]
mod tests;
