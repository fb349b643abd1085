//! Auditing the vault of a market that is stopped.
//!
//! Without the master key it is known of each record that its row can be read, that its subject's key
//! is there and undamaged, that nothing of an erased subject is left, and that controller and root are
//! those on the ledger, where there is one. With it everything is opened as well: links lead to records and back, and a
//! record's fields and blinding give the root on the ledger.

use super::{ERASURES, Erasure, INDEX_KEY, LINK_KEY, LINKS, Link, RECORDS, Row, Subjects, link_name, subjects};
use crate::{
    keys::{MasterKey, Sealer},
    own::walk,
};
use borsh::BorshDeserialize;
use contracts::{
    consent::Consent,
    id::{ConsentId, Digest},
};
use ledger::{
    audit::{Findings, Replayed},
    store::kv::{Kv, KvError},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};
use subjects::SubjectKeyId;
use zeroize::Zeroizing;

/// What an audit of the vault read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Consent records.
    pub records: u64,
    /// Of those, records that were opened, so that their fields give the root on the ledger.
    pub opened: u64,
    /// Of those, records whose consent the ledger has not taken up: an order that is under way, or one
    /// that a crash cut short. They open, but stand for nothing.
    pub waiting: u64,
    /// Keys of subjects.
    pub subjects: u64,
    /// Erasures on record.
    pub erasures: u64,
    /// SHA-256 over the names and bytes of all subjects' keys.
    #[serde(skip)]
    pub subjects_digest: Digest,
}

/// What opens records.
struct Opener {
    subjects: Subjects,
    index_key: Zeroizing<[u8; 32]>,
    links: Sealer,
    /// Consents that links lead to, each with its link and the subject's key there.
    linked: BTreeMap<ConsentId, (Vec<u8>, SubjectKeyId)>,
}

/// Audits the vault's rows in `kv` and the keys in `folder`, against the ledger where there is one.
pub(crate) fn audit(
    kv: &Kv,
    folder: &Path,
    ledger: Option<&Replayed>,
    master: Option<&MasterKey>,
    findings: &mut Findings,
) -> Audited {
    let mut audited = Audited::default();
    let keys = subject_keys(folder, &mut audited, findings);
    let erased = erasures(kv, &mut audited, findings);
    for id in keys.intersection(&erased) {
        let path = folder.join(hex::encode(id.0)).display().to_string();
        findings.find(path, "this subject was erased, and its key is still here: remove the file");
    }
    let mut opener = master.map(|master| Opener::new(kv, folder, master, findings));
    walk(kv, RECORDS, findings, |name, value, findings| {
        audited.records += 1;
        let place = || format!("own {RECORDS} {}", hex::encode(name));
        let (Ok(id), Ok(row)) = (<[u8; 16]>::try_from(name), Row::try_from_slice(value)) else {
            return findings.find(place(), "is no consent record");
        };
        let id = ConsentId(id);
        if !keys.contains(&row.subject_key) {
            let key = folder.join(hex::encode(row.subject_key.0));
            findings.find(place(), format!(
                "its subject's key {} is missing or damaged: restore it; or, where an erasure was cut short, repeat the erasure",
                key.display()
            ));
        }
        let consent = ledger.map(|ledger| ledger.value::<Consent>(&Consent::key(&id))).transpose();
        let consent = match consent {
            Ok(consent) => consent.flatten(),
            Err(reason) => return findings.find(place(), reason),
        };
        match &consent {
            None => audited.waiting += u64::from(ledger.is_some()),
            Some(consent) if consent.controller != row.controller || consent.record != row.root => {
                findings.find(place(), "the consent on the ledger has another controller or commitment");
            }
            Some(_) => {}
        }
        match opener.as_mut().map(|opener| opener.open(&id, &row, consent.as_ref())) {
            Some(Ok(())) => audited.opened += 1,
            Some(Err(reason)) => findings.find(place(), reason),
            None => {}
        }
    });
    for (consent, (link, _)) in opener.into_iter().flat_map(|opener| opener.linked) {
        findings.find(
            format!("own {LINKS} {}", hex::encode(link)),
            format!("leads to consent {consent}, whose record is missing"),
        );
    }
    audited
}

