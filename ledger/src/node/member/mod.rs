//! A node that is one validator of many: the loop of the thread that owns the replica.
//!
//! It waits for frames of the others, timers, and something to propose; lets the [`Replica`] take one
//! step; and carries out what that asks. A block becomes known in this order: durable, then the
//! high-water mark, then our signatures to the others, then (when a quorum's are there) the seal, and
//! then, in the order of heights, the tip and the answers to whoever waits.

mod frame;
mod seals;

pub use frame::Frame;

use super::{
    NodeError, Shared,
    fate::{Decided, Fate},
    run::{now_ms, reachable},
    tip_at,
};
use crate::{
    block::Block,
    chain::{Chain, Committed},
    highwater::{HighWater, Mark},
    limits::{IDLE_BLOCK_MS, PROPOSAL_TRANSACTIONS_MAX, STALLED_AFTER, STATUS_EVERY, WANTED_SEALS_MAX},
    log::proof::TreeHead,
    ordering::{
        OrderingError, Timer,
        bft::{Bft, Patience},
    },
    peers::PeerStatus,
    receipt::{Seal, Vote},
    replica::{Act, Chained, ChainedError, Ledger, Packet, Replica, ReplicaError},
    store::Tip,
    voting::Voting,
};
use contracts::{
    event::Event,
    execute::Inadmissible,
    id::{Height, TransactionId},
    limits::BLOCK_BYTES_MAX,
    transaction::Checked,
};
use seals::Seals;
use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Takes frames to the other validators. What does not arrive is asked for again, so it may lose them.
pub trait Links: Send + Sync {
    /// Sends `frame` to validator `to`, if that can be reached now.
    fn send(&self, to: u16, frame: &Arc<[u8]>);

    /// How each of them is.
    fn status(&self) -> Vec<PeerStatus>;
}

/// The owner of a replica.
pub(super) struct Member {
    shared: Arc<Shared>,
    replica: Replica<Chained, Voting>,
    highwater: HighWater,
    seals: Seals,
    /// Committed blocks that are not known yet, since their seal or one before it is missing.
    unknown: BTreeMap<Height, Unknown>,
    timers: BTreeMap<(Instant, u64), Timer>,
    /// No height is begun, as far as we know.
    resting: bool,
    last_block: Instant,
    /// When we last knew of nothing that was to be done, or did it.
    idle_at: Instant,
    status_at: Instant,
}

/// A committed block that is not known yet.
struct Unknown {
    committed: Committed,
    tip: Tip,
    seal: Option<Seal>,
    since: Instant,
}

/// What there is to do.
enum Work {
    Stop,
    Frame(u16, Vec<u8>),
    Wake,
    Timer(Timer, u64),
    Status,
}

impl Member {
    pub fn new(shared: Arc<Shared>, chain: Chain, highwater: HighWater, folder: &Path) -> Result<Self, NodeError> {
        let voting = Voting::open(&folder.join("voting"), shared.network)?;
        let signer = shared.keys.consensus.clone();
        let ordering = Bft::new(shared.network, signer, Patience::default());
        let chained = Chained::new(chain, Box::new(now_ms)).map_err(|error| ReplicaError::Part(error.into()))?;
        let replica = Replica::new(shared.network, Box::new(ordering), chained, voting);
        let now = Instant::now();
        Ok(Self {
            shared,
            replica,
            highwater,
            seals: Seals::default(),
            unknown: BTreeMap::new(),
            timers: BTreeMap::new(),
            resting: false,
            last_block: now,
            idle_at: now,
            status_at: now,
        })
    }

    /// Takes up what a crash cut short: heights that are durable and that nobody signed yet.
    pub fn recover(&mut self) -> Result<(), NodeError> {
        let tip = self.replica.ledger().height();
        let sealed = self.shared.tip.borrow().height;
        for height in sealed + 1..=tip {
            let reader = self.shared.store.reader();
            let (Some(header), Some(results)) = (reader.header(height)?, reader.results(height)?) else { continue };
            let (before, tip) =
                (tip_at(&reader, self.shared.network, height - 1)?, tip_at(&reader, self.shared.network, height)?);
            drop(reader);
            // Nobody waits for it, so no hash of a path is needed.
            let (hashes, log_before, log) = (Vec::new(), before.log, tip.log.clone());
            self.committed(Committed { header, results, hashes, log_before, log, keys: 0 }, tip)?;
        }
        Ok(())
    }

    /// Runs until somebody asks to stop, or until the node must.
    pub fn run(&mut self) -> Result<(), NodeError> {
        self.turn_of(Replica::start)?;
        loop {
            match self.wait()? {
                Work::Stop => return Ok(()),
                Work::Frame(from, bytes) => self.take(from, &bytes)?,
                Work::Wake => {
                    self.resting = false;
                    self.turn_of(Replica::wake)?;
                }
                Work::Timer(timer, start) => self.turn_of(|replica, acts| replica.elapsed(timer, start, acts))?,
                Work::Status => self.status(),
            }
        }
    }

