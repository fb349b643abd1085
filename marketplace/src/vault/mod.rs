//! The vault: consent records, which name people, apart from the ledger, which never does.
//!
//! A record is encrypted under a key of its own; that key is wrapped by the key of its subject; the
//! subject's key lies in a file outside the database, because a database keeps deleted bytes in its
//! files. On the ledger stands a blinded commitment to the record's fields. Erasure destroys record,
//! blinding, key and link: four independent things, each of which is enough. The vault never puts a
//! person, or anything derived from one, on the ledger; consent ids are random.

mod audit;
mod subjects;
#[cfg(test)]
mod tests;

pub use audit::Audited;
pub(crate) use audit::{audit, holds};

use crate::{
    keys::{KeysError, MasterKey, Sealer, random},
    limits::{CONSENT_FIELD_BYTES_MAX, CONSENTS_PER_SUBJECT_MAX, SUBJECT_BYTES_MAX},
    own::Own,
    repeats::{First, Made},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    commitment::{self, Blinding},
    id::{ConsentId, DatasetId, Digest, PartyId, TimeMs, TransactionId},
    limits::{SIDE_FIELDS, SIDE_NAME_BYTES_MAX},
};
use ledger::store::kv::{Batch, KvError};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};
use subjects::{SubjectKeyId, Subjects};
use zeroize::Zeroizing;

/// Families of the private store that belong to the vault.
pub(crate) const FAMILIES: [&str; 3] = [RECORDS, LINKS, ERASURES];
const RECORDS: &str = "vault-records";
const LINKS: &str = "vault-links";
const ERASURES: &str = "vault-erasures";
/// The field of a record that says whose consent it is.
const SUBJECT: &str = "subject";
/// Purposes of keys that are derived from the master key.
const INDEX_KEY: &str = "lonja market vault index v1";
const LINK_KEY: &str = "lonja market vault links v1";
/// Separates these commitments from all others.
pub const TAG: &[u8] = b"lonja/consent/v1\0";

/// Folder of the subjects' keys in the market's.
pub(crate) const SUBJECTS: &str = "subjects";

/// As [`Vault::copy`] does with the keys, of a market that is stopped.
pub(crate) fn copy_subjects(dir: &Path, to: &Path) -> Result<(), VaultError> {
    subjects::copy(&dir.join(SUBJECTS), &to.join(SUBJECTS))
}

/// Consent records.
pub struct Vault {
    own: Own,
    subjects: Subjects,
    /// Makes a subject's reference a name that only this vault can make.
    index_key: Zeroizing<[u8; 32]>,
    links: Sealer,
    changing: parking_lot::Mutex<()>,
}

/// Why the vault did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The store.
    #[error("the vault")]
    Store(#[from] KvError),
    /// A file with a subject's key.
    #[error("a key of the vault: {0}")]
    Io(#[from] std::io::Error),
    /// Random numbers or sealing.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What is stored does not open.
    #[error("a record of the vault does not open: it is damaged, was erased, or the master key is another one")]
    Sealed,
    /// A field breaks a bound.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which.
        field: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// More than one subject may have.
    #[error("a subject has at most {CONSENTS_PER_SUBJECT_MAX} consents at one custodian")]
    TooMany,
    /// Something was recorded between ending the consents and erasing.
    #[error("a consent of this subject was recorded meanwhile: ask for the erasure again")]
    Changed,
    /// No such record, or it was erased.
    #[error("the vault has no record of this consent: it was never here, or was erased")]
    Unknown,
}

/// A consent record as its custodian gives it: who consented to what, and how.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Record {
    /// The consent.
    pub consent: ConsentId,
    /// Who answers for it.
    pub controller: PartyId,
    /// For which dataset.
    pub dataset: DatasetId,
    /// When it was recorded here.
    pub recorded_ms: TimeMs,
    /// The subject as its custodian names it.
    pub subject: String,
    /// Fields of the record (ISO/IEC TS 27560), names ascending; `subject` among them.
    pub fields: BTreeMap<String, String>,
    /// Hides the fields behind the root that is on the ledger.
    #[serde(serialize_with = "as_hex")]
    pub blinding: Blinding,
    /// That root.
    pub root: Digest,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// What an erasure leaves: counts and random ids, nothing about anybody.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Erasure {
    /// A random name of the erasure.
    pub id: String,
    /// Who erased.
    pub controller: PartyId,
    /// When.
    pub erased_ms: TimeMs,
    /// How many records.
    pub records: u32,
    /// SHA-256 over the commitments on the ledger, ascending.
    pub commitments: Digest,
    /// Random ids of the subject keys that were destroyed.
    pub keys: Vec<String>,
    /// What was done.
    pub method: String,
    /// What remains.
    pub residue: String,
}

