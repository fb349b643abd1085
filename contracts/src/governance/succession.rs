//! What a proposed set may be beside the one in force: no way back for keys that may be in other hands, and no other
//! keys behind a name that everybody knows.
//!
//! What a compromised key seals counts no more, also in a later era. A set with such a key could not be believed: its
//! seals would need a later checkpoint for ever. So a quorum that says that keys are compromised puts them out, all
//! three of each validator, and they stay out ([`CompromisedKey`]). And since whoever approves knows validators by
//! their names, the keys of one that keeps its name stay as they are.

use super::Governance;
use crate::{
    action::Call,
    id::ProposalId,
    key::PublicKey,
    limits::SET_CHANGES_MAX,
    rejection::{Rejection, Stop},
    state::{Key, Reading, Subject},
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// That a key of a validator may be in other hands, since a change that said so is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct CompromisedKey {
    /// By which proposal.
    pub proposal: ProposalId,
}

impl Subject for CompromisedKey {
    const TAG: u8 = 29;
    const KIND: &'static str = "compromised key";
}

impl CompromisedKey {
    /// Where that about `key` is kept.
    pub fn key(key: &PublicKey) -> Key {
        Key::new(Self::TAG, &[&key.0])
    }
}

/// Refuses a set that changes nothing, is one too many, or has keys that it may not have.
pub(super) fn possible(call: &Call, set: &ValidatorSet, compromised: &[u8], now: &ValidatorSet) -> Result<(), Stop> {
    if set == now {
        return Err(Rejection::NothingChanges.into());
    }
    let lost = keys_of(now, compromised)?;
    for validator in &set.validators {
        for key in validator.keys() {
            if lost.contains(&key) || call.state.value::<CompromisedKey>(&CompromisedKey::key(&key))?.is_some() {
                return Err(Rejection::KeyCompromised { key }.into());
            }
        }
    }
    for (number, validator) in (0..).zip(&now.validators) {
        if set.validators.iter().any(|next| next.name == validator.name && next != validator) {
            return Err(Rejection::NameKeepsItsKeys { number }.into());
        }
    }
    let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
    if governance.changes >= SET_CHANGES_MAX {
        return Err(Rejection::SetChangesUsedUp.into());
    }
    Ok(())
}

/// Keeps in mind which keys of the set before may be in other hands, now that `proposal` is in force.
pub(super) fn put_out(
    call: &mut Call,
    proposal: ProposalId,
    compromised: &[u8],
    before: &ValidatorSet,
) -> Result<(), Stop> {
    for key in keys_of(before, compromised)? {
        call.state.put(&CompromisedKey::key(&key), CompromisedKey { proposal })?;
    }
    Ok(())
}

/// All keys of the validators of `set` with these numbers.
fn keys_of(set: &ValidatorSet, numbers: &[u8]) -> Result<Vec<PublicKey>, Rejection> {
    let mut keys = Vec::new();
    for number in numbers {
        let validator = set.validators.get(usize::from(*number)).ok_or(Rejection::NotAValidator { number: *number })?;
        keys.extend(validator.keys());
    }
    Ok(keys)
}
