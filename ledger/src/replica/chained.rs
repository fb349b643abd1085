//! The real ledger under a replica: [`Chain`], where every block is executed before it is voted for.

use super::parts::{Failure, Ledger, Orderable};
use crate::{
    block::Block,
    chain::{BlockError, Chain, Committed, Prepared, Whose},
    limits::{CLOCK_AHEAD_MS_MAX, EXECUTED_BLOCKS_MAX},
    ordering::{Certificate, Turn, Turns, Verdict},
    spans,
    store::StoreError,
};
use contracts::{
    execute::Inadmissible,
    id::{Digest, Height, TimeMs, TransactionId},
    state::Reading,
    transaction::Checked,
    validators::ValidatorSet,
};
use std::{
    cell::Cell,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};
use tracing::Span;

/// How often the log hears that the archive cannot be read for those who are behind.
const COMPLAINT_EVERY: Duration = Duration::from_secs(60);

impl Orderable for Block {
    fn id(&self) -> Digest {
        self.header.id()
    }

    fn height(&self) -> Height {
        self.header.entry.height
    }

    fn is_whole(&self) -> bool {
        self.is_whole()
    }
}

/// A chain, and blocks that were executed on its tip and are not decided yet.
pub struct Chained {
    chain: Chain,
    clock: Box<dyn Fn() -> TimeMs + Send>,
    /// Newest last. One that is pushed out is executed again if it is decided.
    executed: VecDeque<Prepared>,
    committed: VecDeque<(Committed, Span)>,
    /// The span of the block at work, from when there is first something to do for it.
    block: Option<Span>,
    /// The span of the vote for it, in this round.
    vote: Option<(u32, Span)>,
    turns: Turns,
    /// Digest of the set that decides here.
    era: Digest,
    over: bool,
    /// When the log heard last that the archive cannot be read.
    complained: Cell<Option<Instant>>,
    judged: Judged,
}

/// What the clock said of the blocks of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// How far the one that was most ahead of it was so, in milliseconds. None is, where our clock is no later than
    /// that of whoever proposes.
    pub ahead_ms: u64,
    /// How many were too far ahead to be voted for.
    pub unfit: u64,
}

/// Why a block could not be made or committed.
#[derive(Debug, thiserror::Error)]
pub enum ChainedError {
    /// The chain said no.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The rules ended in a panic.
    #[error("executing the block at height {0} ended in a panic; see the log")]
    Panicked(Height),
    /// A quorum decided what is not valid here: to go on would be another history.
    #[error("a quorum decided the block at height {0}, and it is not valid here; see the log")]
    NotValidHere(Height),
    /// There is no validator set.
    #[error("the state has no validator set")]
    NoSet,
}

impl Chained {
    /// A replica's ledger in the era of `set`. `clock` tells the time, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`ChainedError`].
    pub fn new(chain: Chain, set: &ValidatorSet, clock: Box<dyn Fn() -> TimeMs + Send>) -> Result<Self, ChainedError> {
        let now: Option<ValidatorSet> = chain.store().reader().value(&ValidatorSet::key()).map_err(BlockError::from)?;
        let over = now.ok_or(ChainedError::NoSet)? != *set;
        let turns = turns(&chain)?;
        let (executed, committed) = (VecDeque::new(), VecDeque::new());
        let (block, vote) = (None, None);
        let (era, judged, complained) = (set.digest(), Judged::default(), Cell::new(None));
        Ok(Self { chain, clock, executed, committed, block, vote, turns, era, over, complained, judged })
    }

    /// A block cannot be read from store or archive. Whoever is behind is not to stop us by asking for it: it asks
    /// others, or whoever serves blocks.
    fn complain(&self, height: Height, reason: &str) {
        if self.complained.get().is_none_or(|at| at.elapsed() >= COMPLAINT_EVERY) {
            self.complained.set(Some(Instant::now()));
            tracing::warn!(height, "a validator that is behind is not given a block: {reason}");
        }
    }

    fn read(&self, height: Height) -> Result<Option<(Block, Certificate)>, StoreError> {
        let reader = self.chain.store().reader();
        let (header, certificate) = (reader.header(height)?, reader.certificate(height)?);
        let transactions = reader.bodies_at_hand(height)?;
        let block = header.zip(transactions).map(|(header, transactions)| Block { header, transactions });
        Ok(block.zip(certificate))
    }

