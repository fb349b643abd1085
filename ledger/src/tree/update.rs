//! Updating the tree: many keys at once, each stored node read and written once.

use super::{
    Leaf, NodeReader, PLACEHOLDER, TreeError, TreeUpdate, nibble,
    node::{Child, Children, Node, load, node_key, range_hash},
};
use contracts::state::Key;
use rayon::prelude::*;

/// From so many changes on, the subtrees of the root are updated in parallel. Below it, waking other
/// threads costs more than they save.
const PARALLEL_FROM: usize = 128;

/// The tree of `version`: that of version `base` (`None` for the empty tree) with each record of
/// `changes` put under its key. A key named twice keeps its last value. Without changes the root is
/// that of `base`, and is written nevertheless, so that every version has a root node.
///
/// # Errors
/// [`TreeError`], where nodes of `base` are missing or damaged, or `base` is not before `version`.
pub fn update<'a>(
    reader: &impl NodeReader,
    base: Option<u64>,
    version: u64,
    changes: impl IntoIterator<Item = (&'a Key, &'a [u8])>,
) -> Result<TreeUpdate, TreeError> {
    if let Some(base) = base.filter(|base| *base >= version) {
        return Err(TreeError::Order { version, base });
    }
    let leaves = sorted(changes);
    let mut work = Work { reader, version, nodes: Vec::new(), stale: Vec::new() };
    let before = match base {
        None => Node::Empty,
        Some(base) => {
            work.stale.push(node_key(base, &PLACEHOLDER, 0));
            load(reader, base, &PLACEHOLDER, 0)?
        }
    };
    let root = work.root(before, &leaves)?;
    Ok(TreeUpdate { root: root.hash(), nodes: work.nodes, stale: work.stale })
}

/// The changes as leaves in the order of their key hashes, each key once.
fn sorted<'a>(changes: impl IntoIterator<Item = (&'a Key, &'a [u8])>) -> Vec<Leaf> {
    let changes: Vec<_> = changes.into_iter().collect();
    let leaf = |(key, value): &(&Key, &[u8])| Leaf::of(key.as_bytes(), value);
    let mut leaves: Vec<Leaf> = if changes.len() < PARALLEL_FROM {
        changes.iter().map(leaf).collect()
    } else {
        changes.par_iter().map(leaf).collect()
    };
    // Stable, so that of two values of one key the later stays behind the earlier, and is kept.
    leaves.sort_by_key(|leaf| leaf.key_hash);
    leaves.dedup_by(|later, earlier| {
        let same = later.key_hash == earlier.key_hash;
        if same {
            earlier.value_hash = later.value_hash;
        }
        same
    });
    leaves
}

struct Work<'a, R> {
    reader: &'a R,
    version: u64,
    nodes: Vec<(Vec<u8>, Vec<u8>)>,
    stale: Vec<Vec<u8>>,
}

impl<R: NodeReader> Work<'_, R> {
    /// Lays `leaves` into the tree under root `before`, and writes its new root.
    fn root(&mut self, before: Node, leaves: &[Leaf]) -> Result<Node, TreeError> {
        let after = match (before, leaves) {
            (unchanged, []) => unchanged,
            (Node::Inner(mut children), _) => {
                self.children(&mut children, leaves, 0)?;
                Node::Inner(children)
            }
            (Node::Empty, [one]) => Node::Leaf(*one),
            (Node::Empty, many) => Node::Inner(self.build(many, 0)?),
            (Node::Leaf(old), new) => match with(old, new).as_slice() {
                [one] => Node::Leaf(*one),
                many => Node::Inner(self.build(many, 0)?),
            },
        };
        self.nodes.push((node_key(self.version, &PLACEHOLDER, 0), after.encode()));
        Ok(after)
    }

    /// Lays `leaves`, which all belong below a node at `depth`, into its children.
    fn children(&mut self, children: &mut Children, leaves: &[Leaf], depth: usize) -> Result<(), TreeError> {
        let groups: Vec<&[Leaf]> =
            leaves.chunk_by(|a, b| nibble(&a.key_hash, depth) == nibble(&b.key_hash, depth)).collect();
        if depth > 0 || leaves.len() < PARALLEL_FROM {
            for group in groups {
                let child = &mut children[nibble(&group[0].key_hash, depth)];
                *child = Some(self.child(*child, group, depth + 1)?);
            }
            return Ok(());
        }
        // The subtrees of the root share nothing, so the result does not depend on who is first.
        let (reader, version, before) = (self.reader, self.version, *children);
        let done: Vec<_> = groups
            .into_par_iter()
            .map(|group| {
                let number = nibble(&group[0].key_hash, depth);
                let mut work = Work { reader, version, nodes: Vec::new(), stale: Vec::new() };
                let child = work.child(before[number], group, depth + 1)?;
                Ok((number, child, work.nodes, work.stale))
            })
            .collect::<Result<_, TreeError>>()?;
        for (number, child, nodes, stale) in done {
            children[number] = Some(child);
            self.nodes.extend(nodes);
            self.stale.extend(stale);
        }
        Ok(())
    }

    /// What `before`, at `depth`, becomes with `leaves` below it.
    fn child(&mut self, before: Option<Child>, leaves: &[Leaf], depth: usize) -> Result<Child, TreeError> {
        match before {
            None => self.grow(leaves, depth),
            Some(Child::Leaf(old)) => self.grow(&with(old, leaves), depth),
            Some(Child::Inner { version, .. }) => {
                let path = &leaves[0].key_hash;
                let Node::Inner(mut children) = load(self.reader, version, path, depth)? else {
                    unreachable!("below the root only inner nodes are loaded")
                };
                self.stale.push(node_key(version, path, depth));
                self.children(&mut children, leaves, depth)?;
                Ok(self.write(children, leaves, depth))
            }
        }
    }

    /// A subtree at `depth` of nothing but `leaves`.
    fn grow(&mut self, leaves: &[Leaf], depth: usize) -> Result<Child, TreeError> {
        match leaves {
            [one] => Ok(Child::Leaf(*one)),
            many => {
                let children = self.build(many, depth)?;
                Ok(self.write(children, many, depth))
            }
        }
    }

    /// The children of a node at `depth` that holds nothing but `leaves`.
    fn build(&mut self, leaves: &[Leaf], depth: usize) -> Result<Box<Children>, TreeError> {
        let mut children = Box::new([None; 16]);
        self.children(&mut children, leaves, depth)?;
        Ok(children)
    }

    fn write(&mut self, children: Box<Children>, leaves: &[Leaf], depth: usize) -> Child {
        let hash = range_hash(children.as_slice());
        self.nodes.push((node_key(self.version, &leaves[0].key_hash, depth), Node::Inner(children).encode()));
        Child::Inner { version: self.version, hash }
    }
}

/// `new` with `old` in its place, unless its key has a new value.
fn with(old: Leaf, new: &[Leaf]) -> Vec<Leaf> {
    let mut leaves = new.to_vec();
    if let Err(place) = leaves.binary_search_by_key(&old.key_hash, |leaf| leaf.key_hash) {
        leaves.insert(place, old);
    }
    leaves
}
