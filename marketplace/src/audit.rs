//! Auditing the folder of a market that is stopped, against a ledger that was made anew from its
//! founding; where none could be, as far as that goes without, and what was left out is told. It reads and repairs
//! nothing.
//!
//! | part | without the master key | with it |
//! |---|---|---|
//! | own store | its rows add up, none was lost since its mark | |
//! | keys, sessions, credentials | form and name of each row | each managed key opens |
//! | orders | each against the ledger, lists both ways | |
//! | requests that may come again, notes of uploads | form and name of each row | |
//! | vault | subjects' keys whole, commitments those on the ledger, nothing left of the erased, records of consents given here are there | each record opens and gives its commitment, links both ways |
//! | contents | BLAKE3, outboard | |
//! | rows, search index | made anew and compared; checksums | |
//!
//! Own store, vault and contents are here and nowhere else: damage is restored from a copy. Rows and
//! index can be built again, and the finding says so; how far they are is not damage and is no part of
//! the digest.

use crate::{
    keys::{self, MasterKey},
    objects, orders,
    own::{Found, OwnError},
    repeats,
    rows::{self, Rows},
    search, vault,
};
use contracts::{
    consent::{Consent, ConsentState},
    dataset::Listing,
    event::Event,
    id::{ConsentId, DatasetId, Digest, Height},
};
use ledger::{
    audit::{Findings, Replayed},
    store::kv::{Kv, KvError},
};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// What makes a consent, as orders name it.
const GIVE: &str = "consent.give";
/// Listings that are read at once.
const LISTINGS_AT_ONCE: usize = 1_000;

/// Why the folder could not be audited at all.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// A market runs on it.
    #[error("{0}")]
    InUse(KvError),
    /// The folder cannot be listed.
    #[error("cannot list {0}")]
    List(PathBuf, #[source] io::Error),
    /// The folder for work in between.
    #[error("the audit's scratch folder {0} cannot be used")]
    Scratch(PathBuf, #[source] io::Error),
}

/// Where the market keeps contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// In its own folder.
    Beside,
    /// In another folder.
    Folder(PathBuf),
    /// In the bucket of this name, whose contents are not read here: each is checked against its name
    /// whenever the market reads it.
    Bucket(String),
}

/// What an audit of a market read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audited {
    /// Has a market ever run here?
    pub used: bool,
    /// Rows of its own store.
    pub rows: u64,
    /// Managed keys, sessions, credentials.
    pub keys: keys::Audited,
    /// Orders.
    pub orders: orders::Audited,
    /// Requests that are recognised when they come again.
    pub requests: u64,
    /// Consent records.
    pub vault: vault::Audited,
    /// Contents that are what their names say.
    pub contents: u64,
    /// Bytes of them.
    pub content_bytes: u64,
    /// Do contents lie in a bucket, which was not audited?
    pub contents_elsewhere: bool,
    /// Up to which block the rows are.
    pub rows_height: Height,
    /// Listings in the search index.
    pub listings: u64,
    /// What could not be audited for lack of a ledger, for people.
    #[serde(skip)]
    pub not_audited: Vec<&'static str>,
    /// SHA-256 over every row of the own store, the subjects' keys and the contents: two audits of one
    /// market give the same, however far its rows are.
    pub digest: Digest,
    /// What is not as it must be.
    #[serde(skip)]
    pub findings: Findings,
}

/// What cannot be audited without a ledger.
const WITHOUT_LEDGER: [&str; 3] = [
    "marketplace: whether its orders became what they say",
    "marketplace: whether its consent records are those that the ledger has commitments of, and all of them",
    "marketplace: whether its rows and search index are what the ledger gives",
];

