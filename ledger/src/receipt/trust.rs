//! Whom to trust: the first validator set, and each change of it by a quorum of the set before.
//!
//! The anchor is network id and first set. A [`SetChange`] names the next set and the size of the
//! log up to which the set before it sealed. Whoever has verified a chain of changes pins the newest
//! set that it has seen, and never takes a shorter chain afterwards.

use super::bounded;
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, NetworkId},
    key::{Domain, PublicKey, SignError, Signature, Signer},
    limits::{SET_CHANGES_MAX, VALIDATORS_MAX},
    validators::ValidatorSet,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, io};

/// Changes of the set that a verifier follows: the rules allow no more.
pub const CHANGES_MAX: usize = SET_CHANGES_MAX as usize;

/// The record of one change of the validator set, or of a key in it.
///
/// Signed by a quorum of the set before with their consensus keys, domain `lonja/sign/trust/v1`, over
/// [`SetChange::message`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetChange {
    /// Which change it is, from 1.
    pub number: u32,
    /// Checkpoints of more entries than this are sealed by the new set.
    pub after_size: u64,
    /// The new set.
    pub set: ValidatorSet,
    /// Numbers of validators of the set before whose keys may be in other hands, ascending.
    pub compromised: Vec<u8>,
    /// A quorum of the set before, numbers ascending.
    pub signatures: Vec<(u8, Signature)>,
}

impl BorshDeserialize for SetChange {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self {
            number: u32::deserialize_reader(reader)?,
            after_size: u64::deserialize_reader(reader)?,
            set: ValidatorSet { validators: bounded(reader, VALIDATORS_MAX, "a set has at most sixteen validators")? },
            compromised: bounded(reader, VALIDATORS_MAX, "a set has at most sixteen validators")?,
            signatures: bounded(reader, VALIDATORS_MAX, "a set has at most sixteen validators")?,
        })
    }
}

impl SetChange {
    /// What the set before signs: the digest of that set, then everything but the signatures.
    pub fn message(&self, before: &ValidatorSet) -> Vec<u8> {
        let Self { number, after_size, set, compromised, signatures: _ } = self;
        borsh::to_vec(&(before.digest(), number, after_size, set, compromised))
            .expect("writing to memory does not fail")
    }

    /// Checks that a quorum of `before` signed it, in order, and that it names nobody whom `before` lacks.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn verify(&self, network: &NetworkId, before: &ValidatorSet) -> Result<(), TrustError> {
        let number = self.number;
        self.set.check().map_err(|error| TrustError::Set(error.to_string()))?;
        let known = |validator: u8| usize::from(validator) < before.validators.len();
        if !self.compromised.iter().all(|validator| known(*validator)) || !self.compromised.is_sorted_by(|a, b| a < b) {
            return Err(TrustError::Compromised(number));
        }
        let signers: Vec<u8> = self.signatures.iter().map(|(validator, _)| *validator).collect();
        if signers.len() < before.quorum()
            || !signers.is_sorted_by(|a, b| a < b)
            || !signers.iter().all(|signer| known(*signer))
        {
            return Err(TrustError::Quorum(number));
        }
        self.signatures.iter().try_for_each(|signed| self.verify_one(network, before, signed))
    }

    /// Checks one signature under it.
    ///
    /// # Errors
    /// [`TrustError::Quorum`] or [`TrustError::Signature`].
    pub fn verify_one(
        &self,
        network: &NetworkId,
        before: &ValidatorSet,
        (validator, signature): &(u8, Signature),
    ) -> Result<(), TrustError> {
        let number = self.number;
        let key = before.validators.get(usize::from(*validator)).ok_or(TrustError::Quorum(number))?.consensus;
        let wrong = |_| TrustError::Signature { number, validator: *validator };
        key.verify(Domain::Trust, network, &self.message(before), signature).map_err(wrong)
    }

    /// The same without signatures: what all of them are under.
    pub fn unsigned(&self) -> Self {
        Self { signatures: Vec::new(), ..self.clone() }
    }

    /// Signs it as validator number `validator` of `before`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign(
        &self,
        network: &NetworkId,
        before: &ValidatorSet,
        validator: u8,
        consensus: &dyn Signer,
    ) -> Result<(u8, Signature), SignError> {
        Ok((validator, consensus.sign(&Domain::Trust.message(network, &self.message(before)))?))
    }
}