/// A record in the store: its key wrapped by the subject's, its bytes under its own.
#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    controller: PartyId,
    subject_key: SubjectKeyId,
    root: Digest,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Row {
    /// The record, if it is the one that was sealed for `consent` under this row's root.
    fn open(&self, subject_key: &[u8; 32], consent: &ConsentId) -> Result<Record, VaultError> {
        let key = Sealer::with(subject_key).open(&self.wrapped, &consent.0).map_err(|_| VaultError::Sealed)?;
        let key: [u8; 32] = key.as_slice().try_into().map_err(|_| VaultError::Sealed)?;
        let name = [consent.0.as_slice(), &self.root.0].concat();
        let plain = Sealer::with(&key).open(&self.sealed, &name).map_err(|_| VaultError::Sealed)?;
        let record = Record::try_from_slice(&plain).map_err(|_| VaultError::Sealed)?;
        let same = record.root == self.root && record.consent == *consent && record.controller == self.controller;
        if same { Ok(record) } else { Err(VaultError::Sealed) }
    }
}

impl Record {
    /// What the fields and their blinding come to: the root that is on the ledger.
    fn computed_root(&self) -> Digest {
        let fields = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        commitment::root(TAG, &self.blinding, fields)
    }
}

/// What leads from a subject to its records. Sealed under the master key.
#[derive(Clone, Default, BorshSerialize, BorshDeserialize)]
struct Link {
    subject_key: SubjectKeyId,
    consents: Vec<ConsentId>,
}

impl Vault {
    pub(crate) fn open(own: Own, subjects: &Path, master: &MasterKey) -> Result<Self, VaultError> {
        Ok(Self {
            own,
            subjects: Subjects::open(subjects, master)?,
            index_key: master.derive(INDEX_KEY),
            links: Sealer::new(master, LINK_KEY),
            changing: parking_lot::Mutex::default(),
        })
    }

