//! Outcomes and log entries: what the append-only log says of each transaction and block.

use crate::{
    id::{Digest, Height, TimeMs, TransactionId},
    merkle,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// What became of a transaction that is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it asked for.
    Applied,
    /// A policy said no; the code is that of [`crate::rejection::Rejection`].
    Refused {
        /// Permanent code.
        code: u8,
    },
}

/// The log's word on one transaction: 98 or 99 bytes with its tag. Never holds the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct TransactionEntry {
    /// Which.
    pub transaction: TransactionId,
    /// SHA-256 of the signed transaction. Once the body is deleted, its nonce blinds this.
    pub digest: Digest,
    /// What became of it.
    pub outcome: Outcome,
    /// SHA-256 over its events.
    pub events: Digest,
}

/// The log's word on one block, appended last. Checkpoints exist only at sizes that end in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct BlockEntry {
    /// The block's height.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// The block before it, as ordering names it.
    pub parent: Digest,
    /// Proposal round in which it was decided; 0 in a solo network.
    pub round: u32,
    /// Number of transactions in it.
    pub transactions: u32,
    /// Root of the log before this block's entries.
    pub log_root_before: Digest,
    /// Root of the state tree after this block.
    pub state_root: Digest,
    /// Digest of the validator set that decided it.
    pub validators: Digest,
    /// Digest of the set that decides the next one.
    pub next_validators: Digest,
    /// Digest of the ids that are refused as replays after this block.
    pub replay: Digest,
}

/// One entry of the log. The tag in front is its version and kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[borsh(use_discriminant = true)]
#[serde(tag = "entry", rename_all = "kebab-case")]
#[repr(u8)]
pub enum Entry {
    /// Of a transaction.
    Transaction(TransactionEntry) = 1,
    /// Of a block.
    Block(BlockEntry) = 2,
}

impl Entry {
    /// The bytes whose leaf hash is in the log.
    pub fn bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// The leaf hash (RFC 6962).
    pub fn leaf(&self) -> Digest {
        merkle::leaf(&self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_the_size_that_receipts_reckon_with() {
        let entry = |outcome| {
            Entry::Transaction(TransactionEntry {
                transaction: TransactionId([1; 32]),
                digest: Digest([2; 32]),
                outcome,
                events: Digest([3; 32]),
            })
        };
        assert_eq!(entry(Outcome::Applied).bytes().len(), 98);
        assert_eq!(entry(Outcome::Refused { code: 7 }).bytes().len(), 99);
    }
}
