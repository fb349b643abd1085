//! A node that observes, between a source that lies and one that does not.

use super::*;
use crate::{
    api::BlockPage,
    highwater::HighWater,
    store::{Batch, Store},
    testing::{self, Network, between::between},
};
use borsh::BorshDeserialize;
use contracts::{
    governance::{PROTOCOL_NEWEST, Protocol},
    merkle::Frontier,
    state::Record,
};
use std::{path::Path, sync::Arc};

const UNTIL: Duration = Duration::from_secs(60);

/// What a source changes of the blocks that it serves.
type Lie = fn(&mut Vec<BlockPage>);

/// What each lie is found out by, or `None` where nothing of it is believed, so that it does no harm.
const LIES: [(&str, Option<&str>, Lie); 9] = [
    ("a byte of a transaction", Some(""), |pages| {
        let full = pages.iter_mut().find(|page| !page.block.transactions.is_empty());
        full.into_iter().for_each(|page| page.block.transactions[0][40] ^= 1);
    }),
    ("a header", Some("certificate"), |pages| pages.iter_mut().for_each(|page| page.block.header.entry.time_ms += 1)),
    ("a certificate", Some("signature"), |pages| {
        pages.iter_mut().for_each(|page| page.certificate.round += 1);
    }),
    ("a seal", Some("cosignature"), |pages| pages.iter_mut().for_each(|page| page.seal.cosignatures[0].time_s += 1)),
    ("a set change left out", Some("without a record"), |pages| pages.iter_mut().for_each(|page| page.change = None)),
    ("another set change", Some("change"), |pages| {
        pages.iter_mut().filter_map(|page| page.change.as_mut()).for_each(|change| change.compromised.clear());
    }),
    ("a height skipped", Some(""), |pages| drop(pages.drain(..pages.len().min(1)))),
    ("results", None, |pages| pages.iter_mut().for_each(|page| page.results.clear())),
    ("everything kept back", None, |pages| pages.clear()),
];

/// A client of somebody between us and `network` who tells a lie about its blocks.
async fn liar(network: &Network, lie: Lie) -> Client {
    let change = move |path: &str, bytes: &mut Vec<u8>| {
        if path.starts_with("/v1/blocks") {
            let mut pages = Vec::<BlockPage>::try_from_slice(bytes).unwrap();
            lie(&mut pages);
            *bytes = borsh::to_vec(&pages).unwrap();
        }
    };
    between(network, change).await
}

