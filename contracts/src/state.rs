//! What the rules read and write: typed records under keys, seen through overlays.
//!
//! A record is `frontier of its history ‖ value`. The frontier (count and RFC 6962 peaks over the
//! record's events) sits in the value, so one proof of the value also proves how many events there
//! are and what they were. Every key there is, is made in this file.

use crate::{
    event::Event,
    id::{Digest, Height, TransactionId},
    merkle::{self, Frontier},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Name of a record in the state tree: a tag for the kind of subject, then its identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of a subject of kind `tag` named by the concatenation of `parts`.
    ///
    /// Parts other than the last have a fixed length, so two names never run into each other.
    pub fn new(tag: u8, parts: &[&[u8]]) -> Self {
        let mut bytes = vec![tag];
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Self(bytes)
    }

    /// A key as it was stored.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes that the state tree hashes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Kind of the subject.
    pub fn tag(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        hex::decode(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A kind of record. Tags are permanent: they are in every key.
pub trait Subject: BorshSerialize + BorshDeserialize {
    /// First byte of the keys of this kind.
    const TAG: u8;
    /// Word for people, such as `dataset`.
    const KIND: &'static str;
}

/// Reading the state failed for a reason outside the rules; the block is not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The store could not read.
    #[error("cannot read the state: {0}")]
    Read(String),
    /// What was read is no record of its kind.
    #[error("the record under key {key} is damaged: {reason}")]
    Damaged {
        /// Where.
        key: Key,
        /// What the decoder said.
        reason: String,
    },
}

/// The state before a block or transaction.
pub trait View {
    /// The bytes of the record under `key`, or `None` where nothing is.
    ///
    /// # Errors
    /// [`Fault::Read`] where the store cannot say.
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault>;

    /// What was there before the block at work. Only a view that is laid over another reads anything else than now.
    ///
    /// # Errors
    /// As [`View::read`].
    fn read_before(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.read(key)
    }
}

/// A view of nothing, where a network begins.
pub struct Nothing;

impl View for Nothing {
    fn read(&self, _: &Key) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }
}

impl View for BTreeMap<Key, Vec<u8>> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.get(key).cloned())
    }
}

/// A record: the history's frontier and the value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record<T> {
    /// Count and peaks over the record's events (see [`history_leaf`]).
    pub history: Frontier,
    /// What is so now.
    pub value: T,
}

impl<T: Subject> Record<T> {
    /// Decodes a record as it was stored or proven.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let history = Frontier::deserialize(&mut rest).map_err(|error| error.to_string())?;
        let value = T::try_from_slice(rest).map_err(|error| error.to_string())?;
        Ok(Self { history, value })
    }

    /// The bytes as stored.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = borsh::to_vec(&self.history).expect("writing to memory does not fail");
        self.value.serialize(&mut bytes).expect("writing to memory does not fail");
        bytes
    }
}

/// Typed reading over any view.
pub trait Reading: View {
    /// The record under `key`.
    ///
    /// # Errors
    /// [`Fault`] where the store cannot read or the record is damaged.
    fn record<T: Subject>(&self, key: &Key) -> Result<Option<Record<T>>, Fault> {
        debug_assert_eq!(key.tag(), T::TAG, "a key is read as the kind it names");
        match self.read(key)? {
            None => Ok(None),
            Some(bytes) => {
                Record::decode(&bytes).map(Some).map_err(|reason| Fault::Damaged { key: key.clone(), reason })
            }
        }
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// As [`Reading::record`].
    fn value<T: Subject>(&self, key: &Key) -> Result<Option<T>, Fault> {
        Ok(self.record::<T>(key)?.map(|record| record.value))
    }
}

impl<V: View + ?Sized> Reading for V {}

/// Writes kept apart until the rule has said yes. Dropping it leaves no trace.
pub struct Overlay<'a> {
    below: &'a dyn View,
    writes: BTreeMap<Key, Vec<u8>>,
    events: Vec<Event>,
}

impl<'a> Overlay<'a> {
    /// An overlay over `below` with nothing written.
    pub fn over(below: &'a dyn View) -> Self {
        Self { below, writes: BTreeMap::new(), events: Vec::new() }
    }

