//! Typed reads of one moment of the ledger.

use super::{Base, KvError, Row, StoreError, StoredResult, Tip, hash_key, history_key, history_prefix, kv::Snapshot};
use crate::{
    archive::Archive,
    block::{Header, entries},
    log::{HashReader, LogError},
    ordering::Certificate,
    receipt::SetChange,
    tree::{NodeReader, TreeError},
};
use borsh::BorshDeserialize;
use contracts::{
    id::{Digest, Height, TransactionId},
    merkle::Frontier,
    outcome::Entry,
    state::{Fault, Key, Record, Subject, View},
};

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Height of its block.
    pub height: Height,
    /// Place in the block, from 0.
    pub place: u32,
}

impl Place {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.height.to_be_bytes().as_slice(), &self.place.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (height, place) = bytes.split_first_chunk::<8>()?;
        Some(Self { height: u64::from_be_bytes(*height), place: u32::from_be_bytes(place.try_into().ok()?) })
    }
}

/// Where an event of a history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryPointer {
    /// Of which transaction.
    pub place: Place,
    /// Its number in the transaction.
    pub number: u16,
}

impl HistoryPointer {
    pub(super) fn encode(self) -> Vec<u8> {
        [self.place.encode().as_slice(), &self.number.to_be_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (place, number) = bytes.split_at_checked(12)?;
        Some(Self { place: Place::decode(place)?, number: u16::from_be_bytes(number.try_into().ok()?) })
    }
}

/// Tree nodes that a version no longer reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaleNodes {
    /// The first version that does not reach them.
    pub since: u64,
    /// Their keys.
    pub nodes: Vec<Vec<u8>>,
}

