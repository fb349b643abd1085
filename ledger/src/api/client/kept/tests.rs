//! Services that begin again, and somebody who has the keys of a set that gave way.

use super::*;
use crate::{
    api::follow::{Cursor, Follower},
    testing::{Network, between::instead_of, unexecuted},
    unexecuted::Place,
};
use axum::response::IntoResponse;
use contracts::{governance::Protocol, id::Height};
use std::{fs, time::Duration};

/// A network whose validator took other keys, and the last height of the old ones.
async fn network(folder: &Path) -> (Network, Vec<u8>, Height) {
    let network = Network::start_with_heir(folder).await;
    network.grow(4).await;
    // What whoever has the old keys kept of before.
    let state = network.client.get(&format!("/v1/state/{}", Protocol::key())).await.unwrap();
    let last = network.take_other_keys().await;
    network.grow(last + 3).await;
    (network, state, last)
}

fn client(network: &Network, file: &Path) -> Client {
    let client = Client::new(&network.url, network.anchor.clone()).unwrap();
    client.keeping(file.to_path_buf(), Keeping::Must).unwrap()
}

/// Follows up to `height`.
async fn follow(client: Client, height: Height) -> Result<Cursor, ClientError> {
    let mut follower = Follower::new(client, Cursor::default());
    while follower.cursor().height < height {
        follower.next(Duration::from_secs(5)).await?;
    }
    Ok(follower.cursor().clone())
}

/// Somebody at the node's address who has the old keys, and goes on from `cursor` with them. About the state they say
/// what was true once, where they say anything.
async fn impostor(network: &Network, cursor: &Cursor, state: Option<Vec<u8>>) -> Client {
    let place = Place { height: cursor.height, block: cursor.block.unwrap(), log: cursor.log.clone() };
    let forged = borsh::to_vec(&vec![unexecuted::page(&place, Vec::new()).0]).unwrap();
    let answer = move |path: &str| match path {
        path if path.starts_with("/v1/blocks") => Some(forged.clone().into_response()),
        path if path.starts_with("/v1/trust") => Some(borsh::to_vec(&Vec::<SetChange>::new()).unwrap().into_response()),
        path if path.starts_with("/v1/state") => state.clone().map(IntoResponse::into_response),
        _ => None,
    };
    instead_of(network, answer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_followed_a_change_of_the_set_believes_the_set_before_it_no_more_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let (network, state, last) = network(&place.path().join("node")).await;
    let file = place.path().join("trust.json");
    let cursor = follow(client(&network, &file), last + 2).await.unwrap();
    assert_eq!(read(&file).unwrap().len(), 1);

    // Begun anew from the anchor, it would take what the old keys sign.
    let naive = impostor(&network, &cursor, Some(state.clone())).await;
    let taken = Follower::new(naive, cursor.clone()).next(Duration::ZERO).await.unwrap();
    assert_eq!(taken[0].height, cursor.height + 1);

    let again = |client: Client| client.keeping(file.clone(), Keeping::Must).unwrap();
    let mut follower = Follower::new(again(impostor(&network, &cursor, None).await), cursor.clone());
    let said = follower.next(Duration::ZERO).await.unwrap_err();
    assert!(matches!(said, ClientError::Untrue { .. }), "{said}");
    let size = read(&file).unwrap()[0].after_size;
    assert!(said.to_string().contains(&format!("who gave way to others after {size} entries")), "{said}");
    assert_eq!(*follower.cursor(), cursor);
    // Nor does an old state count that lost keys signed.
    let impostor = again(impostor(&network, &cursor, Some(state)).await);
    let said = Follower::new(impostor, cursor.clone()).next(Duration::ZERO).await.unwrap_err();
    assert!(matches!(&said, ClientError::Problem(problem) if problem.code == "no-later-checkpoint"), "{said}");

    // From the network itself it goes on.
    network.grow(cursor.height + 1).await;
    let next = cursor.height + 1;
    let mut follower = Follower::new(client(&network, &file), cursor);
    assert_eq!(follower.next(Duration::from_secs(5)).await.unwrap()[0].height, next);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_durable_before_a_block_is_handed_out() {
    let place = tempfile::tempdir().unwrap();
    let (network, _, last) = network(&place.path().join("node")).await;
    // The disk says no.
    let file = place.path().join("nowhere").join("trust.json");
    let said = follow(client(&network, &file), last + 1).await.unwrap_err();
    assert!(matches!(&said, ClientError::Kept(KeptError::File { path, .. }) if *path == file), "{said}");
    // Whoever only asks goes on.
    let asks = Client::new(&network.url, network.anchor.clone()).unwrap();
    let asks = asks.keeping(file.clone(), Keeping::IfPossible).unwrap();
    assert!(asks.refresh().await.unwrap());
    fs::create_dir(file.parent().unwrap()).unwrap();
    follow(client(&network, &file), last + 1).await.unwrap();
    assert_eq!(read(&file).unwrap().len(), 1);

    // Every file that it was told of has all of it, and what it learns from one is in the others.
    let other = place.path().join("other.json");
    let both = client(&network, &file).keeping(other.clone(), Keeping::Must).unwrap();
    both.keep().await.unwrap();
    assert_eq!(read(&other).unwrap(), read(&file).unwrap());
    // Another process may have seen more: that stays.
    write(&other, &[]).unwrap();
    assert_eq!(read(&other).unwrap().len(), 1);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_lead_on_from_the_anchor_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (network, _, last) = network(&place.path().join("node")).await;
    let file = place.path().join("trust.json");
    follow(client(&network, &file), last + 1).await.unwrap();
    let mut changes = read(&file).unwrap();
    changes[0].after_size += 1;
    for wrong in [b"rubbish".to_vec(), serde_json::to_vec(&changes).unwrap()] {
        fs::write(&file, wrong).unwrap();
        let client = Client::new(&network.url, network.anchor.clone()).unwrap();
        let said = client.keeping(file.clone(), Keeping::Must).err().unwrap();
        assert!(matches!(said, KeptError::Damaged { .. }), "{said}");
    }
    network.stop().await;
}
