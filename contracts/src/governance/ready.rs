//! Saying that a validator of a new set is there, and the change of the set when enough are.

use super::{Ballot, Change, Governance, Proposal, ProposalState, add, current, readiness, set, succession};
use crate::{
    action::{Call, Rule},
    event::Event,
    id::{Height, ProposalId},
    key::Domain,
    limits::READY_BLOCKS_MAX,
    party::require_admitted,
    rejection::{Malformed, Rejection, Stop},
    state::{Reading, View},
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Says, as a validator of a set that has passed, that it has replayed everything up to a height and runs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Which proposal.
    pub proposal: ProposalId,
    /// The newest height that it has replayed, at most [`READY_BLOCKS_MAX`] behind.
    pub height: Height,
    /// The word of the validator, by its number in the new set.
    pub ballot: Ballot,
}

impl Rule for Ready {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_admitted(call.state, &call.sender)?;
        let now = set(call)?;
        let mut proposal = current(call, &self.proposal, ProposalState::Passed, &now)?;
        let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
        let Change::Validators { set, compromised } = &proposal.change else {
            return Err(Rejection::ProposalUnknown { proposal: self.proposal }.into());
        };
        // An era ends with its block. With a second change in that block there would be a set that decides nothing.
        let key = ValidatorSet::key();
        let changed = call.state.read(&key)? != call.state.read_before(&key)?;
        if changed || governance.pending != Some(self.proposal) {
            return Err(Rejection::SetChangeUnderWay.into());
        }
        if self.height >= call.height || call.height - self.height > READY_BLOCKS_MAX {
            return Err(Rejection::NotReadyNow { height: call.height - 1 }.into());
        }
        let message = readiness(&self.proposal, self.height);
        self.ballot.verify(&call.network, set, Domain::Ready, &message)?;
        let (set, compromised) = (set.clone(), compromised.clone());
        add(&mut proposal.ready, &self.ballot)?;
        let (validator, height) = (self.ballot.validator, self.height);
        call.state.emit(Event::SetReady { proposal: self.proposal, validator, height });
        if proposal.ready.len() >= set.quorum() {
            proposal.state = ProposalState::InForce;
            let changes = governance.changes + 1;
            let in_force = Some(self.proposal);
            call.state.put(&Governance::key(), Governance { changes, in_force, pending: None })?;
            call.state.emit(Event::SetChanged { proposal: self.proposal, number: changes, set: set.digest() });
            call.state.put(&ValidatorSet::key(), set)?;
            succession::put_out(call, self.proposal, &compromised, &now)?;
        }
        Ok(call.state.put(&Proposal::key(&self.proposal), proposal)?)
    }
}
