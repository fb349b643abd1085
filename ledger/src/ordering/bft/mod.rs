//! BFT ordering: the Tendermint core of Malachite (<https://arxiv.org/abs/1807.04938> is the paper),
//! with our keys, our certificates and our hosts.
//!
//! We drive `core-consensus`, the engine's own state machine, and not the actors that come with it
//! (`app-channel`, libp2p, their log and timers). Three things follow from that. The code that is
//! simulated from a seed is the code that runs. One kind of peer link carries everything, with keys of
//! the ledger, where a second network beside ours would need its own identities and bounds, and could
//! not carry our cosignatures. And a damaged log is an error with a name, where the actors hang on
//! purpose with the process alive.
//!
//! A precommit for a block signs exactly [`Certificate::message`], so what the engine decides is our
//! [`Certificate`], checked by everybody as one of a solo network is.
//!
//! Catching up does not pass through the engine: a host that is given a block with its certificate
//! commits it and begins the next height.

mod breaking;
mod context;
mod effect;
mod ours;
mod record;
mod sieve;
mod verify;
mod wire;

pub use ours::{forgotten, said_by};

use super::{Input, Ordering, OrderingError, Output, Timer, Turn, Verdict};
use crate::limits::{ORDERING_AHEAD_HEIGHTS_MAX, ORDERING_AHEAD_MESSAGES_MAX};
use context::{At, Bft as Ctx, BlockId, Voters};
use contracts::{
    id::{Height, NetworkId},
    key::Signer,
    validators::ValidatorSet,
};
use effect::Desk;
use malachite_consensus::{
    Input as EngineInput, LocallyProposedValue, Params, ProposedValue, State, ThresholdParams, process,
};
use malachite_types::{Round, Timeout, Validity, ValueOrigin, ValuePayload, VoteExtensionPolicy};
use std::{sync::Arc, time::Duration};

/// How long each step of a round may take before the next one is tried. Each round waits `more`
/// longer than the one before, up to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the proposal.
    pub propose: Duration,
    /// For more votes, once a quorum voted without agreeing.
    pub vote: Duration,
    /// Between two times that our last votes are sent.
    pub rebroadcast: Duration,
    /// More for each round.
    pub more: Duration,
    /// Never more than this.
    pub longest: Duration,
}

