//! Seals: the signatures of a quorum of validators over one checkpoint.

use super::{QUORUM_MAX, bounded, trust::Trust};
use crate::{
    log::proof::TreeHead,
    note::{Note, NoteError, NoteSignature, checkpoint},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::NetworkId,
    key::{PublicKey, SignError, Signature, Signer},
    validators::ValidatorSet,
};
use serde::{Deserialize, Serialize};
use std::io;

/// What one validator signs of one checkpoint: as the log, and as a cosigner.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// The validator's number in its set.
    pub validator: u8,
    /// Over the checkpoint's text, by its log key.
    pub log: Signature,
    /// When it cosigned, in seconds since 1970.
    pub time_s: u64,
    /// Over time and text, by its cosigner key.
    pub cosignature: Signature,
}

/// One cosignature in a seal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosignature {
    /// The validator's number in its set.
    pub validator: u8,
    /// When, in seconds since 1970.
    pub time_s: u64,
    /// Over time and text, by its cosigner key.
    pub signature: Signature,
}

/// Exactly a quorum of cosignatures, validators ascending, and the first one's signature as the log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Over the checkpoint's text, by the log key of the first validator below.
    pub log: Signature,
    /// One for each of a quorum.
    pub cosignatures: Vec<Cosignature>,
}

impl BorshDeserialize for Seal {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let log = Signature::deserialize_reader(reader)?;
        Ok(Self { log, cosignatures: bounded(reader, QUORUM_MAX, "a seal has at most eleven cosignatures")? })
    }
}

/// Why a seal does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not as many signatures as a quorum.
    #[error("a seal of this set has {expected} signatures, this one {got}")]
    Count {
        /// The quorum.
        expected: usize,
        /// What was there.
        got: usize,
    },
    /// Out of order, or somebody twice.
    #[error("validator {0} stands out of order")]
    Order(u8),
    /// Nobody of the set.
    #[error("there is no validator {0} in this set")]
    Unknown(u8),
    /// Later than C2SP's cosignatures can say.
    #[error("validator {validator} signed at {time_s}, which is no time")]
    Time {
        /// Whose.
        validator: u8,
        /// Seconds since 1970.
        time_s: u64,
    },
    /// A cosignature does not verify.
    #[error("the cosignature of validator {validator} ({name}) does not verify")]
    Cosignature {
        /// Whose.
        validator: u8,
        /// Its name.
        name: String,
    },
    /// The log's signature does not verify.
    #[error("the log signature of validator {validator} ({name}) does not verify")]
    Log {
        /// Whose.
        validator: u8,
        /// Its name.
        name: String,
    },
    /// A key that the trust chain calls compromised; a later checkpoint is needed.
    #[error("key {0} may be in other hands; the receipt needs a later checkpoint")]
    Compromised(PublicKey),
    /// A set sealed it that had given way.
    #[error(
        "validators sealed it who gave way to others after {after_size} entries of the log: whoever has their keys now speaks for nobody"
    )]
    GaveWay {
        /// How far they may seal.
        after_size: u64,
    },
    /// A validator's name cannot stand in a note.
    #[error("the seal cannot be written as a note")]
    Name(#[from] NoteError),
}

impl Vote {
    /// Signs the checkpoint of `head` as validator number `validator`. Only what is durable is signed.
    ///
    /// # Errors
    /// What a signer says.
    pub fn sign(
        network: &NetworkId,
        head: &TreeHead,
        validator: u8,
        time_s: u64,
        log: &dyn Signer,
        cosigner: &dyn Signer,
    ) -> Result<Self, SignError> {
        let body = checkpoint::body(network, head);
        Ok(Self {
            validator,
            log: log.sign(body.as_bytes())?,
            time_s,
            cosignature: cosigner.sign(&checkpoint::cosigned_message(time_s, &body))?,
        })
    }

    /// The part of it that stands in seals.
    pub fn cosigned(&self) -> Cosignature {
        Cosignature { validator: self.validator, time_s: self.time_s, signature: self.cosignature }
    }

    /// Checks both signatures.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn verify(&self, network: &NetworkId, set: &ValidatorSet, head: &TreeHead) -> Result<(), SealError> {
        let body = checkpoint::body(network, head);
        verify_log(set, self.validator, &body, &self.log)?;
        verify_cosignature(set, &self.cosigned(), &body)
    }
}

impl Cosignature {
    /// Checks it.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn verify(&self, network: &NetworkId, set: &ValidatorSet, head: &TreeHead) -> Result<(), SealError> {
        verify_cosignature(set, self, &checkpoint::body(network, head))
    }
}