    /// Waits for something to do.
    fn wait(&mut self) -> Result<Work, NodeError> {
        let shared = self.shared.clone();
        let mut queue = shared.queue.lock();
        loop {
            if let Some(error) = queue.halt.take() {
                return Err(error.into());
            }
            if queue.shutdown {
                return Ok(Work::Stop);
            }
            if let Some((from, bytes)) = queue.inbox.take() {
                return Ok(Work::Frame(from, bytes));
            }
            let now = Instant::now();
            let idle_at = self.last_block + Duration::from_millis(IDLE_BLOCK_MS);
            let first = self.replica.ledger().height() == 0;
            if self.resting && (!queue.mempool.is_empty() || now >= idle_at || first) {
                return Ok(Work::Wake);
            }
            if let Some((&(due, start), &timer)) = self.timers.first_key_value()
                && due <= now
            {
                self.timers.pop_first();
                return Ok(Work::Timer(timer, start));
            }
            if self.status_at <= now {
                return Ok(Work::Status);
            }
            let timer = self.timers.keys().next().map_or(self.status_at, |(due, _)| *due);
            let idle = if self.resting { idle_at } else { self.status_at };
            shared.wake.wait_until(&mut queue, timer.min(idle).min(self.status_at));
        }
    }

    /// Lets the replica take a step, and carries out what it asks. What a peer did wrong is its own affair.
    fn turn_of(
        &mut self,
        step: impl FnOnce(&mut Replica<Chained, Voting>, &mut Vec<Act<Block>>) -> Result<(), ReplicaError>,
    ) -> Result<(), NodeError> {
        let mut acts = Vec::new();
        match step(&mut self.replica, &mut acts) {
            Err(ReplicaError::Ordering(OrderingError::Message(reason))) => {
                tracing::debug!(reason, "a message of ordering was refused");
            }
            stepped => stepped?,
        }
        acts.into_iter().try_for_each(|act| self.carry_out(act))
    }

    fn carry_out(&mut self, act: Act<Block>) -> Result<(), NodeError> {
        match act {
            Act::Broadcast(packet) => self.broadcast(&packet.into()),
            Act::Answer(to, packet) => self.send(to, &packet.into()),
            Act::Start(timer, start, after) => drop(self.timers.insert((Instant::now() + after, start), timer)),
            Act::Propose(height, round) => {
                let queue = self.shared.queue.lock();
                let candidates = queue.mempool.peek(PROPOSAL_TRANSACTIONS_MAX, BLOCK_BYTES_MAX);
                drop(queue);
                self.propose(height, round, candidates)?;
            }
            Act::Rest => self.resting = true,
            Act::Misbehaved(misbehaviour) => {
                tracing::error!(
                    validator = misbehaviour.validator,
                    "a validator signed two things that exclude each other"
                );
            }
            Act::Committed(..) => {
                self.timers.clear();
                let chained = self.replica.ledger_mut();
                let committed = chained.take_committed().expect("one for each block, in order");
                let entry = &committed.header.entry;
                let tip = Tip {
                    network: self.shared.network,
                    height: entry.height,
                    block: committed.header.id(),
                    time_ms: entry.time_ms,
                    log: committed.log.clone(),
                    state_root: entry.state_root,
                };
                self.committed(committed, tip)?;
            }
        }
        Ok(())
    }

    /// A block is durable: raise the mark, sign, tell the others.
    fn committed(&mut self, committed: Committed, tip: Tip) -> Result<(), NodeError> {
        let (network, height) = (self.shared.network, tip.height);
        let head = TreeHead { size: committed.header.log_size, root: committed.header.log_root };
        if height > self.highwater.mark().height {
            self.highwater.raise(Mark { height, size: head.size, root: head.root })?;
        }
        let vote = self.sign(&head, tip.time_ms)?;
        self.broadcast(&Frame::Vote(height, vote.clone()));
        self.take_down(committed.results.iter().flat_map(|result| &result.events))?;
        let gone: HashSet<TransactionId> = committed.results.iter().map(|result| result.entry.transaction).collect();
        let mut queue = self.shared.queue.lock();
        queue.mempool.remove(&gone);
        let expired = queue.mempool.expire(height + 1);
        drop(queue);
        self.shared.tell(expired.into_iter().map(|(id, reason)| (id, Fate::Dropped(reason))).collect());
        self.unknown.insert(height, Unknown { committed, tip, seal: None, since: Instant::now() });
        self.last_block = Instant::now();
        let seal = self.seals.committed(&network, height, head, self.shared.set.clone(), vote)?;
        self.sealed(height, seal)
    }

