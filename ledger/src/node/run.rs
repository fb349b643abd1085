//! The loop of the thread that owns the chain.

use super::{
    NodeError, Shared,
    fate::{Decided, Fate},
    role::Ended,
};
use crate::{
    chain::{Chain, Committed, Prepared},
    highwater::{HighWater, Mark},
    limits::{IDLE_BLOCK_MS, PROPOSAL_TRANSACTIONS_MAX},
    log::{
        SubtreeHash,
        proof::{TreeHead, peaks},
    },
    ordering::solo::Solo,
    receipt::{Seal, Vote},
    spans,
    time::{ClockGuard, now_ms, stamp},
};
use contracts::{
    execute::Inadmissible,
    id::{Height, TimeMs, TransactionId},
    limits::BLOCK_BYTES_MAX,
    merkle::Frontier,
    transaction::Checked,
};
use std::{
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    time::{Duration, Instant},
};
use tracing::Span;

/// How long the thread waits before it tries again after the clock was found to have jumped.
const CLOCK_RETRY: Duration = Duration::from_secs(1);

/// The owner of the chain.
pub(super) struct Owner {
    shared: Arc<Shared>,
    chain: Chain,
    highwater: HighWater,
    ordering: Solo,
    clock: ClockGuard,
    started: Instant,
    last_block: Instant,
    /// Candidates of a batch that made execution panic, in ever smaller parts.
    suspects: VecDeque<Vec<Checked>>,
}

impl Owner {
    pub fn new(shared: Arc<Shared>, chain: Chain, highwater: HighWater, ordering: Solo) -> Self {
        let mut clock = ClockGuard::restarted(chain.tip().time_ms);
        if shared.confirm_time {
            clock.confirm();
        }
        let (started, last_block) = (Instant::now(), made_at(chain.tip().time_ms));
        Self { shared, chain, highwater, ordering, clock, started, last_block, suspects: VecDeque::new() }
    }

    /// Finishes what a crash cut short: marks, seals and deletions of the newest blocks.
    pub fn recover(&mut self) -> Result<(), NodeError> {
        let tip = self.chain.tip().clone();
        let from = self.highwater.mark().height.max(1);
        for height in from..=tip.height {
            let reader = self.shared.store.reader();
            let Some(header) = reader.header(height)? else { continue };
            let results = reader.results(height)?.unwrap_or_default();
            let sealed = reader.seal(height)?.is_some();
            drop(reader);
            let head = TreeHead { size: header.log_size, root: header.log_root };
            if height > self.highwater.mark().height {
                self.highwater.raise(Mark { height, size: head.size, root: head.root })?;
            }
            if !sealed {
                self.seal(height, header.entry.time_ms, &head)?;
            }
            self.shared.heed(&results)?;
        }
        Ok(())
    }

