//! Uploads that nobody anchored go after a week; what the ledger or an order names stays.

use super::support::{World, jacket, wait_for};
use contracts::{
    action::Action,
    id::{Blake3, DatasetId, TimeMs},
    party::Role,
    version::{AddVersion, Content},
    vocabulary::PersonalStatus,
};
use marketplace::{limits::UNANCHORED_KEPT, market::clock_ms};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

/// Longer than any machine stands still.
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// How far the market's clock is ahead, in milliseconds.
static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

fn clock() -> TimeMs {
    clock_ms() + AHEAD_MS.load(Ordering::Relaxed)
}

async fn stored(world: &World, token: &str, bytes: &[u8]) -> (Blake3, Value) {
    let request = world.http.post(world.url("/api/v1/uploads")).body(bytes.to_vec());
    let stored = world.send(request, Some(token)).await.expect(201);
    (stored["blake3"].as_str().unwrap().parse().unwrap(), stored)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_anchored_goes_after_a_week_and_nothing_else() {
    let mut world = World::at(clock).await;
    let (party, token) = world.member("Tide gauge", &[Role::Provider]).await;
    let dataset = world.publish(&(party, token.clone()), "tides", &jacket("Tides", PersonalStatus::None)).await;
    let (old, _) = stored(&world, &token, b"t;h\nnever anchored\n").await;
    world.upload(&token, &dataset, b"t;h\nfirst\n").await;
    world.upload(&token, &dataset, b"t;h\nsecond\n").await;
    let anchored = [b"t;h\nfirst\n".as_slice(), b"t;h\nsecond\n"].map(|bytes| Blake3(*blake3::hash(bytes).as_bytes()));
    let (ordered, as_told) = stored(&world, &token, b"t;h\nordered\n").await;
    let here = async |world: &World, blake3: &Blake3| world.market().objects().has(blake3).await.unwrap();

    let week = UNANCHORED_KEPT.as_millis() as u64;
    AHEAD_MS.store(week - HOUR_MS, Ordering::Relaxed);
    assert_eq!(world.market().remove_unanchored().await.unwrap(), 0, "an hour less than a week");

    // An order that is signed and stored, and that its node has not heard of.
    let market = world.market().clone();
    let identity = market.keys().identity(&party).unwrap();
    let content = Content {
        blake3: ordered,
        sha256: as_told["sha256"].as_str().unwrap().parse().unwrap(),
        bytes: as_told["bytes"].as_str().unwrap().parse().unwrap(),
        media_type: "text/csv".into(),
    };
    let version = AddVersion { dataset, number: 3, content, parents: vec![], excludes: vec![] };
    let submission = world.network.client.prepare(&identity, Action::AddVersion(version), None).await.unwrap();
    let id = submission.transaction.id();
    let node_folder = world.folder.path().join("node");
    let other = ledger::testing::Network::start(&world.folder.path().join("other")).await;
    let _port = std::mem::replace(&mut world.network, other).stop_keeping_port().await;
    let handed =
        market.orders().once::<marketplace::MarketError, _>(&party, None, 1, || async { Ok(submission) }).await;
    assert!(handed.unwrap_err().to_string().contains("handed in until"));
    AHEAD_MS.store(week + HOUR_MS, Ordering::Relaxed);
    // Nobody can say what the ledger names.
    market.remove_unanchored().await.unwrap_err();
    assert!(here(&world, &old).await);
    assert_eq!(market.orders().open_contents().unwrap(), [ordered]);
    drop(market);
    world.stop_market().await;
    let other = std::mem::replace(&mut world.network, ledger::testing::Network::start(&node_folder).await);
    other.stop().await;
    world.start_market().await;
    let market = world.market().clone();
    // The market looked by itself when it started, and the order goes on; it is all the same which was first.
    market.remove_unanchored().await.unwrap();
    wait_for("the end of what nobody anchored", async || (!here(&world, &old).await).then_some(())).await;
    for blake3 in [anchored[0], anchored[1], ordered] {
        assert!(here(&world, &blake3).await, "{blake3} is named");
    }
    wait_for("the order's end", async || (market.orders().open_count().unwrap() == 0).then_some(())).await;
    let order = market.orders().get(&id).unwrap().unwrap();
    assert!(matches!(order.state, marketplace::orders::OrderState::Applied { .. }), "{order:?}");
    assert_eq!(market.remove_unanchored().await.unwrap(), 0);
    assert!(here(&world, &ordered).await);

    let anchor = json!({"blake3": old, "sha256": "00".repeat(32), "bytes": "1", "media_type": "text/csv"});
    let gone = world.post(&versions(&dataset), Some(&token), &anchor).await.problem(404, "no-content");
    assert!(gone.contains("does not hold"), "{gone}");
    drop(market);
    world.network.stop().await;
}

fn versions(dataset: &DatasetId) -> String {
    format!("/api/v1/datasets/{dataset}/versions")
}
