//! Ordering: agreeing on the next block's id. It knows nothing of what a block holds.
//!
//! An [`Ordering`] is a state machine without a world: it takes [`Input`]s, returns [`Output`]s, and
//! touches no socket, disk, clock or chance. Whoever owns the chain, its *host*, carries the outputs
//! out. So one run can be repeated from a seed, and [`solo`] and [`bft`] stand the same tests.
//!
//! # What a host promises
//! - It carries outputs out in their order. Every [`Output::Record`] is durable before a later
//!   [`Output::Send`] leaves: what others hear from us, we still know after a crash.
//! - A block's bytes are durable before the host says [`Input::Proposed`] or [`Input::Judged`] of it:
//!   a vote for it promises that we can hand it out.
//! - It commits a block when, and only when, it has a [`Certificate`] for it, from
//!   [`Output::Decided`] or from a peer, and then calls [`Ordering::begin`] for the next height.
//! - After a restart it begins the height above its newest block with the records of that height.

mod certificate;
mod turns;

pub mod bft;
pub mod solo;

pub use certificate::{Certificate, CertificateError};
pub use turns::{Turn, Turns};

use contracts::{
    governance::Accuse,
    id::{Digest, Height},
    key::{SignError, Signature},
    statement::Statement,
    validators::ValidatorSet,
};
use std::time::Duration;

/// Orders blocks, one height after the other.
pub trait Ordering: Send {
    /// Starts work on `height`, which `set` decides. What was going on at another height ends.
    ///
    /// `turns` are the validators in the order in which they propose, round after round ([`Turns::order`]).
    ///
    /// `records` are the bytes of [`Output::Record`] that this validator kept for exactly this height
    /// before it stopped, in order; none where it begins anew.
    ///
    /// # Errors
    /// [`OrderingError`]; whoever owns the chain stops then.
    fn begin(
        &mut self,
        height: Height,
        set: &ValidatorSet,
        turns: &[Turn],
        records: &[Vec<u8>],
    ) -> Result<Vec<Output>, OrderingError>;

    /// Tells it what happened.
    ///
    /// # Errors
    /// [`OrderingError::Message`] blames whoever sent it, and nothing has changed. After any other
    /// error, whoever owns the chain stops.
    fn handle(&mut self, input: Input) -> Result<Vec<Output>, OrderingError>;
}

/// What happened in the world, at the height at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The answer to [`Output::Propose`]: our block for this round.
    Proposed {
        /// Of this round.
        round: u32,
        /// Its id.
        block: Digest,
    },
    /// A block that somebody proposed was executed, or could not be.
    Judged {
        /// The round that it was sent for.
        round: u32,
        /// Number of the validator that proposed it.
        proposer: u16,
        /// Its id.
        block: Digest,
        /// What came of it.
        verdict: Verdict,
    },
    /// A message of another validator's ordering, as [`Output::Send`] gave it there.
    Received(Vec<u8>),
    /// A timer that was started ran out.
    Elapsed(Timer),
}

/// What ordering asks of its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Keep this for [`Ordering::begin`], before anything that comes after it is sent.
    Record(Vec<u8>),
    /// Send this to all other validators. It may get lost, come twice, or late.
    Send(Vec<u8>),
    /// It is our turn: make a block, keep it, send it to the others, and say [`Input::Proposed`]. For
    /// one height and round always the same block, also after a restart.
    Propose {
        /// For this round.
        round: u32,
    },
    /// Send block `block` to the others again, as one for `round`.
    Resend {
        /// For this round.
        round: u32,
        /// Its id.
        block: Digest,
    },
    /// Start this timer, or start it anew.
    Start(Timer, Duration),
    /// Stop this timer, if it runs.
    Stop(Timer),
    /// Stop every timer.
    StopAll,
    /// This block is final. Nothing else happens at this height.
    Decided(Certificate),
    /// A validator did what no honest one does, and signed it.
    Misbehaved(Misbehaviour),
}

/// What came of executing a proposed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would be committed as it stands.
    Valid,
    /// It is not voted for, which says nothing of it: it is against our clock, or executing it failed here.
    Unfit,
    /// It breaks the rules. From the block, the round and the state before, every honest validator finds so.
    Breaking,
}

/// A timer of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    /// What is waited for.
    pub kind: TimerKind,
    /// In which round.
    pub round: u32,
}

/// What a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerKind {
    /// The proposal.
    Propose,
    /// More prevotes.
    Prevote,
    /// More precommits.
    Precommit,
    /// Sending our last votes again.
    Rebroadcast,
}

/// What a validator was caught at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// It signed two statements that exclude each other.
    Excluding {
        /// Its number.
        validator: u16,
        /// What the rules take for evidence of it.
        evidence: Accuse,
    },
    /// It signed the proposal of a block that breaks the rules. That it does is our word, which others have to
    /// believe or not ([`contracts::governance::Protest`]).
    Breaking {
        /// Its number.
        validator: u16,
        /// The proposal.
        proposal: Statement,
        /// Its signature.
        signature: Signature,
    },
}

impl Misbehaviour {
    /// Number of the validator.
    pub fn validator(&self) -> u16 {
        match self {
            Self::Excluding { validator, .. } | Self::Breaking { validator, .. } => *validator,
        }
    }
}

/// Why ordering could not go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OrderingError {
    /// A message is none.
    #[error("a message of ordering: {0}")]
    Message(String),
    /// A key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// We are no validator of the set.
    #[error("key {0} is none of the validator set at height {1}")]
    NotAValidator(contracts::key::PublicKey, Height),
    /// What was kept of the height cannot be read.
    #[error("record {number} of height {height} cannot be read: {reason}")]
    Record {
        /// Of this height.
        height: Height,
        /// Counted from 0.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It would sign two things that exclude each other.
    #[error("a second, different {what} for height {height} and round {round} would have been signed")]
    SignedAlready {
        /// Prevote, precommit or proposal.
        what: &'static str,
        /// Of this height.
        height: Height,
        /// Of this round.
        round: u32,
    },
    /// An invariant of the engine does not hold.
    #[error("the engine: {0}")]
    Engine(String),
}

#[cfg(test)]
mod tests;
