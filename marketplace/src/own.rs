//! The market's own store: managed keys, sessions, credentials, orders, requests and the vault. Nothing of it is
//! on a ledger and nothing of it can be built again, so it must not lose anything in silence.
//!
//! RocksDB drops a damaged tail of its log without a word, and a damaged manifest can hide whole
//! files. So the store counts its batches and keeps a sum over all of its rows in a row of its own,
//! and the count stands in a file beside it as well (`own.mark`), written after each batch. A store
//! that is found behind its mark is refused; an audit adds the rows up again and compares. The sum
//! guards against damage, not against somebody who may write here: that one could write the mark too.

use crate::{keys, limits::SCAN_ROWS, objects, orders, repeats, vault};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::Digest;
use ledger::{
    audit::Findings,
    highwater::{HighWater, HighWaterError, Mark},
    store::kv::{Batch, Content, Kv, KvError, Rows},
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The family of the tally.
const META: &str = "own";
const TALLY: &[u8] = b"tally";
const FOLDER: &str = "own";
const MARK: &str = "own.mark";

/// Families that hold rows.
pub(crate) fn families() -> Vec<&'static str> {
    [&keys::FAMILIES[..], &orders::FAMILIES, &repeats::FAMILIES, &objects::FAMILIES, &vault::FAMILIES].concat()
}

/// Why the store is refused.
#[derive(Debug, thiserror::Error)]
pub enum OwnError {
    /// The store.
    #[error("the market's own store")]
    Store(#[from] KvError),
    /// The mark's file.
    #[error("the mark {0}: {1}")]
    Mark(PathBuf, String),
    /// The store and its mark are not of one time.
    #[error(
        "{folder} was rolled back: it holds {found} batches, {mark} says {marked}. Keys, orders or consent records that were acknowledged are missing: restore both from one copy of the market's folder; or, to go on with what is left, remove {mark} and see `lonja audit`"
    )]
    RolledBack {
        /// The store.
        folder: PathBuf,
        /// Its mark.
        mark: PathBuf,
        /// Batches in the store.
        found: u64,
        /// Batches that were acknowledged.
        marked: u64,
    },
    /// The mark is of an older copy than the store.
    #[error(
        "{mark} is older than the store beside it ({marked} batches of {found}): restore both from one copy of the market's folder; or remove {mark} to believe the store"
    )]
    MarkIsOld {
        /// Its mark.
        mark: PathBuf,
        /// Batches in the store.
        found: u64,
        /// Batches that the mark knows.
        marked: u64,
    },
}

/// Is there a store in the market's folder `dir`?
pub(crate) fn is_in(dir: &Path) -> bool {
    dir.join(FOLDER).exists()
}

/// Batches, rows, and the sum of the rows' digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Tally {
    pub batches: u64,
    pub rows: u64,
    /// Sum, lane by lane and wrapping, of each row's BLAKE3. Order does not matter, so it follows a
    /// change without reading the rest.
    sum: [u64; 4],
}

impl Tally {
    fn lanes(family: &str, key: &[u8], value: &[u8]) -> [u64; 4] {
        let mut hasher = blake3::Hasher::new();
        for part in [family.as_bytes(), key, value] {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let hash = *hasher.finalize().as_bytes();
        std::array::from_fn(|lane| {
            let bytes: [u8; 8] = std::array::from_fn(|byte| hash[lane * 8 + byte]);
            u64::from_be_bytes(bytes)
        })
    }

    fn add(&mut self, family: &str, key: &[u8], value: &[u8]) {
        let lanes = Self::lanes(family, key, value);
        self.rows += 1;
        self.sum = std::array::from_fn(|lane| self.sum[lane].wrapping_add(lanes[lane]));
    }

    fn remove(&mut self, family: &str, key: &[u8], value: &[u8]) {
        let lanes = Self::lanes(family, key, value);
        // A store that does not add up any more is for the audit to tell, not for this line to stop.
        self.rows = self.rows.saturating_sub(1);
        self.sum = std::array::from_fn(|lane| self.sum[lane].wrapping_sub(lanes[lane]));
    }

    /// What all rows come to: equal for equal contents.
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"lonja/market-own/v1\0", &self.rows.to_be_bytes(), &self.sum.map(u64::to_be_bytes).concat()])
    }

    fn mark(&self) -> Mark {
        Mark { height: self.batches, size: self.rows, root: self.digest() }
    }
}

/// The store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Own(Arc<Inner>);

struct Inner {
    kv: Kv,
    /// Also makes counting, writing and marking one step.
    mark: Mutex<HighWater>,
}

/// A store as it lies on disk, before anybody has compared it with its mark.
pub(crate) struct Found {
    pub kv: Kv,
    /// As its row says.
    pub tally: Option<Tally>,
    /// As the file says; nothing where there is none.
    pub mark: Option<Mark>,
    mark_path: PathBuf,
    file: Option<HighWater>,
}

impl Found {
    /// Reads store and mark in the market's folder `dir`.
    pub fn open(dir: &Path) -> Result<Self, OwnError> {
        Self::open_by(dir, Kv::open)
    }

