//! The rows of the read model and the order of their keys.

use super::IndexError;
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Digest, Height, TransactionId},
    outcome::{BlockEntry, Outcome},
    transaction::Transaction,
};

/// Where something happened: block, place of the transaction in it, number of the event. Sorts by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Height of the block.
    pub height: Height,
    /// Place of the transaction in the block, from 0.
    pub place: u32,
    /// Number of the event in the transaction, from 0.
    pub event: u16,
}

impl At {
    /// Length of its bytes.
    pub const BYTES: usize = 14;
    /// Later than everything.
    pub const LAST: Self = Self { height: u64::MAX, place: u32::MAX, event: u16::MAX };

    /// Bytes in the order of time.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.height.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.place.to_be_bytes());
        bytes[12..].copy_from_slice(&self.event.to_be_bytes());
        bytes
    }

    /// The position whose bytes these are.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; Self::BYTES] = bytes.try_into().ok()?;
        Some(Self {
            height: u64::from_be_bytes(bytes[..8].try_into().ok()?),
            place: u32::from_be_bytes(bytes[8..12].try_into().ok()?),
            event: u16::from_be_bytes(bytes[12..].try_into().ok()?),
        })
    }

    /// The position just before, for going back from a cursor.
    pub fn before(&self) -> Option<Self> {
        let Self { height, place, event } = *self;
        if event > 0 {
            return Some(Self { event: event - 1, ..*self });
        }
        if place > 0 {
            return Some(Self { place: place - 1, event: u16::MAX, height });
        }
        (height > 0).then(|| Self { height: height - 1, place: u32::MAX, event: u16::MAX })
    }

    /// The key of the transaction's row.
    pub fn row_key(&self) -> [u8; 12] {
        let mut key = [0; 12];
        key.copy_from_slice(&self.bytes()[..12]);
        key
    }
}

/// A block as the ledger says it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockRow {
    /// The log's word on it.
    pub entry: BlockEntry,
    /// Its id.
    pub id: Digest,
    /// Transactions that were refused.
    pub refused: u32,
    /// Log index of its first entry. The block entry itself is last.
    pub first_index: u64,
}

/// A transaction and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Row {
    /// Which.
    pub id: TransactionId,
    /// Index of its entry in the log.
    pub index: u64,
    /// What was signed.
    pub transaction: Transaction,
    /// What became of it.
    pub outcome: Outcome,
    /// The facts.
    pub events: Vec<Event>,
}

impl Row {
    /// Did a policy say no?
    pub fn refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused { .. })
    }
}

/// Decodes a row that this program wrote.
///
/// # Errors
/// [`IndexError::Damaged`] naming the kind of row.
pub fn decode<T: BorshDeserialize>(what: &'static str, bytes: &[u8]) -> Result<T, IndexError> {
    T::try_from_slice(bytes).map_err(|_| IndexError::Damaged(what))
}

/// The bytes of a row.
pub fn encode<T: BorshSerialize>(row: &T) -> Vec<u8> {
    borsh::to_vec(row).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_their_bytes() {
        let at = |height, place, event| At { height, place, event };
        let ordered = [at(0, 0, 0), at(0, 0, 1), at(0, 1, 0), at(1, 0, 0), at(256, 0, 0), At::LAST];
        assert!(ordered.windows(2).all(|pair| pair[0].bytes() < pair[1].bytes() && pair[0] < pair[1]));
        for position in ordered {
            assert_eq!(At::from_bytes(&position.bytes()), Some(position));
            assert!(position.before().is_none_or(|before| before < position));
        }
        assert_eq!(at(0, 0, 0).before(), None);
        assert_eq!(At::from_bytes(&[0; 13]), None);
    }
}
