//! Nodes that are audited by their URL while they do not answer as they should.

use super::*;
use crate::{
    api::Problem,
    limits::FOLLOW_BLOCKS_MAX,
    testing::{
        self, Network,
        between::{between, instead_of},
    },
};
use axum::{
    body::Body,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use contracts::{governance::PROTOCOL_NEWEST, limits::PROTOCOL_NOTICE_BLOCKS};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

/// More than a node serves at once.
const HEIGHT: Height = FOLLOW_BLOCKS_MAX as u64 + 6;

async fn network(folder: &Path) -> Network {
    let network = Network::start(folder).await;
    network.grow(HEIGHT).await;
    network
}

async fn audited(client: &Client) -> Result<Report, AuditError> {
    told(client, |_| ()).await
}

/// Audits what `client` serves, and tells `each` of each height that was verified.
async fn told(client: &Client, each: impl Fn(Height) + Send + 'static) -> Result<Report, AuditError> {
    let (client, runtime) = (client.clone(), tokio::runtime::Handle::current());
    let work = move || {
        let (document, scratch) = (testing::document(), tempfile::tempdir().unwrap());
        let progress = |height, _| each(height);
        url(client, &document, &document.anchor(), scratch.path(), &runtime, &progress)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn asks_for_blocks(path: &str) -> bool {
    path.starts_with("/v1/blocks")
}

fn busy() -> Response {
    Problem::busy("one more is too many").into_response()
}

/// As a proxy answers whose node is away.
fn bad_gateway() -> Response {
    (StatusCode::BAD_GATEWAY, "<html>502 Bad Gateway</html>").into_response()
}

/// The connection ends in the middle of the answer.
fn cut_short() -> Response {
    let broken = futures_util::stream::iter([Ok("half"), Err(std::io::Error::other("the line is down"))]);
    Response::new(Body::from_stream(broken))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_answer_once_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let expected = audited(&network.client).await.unwrap();
    assert!(expected.is_clean() && expected.height == HEIGHT, "{expected:?}");
    assert_eq!(expected.time_ms, network.client.status().await.unwrap().time_ms);
    let answers: [fn() -> Response; 3] = [busy, bad_gateway, cut_short];
    for answer in answers {
        let asked = Arc::new(AtomicU64::new(0));
        let counted = asked.clone();
        let once = move |path: &str| {
            let number = asks_for_blocks(path).then(|| counted.fetch_add(1, Ordering::Relaxed));
            number.is_some_and(|number| number == 1).then(answer)
        };
        let client = instead_of(&network, once).await;
        assert_eq!(audited(&client).await.unwrap(), expected);
        assert_eq!(asked.load(Ordering::Relaxed), 3, "two answers with blocks, and the one between");
    }
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stays_away_is_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let always_busy = instead_of(&network, |path| asks_for_blocks(path).then(busy)).await;
    let said = audited(&always_busy).await;
    assert!(matches!(&said, Err(AuditError::Away(why)) if why.contains("one more is too many")), "{said:?}");
    // It is not asked what it has, but says more than it serves.
    let beyond = between(&network, |path, bytes| {
        if path == "/v1/status" {
            let mut status: crate::node::Status = serde_json::from_slice(bytes).unwrap();
            status.height += 1;
            *bytes = serde_json::to_vec(&status).unwrap();
        }
    });
    let said = audited(&beyond.await).await;
    let unserved = format!("does not serve block {}", HEIGHT + 1);
    assert!(matches!(&said, Err(AuditError::Away(why)) if why.contains(&unserved)), "{said:?}");
    // It ends in the middle.
    let client = network.client.clone();
    let (running, runtime) = (Mutex::new(Some(network)), tokio::runtime::Handle::current());
    let stop = move |_| {
        if let Some(network) = running.lock().unwrap().take() {
            runtime.block_on(network.stop());
        }
    };
    let said = told(&client, stop).await;
    assert!(matches!(&said, Err(AuditError::Away(why)) if why.contains("cannot reach the node")), "{said:?}");
    let said = audited(&client).await;
    assert!(matches!(&said, Err(AuditError::Away(_))), "{said:?}");
}

/// Its word is all there is for the number of blocks, and nothing of none holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_says_it_has_no_block_was_not_audited() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let empty = between(&network, |path, bytes| {
        if path == "/v1/status" {
            let mut status: crate::node::Status = serde_json::from_slice(bytes).unwrap();
            status.height = 0;
            *bytes = serde_json::to_vec(&status).unwrap();
        }
    });
    let report = audited(&empty.await).await.unwrap();
    assert!(report.is_clean() && (report.height, report.time_ms) == (0, 0), "{report:?}");
    assert!(report.unserved.is_some_and(|reason| reason.contains("has no block")));
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_serves_that_does_not_hold_is_a_finding_still() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let damage = |path: &str, bytes: &mut Vec<u8>| {
        if asks_for_blocks(path) {
            bytes.truncate(bytes.len() / 2);
        }
    };
    let report = audited(&between(&network, damage).await).await.unwrap();
    assert_eq!(report.findings[0].place, "block 1", "{report:?}");
    let rubbish = between(&network, |path, bytes| {
        if path == "/v1/status" {
            *bytes = b"{}".to_vec();
        }
    });
    let report = audited(&rubbish.await).await.unwrap();
    assert_eq!(report.findings[0].place, "status", "{report:?}");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_rules_that_are_not_known_here_are_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let from = network.client.status().await.unwrap().height + PROTOCOL_NOTICE_BLOCKS + 20;
    network.decide_rules(PROTOCOL_NEWEST + 1, from).await;
    let later = between(&network, |path, bytes| {
        if asks_for_blocks(path) {
            *bytes = [&1u32.to_le_bytes()[..], &[0xff; 40]].concat();
        }
    });
    let (client, runtime) = (later.await, tokio::runtime::Handle::current());
    let work = move || {
        use source::Source;
        let mut report = Report::new(testing::document().network);
        let missed = source::Node::new(client, runtime, from).block(from).err().expect("nobody can read it");
        missed.find("there", &mut report)
    };
    let said = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(matches!(&said, Err(AuditError::Newer(why)) if why.contains("does not know")), "{said:?}");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_goes_on_with_a_set_that_gave_way_is_a_finding_for_who_saw_that() {
    let place = tempfile::tempdir().unwrap();
    let (folder, copy) = (place.path().join("node"), place.path().join("copy"));
    let network = Network::start_with_heir(&folder).await;
    network.grow(4).await;
    network.stop().await;
    testing::copied(&folder, &copy);
    let network = Network::start_with_heir(&folder).await;
    network.take_other_keys().await;
    let changes = network.client.changes().await.unwrap();
    let naive = |network: &Network| Client::new(&network.url, network.anchor.clone()).unwrap();
    for client in [&network.client, &naive(&network)] {
        assert!(audited(client).await.unwrap().is_clean());
    }
    network.stop().await;
    // Whoever has the old keys goes on without that change. Before it comes to where the change was, it is behind.
    let fork = Network::start(&copy).await;
    let client = naive(&fork);
    client.learn(&changes).unwrap();
    assert!(audited(&client).await.unwrap().is_clean());
    fork.grow(20).await;
    assert!(audited(&naive(&fork)).await.unwrap().is_clean());
    let report = audited(&client).await.unwrap();
    assert!(report.findings[0].what.contains("who had given way"), "{report:?}");
    fork.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_not_kept_the_transactions_is_audited_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let network = network(folder.path()).await;
    let whole = audited(&network.client).await.unwrap();
    for kept in [0, FOLLOW_BLOCKS_MAX as u64] {
        let gone = move |path: &str| {
            let after: u64 = path.strip_prefix("/v1/blocks?after=")?.split('&').next()?.parse().ok()?;
            let problem = || Problem::new(StatusCode::GONE, "pruned", "Pruned", "the bodies were pruned");
            (after >= kept).then(|| problem().into_response())
        };
        let report = audited(&instead_of(&network, gone).await).await.unwrap();
        let said = report.unserved.clone().unwrap();
        assert!(report.is_clean() && report.height == kept && report.unexecuted.is_none(), "{report:?}");
        for part in ["the bodies were pruned".to_owned(), format!("block {HEIGHT}, its newest, is sealed")] {
            assert!(said.contains(&part), "{said}");
        }
        assert_ne!(report.digest, whole.digest);
    }
    // Nor is the rest believed unseen.
    let gone = |path: &str| {
        let problem = || Problem::new(StatusCode::GONE, "pruned", "Pruned", "the bodies were pruned");
        if path.starts_with("/v1/state") {
            return Some(b"rubbish".to_vec().into_response());
        }
        asks_for_blocks(path).then(|| problem().into_response())
    };
    let report = audited(&instead_of(&network, gone).await).await.unwrap();
    assert_eq!(report.findings[0].place, "newest block", "{report:?}");
    network.stop().await;
}

mod stopped;
