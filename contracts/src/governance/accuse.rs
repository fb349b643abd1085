//! Accusing a validator of two statements that exclude each other: the statements are the evidence.
//!
//! Anybody may hand it in, since its signatures prove it. It is kept for ever and expels nobody: that the others
//! decide with a [`Change::Validators`](super::Change), each for itself. One accusation of a key is kept, so that a
//! liar cannot fill the ledger with its lies. What cannot be told from signatures alone, as that a proposed block
//! breaks the rules, is no accusation: for that there is the word of validators ([`super::Protest`]).

use super::{Governance, set};
use crate::{
    action::{Call, Rule},
    event::Event,
    id::{Height, NetworkId},
    key::{KeyError, PublicKey, Signature},
    party::require_admitted,
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject},
    statement::{Said, Statement},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A statement with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testimony {
    /// What was said.
    pub said: Said,
    /// By the validator's consensus key, as [`Statement::signed`] says.
    pub signature: Signature,
}

/// Accuses a validator in force of two statements about one height and round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuse {
    /// Its consensus key.
    pub validator: PublicKey,
    /// Of which height.
    pub height: Height,
    /// Of which round.
    pub round: u32,
    /// What it said.
    pub first: Testimony,
    /// What excludes it.
    pub second: Testimony,
}

impl Accuse {
    /// Checks both signatures, for whoever checks it without a ledger.
    ///
    /// # Errors
    /// [`KeyError`] where one does not verify.
    pub fn verify(&self, network: &NetworkId) -> Result<(), KeyError> {
        let Self { validator, height, round, .. } = *self;
        [self.first, self.second].into_iter().try_for_each(|Testimony { said, signature }| {
            let (domain, message) = Statement { validator, height, round, said }.signed();
            validator.verify(domain, network, &message, &signature)
        })
    }
}

/// That a validator was caught, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Misconduct {
    /// What it was called then.
    pub name: String,
    /// Of which height.
    pub height: Height,
    /// Of which round.
    pub round: u32,
    /// What it said.
    pub first: Testimony,
    /// What excludes it.
    pub second: Testimony,
}

impl Subject for Misconduct {
    const TAG: u8 = 25;
    const KIND: &'static str = "misconduct";
}

impl Misconduct {
    /// Where that of the validator with consensus key `validator` is kept.
    pub fn key(validator: &PublicKey) -> Key {
        Key::new(Self::TAG, &[&validator.0])
    }
}

impl Rule for Accuse {
    fn check(&self) -> Result<(), Malformed> {
        if self.first.said.excludes(&self.second.said) {
            return Ok(());
        }
        Err(Malformed::new("second", "a vote of the same kind, or a proposal, for another block than `first`"))
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_admitted(call.state, &call.sender)?;
        let set = set(call)?;
        let number = set.number_of(&self.validator).ok_or(Rejection::NoConsensusKey { key: self.validator })?;
        let key = Misconduct::key(&self.validator);
        if call.state.value::<Misconduct>(&key)?.is_some() {
            return Err(Rejection::AccusedAlready { number: number as u8 }.into());
        }
        self.verify(&call.network).map_err(|_| Rejection::TestimonyWrong { number: number as u8 })?;
        let name = set.validators[usize::from(number)].name.clone();
        let Self { height, round, first, second, .. } = *self;
        call.state.put(&key, Misconduct { name, height, round, first, second })?;
        let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
        call.state.put(&Governance::key(), governance)?;
        call.state.emit(Event::Accused { validator: number as u8, key: self.validator, height, round });
        Ok(())
    }
}