/// Why a trust chain is not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A set that no network can have.
    #[error("the validator set is not valid: {0}")]
    Set(String),
    /// Not the change that comes next.
    #[error("change {expected} of the validator set comes next, not {got}")]
    Number {
        /// The next.
        expected: u32,
        /// What came.
        got: u32,
    },
    /// It would begin before the change before it.
    #[error("change {number} begins at size {after_size}, not after the change before it")]
    Size {
        /// Which change.
        number: u32,
        /// Where it says it begins.
        after_size: u64,
    },
    /// Too few signatures, out of order, or of nobody in the set.
    #[error("change {0} is not signed by a quorum of the set before it, in order")]
    Quorum(u32),
    /// A signature does not verify.
    #[error("the signature of validator {validator} under change {number} does not verify")]
    Signature {
        /// Which change.
        number: u32,
        /// Whose.
        validator: u8,
    },
    /// A list of compromised validators out of order or of nobody in the set.
    #[error("change {0} names compromised validators that the set before it does not have, or out of order")]
    Compromised(u32),
    /// More changes than anybody follows.
    #[error("a trust chain has at most {CHANGES_MAX} changes")]
    TooLong,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Era {
    after_size: u64,
    set: ValidatorSet,
}

/// The sets that have been in force, as far as they were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    network: NetworkId,
    eras: Vec<Era>,
    compromised: BTreeSet<PublicKey>,
}

impl Trust {
    /// Trust in the first set of `network`: the anchor.
    ///
    /// # Errors
    /// [`TrustError::Set`].
    pub fn new(network: NetworkId, first: ValidatorSet) -> Result<Self, TrustError> {
        first.check().map_err(|error| TrustError::Set(error.to_string()))?;
        Ok(Self { network, eras: vec![Era { after_size: 0, set: first }], compromised: BTreeSet::new() })
    }

    /// Follows the next change, once everything about it holds.
    ///
    /// # Errors
    /// [`TrustError`]; trust is then as it was.
    pub fn extend(&mut self, change: &SetChange) -> Result<(), TrustError> {
        let before = self.newest_era();
        let number = change.number;
        let expected = self.eras.len() as u32;
        if self.eras.len() > CHANGES_MAX {
            return Err(TrustError::TooLong);
        }
        if number != expected {
            return Err(TrustError::Number { expected, got: number });
        }
        if change.after_size <= before.after_size {
            return Err(TrustError::Size { number, after_size: change.after_size });
        }
        change.verify(&self.network, &before.set)?;
        let lost = change.compromised.iter().map(|validator| &before.set.validators[usize::from(*validator)]);
        let lost: Vec<PublicKey> = lost.flat_map(|validator| [validator.log, validator.cosigner]).collect();
        self.compromised.extend(lost);
        self.eras.push(Era { after_size: change.after_size, set: change.set.clone() });
        Ok(())
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The set that seals checkpoints of `size` entries.
    pub fn era(&self, size: u64) -> &ValidatorSet {
        &self.eras[self.era_number(size)].set
    }

    /// The sets before the one that seals checkpoints of `size` entries, each with the size after which it gave way.
    pub(super) fn before(&self, size: u64) -> impl Iterator<Item = (u64, &ValidatorSet)> {
        self.eras[..=self.era_number(size)].windows(2).map(|pair| (pair[1].after_size, &pair[0].set))
    }

    /// The newest set.
    pub fn newest(&self) -> &ValidatorSet {
        &self.newest_era().set
    }

    /// The set with this digest, if it was ever in force as far as is known.
    pub fn set_of(&self, digest: &Digest) -> Option<&ValidatorSet> {
        self.eras.iter().map(|era| &era.set).find(|set| set.digest() == *digest)
    }

    /// Trust as it began: network and first set.
    pub fn anchor(&self) -> Self {
        Self { network: self.network, eras: self.eras[..1].to_vec(), compromised: BTreeSet::new() }
    }

    /// Has this trust followed everything that `earlier` has, and perhaps more?
    pub fn continues(&self, earlier: &Trust) -> bool {
        self.network == earlier.network
            && self.eras.starts_with(&earlier.eras)
            && self.compromised.is_superset(&earlier.compromised)
    }

    /// What the validator was called last that had the consensus key `key`.
    pub fn name_of(&self, key: &PublicKey) -> Option<&str> {
        let mut validators = self.eras.iter().rev().flat_map(|era| &era.set.validators);
        validators.find(|validator| validator.consensus == *key).map(|validator| validator.name.as_str())
    }

    /// How many changes were followed.
    pub fn changes(&self) -> usize {
        self.eras.len() - 1
    }

    /// SHA-256 of the newest set: what a verifier pins beside [`Trust::changes`].
    pub fn pin(&self) -> Digest {
        self.newest().digest()
    }

    /// Number of the set that seals checkpoints of `size` entries: how many changes came before it.
    pub(super) fn era_number(&self, size: u64) -> usize {
        // The first begins at 0 and so does a checkpoint of nothing, which nobody seals.
        self.eras.partition_point(|era| era.after_size < size).max(1) - 1
    }

    pub(super) fn is_compromised(&self, key: &PublicKey) -> bool {
        self.compromised.contains(key)
    }

    fn newest_era(&self) -> &Era {
        self.eras.last().expect("trust begins with one set and only grows")
    }
}
