//! The founding document: what a network is, signed by all of its first validators.
//!
//! Its id, the SHA-256 of its borsh bytes, is inside every signature and every checkpoint of the
//! network, so nothing in it can be changed later without becoming another network.
//!
//! It names no older ledger that it continues, where the keys of a quorum were lost: whoever founds a network could say
//! that of any, and those who could have confirmed it are gone. That two belong together is said outside, by the
//! parties, with an audit of the old one beside it.

use crate::{
    anchor::TrustAnchor,
    files::{self, Access, FileError},
    limits::{DOCUMENT_BYTES_MAX, NETWORK_NAME_BYTES_MAX},
    strict,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    founding::Founding,
    id::{Digest, NetworkId, TimeMs},
    key::{Domain, SignError, Signature, Signer},
    rejection::Malformed,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version of formats and rules that a network begins with. What comes later, a quorum decides
/// ([`contracts::governance::Protocol`]).
pub const PROTOCOL: u16 = contracts::governance::PROTOCOL_FIRST;

/// What a network is founded on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkDocument {
    /// Version of formats and rules.
    pub protocol: u16,
    /// What people call the network.
    pub name: String,
    /// When it was founded: the time of height 0. Milliseconds since 1970, UTC.
    pub created_ms: TimeMs,
    /// Validators, founders, parameters.
    pub founding: Founding,
}

/// A founding document with its id and a signature of each validator's consensus key, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDocument {
    /// The id; redundant, so that people can read it off and compare it.
    pub network: NetworkId,
    /// What is signed.
    pub document: NetworkDocument,
    /// One for each validator.
    pub signatures: Vec<Signature>,
}

/// A founding document that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not written as a founding document is.
    #[error("{} is no founding document: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is not true.
    #[error("the founding document {} does not hold", path.display())]
    Untrue {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Untrue,
    },
    /// A validator's key did not sign.
    #[error("the founding document could not be signed")]
    Sign(#[from] SignError),
}

/// What does not hold in a founding document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrue {
    /// Written for other rules.
    #[error("it speaks protocol {got}, this lonja speaks {PROTOCOL}")]
    Protocol {
        /// What it says.
        got: u16,
    },
    /// A value in it is not allowed.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The id is not that of the document.
    #[error("it calls itself network {claimed}, its content is {computed}")]
    Id {
        /// What it says.
        claimed: NetworkId,
        /// What its bytes give.
        computed: NetworkId,
    },
    /// Not one signature for each validator.
    #[error("it carries {got} signatures for {expected} validators")]
    SignatureCount {
        /// How many are there.
        got: usize,
        /// How many there must be.
        expected: usize,
    },
    /// A validator did not sign this.
    #[error("the signature of validator `{validator}` does not verify")]
    Signature {
        /// Whose.
        validator: String,
    },
}

impl DocumentError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Format { path, .. } | Self::Untrue { path, .. } => format!(
                "put {} back from a copy: it never changes after `lonja network create`, and any member holds it",
                path.display()
            ),
            Self::Sign(_) => "make sure that every validator's consensus key can be used".into(),
        }
    }
}

impl NetworkDocument {
    /// The network's id.
    pub fn id(&self) -> NetworkId {
        NetworkId(Digest::of(&[b"lonja/network/v1\0", &self.bytes()]).0)
    }

    /// What is signed and hashed.
    pub fn bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// Checks protocol, name and founding.
    ///
    /// # Errors
    /// [`Untrue`], naming what is wrong.
    pub fn check(&self) -> Result<(), Untrue> {
        if self.protocol != PROTOCOL {
            return Err(Untrue::Protocol { got: self.protocol });
        }
        contracts::text::line("name", &self.name, 1, NETWORK_NAME_BYTES_MAX)?;
        Ok(self.founding.check()?)
    }

    /// Signs with the consensus keys of the validators, in the order of the set.
    ///
    /// # Errors
    /// [`DocumentError`]; also when a signer is not the validator that it stands for.
    pub fn sign(self, signers: &[&dyn Signer]) -> Result<SignedDocument, DocumentError> {
        let network = self.id();
        let message = Domain::Network.message(&network, &self.bytes());
        let signatures = signers.iter().map(|signer| signer.sign(&message)).collect::<Result<_, _>>()?;
        let signed = SignedDocument { network, document: self, signatures };
        signed.verify().map_err(|source| DocumentError::Untrue { path: "network.json".into(), source })?;
        Ok(signed)
    }
}