/// Audits the market's folder `dir`, against `ledger` where that could be made anew. `scratch` is a folder that the audit
/// may fill and the caller deletes.
///
/// # Errors
/// [`AuditError`]. What is wrong with the folder is a finding instead.
pub fn folder(
    dir: &Path,
    contents_at: &Contents,
    ledger: Option<&Replayed>,
    master: Option<&MasterKey>,
    scratch: &Path,
) -> Result<Audited, AuditError> {
    let mut audited = Audited::default();
    let mut findings = Findings::default();
    if !dir.exists() {
        findings.find(dir.display().to_string(), "is missing");
        return Ok(Audited { findings, ..audited });
    }
    audited.used = fs::read_dir(dir).map_err(|error| AuditError::List(dir.into(), error))?.next().is_some();
    if audited.used {
        let own = own(dir, ledger, master, &mut audited, &mut findings)?;
        let contents = contents(dir, contents_at, &mut audited, &mut findings);
        read_models(dir, ledger, scratch, &mut audited, &mut findings)?;
        if ledger.is_none() {
            audited.not_audited.extend(WITHOUT_LEDGER);
        }
        audited.digest =
            Digest::of(&[b"lonja/market-audit/v1\0", &own.0, &audited.vault.subjects_digest.0, &contents.0]);
    }
    Ok(Audited { findings, ..audited })
}

/// The own store and the subjects' keys. Returns what all its rows come to.
fn own(
    dir: &Path,
    ledger: Option<&Replayed>,
    master: Option<&MasterKey>,
    audited: &mut Audited,
    findings: &mut Findings,
) -> Result<Digest, AuditError> {
    // Opening makes what is missing, and an audit makes nothing.
    for name in ["own", "own.mark", "subjects"] {
        if !dir.join(name).exists() {
            findings.find(dir.join(name).display().to_string(), "is missing: restore the market's folder from a copy");
        }
    }
    let place = dir.join("own").display().to_string();
    if !dir.join("own").exists() {
        return Ok(Digest::default());
    }
    let found = match Found::open(dir) {
        Ok(found) => found,
        Err(OwnError::Store(error @ KvError::InUse { .. })) => return Err(AuditError::InUse(error)),
        Err(OwnError::Store(error)) => {
            findings.find(place, format!("{error}; restore it, with own.mark, from a copy"));
            return Ok(Digest::default());
        }
        Err(error) => {
            findings.find(dir.join("own.mark").display().to_string(), error.to_string());
            return Ok(Digest::default());
        }
    };
    if let Err(error) = found.check() {
        findings.find(place.as_str(), error.to_string());
    }
    let tally = match found.add_up() {
        Ok(tally) => tally,
        Err(error) => {
            findings.find(place, format!("{error}; restore it, with own.mark, from a copy"));
            return Ok(Digest::default());
        }
    };
    if found.tally.is_some_and(|stored| stored != tally) {
        findings.find(place, "its rows do not add up to what was written: restore it, with own.mark, from a copy");
    }
    audited.rows = tally.rows;
    audited.keys = keys::audit(&found.kv, master, findings);
    audited.orders = orders::audit(&found.kv, ledger, findings);
    audited.requests = repeats::audit(&found.kv, findings);
    objects::audit_uploads(&found.kv, findings);
    audited.vault = vault::audit(&found.kv, &dir.join("subjects"), ledger, master, findings);
    if let Some(ledger) = ledger {
        given_here(&found.kv, ledger, findings);
    }
    Ok(tally.digest())
}

/// A consent that was given through this market by a key that it keeps, and is in force, has its record
/// here. Who signs by itself may keep the record elsewhere, and whom it concerned may have been erased
/// once it had ended.
fn given_here(kv: &Kv, ledger: &Replayed, findings: &mut Findings) {
    for (party, transaction) in orders::applied(kv, GIVE, findings) {
        let place = format!("own orders {}", hex::encode(transaction.0));
        match missing(kv, ledger, &party, &transaction) {
            Ok(None) => {}
            Ok(Some(consent)) => findings.find(place, format!("gave consent {consent}, whose record is missing")),
            Err(reason) => findings.find(place, reason),
        }
    }
}

