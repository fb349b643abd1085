//! RFC 6962 Merkle trees, as far as the rules need them: hashes and an appendable frontier.
//!
//! The log itself, its proofs and tiles live in `ledger::log`; both sides use these two hashes.

use crate::id::Digest;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// Hash of a leaf: `SHA-256(0x00 ‖ data)` (RFC 6962, section 2.1).
pub fn leaf(data: &[u8]) -> Digest {
    Digest::of(&[&[0x00], data])
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962, section 2.1).
pub fn node(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[0x01], &left.0, &right.0])
}

/// Root of the empty tree: `SHA-256("")`.
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// An append-only tree, kept as its count and the roots of its perfect subtrees, left to right.
///
/// Invariant: there is one peak for each bit set in `count`, also after decoding, and room for one
/// leaf more.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct Frontier {
    count: u64,
    peaks: Vec<Digest>,
}

/// Peaks and count of a frontier disagree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a frontier of {count} leaves has {expected} peaks, not {peaks}")]
pub struct FrontierError {
    count: u64,
    expected: u32,
    peaks: usize,
}

impl BorshDeserialize for Frontier {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let (count, peaks) = BorshDeserialize::deserialize_reader(reader)?;
        let invalid = |reason: String| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, reason);
        if count == u64::MAX {
            return Err(invalid("a tree never holds 2^64 leaves".into()));
        }
        Self::from_parts(count, peaks).map_err(|error| invalid(error.to_string()))
    }
}

impl Frontier {
    /// The empty tree.
    pub const EMPTY: Self = Self { count: 0, peaks: Vec::new() };

    /// A frontier from its parts, for decoders.
    ///
    /// # Errors
    /// [`FrontierError`] where the number of peaks is not the number of bits set in `count`.
    pub fn from_parts(count: u64, peaks: Vec<Digest>) -> Result<Self, FrontierError> {
        let expected = count.count_ones();
        if peaks.len() != expected as usize {
            return Err(FrontierError { count, expected, peaks: peaks.len() });
        }
        Ok(Self { count, peaks })
    }

    /// Number of leaves.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Appends the hash of a leaf (see [`leaf`]).
    ///
    /// # Panics
    /// When the tree is full, at 2^64 - 1 leaves: no ledger gets there.
    pub fn append(&mut self, leaf_hash: Digest) {
        let mut merged = leaf_hash;
        for _ in 0..self.count.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit set in count");
            merged = node(&left, &merged);
        }
        self.peaks.push(merged);
        self.count = self.count.checked_add(1).expect("a tree never holds 2^64 leaves");
    }

    /// The RFC 6962 root over all leaves.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(last) => peaks.fold(*last, |right, left| node(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962's own recursive definition, slow and obviously right.
    fn naive(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [one] => *one,
            many => {
                let mut split = 1;
                while split * 2 < many.len() {
                    split *= 2;
                }
                node(&naive(&many[..split]), &naive(&many[split..]))
            }
        }
    }

    #[test]
    fn the_frontier_agrees_with_the_definition() {
        let leaves: Vec<_> = (0u32..200).map(|i| leaf(&i.to_be_bytes())).collect();
        let mut frontier = Frontier::EMPTY;
        for (count, leaf_hash) in leaves.iter().enumerate() {
            assert_eq!(frontier.root(), naive(&leaves[..count]));
            frontier.append(*leaf_hash);
            assert_eq!(frontier.peaks().len() as u32, frontier.count().count_ones());
        }
    }

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(empty_root().to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
