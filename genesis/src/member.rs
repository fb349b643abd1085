//! What an organisation shows before a network is founded: the public keys of its validator and of the
//! parties that it brings, each of which has signed all of it.
//!
//! So nobody can bring keys that are another's, and nothing in the file can be changed on its way. That
//! it comes from whom it says is for people to check: they compare its fingerprint on a second way.

use crate::{
    config::Peers,
    files::{self, Access, FileError},
    limits::MEMBER_BYTES_MAX,
    strict,
};
use borsh::BorshSerialize;
use contracts::{
    founding::{FOUNDERS_MAX, Founder},
    id::{Digest, NetworkId},
    key::{Domain, PublicKey, SignError, Signature, Signer},
    validators::{Validator, ValidatorSet},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An organisation before the founding.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its validator.
    pub validator: Validator,
    /// Where other validators reach it: host and port.
    pub address: String,
    /// The parties that it brings.
    pub founders: Vec<Founder>,
}

/// The same, signed by each of its keys in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedMember {
    /// What is signed.
    pub member: Member,
    /// Of the validator's three keys, then of each founder's keys.
    pub proofs: Vec<Signature>,
}

/// A member's file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemberError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not written as such a file is, or its parts are not allowed.
    #[error("{} is no file of a member: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key in it did not sign it.
    #[error("{}: key {key} did not sign it", path.display())]
    Proof {
        /// The file.
        path: PathBuf,
        /// Which.
        key: PublicKey,
    },
    /// A key cannot sign.
    #[error("the file of a member could not be signed")]
    Sign(#[from] SignError),
}

impl MemberError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Format { .. } | Self::Proof { .. } => {
                "ask the member for the file again: `lonja key new NAME --validator HOST:PORT` writes it".into()
            }
            Self::Sign(_) => "make sure that all keys of the member can be used".into(),
        }
    }
}

impl Member {
    /// All its keys, in the order of their proofs.
    pub fn keys(&self) -> impl Iterator<Item = PublicKey> {
        let Validator { consensus, log, cosigner, .. } = &self.validator;
        let founders = self.founders.iter().flat_map(|founder| founder.keys.iter().map(|key| key.key));
        [*consensus, *log, *cosigner].into_iter().chain(founders)
    }

    fn message(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// What people compare on a second way.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&[b"lonja/member/v1\0", &self.message()])
    }

    /// Signs with all its keys, in their order.
    ///
    /// # Errors
    /// [`MemberError`]; also when a signer is not the key that it stands for.
    pub fn sign(self, signers: &[&dyn Signer]) -> Result<SignedMember, MemberError> {
        let message = Domain::Member.message(&NOWHERE, &self.message());
        let proofs = signers.iter().map(|signer| signer.sign(&message)).collect::<Result<_, _>>()?;
        let signed = SignedMember { member: self, proofs };
        signed.check(Path::new("the new file"))?;
        Ok(signed)
    }
}

/// There is no network yet that a signature could be for.
const NOWHERE: NetworkId = NetworkId([0; 32]);

impl SignedMember {
    /// Checks its parts and that each key signed it.
    fn check(&self, path: &Path) -> Result<(), MemberError> {
        let format = |reason: String| MemberError::Format { path: path.to_path_buf(), reason };
        let Member { validator, address, founders } = &self.member;
        let alone = ValidatorSet { validators: vec![validator.clone()] };
        alone.check().map_err(|error| format(error.to_string()))?;
        Peers::check_address(address).map_err(|reason| format(format!("its address {address:?} {reason}")))?;
        if founders.len() > FOUNDERS_MAX {
            return Err(format(format!("it brings {} parties, {FOUNDERS_MAX} are allowed", founders.len())));
        }
        if self.proofs.len() != self.member.keys().count() {
            return Err(format("it has not one proof for each key".into()));
        }
        let message = self.member.message();
        for (key, proof) in self.member.keys().zip(&self.proofs) {
            let verdict = key.verify(Domain::Member, &NOWHERE, &message, proof);
            verdict.map_err(|_| MemberError::Proof { path: path.to_path_buf(), key })?;
        }
        Ok(())
    }

    /// Reads and checks a member's file.
    ///
    /// # Errors
    /// [`MemberError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, MemberError> {
        let bytes = files::read(path, MEMBER_BYTES_MAX)?;
        let format = |reason| MemberError::Format { path: path.to_path_buf(), reason };
        let signed: Self = strict::decode(&bytes).map_err(format)?;
        signed.check(path)?;
        Ok(signed)
    }

    /// Writes a new file.
    ///
    /// # Errors
    /// [`MemberError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), MemberError> {
        Ok(files::write_new(path, &strict::encode(self), Access::Public)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{
        founding::FounderKey,
        key::TestSigner,
        party::{Country, KeyUse, PartyKind, Role, Roles},
    };

    fn signed() -> SignedMember {
        let key = |seed| TestSigner::of(seed).public();
        let founder = Founder {
            name: "Harbour office".into(),
            kind: PartyKind::City,
            jurisdiction: Country(*b"ES"),
            roles: Roles::of(&[Role::Operator]),
            keys: vec![FounderKey { key: key(4), usage: KeyUse::Sign }],
        };
        let validator = Validator { name: "harbour".into(), consensus: key(1), log: key(2), cosigner: key(3) };
        let member = Member { validator, address: "harbour.example:7400".into(), founders: vec![founder] };
        let signers = [1, 2, 3, 4].map(TestSigner::of);
        member.sign(&signers.each_ref().map(|signer| signer as &dyn Signer)).unwrap()
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_no_changed_byte_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("harbour.member.json");
        signed().write(&path).unwrap();
        assert_eq!(SignedMember::read(&path).unwrap(), signed());
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            std::fs::write(&path, &wrong).unwrap();
            assert!(SignedMember::read(&path).is_err(), "byte {at}");
        }
    }

    #[test]
    fn keys_of_others_cannot_be_brought() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let check = |name: &str, wrong: SignedMember, expected: &str| {
            let path = path.with_extension(name);
            wrong.write(&path).unwrap();
            let error = SignedMember::read(&path).unwrap_err();
            let said = format!("{error} -- {}", error.remedy());
            assert!(said.contains(expected) && said.contains(name), "{said}");
        };
        let mut stolen = signed();
        stolen.member.validator.cosigner = TestSigner::of(9).public();
        check("stolen", stolen, "did not sign it");
        let mut fewer = signed();
        fewer.proofs.pop();
        check("fewer", fewer, "one proof for each key");
        let mut nowhere = signed();
        nowhere.member.address = "harbour.example".into();
        check("nowhere", nowhere, "has no port");
    }
}
