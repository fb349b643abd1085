//! The validator set: whose votes decide and whose signatures a receipt carries.

use crate::{
    id::Digest,
    key::PublicKey,
    limits::{NAME_BYTES_MAX, VALIDATORS_MAX},
    rejection::Malformed,
    state::{Key, Subject},
    text,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One validator: an organisation's node, with three keys of one purpose each.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// What it is called; its cosigner's name in notes is made from it.
    pub name: String,
    /// Votes in consensus.
    pub consensus: PublicKey,
    /// Signs checkpoints under the log's own name.
    pub log: PublicKey,
    /// Cosigns checkpoints (C2SP tlog-cosignature).
    pub cosigner: PublicKey,
}

/// Validators, each with one vote. Their order gives them their numbers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorSet {
    /// From number 0.
    pub validators: Vec<Validator>,
}

impl Validator {
    /// Its keys, in the order in which they are written.
    pub fn keys(&self) -> [PublicKey; 3] {
        [self.consensus, self.log, self.cosigner]
    }

    /// What people compare on a second way before they let it in: of name and all keys, since whoever has another's
    /// cosigner signs receipts for it.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&[b"lonja/validator/v1\0", &borsh::to_vec(self).expect("writing to memory does not fail")])
    }
}

impl Subject for ValidatorSet {
    const TAG: u8 = 19;
    const KIND: &'static str = "validator set";
}

impl ValidatorSet {
    /// Where the set in force is kept.
    pub fn key() -> Key {
        Key::new(Self::TAG, &[])
    }

    /// Checks number, names and keys: at least one validator, and no key or name twice.
    ///
    /// # Errors
    /// [`Malformed`], naming what is wrong.
    pub fn check(&self) -> Result<(), Malformed> {
        if self.validators.is_empty() || self.validators.len() > VALIDATORS_MAX {
            return Err(Malformed::new("validators", format!("1 to {VALIDATORS_MAX}")));
        }
        let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
        for validator in &self.validators {
            text::line("validators.name", &validator.name, 1, NAME_BYTES_MAX)?;
            if validator.name.contains(|c: char| c.is_whitespace() || c == '+') {
                return Err(Malformed::new("validators.name", "a name in a signed note has neither spaces nor `+`"));
            }
            if !names.insert(&validator.name) {
                return Err(Malformed::new("validators.name", format!("`{}` stands there twice", validator.name)));
            }
            for key in validator.keys() {
                key.check().map_err(|error| Malformed::new("validators", error.to_string()))?;
                if !keys.insert(key) {
                    return Err(Malformed::new(
                        "validators",
                        format!("key {key} stands there twice; each purpose has its own"),
                    ));
                }
            }
        }
        Ok(())
    }

    /// The number of the validator that votes with `consensus`, if it is in the set.
    pub fn number_of(&self, consensus: &PublicKey) -> Option<u16> {
        let place = self.validators.iter().position(|validator| validator.consensus == *consensus)?;
        Some(place as u16)
    }

    /// How many must sign: more than two thirds.
    pub fn quorum(&self) -> usize {
        self.validators.len() * 2 / 3 + 1
    }

    /// How many are more than a third: where no more than that break the rules, one of so many does not.
    pub fn more_than_a_third(&self) -> usize {
        self.validators.len() / 3 + 1
    }

    /// SHA-256 of the set's bytes, as block entries carry it.
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"lonja/validators/v1\0", &borsh::to_vec(self).expect("writing to memory does not fail")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Signer, TestSigner};

    fn set(count: u16) -> ValidatorSet {
        let key = |n| TestSigner::of(n).public();
        let validator = |n: u16| Validator {
            name: format!("v{n}"),
            consensus: key(3 * n),
            log: key(3 * n + 1),
            cosigner: key(3 * n + 2),
        };
        ValidatorSet { validators: (0..count).map(validator).collect() }
    }

    #[test]
    fn a_quorum_is_more_than_two_thirds() {
        for (count, quorum) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (7, 5), (16, 11)] {
            assert_eq!(set(count).quorum(), quorum, "{count}");
        }
    }

    #[test]
    fn more_than_a_third_has_one_that_is_honest() {
        for (count, enough) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 3), (7, 3), (16, 6)] {
            let set = set(count);
            assert_eq!(set.more_than_a_third(), enough, "{count}");
            // Whoever is outside a quorum may be a liar.
            assert!(set.more_than_a_third() > usize::from(count) - set.quorum(), "{count}");
        }
    }

    #[test]
    fn a_validator_is_found_by_the_key_that_it_votes_with() {
        let four = set(4);
        for (number, validator) in (0..).zip(&four.validators) {
            assert_eq!(four.number_of(&validator.consensus), Some(number));
            assert_eq!(four.number_of(&validator.log), None, "a log key votes for nothing");
        }
        assert_eq!(four.number_of(&TestSigner::of(12).public()), None);
    }

    #[test]
    fn no_key_and_no_name_twice() {
        set(16).check().unwrap();
        assert!(set(0).check().is_err() && set(17).check().is_err());
        let mut twice = set(4);
        twice.validators[1].log = twice.validators[2].cosigner;
        assert!(twice.check().is_err());
        let mut twice = set(4);
        twice.validators[1].name = "v0".into();
        assert!(twice.check().is_err());
    }
}
