//! The state tree: one root over all records, in the Jellyfish Merkle format with SHA-256.
//!
//! Owns the shape of the tree, its hashes, its update and its proofs of presence and absence. It
//! never stores: nodes are read through a [`NodeReader`] and new ones are returned by [`update`].
//! Values are not in it, only their hashes; the caller keeps them under their keys.
//!
//! # The format
//! Logically a binary sparse Merkle tree over 256-bit key hashes, most significant bit first, where
//! a subtree with one leaf is that leaf and one with none is a placeholder. With `H` = SHA-256:
//!
//! ```text
//! key hash    = H(key)                      value hash = H(value)
//! placeholder = "SPARSE_MERKLE_PLACEHOLDER_HASH__"        (these 32 ASCII bytes, not hashed)
//! leaf        = H("JMT::LeafNode" ‖ key hash ‖ value hash)
//! inner node  = H("JMT::IntrnalNode" ‖ left ‖ right)      (spelled so, sixteen bytes)
//! ```
//!
//! The root of the empty tree is the placeholder, that of a tree of one record its leaf. Roots and
//! proofs are those of the crate `jmt` (ICS-23 calls it a sparse Merkle tree with prehashed keys),
//! which is the oracle of the tests here. Only the layout on disk is ours: four levels make one
//! stored node, as in `jmt`, but a leaf lies within its parent rather than in a node of its own,
//! which saves a read, a write and a deletion for each key; and the sixteen subtrees of the root are
//! updated in parallel. Neither shows in a root or a proof.
//!
//! # Versions
//! An update of version v reads the nodes of version `base` and writes new ones, all keyed by v, so
//! both versions stay readable until the nodes that v made stale are deleted.

use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

mod heads;
mod node;
pub mod proof;
mod update;
mod walk;

pub use heads::{Head, Heads, Nodes, SUBTREES, subtree, subtree_of};
pub use proof::{ProofError, StateProof, prove};
pub use update::update;
pub use walk::walk;

/// Bits of a key hash, and so the longest proof in hashes.
pub const DEPTH_MAX: usize = 256;

/// Hash of a subtree that holds nothing.
pub const PLACEHOLDER: Digest = Digest(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// Where stored nodes are read. `Sync`, since subtrees are updated in parallel.
pub trait NodeReader: Sync {
    /// The bytes stored under `key`, or `None` where nothing is.
    ///
    /// # Errors
    /// [`TreeError::Store`] where the store cannot say.
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError>;
}

/// Why the tree could not be read or updated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A node that its parent names is not there: the version was pruned, or the store lost it.
    #[error("the state tree has no node {0}")]
    Missing(String),
    /// What was read is no node, or not the one that its parent names.
    #[error("node {key} of the state tree is damaged: {reason}")]
    Damaged {
        /// The node's key in hexadecimal.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The store could not read.
    #[error("cannot read the state tree: {0}")]
    Store(String),
    /// A version follows the one it is based on.
    #[error("version {version} of the state tree cannot be based on version {base}")]
    Order {
        /// The version to be written.
        version: u64,
        /// The version said to be before it.
        base: u64,
    },
}

/// What an update leaves to be stored, in one batch with everything else of its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeUpdate {
    /// Root of the new version.
    pub root: Digest,
    /// New nodes, key and bytes. No key was ever used before.
    pub nodes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Keys of nodes that the new version no longer reaches: they may be deleted once no version
    /// before it has to be read.
    pub stale: Vec<Vec<u8>>,
}

/// A record as the tree knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Leaf {
    /// SHA-256 of the record's key.
    pub key_hash: Digest,
    /// SHA-256 of the record's bytes.
    pub value_hash: Digest,
}

impl Leaf {
    /// The leaf of the record `value` under `key`.
    pub fn of(key: &[u8], value: &[u8]) -> Self {
        Self { key_hash: Digest::of(&[key]), value_hash: Digest::of(&[value]) }
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Digest {
        let mut hasher = Sha256::new_with_prefix(b"JMT::LeafNode");
        hasher.update(self.key_hash.0);
        hasher.update(self.value_hash.0);
        Digest(hasher.finalize().into())
    }
}

/// Hash of two halves of which at least one is no lone leaf.
fn inner_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new_with_prefix(b"JMT::IntrnalNode");
    hasher.update(left.0);
    hasher.update(right.0);
    Digest(hasher.finalize().into())
}

/// The four bits of `key_hash` that choose a child of a node `depth` nodes below the root.
fn nibble(key_hash: &Digest, depth: usize) -> usize {
    let byte = key_hash.0[depth / 2];
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 0x0f })
}

/// The root of `version`.
///
/// # Errors
/// [`TreeError`] where its root node is missing or damaged.
pub fn root(reader: &impl NodeReader, version: u64) -> Result<Digest, TreeError> {
    Ok(node::load(reader, version, &PLACEHOLDER, 0)?.hash())
}

/// Nodes in memory, for tests, audits and tools that recompute a state.
#[derive(Clone, Debug, Default)]
pub struct MemoryNodes {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl MemoryNodes {
    /// Keeps the new nodes of `update`. Stale ones stay, so that older versions can be read.
    pub fn keep(&mut self, update: TreeUpdate) {
        self.nodes.extend(update.nodes);
    }

    /// Keeps the new nodes of `update` and drops the stale ones, so that only its version can be read.
    pub fn replace(&mut self, update: TreeUpdate) {
        update.stale.iter().for_each(|key| drop(self.nodes.remove(key)));
        self.nodes.extend(update.nodes);
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

impl NodeReader for MemoryNodes {
    fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(self.nodes.get(key).cloned())
    }
}

#[cfg(test)]
mod tests;
