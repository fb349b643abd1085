//! A replica: one validator's chain, and how it grows by what the others and ordering say.
//!
//! It is the host that [`crate::ordering`] asks for, without sockets, clock or threads: whoever owns it
//! tells it what happened and carries out its [`Act`]s. So the code that runs is the code that is
//! simulated. It owns a [`Ledger`] and a [`Memory`] of the height at work.
//!
//! # What is durable when
//! Acts are given out in order, and each may be carried out as soon as it is there, also where the
//! replica fails later in the same turn. A message is given out after everything recorded before it is
//! synced. A block is synced before a vote for it. [`Act::Committed`] is given out after the block is
//! durable.
//!
//! # When there is nothing to do
//! After a block a replica rests: an idle network makes no blocks, and no timer runs out for one that
//! nobody meant to make. It begins the next height when its owner has something to put into a block, or
//! when another validator has begun it.
//!
//! # After a backup
//! A replica whose chain is behind what it voted for, or what it signed, observes: it takes decided blocks
//! and does nothing else, until it is where it was. What it voted for last is still in its memory, and is
//! begun with that. Where that is lost too, its memory says up to where: it may be stopped in between.
//!
//! # Catching up
//! Replicas say how far they are. Who is further sends blocks with their certificates; the one who is
//! behind checks the certificate and commits, whatever round it was in.

mod chained;
mod parts;
mod proposals;
mod room;

pub use chained::{Chained, ChainedError, Judged};
pub use parts::{Failure, Ledger, Memory, Orderable};

use crate::{
    limits::REPLICA_HELP_BLOCKS,
    ordering::{Certificate, Input, Misbehaviour, Ordering, OrderingError, Output, Timer, Verdict},
};
use contracts::id::{Height, NetworkId};
use proposals::{Proposal, Proposals};
use std::{collections::BTreeMap, time::Duration};

/// What replicas send each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<B> {
    /// A message of ordering at a height.
    Message(Height, Vec<u8>),
    /// A block that the sender proposes.
    Proposed {
        /// In this round.
        round: u32,
        /// The block.
        block: B,
    },
    /// The height of the sender's newest block.
    Status(Height),
    /// A block that was decided, and why.
    Decided(B, Certificate),
}

/// What a replica asks of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act<B> {
    /// Send this to all other validators.
    Broadcast(Packet<B>),
    /// Send this to validator `.0`.
    Answer(u16, Packet<B>),
    /// Say [`Replica::elapsed`] with timer and number after this time.
    Start(Timer, u64, Duration),
    /// It is our turn: say [`Replica::propose`] now.
    Propose(Height, u32),
    /// Nothing is to be done: say [`Replica::wake`] when there is something to put into a block, or when
    /// it is time for one that is empty.
    Rest,
    /// This block is committed.
    Committed(B, Certificate),
    /// A validator did what no honest one does, and signed it.
    Misbehaved(Misbehaviour),
}

