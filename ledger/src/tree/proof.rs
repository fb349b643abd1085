//! Proofs that a record is in the state, or that none is under its key.

use super::{
    DEPTH_MAX, Leaf, NodeReader, PLACEHOLDER, TreeError, inner_hash, nibble,
    node::{Child, Node, Range, halves, load, range, range_hash},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{id::Digest, state::Key};
use serde::{Deserialize, Serialize};
use std::io;

/// What stands where the path of the key ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum End {
    /// The record itself, whose key and value the verifier has.
    Record = 0,
    /// The record of another key, alone in the subtree where this key would lie.
    Other {
        /// SHA-256 of the other key.
        key_hash: Digest,
        /// SHA-256 of the other record.
        value_hash: Digest,
    } = 1,
    /// Nothing.
    Nothing = 2,
}

/// That a record is under a key at one root, or that none is.
///
/// Binary form: borsh, `end` (tag 0; 1 with two hashes; or 2), then the number of siblings in 32
/// bits, little-endian, and the siblings. At most 256 siblings.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct StateProof {
    /// What stands at the end of the path.
    pub end: End,
    /// Hashes beside the path, from its end up to the root, placeholders included.
    pub siblings: Vec<Digest>,
}

impl BorshDeserialize for StateProof {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let end = End::deserialize_reader(reader)?;
        let count = u32::deserialize_reader(reader)?;
        // Checked before anything is reserved.
        if count as usize > DEPTH_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, ProofError::TooLong(count as usize)));
        }
        let siblings = (0..count).map(|_| Digest::deserialize_reader(reader)).collect::<io::Result<_>>()?;
        Ok(Self { end, siblings })
    }
}

/// Why a state proof does not prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// More siblings than a key has bits.
    #[error("a state proof has at most 256 hashes, this one {0}")]
    TooLong(usize),
    /// A proof of absence was given for a record.
    #[error("the proof says that there is no such record")]
    SaysAbsent,
    /// A proof of presence was given for no record.
    #[error("the proof says that there is a record")]
    SaysPresent,
    /// The other record would not stand in this key's way.
    #[error("the other record that the proof names lies elsewhere")]
    OtherElsewhere,
    /// The hashes lead to another root.
    #[error("the state proof leads to root {got}, not to {expected}")]
    Root {
        /// What was to be proven.
        expected: Digest,
        /// Where the hashes lead.
        got: Digest,
    },
}

/// Proves what is under `key` in the tree of `version`: a record, or nothing.
///
/// # Errors
/// [`TreeError`] where nodes are missing or damaged.
pub fn prove(reader: &impl NodeReader, version: u64, key: &Key) -> Result<StateProof, TreeError> {
    let key_hash = Digest::of(&[key.as_bytes()]);
    let ended = |leaf: Leaf| match leaf.key_hash == key_hash {
        true => End::Record,
        false => End::Other { key_hash: leaf.key_hash, value_hash: leaf.value_hash },
    };
    let mut siblings = Vec::new();
    let (mut version, mut depth) = (version, 0);
    let end = 'found: loop {
        let children = match load(reader, version, &key_hash, depth)? {
            Node::Empty => break End::Nothing,
            Node::Leaf(leaf) => break ended(leaf),
            Node::Inner(children) => children,
        };
        let number = nibble(&key_hash, depth);
        let mut ours = children.as_slice();
        while ours.len() > 1 {
            let (half, sibling) = halves(ours, number);
            siblings.push(range_hash(sibling));
            match range(half) {
                Range::Empty => break 'found End::Nothing,
                Range::Lone(leaf) => break 'found ended(leaf),
                Range::Many => ours = half,
            }
        }
        let [Some(Child::Inner { version: below, .. })] = ours else {
            unreachable!("a single child that is neither missing nor a leaf is an inner node")
        };
        (version, depth) = (*below, depth + 1);
    };
    siblings.reverse();
    Ok(StateProof { end, siblings })
}

impl StateProof {
    /// Checks that `value` is the record under `key` at `root`, or, with `None`, that there is none.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn verify(&self, root: &Digest, key: &Key, value: Option<&[u8]>) -> Result<(), ProofError> {
        if self.siblings.len() > DEPTH_MAX {
            return Err(ProofError::TooLong(self.siblings.len()));
        }
        let key_hash = Digest::of(&[key.as_bytes()]);
        let mut hash = match (value, self.end) {
            (Some(value), End::Record) => Leaf { key_hash, value_hash: Digest::of(&[value]) }.hash(),
            (Some(_), End::Other { .. } | End::Nothing) => return Err(ProofError::SaysAbsent),
            (None, End::Record) => return Err(ProofError::SaysPresent),
            (None, End::Nothing) => PLACEHOLDER,
            (None, End::Other { key_hash: other, value_hash }) => {
                if other == key_hash {
                    return Err(ProofError::SaysPresent);
                }
                // The other leaf stands for the whole subtree at this depth, so it and this key
                // share that many bits; otherwise it says nothing about this key.
                if common_bits(&other, &key_hash) < self.siblings.len() {
                    return Err(ProofError::OtherElsewhere);
                }
                Leaf { key_hash: other, value_hash }.hash()
            }
        };
        for (above, sibling) in self.siblings.iter().enumerate() {
            let depth = self.siblings.len() - 1 - above;
            let right = key_hash.0[depth / 8] >> (7 - depth % 8) & 1 == 1;
            hash = if right { inner_hash(sibling, &hash) } else { inner_hash(&hash, sibling) };
        }
        if hash == *root { Ok(()) } else { Err(ProofError::Root { expected: *root, got: hash }) }
    }
}

fn common_bits(a: &Digest, b: &Digest) -> usize {
    match a.0.iter().zip(b.0).position(|(a, b)| *a != b) {
        None => DEPTH_MAX,
        Some(byte) => 8 * byte + (a.0[byte] ^ b.0[byte]).leading_zeros() as usize,
    }
}
