//! Blocks: what is ordered. A header that commits to everything after execution, and transactions.

use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    execute,
    id::Digest,
    outcome::{BlockEntry, Entry, TransactionEntry},
    transaction::Transaction,
};
use serde::Serialize;

/// What a block says of itself. Its digest is what ordering orders.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Header {
    /// The entry that the block appends last to the log.
    pub entry: BlockEntry,
    /// Digest over the digests of its transactions, in order.
    pub transactions: Digest,
    /// Number of log entries after the block.
    pub log_size: u64,
    /// Root of the log after the block.
    pub log_root: Digest,
}

impl Header {
    /// Is this the last block that its validator set decides?
    pub fn ends_era(&self) -> bool {
        self.entry.validators != self.entry.next_validators
    }

    /// The block's id.
    pub fn id(&self) -> Digest {
        Digest::of(&[b"lonja/block/v1\0", &borsh::to_vec(self).expect("writing to memory does not fail")])
    }
}

/// A header with the bytes of its transactions, in order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// What it says of itself.
    pub header: Header,
    /// Signed transactions as they were submitted.
    pub transactions: Vec<Vec<u8>>,
}

impl Block {
    /// Are its transactions those that its header, and so its id, commits to?
    pub fn is_whole(&self) -> bool {
        let digests = self.transactions.iter().map(|bytes| Transaction::digest_of(bytes));
        self.header.transactions == execute::digest_of_digests(digests)
    }
}

/// Log entries of a block, in order: its transactions', then its own.
pub fn entries<'a>(
    transactions: impl Iterator<Item = &'a TransactionEntry>,
    block: &BlockEntry,
) -> impl Iterator<Item = Entry> {
    transactions.map(|entry| Entry::Transaction(*entry)).chain(std::iter::once(Entry::Block(*block)))
}