/// Reads of one moment; what is committed meanwhile does not show.
pub struct Reader<'a> {
    snapshot: Snapshot<'a>,
    /// Where seals are that came after the moment.
    later: Option<Snapshot<'a>>,
    archive: Option<&'a Archive>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(snapshot: Snapshot<'a>, archive: Option<&'a Archive>) -> Self {
        Self { snapshot, later: None, archive }
    }

    /// The same moment, with the seals that `later` knows of: those of the newest blocks come after the blocks.
    pub(crate) fn with_seals_of(self, later: Self) -> Self {
        Self { later: Some(later.snapshot), ..self }
    }

    /// Where the ledger stands, or `None` before the founding was written.
    ///
    /// # Errors
    /// [`StoreError`], as of every read here.
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.get("meta", b"tip", "tip")
    }

    /// The height below the oldest block that is here with everything: 0 where nothing is missing, which is so
    /// unless the node joined by a snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn base(&self) -> Result<Height, StoreError> {
        Ok(self.begins()?.map_or(0, |base| base.height))
    }

    /// Where it was begun by a snapshot: what comes before the oldest block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begins(&self) -> Result<Option<Base>, StoreError> {
        self.get("meta", b"base", "base")
    }

    /// The last era in which this node has begun to vote as one of several, if it has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn votes_since(&self) -> Result<Option<u32>, StoreError> {
        self.get("meta", b"votes", "era")
    }

    /// Refuses what is of the block at `height`, where that is none that is here.
    ///
    /// # Errors
    /// [`StoreError::Before`].
    pub fn reaches(&self, height: Height) -> Result<(), StoreError> {
        match self.base()? {
            base if height <= base => Err(StoreError::Before { what: format!("block {height}"), base }),
            _ => Ok(()),
        }
    }

    /// All records in the order of their keys, as they are stored.
    pub fn records(&self) -> impl Iterator<Item = Result<Row, StoreError>> + '_ {
        self.snapshot.rows("state").map(|row| Ok(row?))
    }

    /// Up to `limit` records of a kind, whose keys are `from` or come after it, in the order of their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn records_of<T: Subject>(&self, from: &Key, limit: usize) -> Result<Vec<(Key, T)>, StoreError> {
        let decode = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            let record = Record::<T>::decode(&bytes).map_err(|reason| damaged("record", hex::encode(&key), &reason))?;
            Ok((Key::from_bytes(key), record.value))
        };
        self.snapshot.scan("state", from.as_bytes(), &[T::TAG], limit)?.into_iter().map(decode).collect()
    }

    /// The header of the block at `height`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.get("blocks", &height.to_be_bytes(), "header")
    }

    /// Signed transactions of the block at `height`, from the archive where they were pruned, or `None` where that has
    /// no file of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bodies(&self, height: Height) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        match (self.kept_bodies(height)?, self.archive) {
            (None, Some(archive)) => Ok(archive.bodies(height)?),
            (bodies, _) => Ok(bodies),
        }
    }

    /// As [`Reader::bodies`], for the thread that makes blocks: an archive in a bucket is not asked, since that may keep
    /// it waiting, and others with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bodies_at_hand(&self, height: Height) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        match self.archive {
            Some(archive) if !archive.is_at_hand() => self.kept_bodies(height),
            _ => self.bodies(height),
        }
    }

    /// Up to which height [`Reader::bodies_at_hand`] finds none, where it finds none at `height`: what came before a
    /// snapshot, and what was archived in a bucket, or whose file is gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn lacks_at_hand(&self, height: Height) -> Result<Option<Height>, StoreError> {
        let (base, pruned) = (self.base()?, self.pruned()?);
        let is_lacking = match self.archive.filter(|archive| archive.is_at_hand()) {
            _ if height <= base => true,
            Some(archive) => height <= pruned && !archive.has(height)?,
            None => height <= pruned,
        };
        Ok(is_lacking.then_some(if height <= pruned { pruned } else { base }))
    }

    /// Would [`Reader::bodies`] find any?
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_bodies(&self, height: Height) -> Result<bool, StoreError> {
        match (self.kept_bodies(height)?, self.archive) {
            (None, Some(archive)) => Ok(archive.has(height)?),
            (bodies, _) => Ok(bodies.is_some()),
        }
    }

    /// As [`Reader::bodies`], from the store alone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn kept_bodies(&self, height: Height) -> Result<Option<Vec<Vec<u8>>>, StoreError> {
        self.get("bodies", &height.to_be_bytes(), "bodies")
    }

    /// The height up to which transactions were pruned; 0 where none were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn pruned(&self) -> Result<Height, StoreError> {
        Ok(self.get("meta", b"pruned", "height")?.unwrap_or(0))
    }

    /// What became of the transactions at `height`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn results(&self, height: Height) -> Result<Option<Vec<StoredResult>>, StoreError> {
        self.get("results", &height.to_be_bytes(), "results")
    }

    /// Why the block at `height` was decided.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn certificate(&self, height: Height) -> Result<Option<Certificate>, StoreError> {
        self.get("certificates", &height.to_be_bytes(), "certificate")
    }

    /// The seal of the checkpoint at `height`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn seal(&self, height: Height) -> Result<Option<Vec<u8>>, StoreError> {
        let height = height.to_be_bytes();
        match (self.snapshot.get("seals", &height)?, &self.later) {
            (None, Some(later)) => Ok(later.get("seals", &height)?),
            (found, _) => Ok(found),
        }
    }

    /// The record of change `number` of the validator set.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_change(&self, number: u32) -> Result<Option<SetChange>, StoreError> {
        self.get("sets", &number.to_be_bytes(), "record of a change of the validator set")
    }

    /// Where transaction `id` is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn place(&self, id: &TransactionId) -> Result<Option<Place>, StoreError> {
        let Some(bytes) = self.snapshot.get("ids", &id.0)? else { return Ok(None) };
        Place::decode(&bytes).map(Some).ok_or_else(|| damaged("place", id, "12 bytes are expected"))
    }

    /// Height of the block that appended log entry `index`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn height_of_entry(&self, index: u64) -> Result<Option<Height>, StoreError> {
        let rows = self.snapshot.scan("sizes", &(index + 1).to_be_bytes(), &[], 1)?;
        let Some((_, height)) = rows.first() else { return Ok(None) };
        let height =
            height.as_slice().try_into().map_err(|_| damaged("height of entry", index, "8 bytes are expected"))?;
        Ok(Some(u64::from_be_bytes(height)))
    }

    /// The height whose checkpoint has `size` entries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn height_of_size(&self, size: u64) -> Result<Option<Height>, StoreError> {
        if size == 0 {
            return Ok(None);
        }
        let height = self.height_of_entry(size - 1)?;
        Ok(match height {
            Some(height) if self.header(height)?.is_some_and(|header| header.log_size == size) => Some(height),
            _ => None,
        })
    }

    /// All log entries of the block at `height`, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entries(&self, height: Height) -> Result<Option<Vec<Entry>>, StoreError> {
        let (Some(header), Some(results)) = (self.header(height)?, self.results(height)?) else { return Ok(None) };
        Ok(Some(entries(results.iter().map(|result| &result.entry), &header.entry).collect()))
    }

    /// Up to `limit` places of the history of `key`, from index `from` on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history(&self, key: &Key, from: u64, limit: usize) -> Result<Vec<HistoryPointer>, StoreError> {
        let rows = self.snapshot.scan("history", &history_key(key, from), &history_prefix(key), limit)?;
        let decode = |bytes: &[u8]| {
            HistoryPointer::decode(bytes).ok_or_else(|| damaged("history", key, "14 bytes are expected"))
        };
        let begins = rows.first().is_none_or(|(at, _)| *at == history_key(key, from));
        if !begins || (rows.is_empty() && self.events(key)? > from) {
            return match self.base()? {
                0 => Err(damaged("history", key, &format!("event {from} is missing"))),
                base => Err(StoreError::Before { what: format!("event {from} of record {key}"), base }),
            };
        }
        rows.iter().map(|(_, bytes)| decode(bytes)).collect()
    }

    /// How many events the record under `key` has had; 0 where there is none.
    pub(super) fn events(&self, key: &Key) -> Result<u64, StoreError> {
        let Some(record) = self.snapshot.get("state", key.as_bytes())? else { return Ok(0) };
        let history = Frontier::deserialize(&mut record.as_slice());
        history.map(|history| history.count()).map_err(|error| damaged("record", key, &error.to_string()))
    }

    /// Tree nodes that no version from `oldest` on reaches, by the version that left them: those of
    /// version `from` and later, of `limit` versions at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn stale(&self, from: u64, oldest: u64, limit: usize) -> Result<Vec<StaleNodes>, StoreError> {
        let end = oldest.saturating_add(1).to_be_bytes();
        let decode = |(key, value): (Vec<u8>, Vec<u8>)| {
            let damaged = |reason: &str| damaged("stale nodes", hex::encode(&key), reason);
            let since = key.as_slice().try_into().map_err(|_| damaged("a version is expected"))?;
            let nodes = BorshDeserialize::try_from_slice(&value).map_err(|error| damaged(&error.to_string()))?;
            Ok(StaleNodes { since: u64::from_be_bytes(since), nodes })
        };
        self.snapshot.range("stale", &from.to_be_bytes(), &end, limit)?.into_iter().map(decode).collect()
    }

    fn get<T: BorshDeserialize>(&self, family: &str, key: &[u8], what: &'static str) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.snapshot.get(family, key)? else { return Ok(None) };
        T::try_from_slice(&bytes).map(Some).map_err(|error| damaged(what, hex::encode(key), &error.to_string()))
    }
}

fn damaged(what: &'static str, at: impl ToString, reason: &str) -> StoreError {
    StoreError::Damaged { what, at: at.to_string(), reason: reason.to_string() }
}

impl View for Reader<'_> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.snapshot.get("state", key.as_bytes()).map_err(|error: KvError| Fault::Read(error.to_string()))
    }
}

impl NodeReader for Reader<'_> {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        self.snapshot.get("nodes", key).map_err(|error| TreeError::Store(error.to_string()))
    }
}

impl HashReader for Reader<'_> {
    fn hash(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        let bytes =
            self.snapshot.get("hashes", &hash_key(level, index)).map_err(|error| LogError::Store(error.to_string()))?;
        let bytes = bytes.ok_or(LogError::Missing { level, index })?;
        let hash = bytes.try_into().map_err(|_| LogError::Store("a hash has 32 bytes".into()))?;
        Ok(Digest(hash))
    }
}
