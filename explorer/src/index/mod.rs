//! The read model: what the pages show, kept in step with the ledger.
//!
//! It owns rows that can all be rebuilt from the ledger. Each block is executed here again under
//! the rules, from the founding state on, and its outcomes and events are compared with what the
//! log says: an explorer that only copied the node's words would repeat its lies. Rows and cursor
//! are written in one batch, so a crash leaves neither half a block nor a gap. It never asks the
//! network anything and never decides what a reader may see (see [`crate::view::redact`]).

mod era;
mod govern;
mod mention;
mod names;
mod read;
mod rows;
mod thing;

pub use era::{Era, validator};
pub use names::words;
pub use read::{Found, Listed, Page, Reader, Target};
pub use rows::{At, BlockRow, Row};
pub use thing::{Kind, ListKind, Thing};

use crate::limits::LIVE_QUEUE_BLOCKS;
use contracts::{
    execute::{self, Context},
    founding::Founding,
    id::{Height, NetworkId, TimeMs},
    state::{Fault, Key, View},
    transaction::Checked,
};
use ledger::{
    api::follow::{Cursor, Followed},
    store::kv::{Kv, KvError},
};
use mention::Rows;
use parking_lot::RwLock;
use std::{collections::BTreeMap, path::Path};
use tokio::sync::broadcast;

/// Names of the families of rows, and what each holds.
pub(crate) mod family {
    /// Cursor, tip, format.
    pub const META: &str = "meta";
    /// Height to block.
    pub const BLOCKS: &str = "blocks";
    /// Height and place to transaction with outcome and events.
    pub const ROWS: &str = "rows";
    /// Identifier and kind to where it is.
    pub const IDS: &str = "ids";
    /// Key to record, as the state tree has it.
    pub const STATE: &str = "state";
    /// Thing and position to nothing: timelines.
    pub const ABOUT: &str = "about";
    /// List, scope and position to identifier.
    pub const LISTS: &str = "lists";
    /// List or timeline to its number of rows.
    pub const COUNTS: &str = "counts";
    /// Word, kind and identifier to nothing.
    pub const NAMES: &str = "names";
    /// Number to era: which validators decided from which height on.
    pub const ERAS: &str = "eras";
    /// All of them.
    pub const ALL: &[&str] = &[META, BLOCKS, ROWS, IDS, STATE, ABOUT, LISTS, COUNTS, NAMES, ERAS];
}

/// Changes when rows change their form: an index of another form is named as such, then rebuilt by hand.
const FORMAT: &[u8] = b"explorer-index-3";
const META_FORMAT: &[u8] = b"format";
const META_CURSOR: &[u8] = b"cursor";
const META_NETWORK: &[u8] = b"network";

/// Are the rows of `kv` of this release? For an audit, which opens what may be damaged by itself.
pub(crate) fn format_of(kv: &Kv) -> Result<(), String> {
    match kv.get(family::META, META_FORMAT) {
        Ok(Some(format)) if format == FORMAT => Ok(()),
        Ok(Some(_)) => Err("its rows are of another form".into()),
        Ok(None) => Err("its rows have no form".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// A block's row, as it is stored.
pub(crate) fn decode_block(bytes: &[u8]) -> Result<BlockRow, IndexError> {
    rows::decode("block", bytes)
}

/// Why the read model stopped or could not answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The store failed.
    #[error("the explorer's store failed")]
    Store(#[from] KvError),
    /// The store holds rows of another release.
    #[error(
        "{0} holds an index of another form: stop the explorer, delete that folder and start again; it is rebuilt from the ledger"
    )]
    Format(String),
    /// The store holds rows of another network.
    #[error("the index is of network {found}, the anchor names {expected}: point the explorer at its own folder")]
    Network {
        /// Network of the rows.
        found: String,
        /// Network of the anchor.
        expected: NetworkId,
    },
    /// A row does not decode.
    #[error(
        "a row of the index ({0}) is damaged: stop the explorer, delete its folder and start again; it is rebuilt from the ledger"
    )]
    Damaged(&'static str),
    /// A block does not follow the last one.
    #[error("block {got} came where {expected} was due")]
    NotNext {
        /// The height that was due.
        expected: Height,
        /// The height that came.
        got: Height,
    },
    /// What the ledger says and what the rules say are two things.
    #[error("at height {height} the ledger and the rules disagree: {what}. Nothing after height {} is shown; ask the operator, and keep the receipts that you have", height.saturating_sub(1))]
    Diverged {
        /// The block.
        height: Height,
        /// What differs.
        what: String,
    },
    /// The state could not be read.
    #[error("the index's state: {0}")]
    Fault(#[from] Fault),
}

/// How far the read model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// The last block in it.
    pub height: Height,
    /// That block's time; 0 before block 1.
    pub time_ms: TimeMs,
}

/// The read model.
pub struct Index {
    kv: Kv,
    network: NetworkId,
    tip: RwLock<Tip>,
    live: broadcast::Sender<BlockRow>,
}