/// Observes from `sources` until `holds`.
async fn until(handle: &Handle, sources: Vec<Client>, what: &str, holds: impl Fn(&Handle) -> bool) {
    let stop = CancellationToken::new();
    let observing = tokio::spawn(observe(handle.clone(), sources, stop.clone()));
    let begun = Instant::now();
    while !holds(handle) {
        assert!(begun.elapsed() < UNTIL, "{what}: at {}, {:?}", handle.status().height, handle.hindrance());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    observing.await.unwrap();
}

/// Everything that blocks left is what they left at the node that made them.
fn same(ours: &Store, theirs: &Store, what: &str) {
    let families =
        ["state", "hashes", "sets", "blocks", "bodies", "results", "certificates", "seals", "ids", "sizes", "history"];
    for family in families {
        let rows = |store: &Store| store.kv().scan(family, &[], &[], 1_000_000).unwrap();
        assert!(rows(ours) == rows(theirs), "{what}: {family}");
    }
}

/// The lie is found out, and with a source that does not lie the node goes on.
async fn found_out(network: Arc<Network>, folder: &Path, (what, found, lie): (&str, Option<&str>, Lie)) {
    let tip = || network.handle().status().height;
    let node = testing::observer(folder).unwrap();
    let (handle, liar) = (node.handle(), liar(&network, lie).await);
    if let Some(found) = found {
        until(&handle, vec![liar.clone()], what, |handle| handle.hindrance().is_some()).await;
        let said = handle.hindrance().unwrap();
        assert!(said.contains("as it was fetched does not hold") && said.contains(found), "{what}: {said}");
        let status = handle.status();
        assert!(status.height < tip() && !status.healthy, "{what}: {status:?}");
    }
    let is_there = |handle: &Handle| handle.status().height >= tip() && handle.hindrance().is_none();
    until(&handle, vec![liar, network.client.clone()], what, is_there).await;
    same(handle.store(), network.handle().store(), what);
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_observes_finds_lies_out_and_goes_on_with_the_next_source() {
    let folder = tempfile::tempdir().unwrap();
    let network = Arc::new(Network::start_with_heir(&folder.path().join("whole")).await);
    network.grow(3).await;
    let last = network.take_other_keys().await;
    network.grow(last + 3).await;
    let mut told = tokio::task::JoinSet::new();
    for (number, lie) in LIES.into_iter().enumerate() {
        let (network, folder) = (network.clone(), folder.path().join(number.to_string()));
        told.spawn(async move { found_out(network, &folder, lie).await });
    }
    while let Some(found_out) = told.join_next().await {
        found_out.unwrap();
    }
    Arc::into_inner(network).unwrap().stop().await;
}

/// One of two sources is away: that is said of the node only where no other answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_is_missed_only_where_there_is_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("whole")).await;
    network.grow(3).await;
    let node = testing::observer(&folder.path().join("observer")).unwrap();
    let handle = node.handle();
    // Nobody listens on port 1.
    let away = Client::new("http://127.0.0.1:1", network.anchor.clone()).unwrap();
    let missed = |handle: &Handle| handle.status().reason.is_some_and(|said| said.contains("gets no blocks"));
    let follows = |handle: &Handle| handle.status().height >= 3;
    until(&handle, vec![away.clone(), network.client.clone()], "it follows", follows).await;
    // It has each of them asked in turn, since the other has nothing new.
    let silent = liar(&network, Vec::clear).await;
    let begun = Instant::now();
    until(&handle, vec![away.clone(), silent], "it is well", |handle| {
        assert!(!missed(handle));
        begun.elapsed() > 2 * AGAIN_AFTER
    })
    .await;
    until(&handle, vec![away], "nobody answers", missed).await;
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    network.stop().await;
}

/// A quorum decided rules that this release does not know, and its sources serve blocks that it cannot decode.
#[tokio::test(flavor = "multi_thread")]
async fn who_observes_stops_before_rules_that_it_does_not_know() {
    const FROM: u64 = 6;
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("whole")).await;
    network.grow(FROM + 4).await;
    let observer = folder.path().join("observer");
    // The decision as it lies in the state, since its notice is longer than this test.
    let store = Store::open(&observer.join("db")).unwrap();
    let mut batch = Batch::default();
    let value = Protocol { version: PROTOCOL_NEWEST + 1, from: FROM, before: PROTOCOL_NEWEST };
    batch.put("state", Protocol::key().as_bytes(), Record { history: Frontier::EMPTY, value }.encode());
    store.kv().write(batch).unwrap();
    drop(store);
    HighWater::create(&observer.join("highwater")).unwrap();
    let newer = |path: &str, bytes: &mut Vec<u8>| {
        if path.starts_with("/v1/blocks") {
            let mut pages = Vec::<BlockPage>::try_from_slice(bytes).unwrap();
            let all = pages.len() as u32;
            pages.retain(|page| page.block.header.entry.height < FROM);
            let known: Vec<u8> = pages.iter().flat_map(|page| borsh::to_vec(page).unwrap()).collect();
            *bytes = [&all.to_le_bytes()[..], &known, &[0xff; 100]].concat();
        }
    };
    let source = between(&network, newer).await;
    let node = testing::observer(&observer).unwrap();
    let handle = node.handle();
    until(&handle, vec![source], "it stops", |handle| handle.hindrance().is_some()).await;
    let said = handle.ended().await;
    assert!(
        said.contains("blocks from height 6 on go by version 2 of the rules") && said.contains("install"),
        "{said}"
    );
    assert_eq!(handle.status().height, FROM - 1, "all before it");
    drop(handle);
    tokio::task::spawn_blocking(move || node.stop()).await.unwrap();
    assert!(testing::observer(&observer).err().unwrap().to_string().contains("version 2 of the rules"));
    network.stop().await;
}