impl SignedDocument {
    /// Checks the document, its id and that every validator signed it.
    ///
    /// # Errors
    /// [`Untrue`], naming what does not hold.
    pub fn verify(&self) -> Result<(), Untrue> {
        self.document.check()?;
        let computed = self.document.id();
        if self.network != computed {
            return Err(Untrue::Id { claimed: self.network, computed });
        }
        let validators = &self.document.founding.validators.validators;
        if self.signatures.len() != validators.len() {
            return Err(Untrue::SignatureCount { got: self.signatures.len(), expected: validators.len() });
        }
        let message = self.document.bytes();
        for (validator, signature) in validators.iter().zip(&self.signatures) {
            let verdict = validator.consensus.verify(Domain::Network, &self.network, &message, signature);
            verdict.map_err(|_| Untrue::Signature { validator: validator.name.clone() })?;
        }
        Ok(())
    }

    /// The trust anchor of the network.
    pub fn anchor(&self) -> TrustAnchor {
        TrustAnchor { network: self.network, set: self.document.founding.validators.clone() }
    }

    /// The document as its file holds it.
    pub fn to_json(&self) -> Vec<u8> {
        strict::encode(self)
    }

    /// Reads and verifies a document from the bytes of its file; `path` is named in errors only.
    ///
    /// # Errors
    /// [`DocumentError`], naming the file.
    pub fn from_json(path: &Path, bytes: &[u8]) -> Result<Self, DocumentError> {
        let format = |reason| DocumentError::Format { path: path.to_path_buf(), reason };
        let signed: Self = strict::decode(bytes).map_err(format)?;
        signed.verify().map_err(|source| DocumentError::Untrue { path: path.to_path_buf(), source })?;
        Ok(signed)
    }

    /// Reads and verifies a document file.
    ///
    /// # Errors
    /// [`DocumentError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        Self::from_json(path, &files::read(path, DOCUMENT_BYTES_MAX)?)
    }

    /// Writes a new document file.
    ///
    /// # Errors
    /// [`DocumentError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), DocumentError> {
        Ok(files::write_new(path, &self.to_json(), Access::Public)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{
        founding::{Founder, FounderKey, Parameters},
        key::TestSigner,
        party::{Country, KeyUse, PartyKind, Role, Roles},
        validators::{Validator, ValidatorSet},
    };

    fn signed() -> SignedDocument {
        let key = |n| TestSigner::of(n).public();
        let validator = Validator { name: "validator-0".into(), consensus: key(1), log: key(2), cosigner: key(3) };
        let operator = Founder {
            name: "Operator".into(),
            kind: PartyKind::City,
            jurisdiction: Country(*b"ES"),
            roles: Roles::of(&[Role::Operator]),
            keys: vec![FounderKey { key: key(4), usage: KeyUse::Sign }],
        };
        let founding = Founding {
            validators: ValidatorSet { validators: vec![validator] },
            founders: vec![operator],
            parameters: Parameters::default(),
        };
        let document =
            NetworkDocument { protocol: PROTOCOL, name: "golden".into(), created_ms: 1_700_000_000_000, founding };
        document.sign(&[&TestSigner::of(1)]).unwrap()
    }

    #[test]
    fn the_id_of_a_document_is_golden() {
        assert_eq!(signed().network.to_string(), "81e5f925a90837ecbefe823a8668b0f36cfe243019818333cecdc6e21c910fa2");
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.json");
        signed().write(&path).unwrap();
        assert_eq!(SignedDocument::read(&path).unwrap(), signed());
        assert_eq!(signed().anchor().network, signed().network);
        let anchor = dir.path().join("anchor.json");
        signed().anchor().write(&anchor).unwrap();
        assert_eq!(TrustAnchor::read(&anchor).unwrap(), signed().anchor());
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let bytes = signed().to_json();
        for at in 0..bytes.len() {
            for change in [1, 0x20, 0x80] {
                let mut wrong = bytes.clone();
                wrong[at] ^= change;
                assert!(SignedDocument::from_json(Path::new("n"), &wrong).is_err(), "byte {at} with {change:#x}");
            }
        }
        for cut in 0..bytes.len() {
            assert!(SignedDocument::from_json(Path::new("n"), &bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn keys_twice_unknown_keys_and_another_signer_are_refused() {
        let text = String::from_utf8(signed().to_json()).unwrap();
        let check = |wrong: String, expected: &str| {
            let error = SignedDocument::from_json(Path::new("network.json"), wrong.as_bytes()).unwrap_err();
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let said = format!("{error}: {cause}");
            assert!(said.contains(expected) && said.contains("network.json"), "{said}");
        };
        check(text.replacen("\"protocol\": 1,", "\"protocol\": 1,\n    \"protocol\": 1,", 1), "duplicate field");
        check(text.replacen("\"protocol\"", "\"colour\": 1,\n    \"protocol\"", 1), "unknown field");
        check(text.replacen("golden", "silver", 1), "calls itself network");
        let mut stranger = signed();
        let message = Domain::Network.message(&stranger.network, &stranger.document.bytes());
        stranger.signatures[0] = TestSigner::of(9).sign(&message).unwrap();
        check(String::from_utf8(stranger.to_json()).unwrap(), "validator-0");
    }
}
