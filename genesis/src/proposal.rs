//! A network that is to be founded: its document, which each validator signs for itself.
//!
//! One organisation puts the members' files together. Everybody reads the same bytes, signs them with
//! keys that never leave their own machine, and whoever has all signatures has the network.

use crate::{
    document::{NetworkDocument, PROTOCOL, SignedDocument, Untrue},
    files::{self, Access, FileError},
    limits::{DOCUMENT_BYTES_MAX, SIGNATURE_BYTES_MAX},
    member::{Member, SignedMember},
    strict,
};
use contracts::{
    founding::{Founding, Parameters},
    id::{NetworkId, TimeMs},
    key::{Domain, SignError, Signature, Signer},
    validators::ValidatorSet,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A network that is to be founded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The id that it will have; redundant, so that people can compare it.
    pub network: NetworkId,
    /// What each validator signs.
    pub document: NetworkDocument,
    /// Where validators reach each other, by their names. Not signed: an address may change.
    pub addresses: BTreeMap<String, String>,
}

/// One validator's signature under a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedBy {
    /// The network.
    pub network: NetworkId,
    /// The validator's name.
    pub validator: String,
    /// Its consensus key's signature under the document.
    pub signature: Signature,
}

/// A proposal, or a signature under one, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not written as it must be.
    #[error("{} cannot be used: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The members do not make a network.
    #[error("these members make no network")]
    Members(#[source] Untrue),
    /// The keys at hand are not those of one of its validators.
    #[error("no validator of {network} has the consensus key that was to sign")]
    Stranger {
        /// The network.
        network: NetworkId,
    },
    /// A signature is for another network.
    #[error("{} is a signature for network {found}, not for {expected}", path.display())]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What it is for.
        found: NetworkId,
        /// What is to be founded.
        expected: NetworkId,
    },
    /// Signatures are missing.
    #[error("not signed yet by {}", names.join(", "))]
    Missing {
        /// Of which validators.
        names: Vec<String>,
    },
    /// A signature does not hold.
    #[error("the signatures do not hold")]
    Untrue(#[source] Untrue),
    /// The key cannot sign.
    #[error("the proposal could not be signed")]
    Sign(#[from] SignError),
}

impl ProposalError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Format { .. } => "ask whoever sent the file for it again, unchanged".into(),
            Self::Members(_) => "correct what is named; at least one member brings a party with --role operator".into(),
            Self::Stranger { .. } => "sign on the directory whose keys are in the proposal (--dir)".into(),
            Self::OtherNetwork { .. } => "all must sign the very same proposal; compare the network ids".into(),
            Self::Missing { .. } => "ask them to run `lonja network sign` on the same proposal".into(),
            Self::Untrue(_) => "ask that validator to sign the same proposal again".into(),
            Self::Sign(_) => "make sure that the validator's consensus key can be used".into(),
        }
    }
}

impl Proposal {
    /// Puts the files of members together; the validators are numbered in their order.
    ///
    /// # Errors
    /// [`ProposalError::Members`].
    pub fn of(name: &str, created_ms: TimeMs, members: Vec<SignedMember>) -> Result<Self, ProposalError> {
        let (mut validators, mut founders, mut addresses) = (Vec::new(), Vec::new(), BTreeMap::new());
        for SignedMember { member: Member { validator, address, founders: theirs }, .. } in members {
            addresses.insert(validator.name.clone(), address);
            validators.push(validator);
            founders.extend(theirs);
        }
        let founding =
            Founding { validators: ValidatorSet { validators }, founders, parameters: Parameters::default() };
        let document = NetworkDocument { protocol: PROTOCOL, name: name.into(), created_ms, founding };
        document.check().map_err(ProposalError::Members)?;
        Ok(Self { network: document.id(), document, addresses })
    }

    /// Signs as the validator whose consensus key `signer` is.
    ///
    /// # Errors
    /// [`ProposalError`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<SignedBy, ProposalError> {
        let key = signer.public();
        let ours = self.document.founding.validators.validators.iter().find(|validator| validator.consensus == key);
        let ours = ours.ok_or(ProposalError::Stranger { network: self.network })?;
        let signature = signer.sign(&Domain::Network.message(&self.network, &self.document.bytes()))?;
        Ok(SignedBy { network: self.network, validator: ours.name.clone(), signature })
    }

    /// The founding document, once all have signed. `signatures` come with the files that they are from.
    ///
    /// # Errors
    /// [`ProposalError`], naming who is missing, or whose signature does not hold.
    pub fn seal(self, signatures: &[(PathBuf, SignedBy)]) -> Result<SignedDocument, ProposalError> {
        if let Some((path, signed)) = signatures.iter().find(|(_, signed)| signed.network != self.network) {
            let (path, found, expected) = (path.clone(), signed.network, self.network);
            return Err(ProposalError::OtherNetwork { path, found, expected });
        }
        let by = |name: &str| signatures.iter().find(|(_, signed)| signed.validator == name);
        let names: Vec<_> = self.document.founding.validators.validators.iter().map(|one| one.name.clone()).collect();
        let found: Vec<_> = names.iter().filter_map(|name| by(name).map(|(_, signed)| signed.signature)).collect();
        if found.len() < names.len() {
            let names = names.into_iter().filter(|name| by(name).is_none()).collect();
            return Err(ProposalError::Missing { names });
        }
        let signed = SignedDocument { network: self.network, document: self.document, signatures: found };
        signed.verify().map_err(ProposalError::Untrue)?;
        Ok(signed)
    }

    /// Reads a proposal and checks that it is one that a network can be founded on.
    ///
    /// # Errors
    /// [`ProposalError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, ProposalError> {
        let proposal: Self = read(path, DOCUMENT_BYTES_MAX)?;
        let wrong = |reason: String| ProposalError::Format { path: path.to_path_buf(), reason };
        proposal.document.check().map_err(|error| wrong(error.to_string()))?;
        if proposal.document.id() != proposal.network {
            return Err(wrong(format!(
                "its content is network {}, it says {}",
                proposal.document.id(),
                proposal.network
            )));
        }
        let names: Vec<_> = proposal.document.founding.validators.validators.iter().map(|one| &one.name).collect();
        if names.len() != proposal.addresses.len() || !names.iter().all(|name| proposal.addresses.contains_key(*name)) {
            return Err(wrong("it has not one address for each validator".into()));
        }
        Ok(proposal)
    }

    /// Writes a new file.
    ///
    /// # Errors
    /// [`ProposalError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ProposalError> {
        Ok(files::write_new(path, &strict::encode(self), Access::Public)?)
    }
}

