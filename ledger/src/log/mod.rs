//! The transaction log: an RFC 6962 Merkle tree with SHA-256, and its C2SP tiles.
//!
//! Owns appending, proofs of inclusion and of consistency, their verification, and the names and
//! bytes of tiles. It never stores anything: [`append`] returns the hashes to be stored, and proofs
//! are made from whatever a [`HashReader`] returns. Entries themselves are opaque here.
//!
//! Stored is the hash of every complete subtree: (level, index) covers the leaves from
//! `index << level` up to `(index + 1) << level`; level 0 holds the leaves' own hashes, and every
//! eighth level is what a C2SP tile is cut from. The levels between could be recomputed from tiles,
//! and are kept nevertheless: 32 bytes more for each leaf make each step of a proof one read.

use contracts::{
    id::Digest,
    merkle::{self, Frontier, FrontierError},
};

pub mod proof;
pub mod tile;

/// Levels that a tree of at most 2^64 - 1 leaves can have, and so the longest proof of inclusion.
pub const LEVELS_MAX: usize = 64;

/// Where the hashes of complete subtrees are read.
pub trait HashReader {
    /// The hash of complete subtree `index` at `level`.
    ///
    /// # Errors
    /// [`LogError::Missing`] where nothing is stored there, [`LogError::Store`] where reading failed.
    fn hash(&self, level: u8, index: u64) -> Result<Digest, LogError>;
}

/// Why a proof, root or tile could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The subtree is not complete yet, was pruned, or was lost.
    #[error("the log holds no hash of subtree {index} at level {level}")]
    Missing {
        /// Its level.
        level: u8,
        /// Its index in the level.
        index: u64,
    },
    /// The store could not read.
    #[error("cannot read the log: {0}")]
    Store(String),
    /// A leaf was asked for that the tree of this size does not have.
    #[error("a log of {size} entries has no entry {index}")]
    NoSuchEntry {
        /// The leaf.
        index: u64,
        /// The tree.
        size: u64,
    },
    /// A consistency proof goes from the smaller to the larger tree.
    #[error("a log of {new} entries does not extend one of {old}")]
    Shrinking {
        /// The size said to be older.
        old: u64,
        /// The size said to be newer.
        new: u64,
    },
    /// A tile was asked for that does not exist.
    #[error("there is no such tile: {0}")]
    Tile(#[from] tile::TileError),
    /// The stored peaks do not fit their count.
    #[error("the stored frontier is damaged")]
    Frontier(#[from] FrontierError),
}

/// The hash of one complete subtree, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubtreeHash {
    /// Its level; 0 is a leaf.
    pub level: u8,
    /// Its index in the level.
    pub index: u64,
    /// Its RFC 6962 hash.
    pub hash: Digest,
}

/// Appends leaves (hashed by [`merkle::leaf`]) to the tree that `frontier` stands for. Returns the
/// new frontier and the hash of each subtree that became complete, in the order they did.
///
/// # Panics
/// At 2^64 leaves, which no ledger reaches.
pub fn append(frontier: &Frontier, leaves: impl IntoIterator<Item = Digest>) -> (Frontier, Vec<SubtreeHash>) {
    let mut count = frontier.count();
    let mut peaks = frontier.peaks().to_vec();
    let mut complete = Vec::new();
    for leaf in leaves {
        let mut hash = leaf;
        complete.push(SubtreeHash { level: 0, index: count, hash });
        // A carry of binary addition: each bit set at the low end of the count is a peak to merge.
        for level in 1..=count.trailing_ones() {
            let left = peaks.pop().expect("one peak for each bit set in the count");
            hash = merkle::node(&left, &hash);
            complete.push(SubtreeHash { level: level as u8, index: count >> level, hash });
        }
        peaks.push(hash);
        count = count.checked_add(1).expect("a log never holds 2^64 entries");
    }
    let frontier = Frontier::from_parts(count, peaks).expect("merging keeps one peak for each bit set in the count");
    (frontier, complete)
}

/// The frontier of the tree of `size` leaves.
///
/// # Errors
/// [`LogError`] where a hash cannot be read.
pub fn frontier(reader: &impl HashReader, size: u64) -> Result<Frontier, LogError> {
    let peaks = proof::peaks(0, size).map(|(level, index)| reader.hash(level, index)).collect::<Result<_, _>>()?;
    Ok(Frontier::from_parts(size, peaks)?)
}

/// The RFC 6962 root over the first `size` leaves.
///
/// # Errors
/// [`LogError`] where a hash cannot be read.
pub fn root(reader: &impl HashReader, size: u64) -> Result<Digest, LogError> {
    Ok(frontier(reader, size)?.root())
}

/// Subtree hashes in memory, for tests, audits and tools that recompute a log.
#[derive(Clone, Debug, Default)]
pub struct MemoryHashes {
    frontier: Frontier,
    levels: Vec<Vec<Digest>>,
}

impl MemoryHashes {
    /// Appends one leaf hash.
    pub fn push(&mut self, leaf: Digest) {
        let (frontier, complete) = append(&self.frontier, [leaf]);
        for SubtreeHash { level, hash, .. } in complete {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            self.levels[usize::from(level)].push(hash);
        }
        self.frontier = frontier;
    }

    /// The tree as a frontier.
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}

impl HashReader for MemoryHashes {
    fn hash(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        let found = self.levels.get(usize::from(level)).and_then(|hashes| hashes.get(usize::try_from(index).ok()?));
        found.copied().ok_or(LogError::Missing { level, index })
    }
}

#[cfg(test)]
mod tests;