    /// Runs until somebody asks to stop or a block cannot be committed.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn run(&mut self) -> Result<Ended, NodeError> {
        loop {
            if self.is_over()? {
                return Ok(Ended::EraOver);
            }
            let Some(candidates) = self.next_candidates()? else { return Ok(Ended::Asked) };
            let clock_ms = now_ms();
            let stamp_ms = stamp(self.chain.tip().time_ms, clock_ms);
            if let Err(jumped) = self.clock.check(stamp_ms, self.monotonic_ms()) {
                tracing::error!(%jumped, "no block is made");
                self.suspects.push_front(candidates);
                *self.shared.stopped.lock() = Some(jumped.to_string());
                std::thread::sleep(CLOCK_RETRY);
                if self.shared.queue.lock().shutdown {
                    return Ok(Ended::Asked);
                }
                continue;
            }
            let _at_work = spans::block(self.chain.tip().height + 1).entered();
            if let Some((prepared, dropped)) = self.propose(candidates, clock_ms)? {
                let idle = self.last_block.elapsed() >= Duration::from_millis(IDLE_BLOCK_MS);
                let dropped: Vec<_> = dropped.into_iter().map(|(id, reason)| (id, Fate::Dropped(reason))).collect();
                if prepared.header.entry.transactions > 0 || idle || self.chain.tip().height == 0 {
                    self.commit(prepared)?;
                }
                self.shared.tell(dropped);
            }
        }
    }

    pub fn into_parts(self) -> (Chain, HighWater) {
        (self.chain, self.highwater)
    }

    /// Has the newest block ended our era? Then the record of it is signed and kept.
    fn is_over(&mut self) -> Result<bool, NodeError> {
        let (era, tip) = (self.shared.era(), self.chain.tip());
        let reader = self.shared.store.reader();
        let header = reader.header(tip.height)?;
        if header.is_none_or(|header| header.entry.next_validators == era.set.digest()) {
            return Ok(false);
        }
        let head = TreeHead { size: tip.log.count(), root: tip.log.root() };
        let mut change = era.change(&reader, &head)?;
        if reader.set_change(change.number)?.is_none() {
            change.signatures = vec![change.sign(&self.shared.network, &era.set, 0, &*era.keys().consensus)?];
            self.shared.keep_set_change(&change)?;
        }
        Ok(true)
    }

    /// Waits for something to do. `None` when asked to stop.
    fn next_candidates(&mut self) -> Result<Option<Vec<Checked>>, NodeError> {
        let mut queue = self.shared.queue.lock();
        let idle_at = self.last_block + Duration::from_millis(IDLE_BLOCK_MS);
        let at_once = !self.suspects.is_empty() || self.chain.tip().height == 0;
        while !at_once && queue.mempool.is_empty() && !queue.shutdown && queue.halt.is_none() {
            if self.shared.wake.wait_until(&mut queue, idle_at).timed_out() {
                break;
            }
        }
        if let Some(error) = queue.halt.take() {
            return Err(error.into());
        }
        if queue.shutdown {
            return Ok(None);
        }
        let part = self.suspects.pop_front();
        Ok(Some(part.unwrap_or_else(|| queue.mempool.drain(PROPOSAL_TRANSACTIONS_MAX, BLOCK_BYTES_MAX))))
    }

    /// Executes candidates. A panic is the fault of one of them: it is found by halving, and left out.
    #[expect(clippy::type_complexity, reason = "a block and what was left out of it")]
    fn propose(
        &mut self,
        candidates: Vec<Checked>,
        clock_ms: TimeMs,
    ) -> Result<Option<(Prepared, Vec<(TransactionId, Inadmissible)>)>, NodeError> {
        let chain = &self.chain;
        match attempt(&candidates, &mut self.suspects, |candidates| chain.propose(candidates, clock_ms, 0)) {
            Attempt::Made(proposed) => Ok(Some(proposed?)),
            Attempt::Faulty(id) => {
                tracing::error!(%id, "executing this transaction panicked; it is left out");
                self.shared.tell(vec![(id, Fate::Faulty)]);
                Ok(None)
            }
            Attempt::Halved => Ok(None),
        }
    }

    fn commit(&mut self, prepared: Prepared) -> Result<(), NodeError> {
        let begun = Instant::now();
        let (height, time_ms) = (prepared.header.entry.height, prepared.header.entry.time_ms);
        let head = TreeHead { size: prepared.header.log_size, root: prepared.header.log_root };
        let signed = self.highwater.mark().height;
        assert!(height > signed, "block {height} would be made a second time: up to {signed} was signed");
        spans::decided(&Span::current(), &prepared.header);
        let certificate = self.ordering.order(height, prepared.header.id())?;
        let committed = self.chain.commit(prepared, certificate)?;
        // The block is durable. A crash from here on is finished by `recover`.
        self.highwater.raise(Mark { height, size: head.size, root: head.root })?;
        let seal = spans::cosign(&Span::current()).in_scope(|| self.seal(height, time_ms, &head))?;
        self.shared.heed(&committed.results)?;
        // Since when the stamp counts: a key may have been waited for since.
        self.clock.stamped(time_ms, begun.duration_since(self.started).as_millis() as u64);
        self.last_block = Instant::now();
        *self.shared.stopped.lock() = None;
        self.shared.metrics.committed(&committed, begun.elapsed());
        let decided = Arc::new(self.decided(committed, seal));
        self.shared.tip.send_replace(self.chain.tip().clone());
        let fates = decided.results.iter().enumerate();
        let fates =
            fates.map(|(place, result)| (result.entry.transaction, Fate::Committed(decided.clone(), place as u32)));
        self.shared.tell(fates.collect());
        Ok(())
    }

    /// Signs the checkpoint of `height` and keeps the seal for ever. The high-water file is above it.
    fn seal(&self, height: Height, time_ms: TimeMs, head: &TreeHead) -> Result<Seal, NodeError> {
        assert!(height <= self.highwater.mark().height, "what is signed is below the high-water mark");
        let era = self.shared.era();
        let keys = era.keys();
        let vote = Vote::sign(&self.shared.network, head, 0, time_ms / 1_000, &*keys.log, &*keys.cosigner)?;
        let seal = Seal::of(&era.set, vec![vote])?;
        self.shared.store.keep_seal(height, borsh::to_vec(&seal).expect("writing to memory does not fail"))?;
        Ok(seal)
    }

    fn decided(&self, committed: Committed, seal: Seal) -> Decided {
        let Committed { header, results, hashes, log_before, .. } = committed;
        let hashes = reachable(&hashes, &log_before);
        Decided { network: self.shared.network, header, results, seal, hashes }
    }

    fn monotonic_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }
}

