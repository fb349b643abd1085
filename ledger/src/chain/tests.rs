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

/// A release that does not know the rules of the next block neither starts nor executes, and says what to do; it takes
/// such a block for no false one.
#[test]
fn a_version_of_the_rules_that_is_not_known_stops_whoever_would_execute_by_it() {
    use contracts::{governance::Protocol, merkle::Frontier, state::Record};
    let folder = tempfile::tempdir().unwrap();
    let mut chain = open(folder.path());
    grow(&mut chain, 3);
    let (prepared, _) = chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).unwrap();
    let mut batch = crate::store::Batch::default();
    let value = Protocol { version: 2, from: 4, before: 1 };
    let record = Record { history: Frontier::EMPTY, value }.encode();
    batch.put("state", Protocol::key().as_bytes(), record);
    chain.store.kv().write(batch).unwrap();
    for error in [
        chain.verify(&prepared.block()).err().unwrap(),
        chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).err().unwrap(),
    ] {
        assert!(error.is_ours() && error.to_string().contains("install a release that does"), "{error}");
    }
    drop(chain);
    let document = testing::document();
    let opened = Chain::open(Store::open(folder.path()).unwrap(), document.network, &document.document.founding);
    assert!(matches!(opened, Err(OpenError::Rules(ExecuteError::ProtocolUnknown { version: 2, height: 4 }))));
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
