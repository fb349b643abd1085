//! The read model: the state of the market as of the newest block that was followed, and indexes.
//!
//! It executes each block with the same rules as the ledger and compares outcome and events with
//! what the block says, so a row is never somebody's word. State, indexes and cursor of a block are
//! one durable batch: a crash leaves all of a block or none. It owns a folder that may be deleted at
//! any time and is then built again from the first block. It never holds anything that the ledger
//! does not, and never writes to the ledger.

mod apply;
mod audit;
mod index;
mod page;
mod read;

pub use apply::Touched;
pub(crate) use audit::{audit, claimed_height};
pub use index::{Posting, PostingKind, RefusalRow};
pub use page::{List, Page, PageStart};
pub use read::{AgreementSide, OfferRow};

use borsh::BorshDeserialize;
use contracts::{
    execute::ExecuteError,
    id::{Height, NetworkId, SideId, TimeMs},
    state::{Fault, Key, View},
    takedown::TakenDown,
};
use ledger::{
    api::follow::Cursor,
    store::kv::{Batch, Kv, KvError},
};
use std::path::Path;

const STATE: &str = "state";
const INDEX: &str = "index";
const META: &str = "meta";
/// Changed whenever rows are written differently; rows of another format are built again.
const FORMAT: u32 = 2;

/// Up to which block the rows are true.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize, serde::Serialize,
)]
pub struct Tip {
    /// Height of the block.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// The newest block that changed what search shows.
    #[serde(skip)]
    pub listed: Height,
}

/// The read model.
pub struct Rows {
    kv: Kv,
    network: NetworkId,
    tip: parking_lot::RwLock<Tip>,
}

/// Why the read model could not take up or tell something.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The store.
    #[error("the market's rows")]
    Store(#[from] KvError),
    /// A row is not what was written.
    #[error("a row of the market is damaged ({0}): delete the folder `rows` and it is built again from the ledger")]
    Damaged(String),
    /// A page of another list was asked for.
    #[error(
        "this cursor is of another list, or of this one asked otherwise: begin without a cursor, and use those that its pages give"
    )]
    OtherList,
    /// The rows belong to another network.
    #[error("the rows in this folder are of network {found}, not of {expected}: choose another folder")]
    WrongNetwork {
        /// Of the folder.
        found: NetworkId,
        /// Of the trust anchor.
        expected: NetworkId,
    },
    /// The block does not execute here as it says.
    #[error("block {height} does not follow from the rules: {reason}")]
    Disagrees {
        /// Which.
        height: Height,
        /// In what.
        reason: String,
    },
    /// The rules could not run.
    #[error("block {height} cannot be executed")]
    Execute {
        /// Which.
        height: Height,
        /// Why.
        #[source]
        source: ExecuteError,
    },
}

impl Rows {
    /// Opens the rows in `folder` for `network`, empty where there are none.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn open(folder: &Path, network: NetworkId) -> Result<Self, RowsError> {
        let mut kv = Kv::open(folder, &[STATE, INDEX, META])?;
        match kv.get(META, b"format")? {
            Some(bytes) if bytes == FORMAT.to_be_bytes() => {}
            None => Self::begin(&kv, network)?,
            Some(_) => {
                drop(kv);
                std::fs::remove_dir_all(folder).map_err(|error| RowsError::Damaged(error.to_string()))?;
                kv = Kv::open(folder, &[STATE, INDEX, META])?;
                Self::begin(&kv, network)?;
            }
        }
        let found = kv.get(META, b"network")?.and_then(|bytes| bytes.try_into().ok()).map(NetworkId);
        match found {
            Some(found) if found == network => {}
            Some(found) => return Err(RowsError::WrongNetwork { found, expected: network }),
            None => return Err(RowsError::Damaged("network".into())),
        }
        let tip = match kv.get(META, b"tip")? {
            Some(bytes) => Tip::try_from_slice(&bytes).map_err(|_| RowsError::Damaged("tip".into()))?,
            None => Tip::default(),
        };
        Ok(Self { kv, network, tip: parking_lot::RwLock::new(tip) })
    }

    fn begin(kv: &Kv, network: NetworkId) -> Result<(), RowsError> {
        let mut batch = Batch::default();
        batch.put(META, b"format".as_slice(), FORMAT.to_be_bytes());
        batch.put(META, b"network".as_slice(), network.0);
        Ok(kv.write(batch)?)
    }

    /// Up to which block the rows are true.
    pub fn tip(&self) -> Tip {
        *self.tip.read()
    }

    /// The network whose rows these are.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// Where following goes on.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn cursor(&self) -> Result<Cursor, RowsError> {
        match self.kv.get(META, b"cursor")? {
            Some(bytes) => Cursor::try_from_slice(&bytes).map_err(|_| RowsError::Damaged("cursor".into())),
            None => Ok(Cursor::default()),
        }
    }

    /// Was `side` taken down?
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn is_taken_down(&self, side: &SideId) -> Result<bool, RowsError> {
        Ok(self.get::<TakenDown>(&TakenDown::key(side))?.is_some())
    }
}

impl View for Rows {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.kv.get(STATE, key.as_bytes()).map_err(|error| Fault::Read(error.to_string()))
    }
}
