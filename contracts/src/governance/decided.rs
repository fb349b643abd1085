//! What validators decided of a party stands above what an operator decides alone: only they decide otherwise. Without
//! that, any operator would undo in the next block what a quorum decided about it, or about another.

use crate::{
    id::{PartyId, ProposalId},
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