impl Default for Patience {
    /// For a network within a continent: a block of a megabyte is sent and executed in well under a
    /// second.
    fn default() -> Self {
        Self {
            propose: Duration::from_secs(2),
            vote: Duration::from_millis(500),
            rebroadcast: Duration::from_secs(2),
            more: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

/// One validator of a network of many.
pub struct Bft {
    desk: Desk,
    state: Option<State<Ctx>>,
}

impl Bft {
    /// Votes in `network` with the consensus key `signer`.
    pub fn new(network: NetworkId, signer: Arc<dyn Signer>, patience: Patience) -> Self {
        Self { desk: Desk::new(network, signer, patience), state: None }
    }

    /// Lets the engine take one step, and the desk carry out what it wants.
    fn step(&mut self, input: EngineInput<Ctx>) -> Result<(), OrderingError> {
        let Self { desk, state } = self;
        let Some(state) = state else { return Ok(()) };
        let result: Result<(), malachite_consensus::Error<Ctx>> = process!(
            input: input,
            state: state,
            metrics: &(),
            with: effect => Ok::<_, OrderingError>(desk.carry_out(effect))
        );
        // What the desk could not do is why the engine stopped, so it is told first.
        match desk.take_failure() {
            Some(failure) => Err(failure),
            None => result.map_err(|error| OrderingError::Engine(error.to_string())),
        }
    }

    fn open(&mut self, height: Height, voters: &Voters) -> Result<(), OrderingError> {
        let address = self.desk.address();
        if voters.number(&address).is_none() {
            return Err(OrderingError::NotAValidator(address.0, height));
        }
        let params = || Params {
            address,
            threshold_params: ThresholdParams::default(),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        if self.state.is_none() {
            let (ahead, each) = (ORDERING_AHEAD_HEIGHTS_MAX, ORDERING_AHEAD_MESSAGES_MAX);
            self.state = Some(State::new(Ctx, At(height), voters.clone(), params(), ahead, each));
        }
        self.desk.open(height, voters.clone());
        Ok(())
    }

    /// Feeds back what we kept of this height, so that we go on where we stopped and sign nothing that
    /// excludes what we signed.
    fn replay(&mut self, height: Height, records: &[Vec<u8>]) -> Result<(), OrderingError> {
        let mut inputs = Vec::with_capacity(records.len());
        for (number, bytes) in records.iter().enumerate() {
            let failed = |reason: String| OrderingError::Record { height, number, reason };
            inputs.push(record::decode(bytes).map_err(failed)?);
        }
        self.desk.remember(&inputs);
        if let Some(state) = &mut self.state {
            state.index_wal_entries(&inputs);
        }
        self.desk.replaying = true;
        let replayed = inputs.into_iter().try_for_each(|input| self.step(input));
        self.desk.replaying = false;
        if let Some(state) = &mut self.state {
            state.reset_entries_index();
        }
        replayed
    }

    /// What another validator sent, if it is for the engine.
    fn heard(&self, bytes: &[u8]) -> Result<Option<EngineInput<Ctx>>, String> {
        let input = wire::decode(bytes)?;
        let Some(state) = &self.state else { return Ok(None) };
        Ok(sieve::is_wanted(state, self.desk.voters(), &input)?.then_some(input))
    }

    /// What the desk gathered, without turns to propose that passed while records were replayed.
    fn outputs(&mut self) -> Vec<Output> {
        let mut outputs = self.desk.take_outputs();
        let round = self.state.as_ref().and_then(|state| state.round().as_u32());
        outputs.retain(|output| match output {
            Output::Propose { round: asked } => round == Some(*asked) && !self.desk.has_proposed(*asked),
            _ => true,
        });
        outputs
    }
}

impl Ordering for Bft {
    fn begin(
        &mut self,
        height: Height,
        set: &ValidatorSet,
        turns: &[Turn],
        records: &[Vec<u8>],
    ) -> Result<Vec<Output>, OrderingError> {
        let voters = Voters::of(set, turns);
        self.open(height, &voters)?;
        let again = false;
        self.step(EngineInput::StartHeight(At(height), voters, again, None, VoteExtensionPolicy::Disabled))?;
        self.replay(height, records)?;
        Ok(self.outputs())
    }

    fn handle(&mut self, input: Input) -> Result<Vec<Output>, OrderingError> {
        let height = At(self.desk.height());
        let received = matches!(input, Input::Received(_));
        self.desk.invalid = false;
        let input = match input {
            Input::Proposed { round, block } => {
                EngineInput::Propose(LocallyProposedValue::new(height, Round::new(round), BlockId(block)))
            }
            Input::Judged { round, proposer, block, verdict } => {
                let Some(proposer) = self.desk.address_of(proposer) else { return Ok(Vec::new()) };
                if verdict == Verdict::Breaking {
                    self.desk.judged_breaking(round, block);
                }
                let (round, validity) = (Round::new(round), Validity::from_bool(verdict == Verdict::Valid));
                let value = BlockId(block);
                let judged = ProposedValue { height, round, valid_round: Round::Nil, proposer, value, validity };
                EngineInput::ProposedValue(judged, ValueOrigin::Consensus)
            }
            Input::Received(bytes) => match self.heard(&bytes).map_err(OrderingError::Message)? {
                Some(input) => input,
                None => return Ok(Vec::new()),
            },
            Input::Elapsed(timer) => EngineInput::TimeoutElapsed(timeout(timer)),
        };
        self.step(input)?;
        // The engine passes over what is not signed by whom it names. Honest validators pass nothing on that
        // they did not verify, so it is the fault of whoever sent it.
        if received && self.desk.invalid {
            return Err(OrderingError::Message("a signature in it does not verify".into()));
        }
        Ok(self.outputs())
    }
}

fn timeout(timer: Timer) -> Timeout {
    use super::TimerKind::*;
    let round = Round::new(timer.round);
    match timer.kind {
        Propose => Timeout::propose(round),
        Prevote => Timeout::prevote(round),
        Precommit => Timeout::precommit(round),
        Rebroadcast => Timeout::rebroadcast(round),
    }
}

/// Reads `bytes` as a message of another validator. Were they one?
///
/// # Panics
/// When what was read would be written otherwise.
pub(crate) fn check_message(bytes: &[u8]) -> bool {
    if wire::decode(bytes).is_err() {
        return false;
    }
    let message: wire::Message = borsh::from_slice(bytes).expect("it was just read");
    assert_eq!(wire::encode(&message), bytes, "one message has one spelling");
    true
}

/// Reads `bytes` as a record of the height at work. Were they one?
///
/// # Panics
/// When what was read would be written otherwise.
pub(crate) fn check_record(bytes: &[u8]) -> bool {
    let Ok(input) = record::decode(bytes) else { return false };
    assert_eq!(record::encode(&input), bytes, "one record has one spelling");
    true
}

#[cfg(test)]
pub(crate) use wire::forge;
