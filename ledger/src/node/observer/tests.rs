//! Observers that a crash cut short.

use crate::{
    limits::UNSEALED_HEIGHTS_MAX,
    node::Node,
    sides::Sides,
    store::{Batch, Store},
    testing::{self, Network},
};
use contracts::{
    action::Action,
    dataset::Publish,
    id::Height,
    side::{SideBody, SideField},
    takedown::TakeDown,
};
use std::path::Path;

/// Deletes the seals from height `from` on, as if they had not come.
fn unsealed(folder: &Path, from: Height) {
    let store = Store::open(&folder.join("db")).unwrap();
    let mut batch = Batch::default();
    let tip = store.tip().unwrap().unwrap().height;
    (from..=tip).for_each(|height| batch.delete("seals", height.to_be_bytes()));
    store.kv().write(batch).unwrap();
}

async fn stopped(node: Node) {
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
}

/// Starts the observer in `folder`, brings it what `network` has, and stops it. Returns its height.
async fn fed(folder: &Path, network: &Network) -> Height {
    let node = testing::observer(folder).unwrap();
    network.feed(&node.handle()).await;
    let height = node.handle().status().height;
    stopped(node).await;
    height
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_down_is_gone_after_a_crash_in_between() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("observer");
    let network = Network::start(&place.path().join("validator")).await;
    let field = SideField { name: "contact".into(), value: "harbour.master@example.org".into() };
    let (provider, side) = (testing::provider(), SideBody::new([7; 32], vec![field]).unwrap());
    let jacket = serde_json::json!({ "title": "Ship movements", "classification": {} });
    let jacket = serde_json::from_value(jacket).unwrap();
    let publish = Publish { catalogue: "own".into(), identifier: "ships".into(), jacket, side: Some(side.id()) };
    let down = TakeDown { dataset: publish.id(&provider.party) };
    for (action, side) in [(Action::Publish(publish), Some(side.clone())), (Action::TakeDown(down), None)] {
        network.client.act(&provider, action, side).await.unwrap().applied().unwrap();
    }
    let newest = fed(&folder, &network).await;
    network.stop().await;
    for is_sealed in [true, false] {
        Sides::open(&folder.join("sides"), &folder.join("sides.key")).unwrap().keep(&side).unwrap();
        if !is_sealed {
            unsealed(&folder, newest);
        }
        let node = testing::observer(&folder).unwrap();
        assert!(node.handle().side(&side.id()).unwrap().is_none(), "sealed: {is_sealed}");
        stopped(node).await;
        let sides = Sides::open(&folder.join("sides"), &folder.join("sides.key")).unwrap();
        assert!(!sides.has(&side.id()), "sealed: {is_sealed}");
    }
}

/// Validators seal heights in any order, and a node that was one of them may stop with many that are not.
#[tokio::test(flavor = "multi_thread")]
async fn seals_of_several_heights_that_are_missing_all_come() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("observer");
    let network = Network::start(&place.path().join("validator")).await;
    network.grow(12).await;
    let newest = fed(&folder, &network).await;
    unsealed(&folder, newest - 5);
    // One of them came.
    let kept = b"the first that came".to_vec();
    Store::open(&folder.join("db")).unwrap().keep_seal(newest - 3, kept.clone()).unwrap();
    fed(&folder, &network).await;
    let store = Store::open(&folder.join("db")).unwrap();
    for height in newest - 5..=newest {
        let (seal, came) = (store.reader().seal(height).unwrap(), height == newest - 3);
        assert!(seal.is_some_and(|seal| came == (seal == kept)), "the seal of block {height}");
    }
    network.stop().await;
}

const _: () = assert!(UNSEALED_HEIGHTS_MAX > 6);