    /// Keeps a record under a fresh consent id and blinding, with the subject as one of its fields. It is in the vault before it is on the
    /// ledger: a consent that nobody can show the record of would be worth nothing.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn keep(
        &self,
        controller: &PartyId,
        dataset: &DatasetId,
        subject: &str,
        mut fields: BTreeMap<String, String>,
        first: &First,
        now_ms: TimeMs,
    ) -> Result<Record, VaultError> {
        check_subject(subject)?;
        // Committed to with the rest: a record that does not say whose consent it is proves nobody's.
        if fields.insert(SUBJECT.into(), subject.into()).is_some_and(|given| given != subject) {
            let reason = "names another subject than the request: leave it out".to_string();
            return Err(VaultError::Invalid { field: SUBJECT.into(), reason });
        }
        check(&fields)?;
        let (consent, blinding) = (ConsentId(random()?), random()?);
        let root = commitment::root(TAG, &blinding, fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let record = Record {
            consent,
            controller: *controller,
            dataset: *dataset,
            recorded_ms: now_ms,
            subject: subject.into(),
            fields,
            blinding,
            root,
        };
        let _one_at_a_time = self.changing.lock();
        let name = self.link_name(controller, subject);
        let mut link = match self.link(&name)? {
            Some(link) => link,
            None => Link { subject_key: self.subjects.create()?, consents: Vec::new() },
        };
        if link.consents.len() >= CONSENTS_PER_SUBJECT_MAX {
            return Err(VaultError::TooMany);
        }
        link.consents.push(consent);
        let row = self.seal(&record, &link.subject_key)?;
        let mut batch = Batch::default();
        first.note(&mut batch, Made::Record { consent }, now_ms);
        batch.put(RECORDS, consent.0, bytes(&row));
        batch.put(LINKS, name.clone(), self.links.seal(&bytes(&link), &name)?);
        self.own.write(batch)?;
        Ok(record)
    }

    /// The record of a consent, for its controller.
    ///
    /// # Errors
    /// [`VaultError::Unknown`], also for anybody but the controller.
    pub fn record(&self, controller: &PartyId, consent: &ConsentId) -> Result<Record, VaultError> {
        let row = self.row(consent)?.filter(|row| row.controller == *controller).ok_or(VaultError::Unknown)?;
        let subject_key = self.subjects.read(&row.subject_key)?.ok_or(VaultError::Unknown)?;
        row.open(&subject_key, consent)
    }

    /// Consents of a subject at one custodian, oldest first.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn consents_of(&self, controller: &PartyId, subject: &str) -> Result<Vec<ConsentId>, VaultError> {
        Ok(self.link(&self.link_name(controller, subject))?.map_or_else(Vec::new, |link| link.consents))
    }

    /// Destroys everything that the vault has of a subject at one custodian. The caller has ended the
    /// consents `ended` on the ledger, which must be all of them. Repeating it finds nothing and says so.
    ///
    /// Order: the subject's key first. If the power fails after that, the records cannot be read any
    /// more, and a repetition removes the rest.
    ///
    /// # Errors
    /// [`VaultError::Unknown`] where there is nothing of the subject; [`VaultError::Changed`].
    pub fn erase(
        &self,
        controller: &PartyId,
        subject: &str,
        ended: &[ConsentId],
        now_ms: TimeMs,
    ) -> Result<Erasure, VaultError> {
        let _one_at_a_time = self.changing.lock();
        let name = self.link_name(controller, subject);
        let link = self.link(&name)?.ok_or(VaultError::Unknown)?;
        if link.consents.iter().any(|consent| !ended.contains(consent)) {
            return Err(VaultError::Changed);
        }
        self.subjects.destroy(&link.subject_key)?;
        let mut roots = Vec::new();
        let mut batch = Batch::default();
        for consent in &link.consents {
            if let Some(row) = self.row(consent)? {
                roots.push(row.root);
            }
            batch.delete(RECORDS, consent.0);
        }
        batch.delete(LINKS, name);
        roots.sort_unstable();
        let all: Vec<u8> = roots.iter().flat_map(|root| root.0).collect();
        let erasure = Erasure {
            id: hex::encode(random::<16>()?),
            controller: *controller,
            erased_ms: now_ms,
            records: roots.len() as u32,
            commitments: Digest::of(&[b"lonja/erasure/v1\0", &all]),
            keys: vec![hex::encode(link.subject_key.0)],
            method: "key file overwritten and removed; record, wrapped key, blinding and link deleted; files of the store rewritten".into(),
            residue: "blinded commitments and random ids on the ledger, which nobody can open or link any more; copies that others made before are theirs to erase; backups of the operator until they are purged".into(),
        };
        batch.put(ERASURES, erasure.id.as_bytes(), bytes(&erasure));
        self.own.write(batch)?;
        self.own.scrub(&[RECORDS, LINKS])?;
        Ok(erasure)
    }

    /// `digest` of a request about a subject, keyed by the subject's key: equal requests give equal
    /// digests until the subject is erased, and nothing can be guessed from one afterwards.
    ///
    /// # Errors
    /// [`VaultError`].
    pub(crate) fn veil(&self, controller: &PartyId, subject: &str, digest: &Digest) -> Result<Digest, VaultError> {
        check_subject(subject)?;
        let _one_at_a_time = self.changing.lock();
        let name = self.link_name(controller, subject);
        let subject_key = match self.link(&name)? {
            Some(link) => link.subject_key,
            None => {
                let link = Link { subject_key: self.subjects.create()?, consents: Vec::new() };
                let mut batch = Batch::default();
                batch.put(LINKS, name.clone(), self.links.seal(&bytes(&link), &name)?);
                self.own.write(batch)?;
                link.subject_key
            }
        };
        let key = self.subjects.read(&subject_key)?.ok_or(VaultError::Sealed)?;
        let key = Zeroizing::new(blake3::derive_key("lonja market vault requests v1", key.as_slice()));
        Ok(Digest(*blake3::keyed_hash(&key, &digest.0).as_bytes()))
    }

    /// An erasure's record.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn erasure(&self, id: &str) -> Result<Option<Erasure>, VaultError> {
        let Some(bytes) = self.own.get(ERASURES, id.as_bytes())? else { return Ok(None) };
        Erasure::try_from_slice(&bytes).map(Some).map_err(|_| VaultError::Sealed)
    }

    /// Copies the whole private store and the subjects' keys of one moment into the folder `to`: no key is made or
    /// destroyed between the two, so each record of the copy has its key, and nobody who was erased is in it.
    pub(crate) fn copy(&self, to: &Path) -> Result<(), crate::backup::BackupError> {
        let _one_at_a_time = self.changing.lock();
        self.own.checkpoint(to)?;
        Ok(self.subjects.copy(&to.join(SUBJECTS))?)
    }

    /// Takes back a record whose consent the ledger did not take.
    pub(crate) fn discard(&self, record: &Record) -> Result<(), VaultError> {
        let _one_at_a_time = self.changing.lock();
        let name = self.link_name(&record.controller, &record.subject);
        let mut batch = Batch::default();
        batch.delete(RECORDS, record.consent.0);
        if let Some(mut link) = self.link(&name)? {
            link.consents.retain(|consent| *consent != record.consent);
            batch.put(LINKS, name.clone(), self.links.seal(&bytes(&link), &name)?);
        }
        Ok(self.own.write(batch)?)
    }

    fn seal(&self, record: &Record, subject_key: &SubjectKeyId) -> Result<Row, VaultError> {
        let outer = self.subjects.read(subject_key)?.ok_or(VaultError::Sealed)?;
        let key = Zeroizing::new(random::<32>()?);
        let name = [record.consent.0.as_slice(), &record.root.0].concat();
        let plain = Zeroizing::new(bytes(record));
        Ok(Row {
            controller: record.controller,
            subject_key: *subject_key,
            root: record.root,
            wrapped: Sealer::with(&outer).seal(key.as_slice(), &record.consent.0)?,
            sealed: Sealer::with(&key).seal(&plain, &name)?,
        })
    }

    fn row(&self, consent: &ConsentId) -> Result<Option<Row>, VaultError> {
        let Some(bytes) = self.own.get(RECORDS, &consent.0)? else { return Ok(None) };
        Row::try_from_slice(&bytes).map(Some).map_err(|_| VaultError::Sealed)
    }

    fn link(&self, name: &[u8]) -> Result<Option<Link>, VaultError> {
        let Some(sealed) = self.own.get(LINKS, name)? else { return Ok(None) };
        let plain = self.links.open(&sealed, name).map_err(|_| VaultError::Sealed)?;
        Link::try_from_slice(&plain).map(Some).map_err(|_| VaultError::Sealed)
    }

    fn link_name(&self, controller: &PartyId, subject: &str) -> Vec<u8> {
        link_name(&self.index_key, controller, subject)
    }
}

