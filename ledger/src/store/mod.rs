//! The ledger on disk: one durable batch for each block, and typed reads.
//!
//! # What lies where
//! | family | key | value |
//! |---|---|---|
//! | `meta` | `tip` | [`Tip`] |
//! | `meta` | `pruned` | the height up to which transactions are in the archive, where they are not here |
//! | `meta` | `base` | [`Base`], where it was begun by a snapshot |
//! | `meta` | `votes` | the last era in which this node has begun to vote as one of several, if it has |
//! | `blocks` | height | [`Header`] |
//! | `bodies` | height | signed transactions, in order; the only family that may be pruned |
//! | `results` | height | entries and events of the transactions, in order |
//! | `certificates` | height | [`Certificate`] |
//! | `sets` | number | the record of a change of the validator set, with the first quorum that this node stored |
//! | `seals` | height | the first quorum of signatures that this node stored, never changed |
//! | `ids` | transaction id | height, place in the block |
//! | `sizes` | size of the log after a block | its height |
//! | `hashes` | level, index | hash of a complete subtree of the log |
//! | `state` | key | the newest record |
//! | `nodes` | see [`crate::tree`] | nodes of the state tree, each written once and deleted once |
//! | `stale` | version | keys of the nodes that this version no longer reaches |
//! | `history` | length of key, key, index | height, place in the block, number of the event |
//!
//! Numbers in keys are big-endian, so order of keys is order of numbers.
//!
//! # Formats
//! The families are the format: these are its first. A release that writes what an older one would misread, here or in
//! a file beside the store, adds a family for that (`format-2`, if it needs no other), and the older one refuses the
//! store by its name before it touches anything ([`kv`]). So a directory is never opened halfway by a release that was
//! put back.
//!
//! # When power fails
//! A block and everything that follows from it are one batch, so either all of it is there or
//! nothing. The seal is a batch of its own: a block without one is sealed when the node starts.

mod copy;
pub mod kv;
mod read;
mod restore;

pub use copy::{CopyError, check_copy};
pub use kv::{Batch, Kv, KvError, Row};
pub use read::{HistoryPointer, Place, Reader, StaleNodes};

use kv::Content;

use crate::{
    archive::{Archive, ArchiveError},
    block::Header,
    log::SubtreeHash,
    ordering::Certificate,
    receipt::SetChange,
    tree::TreeUpdate,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Digest, Height, NetworkId, TimeMs},
    merkle::Frontier,
    outcome::TransactionEntry,
    state::Key,
};
use std::{collections::BTreeMap, path::Path};

/// All families of a ledger.
pub const FAMILIES: &[&str] = &[
    "meta",
    "blocks",
    "bodies",
    "results",
    "certificates",
    "seals",
    "sets",
    "ids",
    "sizes",
    "hashes",
    "state",
    "nodes",
    "stale",
    "history",
];

/// Where the ledger stands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// The network.
    pub network: NetworkId,
    /// Height of the newest block; 0 before the first.
    pub height: Height,
    /// Its id; before the first block, the network's.
    pub block: Digest,
    /// Its time; before the first block, 0.
    pub time_ms: TimeMs,
    /// The log after it.
    pub log: Frontier,
    /// Root of the state after it.
    pub state_root: Digest,
}

/// What comes before the oldest block that a node has.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Base {
    /// The height below it; 0 where it has all blocks.
    pub height: Height,
    /// The id of the block there; the network's id where there is none.
    pub block: Digest,
    /// The log after it.
    pub log: Frontier,
}

/// Why the ledger's store could not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The key-value store said no.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The archive said no.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// What was read is not what belongs there.
    #[error("the ledger's store is damaged: {what} at {at}: {reason}")]
    Damaged {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        at: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is of blocks that come before those of this store.
    #[error(
        "{what} is of blocks up to {base}, which this node does not have: it joined by a snapshot. Ask a node that \
         has all blocks"
    )]
    Before {
        /// What was asked for.
        what: String,
        /// The height below the oldest block.
        base: Height,
    },
    /// The directory belongs to another network.
    #[error("the directory holds network {found}, the anchor names {expected}")]
    OtherNetwork {
        /// Network of the directory.
        found: NetworkId,
        /// Network that was asked for.
        expected: NetworkId,
    },
}

impl StoreError {
    /// Is nothing said about the ledger, since the archive could not be asked?
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Archive(error) if error.is_away())
    }
}

/// The ledger's store.
#[derive(Clone)]
pub struct Store {
    kv: Kv,
    /// Where transactions are that were pruned.
    archive: Option<Archive>,
}

/// One transaction's result as stored.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StoredResult {
    /// The log's word on it.
    pub entry: TransactionEntry,
    /// Its events.
    pub events: Vec<Event>,
}

/// Everything that one block leaves.
pub struct Commit {
    /// What the block says of itself.
    pub header: Header,
    /// Signed transactions, in order.
    pub bodies: Vec<Vec<u8>>,
    /// What became of them, in order.
    pub results: Vec<StoredResult>,
    /// Why it was decided.
    pub certificate: Certificate,
    /// New records, in key order.
    pub changes: BTreeMap<Key, Vec<u8>>,
    /// Subject, index in its history, and where the event is.
    pub histories: Vec<(Key, u64, HistoryPointer)>,
    /// New nodes of the state tree.
    pub tree: TreeUpdate,
    /// New hashes of the log.
    pub hashes: Vec<SubtreeHash>,
    /// Tree nodes that may go now.
    pub prune: Vec<StaleNodes>,
    /// Where the ledger stands after it.
    pub tip: Tip,
}