impl Seal {
    /// The seal made of `votes`, which must be exactly a quorum of `set`, each of another validator.
    /// Their order does not matter. The votes are not verified here.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn of(set: &ValidatorSet, mut votes: Vec<Vote>) -> Result<Self, SealError> {
        votes.sort_by_key(|vote| vote.validator);
        let log = votes.first().ok_or(SealError::Count { expected: set.quorum(), got: 0 })?.log;
        let cosignature =
            |vote: Vote| Cosignature { validator: vote.validator, time_s: vote.time_s, signature: vote.cosignature };
        let seal = Self { log, cosignatures: votes.into_iter().map(cosignature).collect() };
        seal.check(set)?;
        Ok(seal)
    }

    /// Checks the seal over `head` against the set in force there.
    ///
    /// # Errors
    /// [`SealError`], which names what does not hold.
    pub fn verify(&self, trust: &Trust, head: &TreeHead) -> Result<(), SealError> {
        if let Some(key) = self.lost(trust, head) {
            self.check(trust.era(head.size))?;
            return Err(SealError::Compromised(key));
        }
        self.verify_in_its_time(trust, head)
    }

    /// As [`Seal::verify`], also where keys under it were lost since: for whoever knows by something newer that all
    /// before it is as it was decided.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn verify_in_its_time(&self, trust: &Trust, head: &TreeHead) -> Result<(), SealError> {
        let (network, set) = (trust.network(), trust.era(head.size));
        self.verify_by(&network, set, head).map_err(|error| {
            let mut before = trust.before(head.size);
            let theirs = before.find(|(_, set)| self.verify_by(&network, set, head).is_ok());
            theirs.map_or(error, |(after_size, _)| SealError::GaveWay { after_size })
        })
    }

    /// A key of a signer that `trust` calls compromised, if there is one: the seal then counts no more.
    pub fn lost(&self, trust: &Trust, head: &TreeHead) -> Option<PublicKey> {
        let set = trust.era(head.size);
        let signer = |cosignature: &Cosignature| set.validators.get(usize::from(cosignature.validator));
        let keys = self.cosignatures.iter().filter_map(signer).flat_map(|signer| [signer.cosigner, signer.log]);
        keys.into_iter().find(|key| trust.is_compromised(key))
    }

    /// Checks the seal over `head` against `set` alone, as validators of the set do.
    ///
    /// # Errors
    /// [`SealError`], which names what does not hold.
    pub fn verify_by(&self, network: &NetworkId, set: &ValidatorSet, head: &TreeHead) -> Result<(), SealError> {
        self.check(set)?;
        let body = checkpoint::body(network, head);
        self.cosignatures.iter().try_for_each(|cosignature| verify_cosignature(set, cosignature, &body))?;
        verify_log(set, self.cosignatures[0].validator, &body, &self.log)
    }

    /// A quorum, ascending, all of the set: what is left to check is the signatures.
    fn check(&self, set: &ValidatorSet) -> Result<(), SealError> {
        let (expected, got) = (set.quorum(), self.cosignatures.len());
        if expected != got {
            return Err(SealError::Count { expected, got });
        }
        if let Some(pair) = self.cosignatures.windows(2).find(|pair| pair[0].validator >= pair[1].validator) {
            return Err(SealError::Order(pair[1].validator));
        }
        for Cosignature { validator, time_s, .. } in &self.cosignatures {
            if usize::from(*validator) >= set.validators.len() {
                return Err(SealError::Unknown(*validator));
            }
            if *time_s > checkpoint::TIME_MAX {
                return Err(SealError::Time { validator: *validator, time_s: *time_s });
            }
        }
        Ok(())
    }

    /// Names of the signers.
    pub(super) fn signers(&self, set: &ValidatorSet) -> Vec<String> {
        let name = |cosignature: &Cosignature| {
            set.validators.get(usize::from(cosignature.validator)).map(|validator| validator.name.clone())
        };
        self.cosignatures.iter().filter_map(name).collect()
    }

    /// The seal's signature lines, the log's first.
    ///
    /// # Errors
    /// [`SealError`] where the seal is not one of `set`.
    pub fn lines(&self, network: &NetworkId, set: &ValidatorSet) -> Result<Vec<NoteSignature>, SealError> {
        self.check(set)?;
        let mut lines = Vec::new();
        for cosignature in &self.cosignatures {
            let validator = &set.validators[usize::from(cosignature.validator)];
            if lines.is_empty() {
                lines.push(checkpoint::log_line(network, validator, &self.log)?);
            }
            lines.push(checkpoint::cosigner_line(network, validator, cosignature.time_s, &cosignature.signature)?);
        }
        Ok(lines)
    }

    /// The sealed checkpoint as a C2SP note, as a log serves it at `checkpoint`.
    ///
    /// # Errors
    /// [`SealError`] where the seal is not one of `set`.
    pub fn note(&self, network: &NetworkId, set: &ValidatorSet, head: &TreeHead) -> Result<Note, SealError> {
        Ok(checkpoint::note(network, head, self.lines(network, set)?)?)
    }
}

fn verify_log(set: &ValidatorSet, number: u8, body: &str, signature: &Signature) -> Result<(), SealError> {
    let validator = set.validators.get(usize::from(number)).ok_or(SealError::Unknown(number))?;
    let wrong = |_| SealError::Log { validator: number, name: validator.name.clone() };
    validator.log.verify_raw(body.as_bytes(), signature).map_err(wrong)
}

fn verify_cosignature(set: &ValidatorSet, cosignature: &Cosignature, body: &str) -> Result<(), SealError> {
    let Cosignature { validator: number, time_s, signature } = cosignature;
    let validator = set.validators.get(usize::from(*number)).ok_or(SealError::Unknown(*number))?;
    let wrong = |_| SealError::Cosignature { validator: *number, name: validator.name.clone() };
    validator.cosigner.verify_raw(&checkpoint::cosigned_message(*time_s, body), signature).map_err(wrong)
}
