//! A validator whose keys were lost, and what they had signed before.

use super::*;
use crate::{
    receipt::LaterFile,
    testing::{self, Network, between::between},
};
use contracts::{id::TransactionId, settlement::Account, state::Key};
use std::time::Duration;

/// What somebody between changes of an answer.
type Change = fn(&mut Vec<u8>);

/// A network whose validator has taken other keys, with a transaction that the old ones signed.
async fn with_lost_keys(folder: &std::path::Path) -> (Network, TransactionId) {
    let network = Network::start_with_heir(folder).await;
    network.grow(4).await;
    let page = network.client.blocks(2, Duration::ZERO).await.unwrap().remove(0);
    let old = page.results[0].entry.transaction;
    network.client.committed(old).await.unwrap().unwrap();
    let last = network.take_other_keys().await;

    // The new keys have sealed nothing yet; that passes with the next block.
    network.client.refresh().await.unwrap();
    let account: Key = Account::key(&testing::buyer().party, "EUR".parse().unwrap());
    let (receipt, record) = (network.client.committed(old).await, network.client.record::<Account>(&account).await);
    if network.client.status().await.unwrap().height == last {
        for said in [receipt.map(drop).unwrap_err(), record.map(drop).unwrap_err()] {
            assert!(
                matches!(&said, ClientError::Problem(problem) if problem.retryable && problem.code == "no-later-checkpoint"),
                "{said}"
            );
        }
    }
    network.grow(last + 3).await;
    (network, old)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lost_keys_signed_holds_by_what_those_after_them_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let (network, old) = with_lost_keys(folder.path()).await;
    let client = &network.client;
    let committed = client.committed(old).await.unwrap().unwrap();
    let receipt = Receipt::decode(&committed.receipt).unwrap();
    assert!(receipt.verify(&client.trust()).unwrap_err().wants_later());
    let (verified, later) = client.check_receipt(&receipt).await.unwrap();
    assert_eq!((verified.index, verified.signers.clone()), (committed.index, vec!["validator-7".to_owned()]));

    // Kept, it is as good without the node, from the anchor alone.
    let kept = LaterFile { changes: client.changes().await.unwrap(), later: vec![later.unwrap()] };
    let bytes = kept.encode();
    let again = LaterFile::decode(&bytes).unwrap();
    let trust = again.trust(&client.trust().anchor()).unwrap();
    assert_eq!(again.verify(&receipt, &trust).unwrap(), (verified, kept.later[0].checkpoint));
    assert!(again.verify(&receipt, &client.trust().anchor()).is_err(), "under a set that is not known");
    let none = LaterFile { later: Vec::new(), ..kept };
    assert_eq!(none.verify(&receipt, &trust), Err(ReceiptError::NoLater));
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        let Ok(wrong) = LaterFile::decode(&wrong) else { continue };
        let taken = wrong.trust(&client.trust().anchor()).map(|trust| wrong.verify(&receipt, &trust).is_ok());
        assert_ne!(taken, Ok(true), "byte {at}");
    }

    // What the new keys signed needs nothing of the kind.
    let page = client.blocks(committed.height + 4, Duration::ZERO).await.unwrap().pop().unwrap();
    let new = client.committed(page.results[0].entry.transaction).await.unwrap().unwrap();
    assert_eq!(client.check_receipt(&Receipt::decode(&new.receipt).unwrap()).await.unwrap().1, None);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_with_what_lost_keys_signed_holds_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (network, old) = with_lost_keys(folder.path()).await;
    let account: Key = Account::key(&testing::buyer().party, "EUR".parse().unwrap());
    let (bytes, report) = network.client.bundle(&account).await.unwrap();
    assert!(report.receipts > 3 && report.changes == 1, "{report:?}");
    assert!(String::from_utf8_lossy(&bytes).contains(&old.to_string()), "one of them is of the lost keys' time");
    let trust = network.client.trust().anchor();
    assert_eq!(crate::bundle::verify(&bytes, &trust).unwrap(), report);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_checkpoint_that_does_not_continue_the_receipt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (network, old) = with_lost_keys(folder.path()).await;
    let changes: [(&str, Change); 3] = [
        ("/v1/consistency", |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("/v1/consistency", |bytes| *bytes = borsh::to_vec(&Vec::<[u8; 32]>::new()).unwrap()),
        ("/v1/state", |bytes| {
            let mut answer = StateAnswer::try_from_slice(bytes).unwrap();
            let mut receipt = Receipt::decode(&answer.height).unwrap();
            receipt.statement.checkpoint.root.0[0] ^= 1;
            answer.height = receipt.encode();
            *bytes = borsh::to_vec(&answer).unwrap();
        }),
    ];
    for (path, change) in changes {
        let liar = between(&network, move |asked, bytes| {
            if asked.starts_with(path) {
                change(bytes);
            }
        });
        let liar = liar.await;
        liar.refresh().await.unwrap();
        let said = liar.committed(old).await.unwrap_err();
        assert!(matches!(said, ClientError::Untrue { .. }), "{path}: {said}");
    }
    network.stop().await;
}
