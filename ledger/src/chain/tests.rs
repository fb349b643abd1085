//! The chain alone, without a node's thread: what it keeps of older states.

use super::*;
use crate::{ordering::solo::Solo, testing};
use contracts::key::TestSigner;
use std::{path::Path, sync::Arc};

fn open(folder: &Path) -> Chain {
    let document = testing::document();
    Chain::open(Store::open(folder).unwrap(), document.network, &document.document.founding).unwrap()
}

/// Commits `count` empty blocks.
fn grow(chain: &mut Chain, count: u64) {
    let mut ordering = Solo::new(chain.tip.network, Arc::new(TestSigner::of(1)));
    for _ in 0..count {
        let (prepared, _) = chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).unwrap();
        let certificate = ordering.order(prepared.header.entry.height, prepared.header.id()).unwrap();
        chain.commit(prepared, certificate).unwrap();
    }
}

/// Exactly the last [`STATE_VERSIONS_KEPT`] versions before the tip can be read, and nothing else of
/// the tree is left in the store; also after a restart, which forgets how far the deletions came.
#[test]
fn older_states_are_deleted_and_newer_ones_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = open(folder.path());
    for part in [STATE_VERSIONS_KEPT - 3, 10, 25, 1] {
        grow(&mut chain, part);
        let tip = chain.tip.height;
        let oldest = tip.saturating_sub(STATE_VERSIONS_KEPT);
        let reader = chain.store.reader();
        for version in oldest..=tip {
            assert!(tree::root(&reader, version).is_ok(), "version {version} at height {tip}");
        }
        for version in 0..oldest {
            assert!(matches!(tree::root(&reader, version), Err(TreeError::Missing(_))), "version {version} at {tip}");
        }
        assert_eq!(reader.stale(0, oldest, usize::MAX).unwrap(), []);
        let left = reader.stale(0, tip, usize::MAX).unwrap();
        let versions: Vec<u64> = left.iter().map(|stale| stale.since).collect();
        assert_eq!(versions, (oldest + 1..=tip).collect::<Vec<_>>());
        assert!(left.iter().all(|stale| stale.nodes.len() == 1), "each version made the root before it stale, no more");
        drop(reader);
        drop(chain);
        chain = open(folder.path());
    }
}
