//! Approving a proposal, and what happens when a quorum has.

use super::{
    Ballot, Change, Governance, PartyDecision, Proposal, ProposalState, add, current, protocol, set, succession,
};
use crate::{
    action::{Call, Rule},
    event::Event,
    founding::Parameters,
    id::ProposalId,
    party::{Party, require_admitted},
    rejection::{Malformed, Rejection, Stop},
    state::Reading,
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Approves a proposal as one of the validators.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// Which.
    pub proposal: ProposalId,
    /// The validator's word.
    pub ballot: Ballot,
}

impl Rule for Approve {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_admitted(call.state, &call.sender)?;
        let set = set(call)?;
        let mut proposal = current(call, &self.proposal, ProposalState::Open, &set)?;
        self.ballot.verify_approval(&call.network, &set, &self.proposal)?;
        add(&mut proposal.ballots, &self.ballot)?;
        call.state.emit(Event::Approved { proposal: self.proposal, validator: self.ballot.validator });
        count(call, self.proposal, proposal, &set)
    }
}

/// Writes a proposal that has a new ballot, and what it decides if that makes a quorum.
pub(super) fn count(call: &mut Call, id: ProposalId, mut proposal: Proposal, set: &ValidatorSet) -> Result<(), Stop> {
    if proposal.ballots.len() >= set.quorum() {
        proposal.state = match &proposal.change {
            Change::Validators { .. } => ProposalState::Passed,
            Change::Parameters { .. } | Change::Party { .. } | Change::Protocol { .. } => ProposalState::InForce,
        };
        decide(call, id, &proposal.change, set)?;
    }
    Ok(call.state.put(&Proposal::key(&id), proposal)?)
}

fn decide(call: &mut Call, id: ProposalId, change: &Change, now: &ValidatorSet) -> Result<(), Stop> {
    match change {
        Change::Validators { set, compromised } => {
            // Asked again: the set that is asked may have been away since, and keys were lost in the meantime.
            succession::possible(call, set, compromised, now)?;
            let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
            // One that passed before and still awaits readiness gives way: a newcomer that never comes must not keep
            // the others from expelling a liar. What passed passes no second time, so none takes its place back.
            call.state.put(&Governance::key(), Governance { pending: Some(id), ..governance })?;
            call.state.emit(Event::SetPassed {
                proposal: id,
                set: set.digest(),
                validators: set.validators.len() as u8,
            });
        }
        Change::Parameters { parameters } => {
            call.state.put(&Parameters::key(), *parameters)?;
            call.state.emit(Event::ParametersChanged { proposal: id });
        }
        Change::Party { party, standing, roles } => {
            let key = Party::key(party);
            let mut record: Party = call.state.value(&key)?.ok_or(Rejection::PartyUnknown { party: *party })?;
            (record.standing, record.roles) = (*standing, *roles);
            call.state.put(&key, record)?;
            call.state.put(&PartyDecision::key(party), PartyDecision { proposal: id })?;
            call.state.emit(Event::PartyDecided { proposal: id, party: *party, standing: *standing, roles: *roles });
        }
        Change::Protocol { version, from } => protocol::decide(call, id, *version, *from)?,
    }
    Ok(())
}
