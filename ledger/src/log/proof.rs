//! Proofs of inclusion and of consistency: making them (RFC 6962, 2.1.1 and 2.1.2) and checking them
//! (RFC 9162, 2.1.3.2 and 2.1.4.2).

use super::{HashReader, LEVELS_MAX, LogError};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::Digest,
    merkle::{empty_root, node},
};
use serde::{Deserialize, Serialize};

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The entry would lie outside the tree.
    #[error("entry {index} lies outside a log of {size}")]
    Outside {
        /// The entry.
        index: u64,
        /// The tree.
        size: u64,
    },
    /// The number of hashes does not fit index and size.
    #[error("the proof has {got} hashes where {expected} belong")]
    Length {
        /// What index and size call for.
        expected: usize,
        /// What was there.
        got: usize,
    },
    /// The old tree is larger than the new one.
    #[error("a log of {new} entries does not extend one of {old}")]
    Shrinking {
        /// The size said to be older.
        old: u64,
        /// The size said to be newer.
        new: u64,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to root {got}, not to {expected}")]
    Root {
        /// What was to be proven.
        expected: Digest,
        /// Where the hashes lead.
        got: Digest,
    },
}

/// The largest power of two below `size`; `size` is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The complete subtrees, largest first, that make up `begin..end`, whose begin is aligned to them.
pub(crate) fn peaks(begin: u64, end: u64) -> impl Iterator<Item = (u8, u64)> {
    let size = end - begin;
    let mut at = begin;
    (0..u64::BITS as u8).rev().filter(move |level| size >> level & 1 == 1).map(move |level| {
        let index = at >> level;
        at = at.saturating_add(1 << level);
        (level, index)
    })
}

/// MTH(D[begin:end]) of RFC 6962 for a range that occurs in a proof.
fn range_hash(reader: &impl HashReader, begin: u64, end: u64) -> Result<Digest, LogError> {
    let mut peaks = peaks(begin, end).collect::<Vec<_>>().into_iter().rev();
    let Some((level, index)) = peaks.next() else { return Ok(empty_root()) };
    let mut hash = reader.hash(level, index)?;
    for (level, index) in peaks {
        hash = node(&reader.hash(level, index)?, &hash);
    }
    Ok(hash)
}

/// PATH(index, D[size]): the hashes from the leaf's sibling up to a child of the root.
///
/// # Errors
/// [`LogError::NoSuchEntry`], or what the reader says.
pub fn inclusion(reader: &impl HashReader, index: u64, size: u64) -> Result<Vec<Digest>, LogError> {
    if index >= size {
        return Err(LogError::NoSuchEntry { index, size });
    }
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(range_hash(reader, middle, end)?);
            end = middle;
        } else {
            path.push(range_hash(reader, begin, middle)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// PROOF(old, D[new]): that the log of `new` entries begins with the log of `old`. Empty where the
/// sizes are equal or `old` is 0.
///
/// # Errors
/// [`LogError::Shrinking`], or what the reader says.
pub fn consistency(reader: &impl HashReader, old: u64, new: u64) -> Result<Vec<Digest>, LogError> {
    if old > new {
        return Err(LogError::Shrinking { old, new });
    }
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    let (mut begin, mut end, mut whole) = (0, new, true);
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(range_hash(reader, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(reader, begin, middle)?);
            begin = middle;
            whole = false;
        }
    }
    // The verifier knows the old root, so it is left out where it is itself the subtree.
    if !whole {
        proof.push(range_hash(reader, begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// How many hashes the path of `index` in a tree of `size` has. `index` is below `size`.
fn inclusion_length(index: u64, size: u64) -> usize {
    let last = size - 1;
    // Below the level where the leaf's path leaves the right edge, each level has a sibling; above
    // it, only the levels where the edge turns right.
    let inner = u64::BITS - (index ^ last).leading_zeros();
    let border = if inner < u64::BITS { (index >> inner).count_ones() } else { 0 };
    (inner + border) as usize
}

/// The root to which `path` leads from leaf hash `leaf` (RFC 9162, 2.1.3.2).
///
/// # Errors
/// [`ProofError::Outside`] or [`ProofError::Length`].
pub fn root_of_inclusion(leaf: &Digest, index: u64, size: u64, path: &[Digest]) -> Result<Digest, ProofError> {
    if index >= size {
        return Err(ProofError::Outside { index, size });
    }
    let expected = inclusion_length(index, size);
    debug_assert!(expected <= LEVELS_MAX);
    if path.len() != expected {
        return Err(ProofError::Length { expected, got: path.len() });
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            // Step 4.b.ii: climb over the levels where the right edge has no sibling.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    debug_assert_eq!(last, 0, "the length was checked against index and size");
    Ok(hash)
}

/// Checks that the entry with leaf hash `leaf` is number `index` of the log of `size` entries with `root`.
///
/// # Errors
/// [`ProofError`].
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    let got = root_of_inclusion(leaf, index, size, path)?;
    if got == *root { Ok(()) } else { Err(ProofError::Root { expected: *root, got }) }
}

/// A tree as a checkpoint names it. Binary form: size (8 bytes, little-endian), root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

/// Checks that the log of `new` begins with the log of `old` (RFC 9162, 2.1.4.2).
///
/// # Errors
/// [`ProofError`].
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, proof: &[Digest]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::Shrinking { old: old.size, new: new.size });
    }
    let expect = |expected: &Digest, got: Digest| {
        if got == *expected { Ok(()) } else { Err(ProofError::Root { expected: *expected, got }) }
    };
    if old.size == 0 || old.size == new.size {
        return match proof.len() {
            0 if old.size == 0 => expect(&old.root, empty_root()),
            0 => expect(&new.root, old.root),
            got => Err(ProofError::Length { expected: 0, got }),
        };
    }
    let expected = consistency_length(old.size, new.size);
    if proof.len() != expected {
        return Err(ProofError::Length { expected, got: proof.len() });
    }
    // Steps 1 to 4: start at the largest complete subtree that ends where the old tree ends.
    let (mut at, mut last) = (old.size - 1, new.size - 1);
    let skipped = at.trailing_ones();
    at >>= skipped;
    last >>= skipped;
    let (first, rest) = if old.size.is_power_of_two() { (&old.root, proof) } else { (&proof[0], &proof[1..]) };
    let (mut old_root, mut new_root) = (*first, *first);
    for sibling in rest {
        if at & 1 == 1 || at == last {
            old_root = node(sibling, &old_root);
            new_root = node(sibling, &new_root);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_root = node(&new_root, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    expect(&old.root, old_root)?;
    expect(&new.root, new_root)
}

/// How many hashes the proof from `old` to `new` has; both are positive and differ.
fn consistency_length(old: u64, new: u64) -> usize {
    let skipped = (old - 1).trailing_ones();
    let path = inclusion_length((old - 1) >> skipped, ((new - 1) >> skipped) + 1);
    path + usize::from(!old.is_power_of_two())
}