/// Why a replica stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// Ordering.
    #[error(transparent)]
    Ordering(#[from] OrderingError),
    /// The ledger, or the memory of the height at work.
    #[error("{0}")]
    Part(#[source] Failure),
}

impl From<Failure> for ReplicaError {
    fn from(failure: Failure) -> Self {
        Self::Part(failure)
    }
}

/// One validator's chain.
pub struct Replica<L: Ledger, M> {
    network: NetworkId,
    ledger: L,
    memory: M,
    ordering: Box<dyn Ordering>,
    /// For each timer that runs, the number of its start: an older start that runs out means nothing.
    timers: BTreeMap<Timer, u64>,
    starts: u64,
    proposals: Proposals<L::Block>,
    /// The height above the newest block is not begun.
    resting: bool,
    /// It votes at no height up to this one.
    observes_to: Height,
    /// It votes at no height until its owner lets it.
    held: bool,
    /// Bytes of blocks that are kept of the height at work, by who sent them.
    shares: BTreeMap<u16, u64>,
    /// A block of the height at work found no room.
    full: bool,
}

impl<L: Ledger, M: Memory> Replica<L, M> {
    /// A validator of `network`, with what it had when it stopped. Nothing happens before
    /// [`Replica::start`].
    pub fn new(network: NetworkId, ordering: Box<dyn Ordering>, ledger: L, memory: M) -> Self {
        let (timers, starts, proposals, resting) = (BTreeMap::new(), 0, Proposals::new(), true);
        let observes_to = memory.height().saturating_sub(1);
        let (held, shares, full) = (false, BTreeMap::new(), false);
        Self { network, ledger, memory, ordering, timers, starts, proposals, resting, observes_to, held, shares, full }
    }

    /// Lets it vote at no height up to `height`.
    pub fn observe(&mut self, height: Height) {
        self.observes_to = self.observes_to.max(height);
    }

    /// The same where nothing else will say so after a restart. Durable when this returns.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn observe_for_good(&mut self, height: Height) -> Result<(), ReplicaError> {
        self.observe(height);
        if self.memory.height() <= height {
            self.memory.begin(height.saturating_add(1))?;
            self.memory.sync()?;
        }
        Ok(())
    }

    /// Lets it vote at no height until [`Replica::release`], which begins the height at work anew with what is
    /// remembered of it, as after a restart.
    pub fn hold(&mut self) {
        self.held = true;
        self.resting = true;
        self.timers.clear();
        // What was executed is executed again.
        drop(self.proposals.advance(self.ledger.height() + 1));
    }

    /// Lets it take part, and goes on with what was at work.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn release(&mut self, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        self.held = false;
        self.start(acts)
    }

    fn takes_part(&self) -> bool {
        !self.held && !self.ledger.is_over() && self.observes_to().is_none()
    }

    /// The height that must be committed before it takes part, while that is not.
    pub fn observes_to(&self) -> Option<Height> {
        Some(self.observes_to).filter(|height| *height > self.ledger.height())
    }

    /// The chain.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// The chain, for what its owner puts into it.
    pub fn ledger_mut(&mut self) -> &mut L {
        &mut self.ledger
    }

    /// What it remembers of the height at work.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Is no height at work?
    pub fn is_resting(&self) -> bool {
        self.resting
    }

    /// Takes it apart.
    pub fn into_parts(self) -> (L, M) {
        (self.ledger, self.memory)
    }

    /// Goes on with the height that was at work, or rests.
    ///
    /// # Errors
    /// [`ReplicaError`], as of all that follows: the replica must not be used any more, and what it
    /// would do next shows when its parts are opened anew.
    pub fn start(&mut self, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        if self.is_under_way() {
            let outputs = self.begin()?;
            return self.carry_out(outputs, acts);
        }
        acts.push(Act::Rest);
        Ok(())
    }

    /// Begins the height above the newest block, if it is not begun.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn wake(&mut self, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        if !self.resting || !self.takes_part() {
            return Ok(());
        }
        let outputs = self.begin()?;
        self.carry_out(outputs, acts)
    }

    /// A timer ran out.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn elapsed(&mut self, timer: Timer, start: u64, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        if self.timers.get(&timer) != Some(&start) {
            return Ok(());
        }
        self.timers.remove(&timer);
        // Since it was started, it may have turned out that something was lost that we said.
        if !self.takes_part() {
            return Ok(());
        }
        self.tell(Input::Elapsed(timer), acts)
    }

    /// Proposes in `round` of `height` the block that `make` makes, or the one that we proposed there
    /// before we stopped. Nothing happens where that height is over.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn propose(
        &mut self,
        height: Height,
        round: u32,
        make: impl FnOnce(&mut L) -> Result<L::Block, Failure>,
        acts: &mut Vec<Act<L::Block>>,
    ) -> Result<(), ReplicaError> {
        if height != self.ledger.height() + 1 || !self.takes_part() {
            return Ok(());
        }
        let kept = self.memory.ours(round).and_then(|id| Some((id, self.kept(&id)?)));
        let (id, block) = match kept {
            Some(kept) => kept,
            None => {
                let block = make(&mut self.ledger)?;
                let id = block.id();
                if !self.keep(id, &block, None)? {
                    return Ok(());
                }
                self.memory.propose(round, id)?;
                (id, block)
            }
        };
        acts.push(Act::Broadcast(Packet::Proposed { round, block }));
        self.tell(Input::Proposed { round, block: id }, acts)
    }

    /// Takes in what validator `from` sent.
    ///
    /// # Errors
    /// [`OrderingError::Message`] blames the sender: nothing has changed, and the replica goes on. Any
    /// other [`ReplicaError`] ends it.
    pub fn receive(
        &mut self,
        from: u16,
        packet: Packet<L::Block>,
        acts: &mut Vec<Act<L::Block>>,
    ) -> Result<(), ReplicaError> {
        let next = self.ledger.height() + 1;
        match packet {
            Packet::Message(height, _) if height < next => Ok(()),
            Packet::Message(height, bytes) => {
                if height == next {
                    self.wake(acts)?;
                }
                if self.takes_part() { self.tell(Input::Received(bytes), acts) } else { Ok(()) }
            }
            Packet::Status(theirs) => {
                self.help(from, theirs, acts);
                Ok(())
            }
            Packet::Decided(block, certificate) => self.catch_up(from, block, certificate, acts),
            Packet::Proposed { round, block } => self.take_proposal(Proposal { from, round, block }, next, acts),
        }
    }

    fn take_proposal(
        &mut self,
        proposal: Proposal<L::Block>,
        next: Height,
        acts: &mut Vec<Act<L::Block>>,
    ) -> Result<(), ReplicaError> {
        if proposal.block.height() < next {
            return Ok(());
        }
        whole(&proposal.block)?;
        if proposal.block.height() != next {
            self.proposals.hold(proposal, next);
            return Ok(());
        }
        self.wake(acts)?;
        if self.resting {
            return Ok(());
        }
        let judged = self.judge(&proposal)?;
        judged.map_or(Ok(()), |input| self.tell(input, acts))
    }

    /// Up to which height somebody is given blocks whose newest is `theirs`.
    pub fn helps_to(&self, theirs: Height) -> Height {
        let next = (theirs / REPLICA_HELP_BLOCKS).saturating_add(1).saturating_mul(REPLICA_HELP_BLOCKS);
        self.ledger.height().min(next)
    }

    /// Blocks for somebody who is behind.
    fn help(&self, from: u16, theirs: Height, acts: &mut Vec<Act<L::Block>>) {
        for height in theirs.saturating_add(1)..=self.helps_to(theirs) {
            let Some((block, certificate)) = self.ledger.decided(height) else { break };
            acts.push(Act::Answer(from, Packet::Decided(block, certificate)));
        }
    }

    /// Commits the next block if its certificate says so, and asks for more when the helper has run out.
    fn catch_up(
        &mut self,
        from: u16,
        block: L::Block,
        certificate: Certificate,
        acts: &mut Vec<Act<L::Block>>,
    ) -> Result<(), ReplicaError> {
        let next = self.ledger.height() + 1;
        let fits = !self.ledger.is_over()
            && block.height() == next
            && certificate.height == next
            && certificate.block == block.id();
        if !fits {
            return Ok(());
        }
        if let Err(error) = certificate.verify(&self.network, &self.ledger.set()?) {
            return Err(OrderingError::Message(format!("the certificate of a decided block: {error}")).into());
        }
        whole(&block)?;
        let outputs = self.commit(block, certificate, acts)?;
        // Answers end at such a height.
        if next.is_multiple_of(REPLICA_HELP_BLOCKS) {
            acts.push(Act::Answer(from, Packet::Status(next)));
        }
        self.carry_out(outputs, acts)
    }

    /// What ordering is to be told of a block for the height at work, once it is kept.
    fn judge(&mut self, proposal: &Proposal<L::Block>) -> Result<Option<Input>, ReplicaError> {
        let Some(id) = self.proposals.admit(proposal, &self.ledger.turns()) else { return Ok(None) };
        let Proposal { from, round, block } = proposal;
        let verdict = self.ledger.judge(block, *round)?;
        if verdict == Verdict::Valid && !self.keep(id, block, Some(*from))? {
            return Ok(None);
        }
        Ok(Some(Input::Judged { round: *round, proposer: *from, block: id, verdict }))
    }

    fn tell(&mut self, input: Input, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        let outputs = self.ordering.handle(input)?;
        self.carry_out(outputs, acts)
    }

    /// Did we say something at the height above the newest block before we stopped?
    fn is_under_way(&self) -> bool {
        let next = self.ledger.height() + 1;
        self.memory.height() == next && !self.memory.records().is_empty() && self.takes_part()
    }

    /// Begins the height above the newest block, with what is remembered of it.
    fn begin(&mut self) -> Result<Vec<Output>, ReplicaError> {
        self.resting = false;
        let height = self.ledger.height() + 1;
        self.memory.begin(height)?;
        Ok(self.ordering.begin(height, &self.ledger.set()?, &self.ledger.turns(), self.memory.records())?)
    }

    /// Commits a block that was decided. Returns what ordering wants at the next height.
    fn commit(
        &mut self,
        block: L::Block,
        certificate: Certificate,
        acts: &mut Vec<Act<L::Block>>,
    ) -> Result<Vec<Output>, ReplicaError> {
        self.ledger.commit(&block, &certificate)?;
        acts.push(Act::Committed(block, certificate));
        self.timers.clear();
        self.shares.clear();
        (self.resting, self.full) = (true, false);
        let next = self.ledger.height() + 1;
        let now = self.proposals.advance(next);
        if !self.takes_part() || (now.is_empty() && !self.is_under_way()) {
            acts.push(Act::Rest);
            return Ok(Vec::new());
        }
        let mut outputs = self.begin()?;
        for proposal in now {
            if let Some(input) = self.judge(&proposal)? {
                outputs.extend(self.ordering.handle(input)?);
            }
        }
        Ok(outputs)
    }

    /// Carries out what ordering wants, in order.
    fn carry_out(&mut self, outputs: Vec<Output>, acts: &mut Vec<Act<L::Block>>) -> Result<(), ReplicaError> {
        let mut queue = std::collections::VecDeque::from(outputs);
        while let Some(output) = queue.pop_front() {
            match output {
                Output::Record(bytes) => self.memory.record(bytes)?,
                Output::Send(bytes) => {
                    self.memory.sync()?;
                    acts.push(Act::Broadcast(Packet::Message(self.ledger.height() + 1, bytes)));
                }
                Output::Propose { round } => acts.push(Act::Propose(self.ledger.height() + 1, round)),
                Output::Resend { round, block } => {
                    if let Some(block) = self.kept(&block) {
                        acts.push(Act::Broadcast(Packet::Proposed { round, block }));
                    }
                }
                Output::Start(timer, after) => {
                    self.proposals.reached(timer.round);
                    self.starts += 1;
                    self.timers.insert(timer, self.starts);
                    acts.push(Act::Start(timer, self.starts, after));
                }
                Output::Stop(timer) => {
                    self.timers.remove(&timer);
                }
                Output::StopAll => self.timers.clear(),
                Output::Misbehaved(misbehaviour) => acts.push(Act::Misbehaved(misbehaviour)),
                Output::Decided(certificate) => {
                    // Without the block we wait until somebody sends it with its certificate.
                    let Some(block) = self.kept(&certificate.block) else { continue };
                    let height = certificate.height;
                    let next = self.commit(block, certificate, acts)?;
                    queue.drain(..).for_each(|late| acts.extend(late_act(height, late)));
                    queue.extend(next);
                }
            }
        }
        Ok(())
    }
}

/// What becomes of an output that comes after the decision of `height`. Our last vote may be the one that others miss;
/// timers and turns of a height that is over are none of the next.
fn late_act<B>(height: Height, output: Output) -> Option<Act<B>> {
    match output {
        Output::Send(bytes) => Some(Act::Broadcast(Packet::Message(height, bytes))),
        Output::Misbehaved(misbehaviour) => Some(Act::Misbehaved(misbehaviour)),
        _ => None,
    }
}

/// Blames whoever sent a block that is not what its id names.
fn whole(block: &impl Orderable) -> Result<(), OrderingError> {
    if block.is_whole() {
        return Ok(());
    }
    let (height, id) = (block.height(), block.id());
    Err(OrderingError::Message(format!("block {id} of height {height} came with other transactions than it names")))
}

#[cfg(test)]
mod tests;