impl Store {
    /// Opens the store in folder `path`, making it if it is not there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { kv: Kv::open_for(path, FAMILIES, content)?, archive: None })
    }

    /// As [`Store::open`]; signed transactions that were pruned are read from `archive`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_with(path: &Path, archive: Option<Archive>) -> Result<Self, StoreError> {
        Ok(Self { archive, ..Self::open(path)? })
    }

    /// Opens the store in folder `path` to read alone, changing nothing there. Nobody may be writing to it.
    ///
    /// # Errors
    /// [`StoreError`], also where there is none.
    pub fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { kv: Kv::open_read_only(path, FAMILIES, content)?, archive: None })
    }

    /// The store below, for checks over whole families.
    pub fn kv(&self) -> &Kv {
        &self.kv
    }

    /// Reads that see one moment.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self.kv.snapshot(), self.archive.as_ref())
    }

    /// Where the ledger stands, or `None` before the founding was written.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.reader().tip()
    }

    /// Writes the founding state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn found(&self, tip: &Tip, state: &BTreeMap<Key, Vec<u8>>, tree: TreeUpdate) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        state.iter().for_each(|(key, value)| batch.put("state", key.as_bytes(), value.as_slice()));
        tree.nodes.into_iter().for_each(|(key, node)| batch.put("nodes", key, node));
        batch.put("meta", b"tip".as_slice(), encode(tip));
        Ok(self.kv.write(batch)?)
    }

    /// Writes a block with all that follows from it. When this returns, it is durable.
    ///
    /// # Errors
    /// [`StoreError`]; then the state of the store is known only after it is opened anew.
    pub fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let height = commit.header.entry.height;
        let at = height.to_be_bytes();
        let mut batch = Batch::default();
        batch.put("blocks", at, encode(&commit.header));
        batch.put("bodies", at, encode(&commit.bodies));
        batch.put("results", at, encode(&commit.results));
        batch.put("certificates", at, encode(&commit.certificate));
        batch.put("sizes", commit.header.log_size.to_be_bytes(), at);
        for (place, result) in commit.results.iter().enumerate() {
            batch.put("ids", result.entry.transaction.0, Place { height, place: place as u32 }.encode());
        }
        for hash in commit.hashes {
            batch.put("hashes", hash_key(hash.level, hash.index), hash.hash.0);
        }
        commit.changes.into_iter().for_each(|(key, value)| batch.put("state", key.as_bytes(), value));
        for (key, index, pointer) in commit.histories {
            batch.put("history", history_key(&key, index), pointer.encode());
        }
        commit.tree.nodes.into_iter().for_each(|(key, node)| batch.put("nodes", key, node));
        batch.put("stale", at, encode(&commit.tree.stale));
        for stale in commit.prune {
            batch.delete_once("stale", stale.since.to_be_bytes());
            stale.nodes.into_iter().for_each(|node| batch.delete_once("nodes", node));
        }
        batch.put("meta", b"tip".as_slice(), encode(&commit.tip));
        Ok(self.kv.write(batch)?)
    }

    /// Keeps the seal of `height`. Durable when this returns; it never changes afterwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_seal(&self, height: Height, seal: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put("seals", height.to_be_bytes(), seal);
        Ok(self.kv.write(batch)?)
    }

    /// Keeps that this node begins to vote in era `number`. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_votes_since(&self, number: u32) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put("meta", b"votes".as_slice(), encode(&number));
        Ok(self.kv.write(batch)?)
    }

    /// Deletes the signed transactions of blocks `first` to `last`, which are archived, and drops the files that hold
    /// nothing else. The rest of the room comes back by [`Store::reclaim_bodies`], once for many calls of this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn prune_bodies(&self, first: Height, last: Height) -> Result<(), StoreError> {
        let (from, end) = (first.to_be_bytes(), (last + 1).to_be_bytes());
        let mut batch = Batch::default();
        batch.delete_range("bodies", from, end);
        batch.put("meta", b"pruned".as_slice(), encode(&last));
        self.kv.write(batch)?;
        Ok(self.kv.drop_files("bodies", &first.to_be_bytes(), &last.to_be_bytes())?)
    }

    /// Gives the room of blocks `first` to `last`, which were pruned, back to the disk, as far as no view of the store
    /// sees them any longer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reclaim_bodies(&self, first: Height, last: Height) -> Result<(), StoreError> {
        Ok(self.kv.reclaim("bodies", &first.to_be_bytes(), &last.to_be_bytes())?)
    }

    /// Keeps the record of a change of the validator set. Durable when this returns; it never changes
    /// afterwards.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_set_change(&self, change: &SetChange) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.put("sets", change.number.to_be_bytes(), encode(change));
        Ok(self.kv.write(batch)?)
    }
}

fn content(family: &str) -> Content {
    match family {
        "blocks" | "bodies" | "results" | "certificates" => Content::Archive,
        "seals" | "ids" | "hashes" | "nodes" | "stale" | "history" => Content::Hashes,
        _ => Content::Records,
    }
}

fn encode(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}

fn hash_key(level: u8, index: u64) -> Vec<u8> {
    let mut key = vec![level];
    key.extend_from_slice(&index.to_be_bytes());
    key
}

fn history_prefix(key: &Key) -> Vec<u8> {
    let length = u16::try_from(key.as_bytes().len()).expect("keys are made of a tag and a few identifiers");
    [length.to_be_bytes().as_slice(), key.as_bytes()].concat()
}

fn history_key(key: &Key, index: u64) -> Vec<u8> {
    let mut bytes = history_prefix(key);
    bytes.extend_from_slice(&index.to_be_bytes());
    bytes
}
