//! Directories of a single validator that was stopped at any instant: block, mark and seal are three writes.

use super::*;
use crate::{
    highwater::Mark,
    store::{Batch, Tip},
};
use std::path::PathBuf;

struct Stopped {
    folder: PathBuf,
    store: Store,
    tip: Tip,
}

impl Stopped {
    fn open(folder: PathBuf) -> Self {
        let store = Store::open(&folder.join("db")).unwrap();
        let tip = store.tip().unwrap().unwrap();
        Self { folder, store, tip }
    }

    fn marked(&self, height: Height) {
        let path = self.folder.join("highwater");
        std::fs::remove_file(&path).unwrap();
        let header = self.store.reader().header(height).unwrap().unwrap();
        let mark = Mark { height, size: header.log_size, root: header.log_root };
        HighWater::create(&path).unwrap().raise(mark).unwrap();
    }

    fn seal(&self, height: Height) -> Vec<u8> {
        self.store.reader().seal(height).unwrap().unwrap()
    }

    fn unsealed(&self, height: Height) {
        let mut batch = Batch::default();
        batch.delete("seals", height.to_be_bytes());
        self.store.kv().write(batch).unwrap();
    }
}

/// Where everything is there, and where nothing can be executed.
fn check(stopped: Stopped, unsealed: u64, found: Option<&str>) -> Stopped {
    let Stopped { folder, store, .. } = stopped;
    drop(store);
    let copy = folder.parent().unwrap().join("pruned");
    testing::copied(&folder, &copy);
    Store::open(&copy.join("db")).unwrap().prune_bodies(1, 2).unwrap();
    for folder in [&folder, &copy] {
        let (document, scratch) = (testing::document(), tempfile::tempdir().unwrap());
        let report = super::super::folder(folder, &document, &document.anchor(), scratch.path(), &|_, _| {}).unwrap();
        assert_eq!(report.unexecuted.is_some(), *folder == copy);
        assert_eq!(report.findings.first().map(|finding| &*finding.place), found, "{report:?}");
        assert!(found.is_some() || report.unsealed == unsealed, "{report:?}");
    }
    std::fs::remove_dir_all(&copy).unwrap();
    Stopped::open(folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_validator_that_was_killed_between_block_and_seal_is_well() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("node");
    let network = Network::start(&folder).await;
    network.grow(6).await;
    network.stop().await;
    let stopped = Stopped::open(folder);
    let (newest, seal) = (stopped.tip.height, stopped.seal(stopped.tip.height));
    stopped.unsealed(newest);
    let stopped = check(stopped, 1, None);
    stopped.marked(newest - 1);
    let stopped = check(stopped, 1, None);
    // Two blocks are never made without a mark, and what is sealed has its mark.
    stopped.marked(newest - 2);
    let stopped = check(stopped, 1, Some("highwater"));
    stopped.marked(newest - 1);
    stopped.store.keep_seal(newest, seal).unwrap();
    let stopped = check(stopped, 0, Some("highwater"));
    stopped.marked(newest);
    let stopped = check(stopped, 0, None);
    stopped.unsealed(newest - 1);
    check(stopped, 0, Some(&format!("block {}", newest - 1)));
}
