//! A stored node: four levels of the tree in one, its bytes and its hash.
//!
//! Key: version, eight bytes big-endian; depth in nodes below the root, one byte; that many nibbles
//! of the path, the first in the high half, a last half byte filled with zero. New versions sort
//! after old ones, so an LSM store appends.
//!
//! Bytes: `0x00` for the empty tree and `0x01 ‖ key hash ‖ value hash` for a tree of one leaf, both
//! only at the root; otherwise `0x02`, two bitmaps of children that exist and that are leaves (16
//! bits, big-endian, bit n for nibble n), then the children in order: a leaf as key hash and value
//! hash, an inner node as version (8 bytes, big-endian) and hash.

use super::{Leaf, NodeReader, PLACEHOLDER, TreeError, inner_hash, nibble};
use contracts::id::Digest;

/// What hangs under one nibble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child {
    /// The only record below.
    Leaf(Leaf),
    /// A node with two records or more below it.
    Inner {
        /// The version that wrote it.
        version: u64,
        /// Its hash.
        hash: Digest,
    },
}

impl Child {
    pub(super) fn hash(&self) -> Digest {
        match self {
            Self::Leaf(leaf) => leaf.hash(),
            Self::Inner { hash, .. } => *hash,
        }
    }
}

/// The children of an inner node, by nibble.
pub(super) type Children = [Option<Child>; 16];

/// A stored node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The empty tree.
    Empty,
    /// The tree of one record.
    Leaf(Leaf),
    /// Two records or more.
    Inner(Box<Children>),
}

/// The key of the node of `version` at `depth` nodes below the root on the way to `key_hash`.
pub(super) fn node_key(version: u64, key_hash: &Digest, depth: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + depth.div_ceil(2));
    key.extend_from_slice(&version.to_be_bytes());
    key.push(depth as u8);
    key.extend_from_slice(&key_hash.0[..depth / 2]);
    if !depth.is_multiple_of(2) {
        key.push(key_hash.0[depth / 2] & 0xf0);
    }
    key
}

/// Nodes below the root that a path can have: one for each nibble of a key hash.
const NODES_MAX: usize = 64;

/// Reads the node of `version` at `depth` on the way to `key_hash`, and checks that its leaves
/// belong there: whoever splits a subtree relies on it.
pub(super) fn load(reader: &impl NodeReader, version: u64, key_hash: &Digest, depth: usize) -> Result<Node, TreeError> {
    let key = node_key(version, key_hash, depth);
    let damaged = |reason| TreeError::Damaged { key: hex::encode(&key), reason };
    let bytes = reader.node(&key)?.ok_or_else(|| TreeError::Missing(hex::encode(&key)))?;
    let node = Node::decode(&bytes).ok_or_else(|| damaged("its bytes are no node"))?;
    match &node {
        Node::Inner(_) if depth >= NODES_MAX => Err(damaged("it lies deeper than a key hash has nibbles")),
        Node::Inner(children) => {
            let elsewhere = |(number, child): (usize, &Option<Child>)| match child {
                Some(Child::Leaf(leaf)) => {
                    !lies_under(leaf, key_hash, depth) || nibble(&leaf.key_hash, depth) != number
                }
                _ => false,
            };
            match children.iter().enumerate().any(elsewhere) {
                true => Err(damaged("it holds a leaf of another path")),
                false => Ok(node),
            }
        }
        _ if depth == 0 => Ok(node),
        _ => Err(damaged("only the root can be a leaf or empty")),
    }
}

/// Does the path of `leaf` begin with the first `depth` nibbles of `key_hash`?
fn lies_under(leaf: &Leaf, key_hash: &Digest, depth: usize) -> bool {
    let whole = depth / 2;
    leaf.key_hash.0[..whole] == key_hash.0[..whole]
        && (depth.is_multiple_of(2) || nibble(&leaf.key_hash, depth - 1) == nibble(key_hash, depth - 1))
}