    fn open_by(dir: &Path, open: impl FnOnce(&Path, &[&'static str]) -> Result<Kv, KvError>) -> Result<Self, OwnError> {
        let (folder, mark_path) = (dir.join(FOLDER), dir.join(MARK));
        let kv = open(&folder, &[families(), vec![META]].concat())?;
        let tally = kv.get(META, TALLY)?.map(|bytes| Tally::try_from_slice(&bytes)).transpose();
        let tally = tally.map_err(|error| KvError::Damaged {
            path: folder.clone(),
            reason: format!("its tally cannot be read: {error}"),
        })?;
        let file = match HighWater::open(&mark_path) {
            Ok(file) => Some(file),
            Err(HighWaterError::Missing { .. }) => None,
            Err(HighWaterError::Newer { .. }) => {
                let what = "a newer release of lonja wrote it: install that release again, or a later one";
                return Err(OwnError::Mark(mark_path, what.into()));
            }
            Err(HighWaterError::Damaged { .. }) => {
                let what = "both of its slots are damaged: restore it with the store from one copy, or remove it to believe the store";
                return Err(OwnError::Mark(mark_path, what.into()));
            }
            Err(HighWaterError::File(failed)) if failed.is_full() => {
                return Err(OwnError::Mark(mark_path, failed.to_string()));
            }
            Err(HighWaterError::File(failed)) => return Err(OwnError::Mark(mark_path, failed.said().to_string())),
        };
        let mark = file.as_ref().map(HighWater::mark);
        Ok(Self { kv, tally, mark, mark_path, file })
    }

    /// Compares store and mark. The store may be one batch ahead: power can fail between the two.
    pub fn check(&self) -> Result<(), OwnError> {
        let Some(mark) = self.mark else { return Ok(()) };
        let tally = self.tally.unwrap_or_default();
        let (found, marked, path) = (tally.batches, mark.height, self.mark_path.clone());
        let rolled_back = OwnError::RolledBack { folder: self.kv.path().into(), mark: path.clone(), found, marked };
        match found.checked_sub(marked) {
            None => Err(rolled_back),
            Some(0) if marked > 0 && tally.mark() != mark => Err(rolled_back),
            Some(0 | 1) => Ok(()),
            Some(_) => Err(OwnError::MarkIsOld { mark: path, found, marked }),
        }
    }

    /// Copies store and mark into the folder `to`, where they may be opened as in a market's folder.
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn copy(&self, to: &Path) -> Result<(), OwnError> {
        copy(&self.kv, &self.mark_path, to)
    }

    /// Adds up what the rows come to now, reading each of them by its key as well, since that way goes
    /// through filters that a walk passes over.
    pub fn add_up(&self) -> Result<Tally, KvError> {
        let mut tally = Tally { batches: self.tally.unwrap_or_default().batches, ..Tally::default() };
        for family in families() {
            each(&self.kv, family, |key, value| {
                if self.kv.get(family, key)?.as_deref() != Some(value) {
                    let reason = format!("row {} of {family} is not found by its key", hex::encode(key));
                    return Err(KvError::Damaged { path: self.kv.path().into(), reason });
                }
                tally.add(family, key, value);
                Ok(())
            })?;
        }
        Ok(tally)
    }
}

/// Copies the store and, where there is one, the mark beside it into the folder `to`, where they may be opened as in
/// a market's folder. Nobody may write to either meanwhile.
///
/// # Errors
/// [`OwnError`].
fn copy(kv: &Kv, mark: &Path, to: &Path) -> Result<(), OwnError> {
    kv.checkpoint(&to.join(FOLDER))?;
    match std::fs::copy(mark, to.join(MARK)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(OwnError::Mark(mark.to_path_buf(), format!("cannot be copied: {error}")))
        }
        _ => Ok(()),
    }
}

/// Would a market start with the store that was copied into `dir`, and do its rows come to what it says? Changes
/// nothing there.
///
/// # Errors
/// [`OwnError`].
pub(crate) fn check_copy(dir: &Path) -> Result<(), OwnError> {
    let found = Found::open_by(dir, |path, families| Kv::open_read_only(path, families, |_| Content::Records))?;
    found.check()?;
    match found.tally {
        Some(tally) if found.add_up()? != tally => {
            let reason = "its rows do not add up to its tally; `lonja audit` says more".into();
            Err(KvError::Damaged { path: found.kv.path().into(), reason }.into())
        }
        _ => Ok(()),
    }
}

/// Calls `with` for every row of a family, without holding them all.
pub(crate) fn each(
    kv: &Kv,
    family: &'static str,
    mut with: impl FnMut(&[u8], &[u8]) -> Result<(), KvError>,
) -> Result<(), KvError> {
    let mut from = Vec::new();
    loop {
        let rows = kv.scan(family, &from, &[], SCAN_ROWS)?;
        for (key, value) in &rows {
            with(key, value)?;
        }
        match rows.last() {
            Some((last, _)) if rows.len() == SCAN_ROWS => from = [last.as_slice(), &[0]].concat(),
            _ => return Ok(()),
        }
    }
}

/// As [`each`], for an audit: what cannot be read is a finding.
pub(crate) fn walk(
    kv: &Kv,
    family: &'static str,
    findings: &mut Findings,
    mut with: impl FnMut(&[u8], &[u8], &mut Findings),
) {
    let walked = each(kv, family, |name, value| {
        with(name, value, findings);
        Ok(())
    });
    if let Err(error) = walked {
        findings.find(format!("own {family}"), error.to_string());
    }
}

impl Own {
    /// Opens the store in the market's folder `dir`, empty where there is none.
    ///
    /// # Errors
    /// [`OwnError`], also where it is behind its mark.
    pub fn open(dir: &Path) -> Result<Self, OwnError> {
        let mut found = Found::open(dir)?;
        found.check()?;
        // A store without a tally is new, or of before there were tallies.
        let tally = match found.tally {
            Some(tally) => tally,
            None => found.add_up()?,
        };
        let failed = |error: HighWaterError| OwnError::Mark(found.mark_path.clone(), error.to_string());
        let mut mark = match found.file.take() {
            Some(file) => file,
            None => {
                if tally.rows > 0 {
                    tracing::warn!(mark = %found.mark_path.display(), "the mark is missing: the store is believed as it is");
                }
                HighWater::create(&found.mark_path).map_err(failed)?
            }
        };
        if tally.batches > mark.mark().height {
            mark.raise(tally.mark()).map_err(failed)?;
        }
        Ok(Self(Arc::new(Inner { kv: found.kv, mark: Mutex::new(mark) })))
    }

