//! Proposing a change, with the proposer's own ballot.

use super::{Ballot, Change, Governance, Proposal, ProposalState, approve, protocol, set, succession};
use crate::{
    action::{Call, Rule},
    event::Event,
    founding::Parameters,
    id::{Digest, ProposalId, TimeMs},
    limits::PROPOSAL_MS_MAX,
    party::{Party, Standing, require_admitted},
    rejection::{Malformed, Rejection, Stop},
    state::Reading,
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Proposes a change. Where one ballot is a quorum, as in a network of one validator, it has passed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// What is to be.
    pub change: Change,
    /// Digest of the validator set in force, which is asked.
    pub base: Digest,
    /// When its time is over, at most [`PROPOSAL_MS_MAX`] ahead.
    pub until_ms: TimeMs,
    /// The word of the validator that proposes it.
    pub ballot: Ballot,
}

impl Propose {
    /// The id of what is proposed: the digest of all that ballots approve.
    pub fn id_of(change: &Change, base: &Digest, until_ms: TimeMs) -> ProposalId {
        let bytes = borsh::to_vec(&(change, base, until_ms)).expect("writing to memory does not fail");
        ProposalId(Digest::of(&[b"lonja/proposal/v1\0", &bytes]).0)
    }

    /// The id of the proposal.
    pub fn id(&self) -> ProposalId {
        Self::id_of(&self.change, &self.base, self.until_ms)
    }
}

impl Rule for Propose {
    fn check(&self) -> Result<(), Malformed> {
        self.change.check()
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_admitted(call.state, &call.sender)?;
        let (id, set) = (self.id(), set(call)?);
        if call.state.value::<Proposal>(&Proposal::key(&id))?.is_some() {
            return Err(Rejection::ProposalExists { proposal: id }.into());
        }
        if self.base != set.digest() {
            return Err(Rejection::ProposalOfAnotherSet.into());
        }
        if self.until_ms <= call.time_ms || self.until_ms - call.time_ms > PROPOSAL_MS_MAX {
            return Err(Rejection::ProposalTime { most_ms: call.time_ms.saturating_add(PROPOSAL_MS_MAX) }.into());
        }
        possible(call, &self.change, &set)?;
        self.ballot.verify_approval(&call.network, &set, &id)?;
        let proposal = Proposal {
            change: self.change.clone(),
            base: self.base,
            until_ms: self.until_ms,
            state: ProposalState::Open,
            ballots: vec![self.ballot.clone()],
            ready: Vec::new(),
        };
        let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
        call.state.put(&Governance::key(), governance)?;
        let validator = self.ballot.validator;
        call.state.emit(Event::Proposed { proposal: id, validator, until_ms: self.until_ms });
        approve::count(call, id, proposal, &set)
    }
}

/// Refuses what changes nothing, or names whom there is not.
fn possible(call: &Call, change: &Change, now: &ValidatorSet) -> Result<(), Stop> {
    match change {
        Change::Validators { set, compromised } => succession::possible(call, set, compromised, now),
        Change::Parameters { parameters } => match call.state.value::<Parameters>(&Parameters::key())? {
            Some(now) if now == *parameters => Err(Rejection::NothingChanges.into()),
            _ => Ok(()),
        },
        Change::Protocol { version, from } => protocol::possible(call, *version, *from),
        Change::Party { party, standing, roles } => {
            let now: Party = call.state.value(&Party::key(party))?.ok_or(Rejection::PartyUnknown { party: *party })?;
            if (now.standing, now.roles) == (*standing, *roles) {
                return Err(Rejection::NothingChanges.into());
            }
            if (now.standing, *standing) == (Standing::Applied, Standing::Suspended) {
                return Err(Rejection::PartyNotActive { party: *party }.into());
            }
            Ok(())
        }
    }
}
