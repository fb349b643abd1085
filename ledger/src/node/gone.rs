//! Side bodies that were taken down, and whoever brings them again.

use super::{Node, NodeError};
use crate::{
    audit,
    limits::UNSEALED_HEIGHTS_MAX,
    sides::Sides,
    submission::Submission,
    testing::{self, Network},
};
use contracts::{
    action::Action,
    dataset::{Publish, Revise},
    id::DatasetId,
    rejection::Rejection,
    side::{SideBody, SideField},
    takedown::TakeSideDown,
};
use std::path::Path;

fn prose() -> SideBody {
    let field = SideField { name: "contact".into(), value: "harbour.master@example.org".into() };
    SideBody::new([7; 32], vec![field]).unwrap()
}

fn publish(side: &SideBody) -> Publish {
    let jacket = serde_json::json!({ "title": "Ship movements", "classification": {} });
    let jacket = serde_json::from_value(jacket).unwrap();
    Publish { catalogue: "own".into(), identifier: "ships".into(), jacket, side: Some(side.id()) }
}

/// Publishes a dataset with prose, and takes that down. Returns what published it.
async fn taken_down(network: &Network, side: &SideBody) -> Submission {
    let (client, provider) = (&network.client, testing::provider());
    let published = client.prepare(&provider, Action::Publish(publish(side)), Some(side.clone())).await.unwrap();
    client.submit(&published).await.unwrap().applied().unwrap();
    assert_eq!(client.side(side.id()).await.unwrap().as_ref(), Some(side));
    let down = Action::TakeSideDown(TakeSideDown { side: side.id() });
    client.act(&provider, down, None).await.unwrap().applied().unwrap();
    published
}

fn file(folder: &Path) -> Sides {
    Sides::open(&folder.join("sides"), &folder.join("sides.key")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_brings_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let (client, provider, side) = (&network.client, testing::provider(), prose());
    let published = taken_down(&network, &side).await;
    let is_there = || file(folder.path()).has(&side.id());
    assert!(!is_there() && client.side(side.id()).await.unwrap().is_none());

    // What published it is in a block, and has its receipt; its prose is not kept again.
    client.submit(&published).await.unwrap().applied().unwrap();
    assert!(!is_there());
    // Another that brings it is not even taken in.
    let dataset = DatasetId::of(&provider.party, "own", "ships");
    let revise = |follows| {
        let Publish { jacket, side, .. } = publish(&side);
        Action::Revise(Revise { dataset, follows, jacket, side })
    };
    let brings = client.prepare(&provider, revise(1), Some(side.clone())).await.unwrap();
    let said = client.submit(&brings).await.unwrap_err();
    let crate::api::client::ClientError::Problem(problem) = &said else { panic!("{said}") };
    assert_eq!((problem.status, problem.code.as_str(), problem.retryable), (410, "side-gone", false));
    assert!(!is_there());
    // One that was kept before the take-down was in a block goes with the refusal.
    file(folder.path()).keep(&side).unwrap();
    assert!(client.side(side.id()).await.unwrap().is_none(), "it is not served meanwhile");
    let alone = client.prepare(&provider, revise(1), None).await.unwrap();
    let said = client.submit(&alone).await.unwrap().applied().unwrap_err();
    assert_eq!(said, Rejection::SideBodyGone { side: side.id() });
    assert!(!is_there());
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_there_all_the_same_goes_at_the_next_start_and_is_found_by_an_audit() {
    let folder = tempfile::tempdir().unwrap();
    let (path, side) = (folder.path(), prose());
    let network = Network::start(path).await;
    taken_down(&network, &side).await;
    network.grow(network.client.status().await.unwrap().height + UNSEALED_HEIGHTS_MAX as u64 + 2).await;
    network.stop().await;
    // As a folder of side bodies that is older than the ledger beside it has it.
    file(path).keep(&side).unwrap();
    let (scratch, document) = (tempfile::tempdir().unwrap(), testing::document());
    let report = audit::folder(path, &document, &document.anchor(), scratch.path(), &|_, _| {}).unwrap();
    let found: Vec<_> = report.findings.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(found, ["this side body was taken down, and is there still"]);
    let start = || -> Result<Node, NodeError> { testing::node(path) };
    let node = start().unwrap();
    assert!(!file(path).has(&side.id()));
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let report = audit::folder(path, &document, &document.anchor(), scratch.path(), &|_, _| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
