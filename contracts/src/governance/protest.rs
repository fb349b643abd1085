//! A validator's protest against a proposal that breaks the rules: its word for what no short statement proves.
//!
//! That a block breaks the rules takes the whole state before it to see, which no record has. So a validator that
//! executed it says so under its consensus key, and what the proposer signed stands beside that: nobody is blamed for
//! a block that it never proposed. One validator's word proves nothing. Among more than a third of them is one that is
//! honest, so with that many it is *established* that the proposer broke the rules, also where each of them saw another
//! block of it: a liar that shows everybody a different one gains nothing by it.
//!
//! Anybody may hand a protest in. One of each validator in force against each other is kept, which bounds the record;
//! it expels nobody. That the others decide with a [`Change::Validators`](super::Change), each for itself.

use super::{Governance, Testimony, set};
use crate::{
    action::{Call, Rule},
    event::Event,
    id::{Height, NetworkId},
    key::{KeyError, PublicKey, SignError, Signature, Signer},
    party::require_admitted,
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject},
    statement::{Said, Statement},
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Protests against a proposal of another validator, both in force.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Protest {
    /// The consensus key of whoever proposed.
    pub proposer: PublicKey,
    /// At which height.
    pub height: Height,
    /// In which round.
    pub round: u32,
    /// The proposal, with its signature.
    pub proposed: Testimony,
    /// The consensus key of the validator that executed the block and found that it breaks the rules.
    pub by: PublicKey,
    /// By that key, as [`Statement::protested`] says of the proposal.
    pub signature: Signature,
}

impl Protest {
    /// The protest of `signer` against what `statement` proposes, which `signature` signs.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign(
        network: &NetworkId,
        statement: &Statement,
        signature: Signature,
        signer: &dyn Signer,
    ) -> Result<Self, SignError> {
        let Statement { validator: proposer, height, round, said } = *statement;
        let (domain, message) = statement.protested();
        let proposed = Testimony { said, signature };
        let signature = signer.sign(&domain.message(network, &message))?;
        Ok(Self { proposer, height, round, proposed, by: signer.public(), signature })
    }

    /// Checks both signatures, for whoever checks it without a ledger.
    ///
    /// # Errors
    /// [`KeyError`] where one does not verify.
    pub fn verify(&self, network: &NetworkId) -> Result<(), KeyError> {
        self.verify_proposal(network)?;
        self.verify_word(network)
    }

    fn statement(&self) -> Statement {
        Statement { validator: self.proposer, height: self.height, round: self.round, said: self.proposed.said }
    }

    /// Did the proposer propose so?
    fn verify_proposal(&self, network: &NetworkId) -> Result<(), KeyError> {
        let (domain, message) = self.statement().signed();
        self.proposer.verify(domain, network, &message, &self.proposed.signature)
    }

    /// Did the other protest?
    fn verify_word(&self, network: &NetworkId) -> Result<(), KeyError> {
        let (domain, message) = self.statement().protested();
        self.by.verify(domain, network, &message, &self.signature)
    }
}

/// A protest as its record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Protested {
    /// Whose: its consensus key.
    pub by: PublicKey,
    /// Against a proposal at which height.
    pub height: Height,
    /// In which round.
    pub round: u32,
    /// The proposal, with the proposer's signature.
    pub proposed: Testimony,
    /// Of whoever protested.
    pub signature: Signature,
}

/// Who protested against proposals of one validator.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Protests {
    /// What that validator was called when the newest came.
    pub name: String,
    /// One of each validator that was in force then, by ascending key.
    pub protests: Vec<Protested>,
}

impl Subject for Protests {
    const TAG: u8 = 27;
    const KIND: &'static str = "protests";
}

impl Protests {
    /// Where those against the validator with consensus key `proposer` are kept.
    pub fn key(proposer: &PublicKey) -> Key {
        Key::new(Self::TAG, &[&proposer.0])
    }

    /// How many of them are of validators of `set`.
    pub fn count_of(&self, set: &ValidatorSet) -> usize {
        self.protests.iter().filter(|one| set.number_of(&one.by).is_some()).count()
    }

    /// Did so many of `set` protest that one of them is honest?
    pub fn established(&self, set: &ValidatorSet) -> bool {
        self.count_of(set) >= set.more_than_a_third()
    }
}

impl Rule for Protest {
    fn check(&self) -> Result<(), Malformed> {
        if !matches!(self.proposed.said, Said::Proposal { .. }) {
            return Err(Malformed::new("proposed", "a proposal, and no vote: a vote breaks no rule by its block"));
        }
        if self.by == self.proposer {
            return Err(Malformed::new("by", "another validator than `proposer`: nobody protests against itself"));
        }
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_admitted(call.state, &call.sender)?;
        let set = set(call)?;
        let number = |key: PublicKey| match set.number_of(&key) {
            Some(number) => Ok(number as u8),
            None => Err(Rejection::NoConsensusKey { key }),
        };
        let (validator, by) = (number(self.proposer)?, number(self.by)?);
        let key = Protests::key(&self.proposer);
        let mut known: Protests = call.state.value(&key)?.unwrap_or_default();
        // Those of whoever left the set give way, or the record would grow with each set: they stay in the log.
        known.protests.retain(|one| set.number_of(&one.by).is_some());
        let Err(place) = known.protests.binary_search_by_key(&self.by, |one| one.by) else {
            return Err(Rejection::ProtestedAlready { number: validator, by }.into());
        };
        self.verify_proposal(&call.network).map_err(|_| Rejection::TestimonyWrong { number: validator })?;
        self.verify_word(&call.network).map_err(|_| Rejection::TestimonyWrong { number: by })?;
        let Self { proposer, height, round, proposed, by: key_of_it, signature } = *self;
        known.protests.insert(place, Protested { by: key_of_it, height, round, proposed, signature });
        known.name.clone_from(&set.validators[usize::from(validator)].name);
        let (protests, established) = (known.protests.len() as u8, known.established(&set));
        call.state.put(&key, known)?;
        let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
        call.state.put(&Governance::key(), governance)?;
        call.state.emit(Event::Protested { validator, key: proposer, by, height, round, protests, established });
        Ok(())
    }
}