fn missing(
    kv: &Kv,
    ledger: &Replayed,
    party: &contracts::id::PartyId,
    transaction: &contracts::id::TransactionId,
) -> Result<Option<ConsentId>, String> {
    let text = |error: KvError| error.to_string();
    if !keys::is_managed(kv, party).map_err(text)? {
        return Ok(None);
    }
    // That the ledger has the order is looked at with the orders.
    let events = ledger.transaction(transaction)?.map(|(_, events)| events).unwrap_or_default();
    for event in events {
        if let Event::ConsentChanged { consent, state: ConsentState::Given, .. } = event {
            let held = ledger.value::<Consent>(&Consent::key(&consent))?;
            let in_force = held.is_some_and(|held| held.state == ConsentState::Given);
            if in_force && !vault::holds(kv, &consent).map_err(text)? {
                return Ok(Some(consent));
            }
        }
    }
    Ok(None)
}

/// Contents. Returns a digest over their names.
fn contents(dir: &Path, at: &Contents, audited: &mut Audited, findings: &mut Findings) -> Digest {
    let folder = match at {
        Contents::Beside => dir.join("objects").join("whole"),
        Contents::Folder(folder) => folder.clone(),
        Contents::Bucket(_) => {
            audited.contents_elsewhere = true;
            return Digest::default();
        }
    };
    if !folder.exists() {
        findings.find(folder.display().to_string(), "is missing: restore the contents from a copy");
        return Digest::default();
    }
    match objects::audit(&folder) {
        Ok(found) => {
            (audited.contents, audited.content_bytes) = (found.contents, found.bytes);
            for (path, what) in found.findings {
                findings
                    .find(path.display().to_string(), format!("{what}; restore it from a copy, or upload it again"));
            }
            found.names
        }
        Err(error) => {
            findings.find(folder.display().to_string(), format!("cannot be listed: {error}"));
            Digest::default()
        }
    }
}

fn read_models(
    dir: &Path,
    ledger: Option<&Replayed>,
    scratch: &Path,
    audited: &mut Audited,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    let (folder, mut found) = (dir.join("rows"), Findings::default());
    let whole = match ledger.filter(|_| folder.exists()) {
        Some(ledger) => {
            let scratch = scratch.join("market-rows");
            fs::create_dir_all(&scratch).map_err(|error| AuditError::Scratch(scratch.clone(), error))?;
            let rows = rows::audit(&folder, ledger, &scratch, &mut found);
            audited.rows_height = rows.as_ref().map_or(0, |rows| rows.tip().height);
            rows.filter(|rows| found.is_empty() && rows.tip().height == ledger.height())
        }
        None => {
            let claimed = if folder.exists() { rows::claimed_height(&folder, &mut found) } else { None };
            audited.rows_height = claimed.unwrap_or(0);
            None
        }
    };
    let expected = match whole.map(|rows| listings(&rows)).transpose() {
        Ok(expected) => expected,
        Err(error) => {
            found.find(folder.display().to_string(), error.to_string());
            None
        }
    };
    audited.listings = search::audit(&dir.join("search"), expected.as_ref(), &mut found);
    findings.extend(found);
    Ok(())
}

/// What search is to find: every dataset that has a jacket and was not withdrawn.
fn listings(rows: &Rows) -> Result<search::Expected, rows::RowsError> {
    let mut listings: BTreeSet<DatasetId> = BTreeSet::new();
    let mut start = None;
    loop {
        let page = rows.datasets(start.as_ref(), LISTINGS_AT_ONCE)?;
        for (id, dataset) in &page.items {
            if dataset.listing != Listing::Withdrawn && rows.jacket(id)?.is_some() {
                listings.insert(*id);
            }
        }
        match page.next {
            Some(next) => start = Some(next),
            None => return Ok(search::Expected { listed: rows.tip().listed, listings }),
        }
    }
}