impl SignedBy {
    /// Reads a signature; it is checked when the proposal is sealed.
    ///
    /// # Errors
    /// [`ProposalError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, ProposalError> {
        read(path, SIGNATURE_BYTES_MAX)
    }

    /// Writes a new file.
    ///
    /// # Errors
    /// [`ProposalError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ProposalError> {
        Ok(files::write_new(path, &strict::encode(self), Access::Public)?)
    }
}

fn read<T: Serialize + DeserializeOwned>(path: &Path, max: u64) -> Result<T, ProposalError> {
    let format = |reason| ProposalError::Format { path: path.to_path_buf(), reason };
    strict::decode(&files::read(path, max)?).map_err(format)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{
        founding::{Founder, FounderKey},
        key::TestSigner,
        party::{Country, KeyUse, PartyKind, Role, Roles},
        validators::Validator,
    };

    fn member(number: u16) -> SignedMember {
        let signers = [0, 1, 2, 3].map(|key| TestSigner::of(100 * number + key));
        let [consensus, log, cosigner, party] = signers.each_ref().map(|signer| signer.public());
        let founder = Founder {
            name: format!("Office {number}"),
            kind: PartyKind::City,
            jurisdiction: Country(*b"ES"),
            roles: Roles::of(&[if number == 1 { Role::Operator } else { Role::Provider }]),
            keys: vec![FounderKey { key: party, usage: KeyUse::Sign }],
        };
        let validator = Validator { name: format!("office-{number}"), consensus, log, cosigner };
        let member = Member { validator, address: format!("office-{number}:7400"), founders: vec![founder] };
        member.sign(&signers.each_ref().map(|signer| signer as &dyn Signer)).unwrap()
    }

    fn signatures(proposal: &Proposal) -> Vec<(PathBuf, SignedBy)> {
        let sign = |number: u16| proposal.sign(&TestSigner::of(100 * number)).unwrap();
        (1..=4).map(|number| (PathBuf::from(format!("{number}.signature.json")), sign(number))).collect()
    }

    #[test]
    fn all_signatures_make_the_document_whatever_their_order() {
        let proposal = Proposal::of("Coast", 1, (1..=4).map(member).collect()).unwrap();
        let mut signatures = signatures(&proposal);
        signatures.reverse();
        let signed = proposal.clone().seal(&signatures).unwrap();
        assert_eq!((signed.network, signed.verify()), (proposal.network, Ok(())));
        let missing = proposal.clone().seal(&signatures[1..3]).unwrap_err();
        assert_eq!(missing.to_string(), "not signed yet by office-1, office-4");
        let mut forged = signatures.clone();
        forged[2].1.signature = forged[1].1.signature;
        assert!(matches!(proposal.clone().seal(&forged), Err(ProposalError::Untrue(Untrue::Signature { .. }))));
        let other = Proposal::of("Other coast", 1, (1..=4).map(member).collect()).unwrap();
        assert!(matches!(other.seal(&signatures), Err(ProposalError::OtherNetwork { .. })));
        assert!(matches!(proposal.sign(&TestSigner::of(7)), Err(ProposalError::Stranger { .. })));
    }

    #[test]
    fn members_that_make_no_network_are_told_why() {
        let twice = Proposal::of("Coast", 1, vec![member(1), member(1)]).unwrap_err();
        assert!(matches!(twice, ProposalError::Members(_)), "{twice}");
        let headless = Proposal::of("Coast", 1, vec![member(2), member(3)]).unwrap_err();
        assert!(headless.remedy().contains("--role operator"), "{headless}");
    }

    #[test]
    fn a_changed_proposal_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proposal.json");
        let proposal = Proposal::of("Coast", 1, (1..=4).map(member).collect()).unwrap();
        proposal.write(&path).unwrap();
        assert_eq!(Proposal::read(&path).unwrap(), proposal);
        let text = std::fs::read_to_string(&path).unwrap();
        for (from, to) in [("Coast", "Roast"), ("office-2:7400", "office-2:7401"), ("\"office-3\":", "\"office-9\":")] {
            std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let read = Proposal::read(&path);
            // An address is not signed, and is no part of the network.
            assert_eq!(read.is_ok(), from.contains("7400"), "{from}: {read:?}");
        }
    }
}
