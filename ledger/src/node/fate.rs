//! What becomes of a submission.

use crate::{
    block::Header,
    log::{
        HashReader, LogError,
        proof::{TreeHead, inclusion},
    },
    receipt::{Receipt, Seal, Statement},
    store::StoredResult,
};
use contracts::{
    execute::Inadmissible,
    id::{Digest, NetworkId},
    outcome::Entry,
};
use std::{collections::HashMap, sync::Arc};

/// What became of a submission.
#[derive(Clone)]
pub enum Fate {
    /// It is in a block, applied or refused: the block, and its place in it.
    Committed(Arc<Decided>, u32),
    /// It may not be in a block.
    Dropped(Inadmissible),
    /// Executing it failed in a way that is our fault; it was left out.
    Faulty,
    /// What came with the same bytes, handed in at the same time, could not be kept.
    Unkept,
}

/// A block that was committed and sealed, with what is needed to make receipts for it.
pub struct Decided {
    pub(super) network: NetworkId,
    /// What the block says of itself.
    pub header: Header,
    /// What became of its transactions, in order.
    pub results: Vec<StoredResult>,
    /// The signatures.
    pub seal: Seal,
    pub(super) hashes: HashMap<(u8, u64), Digest>,
}

impl Decided {
    /// Number of the log entry of the transaction at `place`.
    pub fn index(&self, place: u32) -> u64 {
        self.header.log_size - 1 - u64::from(self.header.entry.transactions) + u64::from(place)
    }

    /// The receipt of the transaction at `place`.
    ///
    /// # Errors
    /// [`LogError`], when a hash of the path is missing: the block was assembled wrongly.
    ///
    /// # Panics
    /// When the block has no such place.
    pub fn receipt(&self, place: u32) -> Result<Receipt, LogError> {
        let index = self.index(place);
        let checkpoint = TreeHead { size: self.header.log_size, root: self.header.log_root };
        let statement = Statement {
            network: self.network,
            index,
            entry: Entry::Transaction(self.results[place as usize].entry),
            path: inclusion(self, index, checkpoint.size)?,
            checkpoint,
        };
        Ok(Receipt { statement, seal: self.seal.clone() })
    }
}

impl HashReader for Decided {
    fn hash(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        self.hashes.get(&(level, index)).copied().ok_or(LogError::Missing { level, index })
    }
}