impl Node {
    /// The hash of everything below it.
    pub(super) fn hash(&self) -> Digest {
        match self {
            Self::Empty => PLACEHOLDER,
            Self::Leaf(leaf) => leaf.hash(),
            Self::Inner(children) => range_hash(children.as_slice()),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let children = match self {
            Self::Empty => return vec![0],
            Self::Leaf(leaf) => return [&[1][..], &leaf.key_hash.0, &leaf.value_hash.0].concat(),
            Self::Inner(children) => children,
        };
        let (mut exist, mut leaves) = (0u16, 0u16);
        let mut bytes = Vec::with_capacity(5 + 64 * 16);
        bytes.extend_from_slice(&[2, 0, 0, 0, 0]);
        for (number, child) in children.iter().enumerate() {
            match child {
                None => continue,
                Some(Child::Leaf(leaf)) => {
                    leaves |= 1 << number;
                    bytes.extend_from_slice(&leaf.key_hash.0);
                    bytes.extend_from_slice(&leaf.value_hash.0);
                }
                Some(Child::Inner { version, hash }) => {
                    bytes.extend_from_slice(&version.to_be_bytes());
                    bytes.extend_from_slice(&hash.0);
                }
            }
            exist |= 1 << number;
        }
        bytes[1..3].copy_from_slice(&exist.to_be_bytes());
        bytes[3..5].copy_from_slice(&leaves.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (tag, mut rest) = bytes.split_first()?;
        let node = match tag {
            0 => Self::Empty,
            1 => Self::Leaf(leaf(&mut rest)?),
            2 => {
                let exist = u16::from_be_bytes(take(&mut rest)?);
                let leaves = u16::from_be_bytes(take(&mut rest)?);
                // A lone leaf would lie in the parent; a leaf that does not exist is nonsense.
                if exist == 0 || leaves & !exist != 0 || (exist.is_power_of_two() && leaves != 0) {
                    return None;
                }
                let mut children = Box::new([None; 16]);
                for number in (0..16).filter(|number| exist >> number & 1 == 1) {
                    children[number] = Some(if leaves >> number & 1 == 1 {
                        Child::Leaf(leaf(&mut rest)?)
                    } else {
                        Child::Inner { version: u64::from_be_bytes(take(&mut rest)?), hash: Digest(take(&mut rest)?) }
                    });
                }
                Self::Inner(children)
            }
            _ => return None,
        };
        rest.is_empty().then_some(node)
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn leaf(rest: &mut &[u8]) -> Option<Leaf> {
    Some(Leaf { key_hash: Digest(take(rest)?), value_hash: Digest(take(rest)?) })
}

/// What a range of 1, 2, 4, 8 or 16 siblings comes to.
pub(super) enum Range {
    /// Nothing.
    Empty,
    /// One record, which stands for the whole range.
    Lone(Leaf),
    /// An inner node, or several children.
    Many,
}

pub(super) fn range(children: &[Option<Child>]) -> Range {
    let mut found = children.iter().flatten();
    match (found.next(), found.next()) {
        (None, _) => Range::Empty,
        (Some(Child::Leaf(leaf)), None) => Range::Lone(*leaf),
        _ => Range::Many,
    }
}

/// The hash of a range of siblings: of half a node, of a quarter, down to one child.
pub(super) fn range_hash(children: &[Option<Child>]) -> Digest {
    match (range(children), children) {
        (Range::Empty, _) => PLACEHOLDER,
        (Range::Lone(leaf), _) => leaf.hash(),
        (Range::Many, [Some(child)]) => child.hash(),
        (Range::Many, _) => {
            let (left, right) = children.split_at(children.len() / 2);
            inner_hash(&range_hash(left), &range_hash(right))
        }
    }
}

/// The half of `children` that holds nibble `number` of `width`, and the other half.
pub(super) fn halves(children: &[Option<Child>], number: usize) -> (&[Option<Child>], &[Option<Child>]) {
    let (left, right) = children.split_at(children.len() / 2);
    if number & left.len() == 0 { (left, right) } else { (right, left) }
}