    /// Writes a value, keeping the history that its record has. Records are never removed: what
    /// ends, ends by a state in its value, so that its history stays provable.
    ///
    /// # Errors
    /// As [`Reading::record`].
    pub fn put<T: Subject>(&mut self, key: &Key, value: T) -> Result<(), Fault> {
        let history = self.record::<T>(key)?.map_or(Frontier::EMPTY, |record| record.history);
        self.writes.insert(key.clone(), Record { history, value }.encode());
        Ok(())
    }

    /// Tells the world. Histories take it up when the transaction ends.
    pub fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Appends each event to the history of each of its subjects, then takes overlay apart.
    ///
    /// # Errors
    /// [`Fault`], also when an event names a subject that does not exist: a rule is wrong then.
    pub(crate) fn finish(mut self, height: Height, transaction: TransactionId) -> Result<Finished, Fault> {
        let events = std::mem::take(&mut self.events);
        let mut histories = Vec::new();
        for (number, event) in events.iter().enumerate() {
            let number = number as u16;
            let leaf = merkle::leaf(&history_leaf(height, &transaction, number, event));
            for key in event.subjects() {
                histories.push((key.clone(), self.append(&key, leaf)?, number));
            }
        }
        Ok(Finished { writes: self.writes, events, histories })
    }

    fn append(&mut self, key: &Key, leaf: Digest) -> Result<u64, Fault> {
        let damaged = |reason: String| Fault::Damaged { key: key.clone(), reason };
        let bytes = self.read(key)?.ok_or_else(|| damaged("an event names a subject that is not there".into()))?;
        let mut rest = bytes.as_slice();
        let mut frontier = Frontier::deserialize(&mut rest).map_err(|error| damaged(error.to_string()))?;
        let index = frontier.count();
        frontier.append(leaf);
        let mut updated = borsh::to_vec(&frontier).expect("writing to memory does not fail");
        updated.extend_from_slice(rest);
        self.writes.insert(key.clone(), updated);
        Ok(index)
    }

    /// The writes alone, for views that stack overlays.
    pub(crate) fn into_writes(self) -> BTreeMap<Key, Vec<u8>> {
        self.writes
    }

    /// Lays the writes of a transaction that succeeded into this one.
    pub(crate) fn absorb(&mut self, writes: BTreeMap<Key, Vec<u8>>) {
        self.writes.extend(writes);
    }
}

/// What a transaction leaves when it ends.
pub(crate) struct Finished {
    pub writes: BTreeMap<Key, Vec<u8>>,
    pub events: Vec<Event>,
    /// Subject, index in its history, number of the event in the transaction.
    pub histories: Vec<(Key, u64, u16)>,
}

impl View for Overlay<'_> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        match self.writes.get(key) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => self.below.read(key),
        }
    }

    fn read_before(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.below.read_before(key)
    }
}

/// The data of a leaf in a subject's history: height, transaction, number of the event, event.
pub fn history_leaf(height: Height, transaction: &TransactionId, number: u16, event: &Event) -> Vec<u8> {
    borsh::to_vec(&(height, transaction, number, event)).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::PartyId, quota::Quota};

    #[test]
    fn a_dropped_overlay_leaves_no_trace_and_a_kept_one_keeps_histories() {
        let mut base: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
        let key = Quota::key(&PartyId([1; 32]));
        let mut overlay = Overlay::over(&base);
        overlay.put(&key, Quota::default()).unwrap();
        assert_eq!(overlay.value::<Quota>(&key), Ok(Some(Quota::default())));
        drop(overlay);
        assert_eq!(base.value::<Quota>(&key), Ok(None));

        let mut overlay = Overlay::over(&base);
        overlay.put(&key, Quota::default()).unwrap();
        overlay.append(&key, Digest([7; 32])).unwrap();
        overlay.put(&key, Quota { count: 3, ..Quota::default() }).unwrap();
        let writes = overlay.into_writes();
        base.extend(writes);
        let record = base.record::<Quota>(&key).unwrap().unwrap();
        assert_eq!((record.history.count(), record.value.count), (1, 3));
    }

    #[test]
    fn a_damaged_record_is_a_fault_and_no_panic() {
        let key = Quota::key(&PartyId([1; 32]));
        let mut base: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
        for bytes in [vec![], vec![9; 12], vec![0; 200]] {
            base.insert(key.clone(), bytes);
            assert!(matches!(base.value::<Quota>(&key), Err(Fault::Damaged { .. })));
        }
    }
}