    fn sign(&self, head: &TreeHead, time_ms: u64) -> Result<Vote, NodeError> {
        let (keys, number) = (&self.shared.keys, self.shared.number as u8);
        Ok(Vote::sign(&self.shared.network, head, number, time_ms / 1_000, &*keys.log, &*keys.cosigner)?)
    }

    /// Keeps a seal for ever, and makes known what is known up to there without a gap.
    fn sealed(&mut self, height: Height, seal: Option<Seal>) -> Result<(), NodeError> {
        let Some(seal) = seal else { return Ok(()) };
        self.shared.store.keep_seal(height, borsh::to_vec(&seal).expect("writing to memory does not fail"))?;
        if let Some(unknown) = self.unknown.get_mut(&height) {
            unknown.seal = Some(seal);
        }
        while let Some(first) = self.unknown.first_entry() {
            if first.get().seal.is_none() {
                break;
            }
            let Unknown { committed, tip, seal, since } = first.remove();
            let seal = seal.expect("it was just seen");
            self.idle_at = Instant::now();
            *self.shared.stopped.lock() = None;
            self.shared.metrics.committed(&committed, since.elapsed());
            let Committed { header, results, hashes, log_before, .. } = committed;
            let hashes = reachable(&hashes, &log_before);
            let decided = Arc::new(Decided { network: self.shared.network, header, results, seal, hashes });
            self.shared.tip.send_replace(tip);
            let fates = decided.results.iter().zip(0..);
            let fates =
                fates.map(|(result, place)| (result.entry.transaction, Fate::Committed(decided.clone(), place)));
            self.shared.tell(fates.collect());
        }
        Ok(())
    }

    fn take(&mut self, from: u16, bytes: &[u8]) -> Result<(), NodeError> {
        let packet = match Frame::decode(bytes) {
            Err(reason) => {
                tracing::warn!(from, reason, "a frame of a validator cannot be read");
                return Ok(());
            }
            Ok(Frame::Message(height, bytes)) => Packet::Message(height, bytes),
            Ok(Frame::Proposed { round, block }) => Packet::Proposed { round, block },
            Ok(Frame::Status(height)) => Packet::Status(height),
            Ok(Frame::Decided(block, certificate)) => Packet::Decided(block, certificate),
            Ok(Frame::Want(height)) => return self.answer_want(from, height),
            Ok(Frame::Vote(_, vote)) if u16::from(vote.validator) != from => return Ok(()),
            Ok(Frame::Vote(height, vote)) => {
                let tip = self.replica.ledger().height();
                let seal = self.seals.voted(&self.shared.network, tip, height, vote)?;
                return self.sealed(height, seal);
            }
            Ok(Frame::Submission(submission)) => {
                super::Handle::new(self.shared.clone()).take_forwarded(*submission);
                return Ok(());
            }
        };
        self.turn_of(|replica, acts| replica.receive(from, packet, acts))
    }

    /// Somebody misses our signatures of a height: we sign again what we signed.
    fn answer_want(&self, from: u16, height: Height) -> Result<(), NodeError> {
        if height > self.highwater.mark().height {
            return Ok(());
        }
        let Some(header) = self.shared.store.reader().header(height)? else { return Ok(()) };
        let head = TreeHead { size: header.log_size, root: header.log_root };
        self.send(from, &Frame::Vote(height, self.sign(&head, header.entry.time_ms)?));
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

    /// Says how far we are, and asks for the signatures that are missing.
    fn status(&mut self) {
        self.status_at = Instant::now() + STATUS_EVERY;
        self.notice_standstill();
        self.broadcast(&Frame::Status(self.replica.ledger().height()));
        let wanted: Vec<Height> = self.seals.waiting().take(WANTED_SEALS_MAX).collect();
        wanted.into_iter().for_each(|height| self.broadcast(&Frame::Want(height)));
    }

    /// Says that we make no blocks where too few validators take part: whoever asks whether something may
    /// be delivered must not be told what held when we last heard of the others.
    fn notice_standstill(&mut self) {
        if self.replica.is_resting() && self.unknown.is_empty() {
            self.idle_at = Instant::now();
        } else if self.idle_at.elapsed() > STALLED_AFTER {
            let (seconds, set) = (self.idle_at.elapsed().as_secs(), &self.shared.set);
            let (quorum, count) = (set.quorum(), set.validators.len());
            let reason = format!("no block for {seconds} s: {quorum} of {count} validators must be up and reached");
            tracing::warn!(height = self.replica.ledger().height() + 1, "{reason}");
            *self.shared.stopped.lock() = Some(reason);
        }
    }

    fn broadcast(&self, frame: &Frame) {
        self.shared.send_others(frame);
    }

    fn send(&self, to: u16, frame: &Frame) {
        self.shared.send(std::iter::once(to), frame);
    }

    fn take_down<'e>(&self, events: impl Iterator<Item = &'e Event>) -> Result<(), NodeError> {
        for event in events {
            if let Event::SideTakenDown { side, .. } = event {
                self.shared.sides.delete(side)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
