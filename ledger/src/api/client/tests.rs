//! Nodes that say what nobody can have.

use super::*;
use crate::testing::{self, Network, between::between};
use contracts::{id::BankReference, money::Amount, settlement::Mint};

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
