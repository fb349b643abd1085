//! Nodes that say what nobody can have.

use super::*;
use crate::{
    api::problem::UNSEALED,
    testing::{
        self, Network,
        between::{between, instead_of},
    },
};
use axum::{http::StatusCode, response::IntoResponse};
use contracts::{
    id::{BankReference, Digest},
    merkle::Frontier,
    money::Amount,
    settlement::{Account, Mint},
};
use std::sync::atomic::{AtomicU64, Ordering};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_says_the_highest_height_gets_a_transaction_that_it_can_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let highest = between(&network, |path, bytes| {
        if path == "/v1/status" {
            let mut status: Status = serde_json::from_slice(bytes).unwrap();
            status.height = u64::MAX;
            *bytes = serde_json::to_vec(&status).unwrap();
        }
    });
    let mint = Mint {
        party: testing::buyer().party,
        amount: Amount::new(100).unwrap(),
        currency: "EUR".parse().unwrap(),
        reference: BankReference([1; 32]),
    };
    let prepared = highest.await.prepare(&testing::settlement(), Action::Mint(mint), None).await.unwrap();
    assert_eq!(prepared.transaction.body.last_valid, u64::MAX);
    let said = network.client.submit(&prepared).await;
    assert!(matches!(said, Err(ClientError::Problem(_))), "{said:?}");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_client_waits_for_a_seal() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    network.grow(1).await;
    let asked = Arc::new(AtomicU64::new(0));
    let counted = asked.clone();
    let unsealed = instead_of(&network, move |path| {
        let early = path.starts_with("/v1/state/") && counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        early.then(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, UNSEALED, "Not sealed yet", "soon").into_response())
    });
    let (client, key) = (unsealed.await, Account::key(&testing::buyer().party, "EUR".parse().unwrap()));
    let said = client.record::<Account>(&key).await.unwrap_err();
    assert!(matches!(&said, ClientError::Problem(problem) if problem.code == UNSEALED), "{said:?}");
    // The second is answered; the next one waits for the fourth.
    client.record::<Account>(&key).await.unwrap();
    client.patient(Duration::from_secs(30)).record::<Account>(&key).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 4);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_as_long_as_is_proven() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    network.grow(3).await;
    let account = |identity: &Identity| Account::key(&identity.party, "EUR".parse().unwrap());
    let (ours, asked) = (account(&testing::buyer()), Arc::new(AtomicU64::new(0)));
    assert!(!network.client.history(&ours).await.unwrap().1.is_empty());
    // It says that there are very many events, and has no end of them.
    let counted = asked.clone();
    let endless = between(&network, move |path, bytes| {
        if !path.starts_with("/v1/history/") {
            return;
        }
        let mut answer: HistoryAnswer = borsh::from_slice(bytes).unwrap();
        let value = answer.state.value.as_mut().unwrap();
        let mut rest = value.as_slice();
        Frontier::deserialize(&mut rest).unwrap();
        let many = Frontier::from_parts(1 << 40, vec![Digest([1; 32])]).unwrap();
        *value = [&borsh::to_vec(&many).unwrap(), rest].concat();
        if counted.fetch_add(1, Ordering::Relaxed) > 5 {
            // The test ends all the same.
            answer.items.clear();
        }
        *bytes = borsh::to_vec(&answer).unwrap();
    });
    let said = endless.await.history(&ours).await;
    assert!(matches!(said, Err(ClientError::Untrue { .. })), "{said:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // Proven, and of somebody else.
    let theirs = network.client.get(&format!("/v1/history/{}", account(&testing::provider()))).await.unwrap();
    let other = between(&network, move |path, bytes| {
        if path.starts_with("/v1/history/") {
            bytes.clone_from(&theirs);
        }
    });
    let said = other.await.history(&ours).await.unwrap_err().to_string();
    assert!(said.contains("of another record"), "{said}");
    network.stop().await;
}
