//! The tree cut into 256 subtrees, by the first byte of the key hash: each can be checked alone against its
//! [`Head`], and the heads give the root. So a state is handed on in pieces, and a wrong piece has a number.

use super::{
    Leaf, MemoryNodes, NodeReader, PLACEHOLDER, TreeError,
    node::{Child, Children, Node, Range, load, node_key, range, range_hash},
    update,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{id::Digest, state::Key};

/// How many subtrees there are.
pub const SUBTREES: usize = 256;
/// Stored nodes between the root and a subtree, and so the depth at which one begins.
const DEPTH: usize = 2;

/// What a subtree comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Head {
    /// It has no record.
    Empty,
    /// It has one record, which stands for it.
    Lone(Leaf),
    /// It has more, and this hash.
    Many(Digest),
}

/// The heads of all subtrees, by the first byte of the key hash: 256 of them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Heads(Box<[Head; SUBTREES]>);

/// Nodes as they are stored: key and bytes.
pub type Nodes = Vec<(Vec<u8>, Vec<u8>)>;

impl Heads {
    /// Those of the tree of `version`.
    ///
    /// # Errors
    /// [`TreeError`] where one of its upper nodes is missing or damaged.
    pub fn read(reader: &impl NodeReader, version: u64) -> Result<Self, TreeError> {
        let mut heads = [Head::Empty; SUBTREES];
        match load(reader, version, &PLACEHOLDER, 0)? {
            Node::Empty => {}
            Node::Leaf(leaf) => heads[usize::from(leaf.key_hash.0[0])] = Head::Lone(leaf),
            Node::Inner(upper) => {
                for (high, child) in upper.iter().enumerate() {
                    match child {
                        None => {}
                        Some(Child::Leaf(leaf)) => heads[usize::from(leaf.key_hash.0[0])] = Head::Lone(*leaf),
                        Some(Child::Inner { version, .. }) => {
                            let Node::Inner(children) = load(reader, *version, &path(high), 1)? else {
                                unreachable!("below the root only inner nodes are loaded")
                            };
                            for (head, child) in heads[16 * high..].iter_mut().zip(children.iter()) {
                                *head = Head::of(child.as_ref());
                            }
                        }
                    }
                }
            }
        }
        Ok(Self(Box::new(heads)))
    }

    /// The head of subtree `number`.
    pub fn get(&self, number: u8) -> Head {
        self.0[usize::from(number)]
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        self.upper(0).0
    }

    /// The root of the tree, and its stored nodes above the subtrees, for a tree whose nodes are all of `version`.
    pub fn upper(&self, version: u64) -> (Digest, Nodes) {
        let mut nodes = Nodes::new();
        let mut children: Children = [None; 16];
        for (high, child) in children.iter_mut().enumerate() {
            let mut below: Children = [None; 16];
            for (child, head) in below.iter_mut().zip(&self.0[16 * high..]) {
                *child = head.child(version);
            }
            *child = match range(&below) {
                Range::Empty => None,
                Range::Lone(leaf) => Some(Child::Leaf(leaf)),
                Range::Many => {
                    let hash = range_hash(&below);
                    nodes.push((node_key(version, &path(high), 1), Node::Inner(Box::new(below)).encode()));
                    Some(Child::Inner { version, hash })
                }
            };
        }
        let root = match range(&children) {
            Range::Empty => Node::Empty,
            Range::Lone(leaf) => Node::Leaf(leaf),
            Range::Many => Node::Inner(Box::new(children)),
        };
        nodes.push((node_key(version, &PLACEHOLDER, 0), root.encode()));
        (root.hash(), nodes)
    }
}

impl Head {
    fn of(child: Option<&Child>) -> Self {
        match child {
            None => Self::Empty,
            Some(Child::Leaf(leaf)) => Self::Lone(*leaf),
            Some(Child::Inner { hash, .. }) => Self::Many(*hash),
        }
    }

    fn child(self, version: u64) -> Option<Child> {
        match self {
            Self::Empty => None,
            Self::Lone(leaf) => Some(Child::Leaf(leaf)),
            Self::Many(hash) => Some(Child::Inner { version, hash }),
        }
    }
}