fn link_name(index_key: &[u8; 32], controller: &PartyId, subject: &str) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new_keyed(index_key);
    hasher.update(&controller.0);
    hasher.update(subject.as_bytes());
    hasher.finalize().as_bytes().to_vec()
}

fn check_subject(subject: &str) -> Result<(), VaultError> {
    if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX {
        let reason = format!("1 to {SUBJECT_BYTES_MAX} bytes");
        return Err(VaultError::Invalid { field: "subject".into(), reason });
    }
    Ok(())
}

fn check(fields: &BTreeMap<String, String>) -> Result<(), VaultError> {
    let invalid = |field: &str, reason: String| Err(VaultError::Invalid { field: field.into(), reason });
    if fields.len() < 2 || fields.len() > SIDE_FIELDS {
        return invalid("record", format!("1 to {} fields, besides the subject", SIDE_FIELDS - 1));
    }
    for (name, value) in fields {
        if name.is_empty() || name.len() > SIDE_NAME_BYTES_MAX {
            return invalid("record", format!("names have 1 to {SIDE_NAME_BYTES_MAX} bytes"));
        }
        if value.len() > CONSENT_FIELD_BYTES_MAX {
            return invalid(name, format!("{CONSENT_FIELD_BYTES_MAX} bytes at most"));
        }
    }
    Ok(())
}

fn bytes(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}

/// A consent that is on the ledger and in the vault.
#[derive(Clone, Debug, Serialize)]
pub struct ConsentReceipt {
    /// What the subject keeps: record and blinding, so that it can prove its consent after the
    /// custodian has erased it, and nobody else can.
    pub record: Record,
    /// The transaction that gave the consent.
    pub transaction: TransactionId,
    /// The ledger's receipt for it, in hexadecimal; empty where the custodian signs by itself and has
    /// not handed it in yet.
    pub receipt: String,
}
