//! What is proven on top of a receipt: a height with its state root, records in that state, and the
//! whole history of a record.

use super::{Receipt, ReceiptError, Trust, Verified};
use crate::tree::{ProofError, StateProof};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Digest, Height, TransactionId},
    merkle::{self, Frontier},
    outcome::{BlockEntry, Entry},
    state::{Key, history_leaf},
};
use serde::Serialize;

/// The receipt of a block entry: this height, its time and its state root are so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HeightProof {
    /// A receipt whose entry is a block's.
    pub receipt: Receipt,
}

/// Why evidence does not convince.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The receipt does not hold.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A height is proven by a block entry.
    #[error("the height proof is of entry {0}, which is no block entry")]
    NotABlock(u64),
    /// The state proof does not hold.
    #[error("the proof of record {key} does not hold")]
    State {
        /// Which record.
        key: Key,
        /// Why.
        #[source]
        source: ProofError,
    },
    /// What is proven is no record.
    #[error("the record {0} cannot be read")]
    Record(Key),
    /// There is no record, so it has no history.
    #[error("there is no record {0}, so it has no history")]
    Absent(Key),
    /// The events are not those of the record's history: one is missing, added, changed or moved.
    #[error("these {got} events are not the {expected} of record {key}")]
    History {
        /// Which record.
        key: Key,
        /// How many events the record counts.
        expected: u64,
        /// How many were given.
        got: u64,
    },
}

impl HeightProof {
    /// Checks the receipt, and that its entry is a block's.
    ///
    /// # Errors
    /// [`EvidenceError::Receipt`] or [`EvidenceError::NotABlock`].
    pub fn verify(&self, trust: &Trust) -> Result<(BlockEntry, Verified), EvidenceError> {
        let Entry::Block(block) = self.receipt.statement.entry else {
            return Err(EvidenceError::NotABlock(self.receipt.statement.index));
        };
        let verified = self.receipt.verify(trust)?;
        Ok((block, verified))
    }
}

/// A record, or that there is none, with its proof against a height's state root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct StateEvidence {
    /// Its key.
    pub key: Key,
    /// The record's bytes, or `None` where there is none.
    pub value: Option<Vec<u8>>,
    /// The proof.
    pub proof: StateProof,
}

impl StateEvidence {
    /// Checks the proof against the state root of `block`, which was verified before.
    ///
    /// # Errors
    /// [`EvidenceError::State`].
    pub fn verify(&self, block: &BlockEntry) -> Result<(), EvidenceError> {
        let proven = self.proof.verify(&block.state_root, &self.key, self.value.as_deref());
        proven.map_err(|source| EvidenceError::State { key: self.key.clone(), source })
    }

    /// The frontier of the record's history: how many events there are, and what they were.
    ///
    /// # Errors
    /// [`EvidenceError::Absent`] or [`EvidenceError::Record`].
    pub fn history(&self) -> Result<Frontier, EvidenceError> {
        let bytes = self.value.as_deref().ok_or_else(|| EvidenceError::Absent(self.key.clone()))?;
        frontier(bytes).ok_or_else(|| EvidenceError::Record(self.key.clone()))
    }
}

/// The frontier at the head of a record's bytes.
fn frontier(mut bytes: &[u8]) -> Option<Frontier> {
    let count = u64::deserialize(&mut bytes).ok()?;
    let peaks = u32::deserialize(&mut bytes).ok()?;
    // Checked before anything is reserved for them.
    if peaks != count.count_ones() {
        return None;
    }
    let peaks = (0..peaks).map(|_| Digest::deserialize(&mut bytes)).collect::<Result<_, _>>().ok()?;
    Frontier::from_parts(count, peaks).ok()
}

/// One event of a history, with what its leaf commits to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct HistoryLeaf {
    /// Height of the block.
    pub height: Height,
    /// The transaction that caused it.
    pub transaction: TransactionId,
    /// Number of the event in the transaction.
    pub number: u16,
    /// What happened.
    pub event: Event,
}

impl HistoryLeaf {
    /// Its leaf hash.
    pub fn hash(&self) -> Digest {
        merkle::leaf(&self.bytes())
    }

    /// The data of its leaf.
    pub fn bytes(&self) -> Vec<u8> {
        history_leaf(self.height, &self.transaction, self.number, &self.event)
    }
}

/// A record with all events of its history: "these are all, up to that height".
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct HistoryEvidence {
    /// The record.
    pub state: StateEvidence,
    /// All its events, oldest first.
    pub leaves: Vec<HistoryLeaf>,
}

impl HistoryEvidence {
    /// Checks the record, and that its history is exactly these events.
    ///
    /// # Errors
    /// [`EvidenceError`].
    pub fn verify(&self, block: &BlockEntry) -> Result<(), EvidenceError> {
        self.state.verify(block)?;
        let history = self.state.history()?;
        let mut recomputed = Frontier::EMPTY;
        self.leaves.iter().for_each(|leaf| recomputed.append(leaf.hash()));
        if recomputed == history {
            return Ok(());
        }
        let key = self.state.key.clone();
        Err(EvidenceError::History { key, expected: history.count(), got: recomputed.count() })
    }
}