/// The subtree of which a record under `key` is.
pub fn subtree_of(key: &Key) -> u8 {
    Digest::of(&[key.as_bytes()]).0[0]
}

/// Makes subtree `number` of `records`: its head, and its stored nodes, all of `version`. `None` where a record is
/// of another subtree.
///
/// # Errors
/// Never, as long as nothing is read: [`TreeError`] is what updating a tree may say.
pub fn subtree(number: u8, version: u64, records: &[(Key, Vec<u8>)]) -> Result<Option<(Head, Nodes)>, TreeError> {
    if records.iter().any(|(key, _)| subtree_of(key) != number) {
        return Ok(None);
    }
    let changes = records.iter().map(|(key, value)| (key, value.as_slice()));
    let mut update = update(&MemoryNodes::default(), None, version, changes)?;
    let mut above = MemoryNodes::default();
    let is_above = |(key, _): &(Vec<u8>, Vec<u8>)| usize::from(key[8]) < DEPTH;
    let (upper, nodes): (Vec<_>, Vec<_>) = std::mem::take(&mut update.nodes).into_iter().partition(is_above);
    update.nodes = upper;
    above.keep(update);
    Ok(Some((Heads::read(&above, version)?.get(number), nodes)))
}

/// The path to child `high` of the root.
fn path(high: usize) -> Digest {
    let mut path = [0; 32];
    path[0] = (high as u8) << 4;
    Digest(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(number: u32) -> (Key, Vec<u8>) {
        let bytes = number.to_be_bytes();
        (Key::from_bytes(bytes.to_vec()), [&bytes[..], b" value"].concat())
    }

    fn whole(count: u32, version: u64) -> super::super::TreeUpdate {
        let records: Vec<_> = (0..count).map(record).collect();
        let changes = records.iter().map(|(key, value)| (key, value.as_slice()));
        update(&MemoryNodes::default(), None, version, changes).unwrap()
    }

    /// All records of `count`, by subtree.
    fn pieces(count: u32) -> Vec<Vec<(Key, Vec<u8>)>> {
        let mut pieces = vec![Vec::new(); SUBTREES];
        for (key, value) in (0..count).map(record) {
            pieces[usize::from(subtree_of(&key))].push((key, value));
        }
        pieces
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Whoever lays the pieces together has every node, byte for byte, of the tree that was made in one go.
        #[test]
        fn the_pieces_make_the_whole(count in prop_oneof![0u32..20, 0u32..4_000], version in 1u64..99) {
            let expected = whole(count, version);
            let mut nodes = MemoryNodes::default();
            nodes.keep(expected.clone());
            let heads = Heads::read(&nodes, version).unwrap();
            prop_assert_eq!(heads.root(), expected.root);
            let (root, mut made) = heads.upper(version);
            prop_assert_eq!(root, expected.root);
            for (number, records) in (0..=255u8).zip(pieces(count)) {
                let (head, nodes) = subtree(number, version, &records).unwrap().unwrap();
                prop_assert_eq!(head, heads.get(number));
                made.extend(nodes);
            }
            made.sort();
            let mut nodes = expected.nodes;
            nodes.sort();
            prop_assert_eq!(made, nodes);
        }

        /// A piece that lacks a record, has one more or another, has another head or none.
        #[test]
        fn a_changed_piece_has_another_head(count in 300u32..2_000, which in any::<prop::sample::Index>(), how in 0..3) {
            let pieces = pieces(count);
            let number = which.index(SUBTREES) as u8;
            let mut records = pieces[usize::from(number)].clone();
            let before = subtree(number, 1, &records).unwrap().unwrap().0;
            match how {
                0 if !records.is_empty() => drop(records.pop()),
                1 if !records.is_empty() => records[0].1.push(0),
                _ => records.push(record(count + u32::from(number))),
            }
            let after = subtree(number, 1, &records).unwrap();
            prop_assert!(after.is_none_or(|(head, _)| head != before));
        }
    }
}