impl Index {
    /// Opens the read model in `dir`, or starts an empty one.
    ///
    /// # Errors
    /// [`IndexError`]: the store, another network's or another release's rows.
    pub fn open(dir: &Path, network: NetworkId) -> Result<Self, IndexError> {
        let kv = Kv::open(dir, family::ALL)?;
        match (kv.get(family::META, META_FORMAT)?, kv.get(family::META, META_NETWORK)?) {
            (None, None) => {
                let mut rows = Rows::default();
                rows.put(family::META, META_FORMAT, FORMAT);
                rows.put(family::META, META_NETWORK, network.as_bytes());
                kv.write(rows.into_batch())?;
            }
            (Some(format), _) if format != FORMAT => return Err(IndexError::Format(dir.display().to_string())),
            (_, Some(found)) if found != network.as_bytes() => {
                return Err(IndexError::Network { found: hex::encode(found), expected: network });
            }
            _ => {}
        }
        let newest = kv.scan_back(family::BLOCKS, &u64::MAX.to_be_bytes(), &[], 1)?;
        let tip = match newest.first() {
            None => Tip::default(),
            Some((_, bytes)) => {
                let row: BlockRow = rows::decode("block", bytes)?;
                Tip { height: row.entry.height, time_ms: row.entry.time_ms }
            }
        };
        Ok(Self { kv, network, tip: RwLock::new(tip), live: broadcast::channel(LIVE_QUEUE_BLOCKS).0 })
    }

    /// Where to go on following.
    ///
    /// # Errors
    /// [`IndexError`] where the store cannot say.
    pub fn cursor(&self) -> Result<Cursor, IndexError> {
        match self.kv.get(family::META, META_CURSOR)? {
            None => Ok(Cursor::default()),
            Some(bytes) => rows::decode("cursor", &bytes),
        }
    }

    /// Takes up one verified block: executes it again, compares, writes everything at once.
    ///
    /// # Errors
    /// [`IndexError`]; nothing of the block is then kept.
    pub fn take(&self, followed: &Followed) -> Result<(), IndexError> {
        if let Some(founding) = &followed.founding {
            self.found(founding)?;
        }
        if followed.height == 0 {
            return Ok(());
        }
        let expected = self.tip.read().height + 1;
        if followed.height != expected {
            return Err(IndexError::NotNext { expected, got: followed.height });
        }
        let executed = self.execute(followed)?;
        let (mut rows, block) = mention::rows_of_block(self, followed, &executed)?;
        rows.put(family::META, META_CURSOR, &rows::encode(&followed.cursor));
        // Readers wait for the batch, so what one page shows is of one height.
        let mut tip = self.tip.write();
        self.kv.write(rows.into_batch())?;
        *tip = Tip { height: block.entry.height, time_ms: block.entry.time_ms };
        drop(tip);
        // Nobody listening is no error.
        let _ = self.live.send(block);
        Ok(())
    }

    /// Writes the founding state. Writing it again changes nothing.
    fn found(&self, founding: &Founding) -> Result<(), IndexError> {
        let state = founding.state().map_err(|malformed| IndexError::Diverged {
            height: 0,
            what: format!("the founding document is malformed: {malformed}"),
        })?;
        if self.kv.get(family::STATE, contracts::founding::Parameters::key().as_bytes())?.is_some() {
            return Ok(());
        }
        Ok(self.kv.write(mention::rows_of_founding(self, founding, &state)?.into_batch())?)
    }

    /// Executes the block under the rules and compares with what the ledger says of it.
    fn execute(&self, followed: &Followed) -> Result<BTreeMap<Key, Vec<u8>>, IndexError> {
        let height = followed.height;
        let diverged = |what: String| IndexError::Diverged { height, what };
        let context = Context { network: self.network, height, time_ms: followed.time_ms };
        let checked: Vec<Checked> = followed
            .items
            .iter()
            .map(|item| item.transaction.clone().check(&self.network))
            .collect::<Result<_, _>>()
            .map_err(|error| diverged(error.to_string()))?;
        let executed = execute::execute(self, &context, &checked).map_err(|error| diverged(error.to_string()))?;
        for (item, done) in followed.items.iter().zip(&executed.done) {
            if item.id != done.entry.transaction || item.outcome != done.entry.outcome || item.events != done.events {
                return Err(diverged(format!("transaction {} has another outcome under the rules", item.id)));
            }
        }
        Ok(executed.changes)
    }

    /// A consistent view of everything up to one height. Keep it short: blocks wait meanwhile.
    pub fn read(&self) -> Reader<'_> {
        Reader::new(&self.kv, self.network, self.tip.read())
    }

    /// How far the read model is.
    pub fn tip(&self) -> Tip {
        *self.tip.read()
    }

    /// Hears of each block once it is readable.
    pub fn listen(&self) -> broadcast::Receiver<BlockRow> {
        self.live.subscribe()
    }

    pub(crate) fn kv(&self) -> &Kv {
        &self.kv
    }
}

impl View for Index {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.kv.get(family::STATE, key.as_bytes()).map_err(|error| Fault::Read(error.to_string()))
    }
}

#[cfg(test)]
mod tests;