    /// Takes the chain out.
    pub fn into_chain(self) -> Chain {
        self.chain
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What the oldest block left that was not asked for yet, and its span. Whoever owns the replica asks once for
    /// each [`Act::Committed`](super::Act::Committed).
    pub fn take_committed(&mut self) -> Option<(Committed, Span)> {
        self.committed.pop_front()
    }

    /// What the clock said of blocks since this was asked for last.
    pub fn take_judged(&mut self) -> Judged {
        std::mem::take(&mut self.judged)
    }

    /// Is the time of a block too far ahead of our clock?
    fn is_unfit(&mut self, time_ms: TimeMs) -> bool {
        let ahead_ms = time_ms.saturating_sub((self.clock)());
        let is_unfit = ahead_ms > CLOCK_AHEAD_MS_MAX;
        self.judged.ahead_ms = self.judged.ahead_ms.max(ahead_ms);
        self.judged.unfit += u64::from(is_unfit);
        is_unfit
    }

    /// The span of the block at work.
    fn at_work(&mut self) -> Span {
        let next = self.height() + 1;
        self.block.get_or_insert_with(|| spans::block(next)).clone()
    }

    /// There is a block to be voted for in `round`.
    fn is_voted_for(&mut self, round: u32, block: &Span) {
        if self.vote.as_ref().is_none_or(|(before, _)| *before < round) {
            self.vote = Some((round, spans::vote(block, round)));
        }
    }

    /// Makes the next block of as many `candidates` as may be in it. Returns it with those left out.
    ///
    /// # Errors
    /// [`ChainedError`]; after a panic it is the fault of one of the candidates.
    pub fn make(
        &mut self,
        candidates: Vec<Checked>,
        round: u32,
    ) -> Result<(Block, Vec<(TransactionId, Inadmissible)>), ChainedError> {
        let (next, work) = (self.height() + 1, self.at_work());
        let _made = tracing::info_span!(parent: &work, "propose", lonja.round = i64::from(round)).entered();
        let attempt = catch_unwind(AssertUnwindSafe(|| self.chain.propose(candidates, (self.clock)(), round)));
        let (prepared, dropped) = attempt.map_err(|_| ChainedError::Panicked(next))??;
        let block = prepared.block();
        self.hold(prepared);
        self.is_voted_for(round, &work);
        Ok((block, dropped))
    }

    fn hold(&mut self, prepared: Prepared) {
        if self.executed.len() >= EXECUTED_BLOCKS_MAX {
            self.executed.pop_front();
        }
        self.executed.push_back(prepared);
    }

    /// Executes a block. Where it may not be committed as it stands, says what that says of it.
    fn execute(&self, block: &Block) -> Result<Result<Prepared, Verdict>, ChainedError> {
        let verified = catch_unwind(AssertUnwindSafe(|| self.chain.verify(block)));
        let error = match verified.map_err(|_| ChainedError::Panicked(block.height()))? {
            Ok(prepared) => return Ok(Ok(prepared)),
            Err(error) => error,
        };
        let verdict = match error.whose() {
            Whose::Ours => return Err(error.into()),
            Whose::TheBlocks => Verdict::Breaking,
            Whose::Unknown => Verdict::Unfit,
        };
        tracing::warn!(height = block.height(), %error, "a block is not valid");
        Ok(Err(verdict))
    }
}

/// Whose turn it is, by the newest blocks.
fn turns(chain: &Chain) -> Result<Turns, ChainedError> {
    let (newest, reader) = (chain.tip().height, chain.store().reader());
    let set: Option<ValidatorSet> = reader.value(&ValidatorSet::key()).map_err(BlockError::from)?;
    let mut turns = Turns::new(set.ok_or(ChainedError::NoSet)?.validators.len(), newest);
    for height in Turns::heights(newest) {
        let header = reader.header(height).map_err(BlockError::from)?;
        let header = header.ok_or(BlockError::Damaged("one of the newest headers is missing"))?;
        turns.committed(header.entry.round);
    }
    Ok(turns)
}

impl Ledger for Chained {
    type Block = Block;

    fn height(&self) -> Height {
        self.chain.tip().height
    }

    fn set(&self) -> Result<ValidatorSet, Failure> {
        let set = self.chain.store().reader().value(&ValidatorSet::key())?;
        Ok(set.ok_or(ChainedError::NoSet)?)
    }

    fn turns(&self) -> Vec<Turn> {
        self.turns.order()
    }

    fn is_over(&self) -> bool {
        self.over
    }

    /// A block that makes execution panic is not voted for, and whoever proposed it looks for the transaction that did
    /// it. Nobody is blamed for it: it may be we who are wrong.
    fn judge(&mut self, block: &Block, round: u32) -> Result<Verdict, Failure> {
        if block.header.entry.round > round {
            return Ok(Verdict::Breaking);
        }
        if self.executed.iter().any(|prepared| prepared.header == block.header) {
            let work = self.at_work();
            self.is_voted_for(round, &work);
            return Ok(Verdict::Valid);
        }
        if self.is_unfit(block.header.entry.time_ms) {
            return Ok(Verdict::Unfit);
        }
        let work = self.at_work();
        let _judged = tracing::info_span!(parent: &work, "judge", lonja.round = i64::from(round)).entered();
        match self.execute(block) {
            Ok(Ok(prepared)) => {
                self.hold(prepared);
                self.is_voted_for(round, &work);
                Ok(Verdict::Valid)
            }
            Ok(Err(verdict)) => Ok(verdict),
            Err(ChainedError::Panicked(_)) => Ok(Verdict::Unfit),
            Err(error) => Err(error.into()),
        }
    }

    fn commit(&mut self, block: &Block, certificate: &Certificate) -> Result<(), Failure> {
        let (id, work) = (block.id(), self.at_work());
        (self.vote, self.block) = (None, None);
        spans::decided(&work, &block.header);
        let _at_work = work.enter();
        let held = self.executed.iter().position(|prepared| prepared.header.id() == id);
        let prepared = match held.and_then(|place| self.executed.remove(place)) {
            Some(prepared) => prepared,
            // A quorum executed it; where it is not valid here, going on would be another history.
            None => self.execute(block)?.map_err(|_| ChainedError::NotValidHere(block.height()))?,
        };
        self.executed.clear();
        self.committed.push_back((self.chain.commit(prepared, certificate.clone())?, work.clone()));
        self.turns.committed(block.header.entry.round);
        self.over = block.header.entry.next_validators != self.era;
        Ok(())
    }

    fn decided(&self, height: Height) -> Option<(Block, Certificate)> {
        match self.read(height) {
            Ok(Some((block, _))) if !block.is_whole() => {
                self.complain(height, "its transactions are other ones than its header names");
                None
            }
            Ok(None) => {
                self.complain(height, "a part of it is not at hand");
                None
            }
            Ok(read) => read,
            Err(error) => {
                self.complain(height, &error.to_string());
                None
            }
        }
    }
}