    /// As [`Kv::get`].
    ///
    /// # Errors
    /// [`KvError`].
    pub fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.0.kv.get(family, key)
    }

    /// As [`Kv::scan`].
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scan(&self, family: &str, from: &[u8], prefix: &[u8], limit: usize) -> Result<Rows, KvError> {
        self.0.kv.scan(family, from, prefix, limit)
    }

    /// As [`Kv::scan_back`].
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scan_back(&self, family: &str, from: &[u8], prefix: &[u8], limit: usize) -> Result<Rows, KvError> {
        self.0.kv.scan_back(family, from, prefix, limit)
    }

    /// As [`Kv::write`], and raises the mark.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn write(&self, mut batch: Batch) -> Result<(), KvError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut mark = self.0.mark.lock();
        let tally = self.after(&batch, mark.mark().height)?;
        batch.put(META, TALLY, borsh::to_vec(&tally).expect("writing to memory does not fail"));
        self.0.kv.write(batch)?;
        // If the power fails here, the store is one batch ahead of its mark, as it may be.
        mark.raise(tally.mark()).map_err(|error| {
            let path = self.0.kv.path().into();
            // Another batch would bring the store two ahead of its mark, which a start refuses.
            self.0.kv.break_by(match error {
                HighWaterError::File(failed) if failed.is_full() => KvError::DiskFull { path: failed.path().into() },
                error => KvError::Other { doing: "raise the mark of", path, reason: error.to_string() },
            })
        })
    }

    /// As [`Kv::broken`].
    pub async fn broken(&self) -> KvError {
        self.0.kv.broken().await
    }

    /// Makes a copy of store and mark in the folder `to`, which may be opened as in a market's folder, between two batches.
    ///
    /// # Errors
    /// [`OwnError`].
    pub fn checkpoint(&self, to: &Path) -> Result<(), OwnError> {
        // Between the two the mark would pass the store that was copied, or stay two behind it.
        let mark = self.0.mark.lock();
        copy(&self.0.kv, mark.path(), to)
    }

    /// As [`Kv::scrub`].
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scrub(&self, families: &[&str]) -> Result<(), KvError> {
        self.0.kv.scrub(families)
    }

    /// The tally once `batch` is written. Read from the store each time: after a write that failed
    /// half-way only the store knows whether it counts.
    fn after(&self, batch: &Batch, marked: u64) -> Result<Tally, KvError> {
        let stored = self.0.kv.get(META, TALLY)?;
        let mut tally = match &stored {
            Some(bytes) => Tally::try_from_slice(bytes).map_err(|error| KvError::Damaged {
                path: self.0.kv.path().into(),
                reason: format!("its tally cannot be read: {error}"),
            })?,
            None => self.adopted()?,
        };
        let mut last = BTreeMap::new();
        for (family, key, value) in batch.writes() {
            last.insert((family, key), value);
        }
        for ((family, key), value) in last {
            if let Some(old) = self.0.kv.get(family, key)? {
                tally.remove(family, key, &old);
            }
            if let Some(new) = value {
                tally.add(family, key, new);
            }
        }
        tally.batches = tally.batches.max(marked) + 1;
        Ok(tally)
    }

    /// What the rows of a store without a tally come to.
    fn adopted(&self) -> Result<Tally, KvError> {
        let mut tally = Tally::default();
        for family in families() {
            each(&self.0.kv, family, |key, value| {
                tally.add(family, key, value);
                Ok(())
            })?;
        }
        Ok(tally)
    }
}

#[cfg(test)]
mod tests;
