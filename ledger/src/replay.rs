//! The replay set: ids of the last W blocks, so that no transaction is applied twice.
//!
//! A transaction is valid for at most [`VALIDITY_BLOCKS_MAX`] heights, so older ids need not be
//! remembered: a replay of one has expired. The digest over the set is in every block entry.

use contracts::{
    id::{Digest, Height, TransactionId},
    limits::VALIDITY_BLOCKS_MAX,
};
use std::collections::{HashMap, VecDeque};

/// Ids of the newest blocks.
#[derive(Clone, Debug, Default)]
pub struct ReplaySet {
    heights: HashMap<TransactionId, Height>,
    blocks: VecDeque<BlockIds>,
}

#[derive(Clone, Debug)]
struct BlockIds {
    height: Height,
    ids: Vec<TransactionId>,
    digest: Digest,
}

impl BlockIds {
    fn new(height: Height, ids: Vec<TransactionId>) -> Self {
        let mut bytes = Vec::with_capacity(ids.len() * 32);
        ids.iter().for_each(|id| bytes.extend_from_slice(&id.0));
        let digest = Digest::of(&[b"lonja/replay-block/v1\0", &height.to_be_bytes(), &bytes]);
        Self { height, ids, digest }
    }
}

impl ReplaySet {
    /// Is `id` in one of the remembered blocks?
    pub fn contains(&self, id: &TransactionId) -> bool {
        self.heights.contains_key(id)
    }

    /// The digest that the set would have after a block of `ids` at `height`.
    pub fn digest_with(&self, height: Height, ids: &[TransactionId]) -> Digest {
        let oldest = height.saturating_sub(VALIDITY_BLOCKS_MAX);
        let next = BlockIds::new(height, ids.to_vec());
        let kept = self.blocks.iter().filter(|block| block.height > oldest);
        digest(kept.chain(std::iter::once(&next)))
    }

    /// Takes up the ids of the block at `height`, and forgets those that no longer matter.
    ///
    /// # Panics
    /// When heights are not taken up one after the other.
    pub fn push(&mut self, height: Height, ids: Vec<TransactionId>) {
        if let Some(last) = self.blocks.back() {
            assert_eq!(last.height + 1, height, "blocks are committed one after the other");
        }
        self.heights.extend(ids.iter().map(|id| (*id, height)));
        self.blocks.push_back(BlockIds::new(height, ids));
        let oldest = height.saturating_sub(VALIDITY_BLOCKS_MAX);
        while self.blocks.front().is_some_and(|block| block.height <= oldest) {
            let block = self.blocks.pop_front().expect("the front was just seen");
            for id in &block.ids {
                self.heights.remove(id);
            }
        }
    }

    /// The digest of the set as it is.
    pub fn digest(&self) -> Digest {
        digest(self.blocks.iter())
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.heights.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.heights.is_empty()
    }
}

fn digest<'a>(blocks: impl Iterator<Item = &'a BlockIds>) -> Digest {
    let mut bytes = Vec::new();
    blocks.for_each(|block| bytes.extend_from_slice(&block.digest.0));
    Digest::of(&[b"lonja/replay/v1\0", &bytes])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u32) -> TransactionId {
        TransactionId(Digest::of(&[&n.to_be_bytes()]).0)
    }

    proptest! {
        /// Against a plain list of (height, id) that is searched and never forgets.
        #[test]
        fn it_remembers_exactly_the_last_blocks(sizes in proptest::collection::vec(0u32..3, 1..40), start in 1u64..3) {
            let first = if start == 1 { 1 } else { 5 };
            let (mut set, mut all, mut next) = (ReplaySet::default(), Vec::new(), 0);
            for (offset, size) in sizes.iter().enumerate() {
                let height = first + offset as u64;
                let ids: Vec<_> = (next..next + size).map(id).collect();
                next += size;
                let expected = set.digest_with(height, &ids);
                all.extend(ids.iter().map(|id| (height, *id)));
                set.push(height, ids);
                prop_assert_eq!(set.digest(), expected);
                for (at, id) in &all {
                    prop_assert_eq!(set.contains(id), at + VALIDITY_BLOCKS_MAX > height);
                }
            }
        }
    }

    #[test]
    fn old_ids_are_forgotten() {
        let mut set = ReplaySet::default();
        for height in 1..=VALIDITY_BLOCKS_MAX + 10 {
            set.push(height, vec![id(height as u32)]);
        }
        assert_eq!(set.len() as u64, VALIDITY_BLOCKS_MAX);
        assert!(!set.contains(&id(10)) && set.contains(&id(11)));
    }
}