/// What came of making something of candidates.
enum Attempt<T> {
    Made(T),
    /// It panicked, with this one alone.
    Faulty(TransactionId),
    /// It panicked; each half is tried next.
    Halved,
}

/// Calls `make` with `candidates`. Where it panics, they go into `suspects` in halves.
///
/// # Panics
/// Where it panics without any: that is nobody's fault but ours, and would be so the next time.
fn attempt<T>(
    candidates: &[Checked],
    suspects: &mut VecDeque<Vec<Checked>>,
    make: impl FnOnce(Vec<Checked>) -> T,
) -> Attempt<T> {
    match (catch_unwind(AssertUnwindSafe(|| make(candidates.to_vec()))), candidates) {
        (Ok(made), _) => Attempt::Made(made),
        (Err(panic), []) => resume_unwind(panic),
        (Err(_), [faulty]) => Attempt::Faulty(faulty.id()),
        (Err(_), many) => {
            let (first, second) = many.split_at(many.len() / 2);
            suspects.push_front(second.to_vec());
            suspects.push_front(first.to_vec());
            Attempt::Halved
        }
    }
}

/// Does the node's work until it ends, and leaves word why it did.
pub(super) fn to_the_end(shared: &Shared, work: impl FnOnce() -> Result<(), NodeError>) {
    let reason = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => "it was asked to stop".to_string(),
        Ok(Err(error)) => {
            tracing::error!(%error, "the node stops");
            explain(&error)
        }
        Err(_) => "an invariant of the ledger does not hold; see the log".to_string(),
    };
    *shared.stopped.lock() = Some(reason);
    let mut queue = shared.queue.lock();
    queue.ended = true;
    // Whoever waits learns from the closed channel that no answer comes.
    queue.waiters.clear();
    drop(queue);
    shared.ended.send_replace(true);
}

/// All hashes that a path from a new entry to the new root can need: the new ones, and the old peaks.
pub(super) fn reachable(new: &[SubtreeHash], before: &Frontier) -> HashMap<(u8, u64), contracts::id::Digest> {
    let old = peaks(0, before.count()).zip(before.peaks().iter().copied());
    old.chain(new.iter().map(|hash| ((hash.level, hash.index), hash.hash))).collect()
}

fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}

/// When the block of `time_ms` was made, as far as the next empty one depends on it: a node that was stopped for
/// longer than a network rests makes one at once, and so shows that it is up to date.
pub(super) fn made_at(time_ms: TimeMs) -> Instant {
    let (now, age_ms) = (Instant::now(), now_ms().saturating_sub(time_ms).min(IDLE_BLOCK_MS));
    now.checked_sub(Duration::from_millis(age_ms)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::minted, *};
    use contracts::id::NetworkId;

    const NETWORK: NetworkId = NetworkId([7; 32]);

    fn candidates(count: u8) -> Vec<Checked> {
        (0..count).map(|nonce| minted(NETWORK, nonce).transaction.check(&NETWORK).unwrap()).collect()
    }

    #[test]
    fn a_panic_is_the_fault_of_one_which_is_found() {
        for (count, faulty) in [(1, 0), (2, 1), (7, 3), (8, 0)] {
            let all = candidates(count);
            let fault = all[faulty].id();
            let (mut suspects, mut made, mut found) = (VecDeque::from([all.clone()]), Vec::new(), Vec::new());
            while let Some(part) = suspects.pop_front() {
                let make = |part: Vec<Checked>| {
                    assert!(part.iter().all(|one| one.id() != fault), "a test");
                    part
                };
                match attempt(&part, &mut suspects, make) {
                    Attempt::Made(part) => made.extend(part),
                    Attempt::Faulty(id) => found.push(id),
                    Attempt::Halved => {}
                }
            }
            assert_eq!(found, [fault]);
            let others: Vec<_> = all.into_iter().filter(|one| one.id() != fault).collect();
            assert_eq!(made, others, "in their order");
        }
    }

    #[test]
    fn a_panic_without_candidates_ends_the_work_and_is_not_tried_again() {
        let mut suspects = VecDeque::new();
        let work = || attempt(&[], &mut suspects, |none| assert!(!none.is_empty(), "a test"));
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        assert!(suspects.is_empty());
    }
}