/// Does the vault of `kv` hold a record of `consent`?
pub(crate) fn holds(kv: &Kv, consent: &ConsentId) -> Result<bool, KvError> {
    Ok(kv.get(RECORDS, &consent.0)?.is_some())
}

/// The ids of all subjects' keys that are whole.
fn subject_keys(folder: &Path, audited: &mut Audited, findings: &mut Findings) -> BTreeSet<SubjectKeyId> {
    let mut keys = BTreeSet::new();
    let mut names = match fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
        Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect::<Vec<_>>(),
        Err(error) => {
            findings.find(folder.display().to_string(), format!("cannot be listed: {error}"));
            return keys;
        }
    };
    names.sort();
    let mut hasher = blake3::Hasher::new();
    for path in names {
        let place = path.display().to_string();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let mut id = SubjectKeyId::default();
        if hex::decode_to_slice(name, &mut id.0).is_err() {
            findings.find(place, "is no name of a subject's key");
            continue;
        }
        match fs::read(&path) {
            Ok(file) if subjects::whole(&file).is_some() => {
                audited.subjects += 1;
                hasher.update(&id.0);
                hasher.update(&file);
                keys.insert(id);
            }
            Ok(_) => findings.find(
                place,
                "is damaged: restore it from a copy; without one, what the subject consented to cannot be shown any more",
            ),
            Err(error) => findings.find(place, format!("cannot be read: {error}")),
        }
    }
    audited.subjects_digest = Digest::of(&[b"lonja/subject-keys/v1\0", hasher.finalize().as_bytes()]);
    keys
}

/// The ids of all keys that were destroyed.
fn erasures(kv: &Kv, audited: &mut Audited, findings: &mut Findings) -> BTreeSet<SubjectKeyId> {
    let mut erased = BTreeSet::new();
    walk(kv, ERASURES, findings, |name, value, findings| {
        audited.erasures += 1;
        match Erasure::try_from_slice(value) {
            Ok(erasure) if erasure.id.as_bytes() == name => {
                for key in &erasure.keys {
                    let mut id = SubjectKeyId::default();
                    if hex::decode_to_slice(key, &mut id.0).is_ok() {
                        erased.insert(id);
                    }
                }
            }
            _ => findings.find(format!("own {ERASURES} {}", hex::encode(name)), "is no record of an erasure"),
        }
    });
    erased
}

impl Opener {
    fn new(kv: &Kv, folder: &Path, master: &MasterKey, findings: &mut Findings) -> Self {
        let mut opener = Self {
            subjects: Subjects::at(folder, master),
            index_key: master.derive(INDEX_KEY),
            links: Sealer::new(master, LINK_KEY),
            linked: BTreeMap::new(),
        };
        walk(kv, LINKS, findings, |name, value, findings| {
            let place = || format!("own {LINKS} {}", hex::encode(name));
            let plain = opener.links.open(value, name).ok();
            let Some(link) = plain.and_then(|plain| Link::try_from_slice(&plain).ok()) else {
                return findings.find(place(), "does not open under the master key");
            };
            for consent in link.consents {
                if opener.linked.insert(consent, (name.to_vec(), link.subject_key)).is_some() {
                    findings.find(place(), format!("leads to consent {consent}, to which another link leads as well"));
                }
            }
        });
        opener
    }

    /// Opens a record, and follows it back to its link, which is then done with.
    fn open(&mut self, id: &ConsentId, row: &Row, consent: Option<&Consent>) -> Result<(), String> {
        let link = self.linked.remove(id);
        let key = self.subjects.read(&row.subject_key).map_err(|error| error.to_string())?;
        let key = key.ok_or("its subject's key is missing")?;
        let record = row.open(&key, id).map_err(|error| error.to_string())?;
        if record.computed_root() != row.root {
            return Err("its fields do not give the commitment that is on the ledger".into());
        }
        if consent.is_some_and(|consent| consent.dataset != record.dataset) {
            return Err("the consent on the ledger is for another dataset".into());
        }
        let (name, subject_key) = link.ok_or("no link leads to it: it would survive its subject's erasure")?;
        if subject_key != row.subject_key || name != link_name(&self.index_key, &record.controller, &record.subject) {
            return Err("the link that leads to it is of another subject".into());
        }
        Ok(())
    }
}
