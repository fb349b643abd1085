//! What validators decided of a party stands above what an operator decides alone: only they decide otherwise. Without
//! that, any operator would undo in the next block what a quorum decided about it, or about another.
//!
//! And where one validator alone is no quorum, no operator alone makes others what could not be undone in time: a
//! settlement agent mints what nobody paid in, and another operator stays when the first is found out.

use super::set;
use crate::{
    action::Call,
    id::{PartyId, ProposalId},
    party::{Role, Roles},
    rejection::{Rejection, Stop},
    state::{Key, Reading, Subject, View},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// That a quorum decided standing and roles of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct PartyDecision {
    /// By which proposal, last.
    pub proposal: ProposalId,
}

impl Subject for PartyDecision {
    const TAG: u8 = 28;
    const KIND: &'static str = "party decision";
}

impl PartyDecision {
    /// Where that about `party` is kept.
    pub fn key(party: &PartyId) -> Key {
        Key::new(Self::TAG, &[&party.0])
    }
}

/// May an operator alone admit or suspend `party`?
///
/// # Errors
/// A refusal that names the proposal by which a quorum decided.
pub fn open_to_operators(view: &dyn View, party: &PartyId) -> Result<(), Stop> {
    match view.value::<PartyDecision>(&PartyDecision::key(party))? {
        Some(PartyDecision { proposal }) => Err(Rejection::PartyDecided { party: *party, proposal }.into()),
        None => Ok(()),
    }
}

/// The roles that only a quorum gives, where that is more than one validator.
pub const OF_A_QUORUM: [Role; 2] = [Role::Operator, Role::SettlementAgent];

/// May an operator alone give `roles` to `party`, which has those in `now`? What it has, it may keep.
///
/// # Errors
/// A refusal that names the role for which it takes a quorum of several validators.
pub(crate) fn given_by_operators(call: &Call, party: &PartyId, now: Roles, roles: Roles) -> Result<(), Stop> {
    let new = OF_A_QUORUM.into_iter().find(|role| roles.has(*role) && !now.has(*role));
    match new {
        Some(role) if set(call)?.quorum() > 1 => Err(Rejection::RoleOfAQuorum { party: *party, role }.into()),
        _ => Ok(()),
    }
}
