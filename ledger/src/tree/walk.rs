//! Walking the whole tree of a version, for an audit: every node is read and hashed again.

use super::{
    Leaf, NodeReader, PLACEHOLDER, TreeError,
    node::{Child, Children, Node, load, node_key, range_hash},
};
use contracts::id::Digest;

/// Visits every leaf of `version` in the order of key hashes and returns the root, recomputed from
/// the leaves up: each stored node must have the hash that its parent names.
///
/// # Errors
/// [`TreeError`] naming the first node that is missing or damaged, or what `visit` returns.
pub fn walk<E: From<TreeError>>(
    reader: &impl NodeReader,
    version: u64,
    visit: &mut impl FnMut(Leaf) -> Result<(), E>,
) -> Result<Digest, E> {
    let node = load(reader, version, &PLACEHOLDER, 0)?;
    match &node {
        Node::Empty => {}
        Node::Leaf(leaf) => visit(*leaf)?,
        Node::Inner(children) => below(reader, children, Place { path: PLACEHOLDER, depth: 0 }, visit)?,
    }
    Ok(node.hash())
}

/// Where a node stands: the path to it in the first `depth` nibbles of `path`.
#[derive(Clone, Copy)]
struct Place {
    path: Digest,
    depth: usize,
}

impl Place {
    /// The place of child `number`.
    fn child(mut self, number: usize) -> Self {
        let shift = if self.depth.is_multiple_of(2) { 4 } else { 0 };
        let byte = &mut self.path.0[self.depth / 2];
        *byte = *byte & !(0x0f << shift) | (number as u8) << shift;
        self.depth += 1;
        self
    }
}

fn below<E: From<TreeError>>(
    reader: &impl NodeReader,
    children: &Children,
    place: Place,
    visit: &mut impl FnMut(Leaf) -> Result<(), E>,
) -> Result<(), E> {
    for (number, child) in children.iter().enumerate() {
        match child {
            None => {}
            Some(Child::Leaf(leaf)) => visit(*leaf)?,
            Some(Child::Inner { version, hash }) => {
                let Place { path, depth } = place.child(number);
                let Node::Inner(children) = load(reader, *version, &path, depth)? else {
                    unreachable!("below the root only inner nodes are loaded")
                };
                if range_hash(children.as_slice()) != *hash {
                    let key = hex::encode(node_key(*version, &path, depth));
                    return Err(TreeError::Damaged { key, reason: "its parent names another hash" }.into());
                }
                below(reader, &children, Place { path, depth }, visit)?;
            }
        }
    }
    Ok(())
}
