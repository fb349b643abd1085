//! The read model on a real small market: rebuilt it is the same, tampered blocks are not taken.

use super::*;
use crate::fixture::Made;
use crate::view::list::{self, List};
use ledger::{
    api::{client::Client, follow::Follower},
    testing::Network,
};
use std::time::Duration;
use tempfile::TempDir;

mod governing;

/// All blocks of a market, as the follower verified them.
async fn blocks(client: &Client) -> Vec<Followed> {
    let mut follower = Follower::new(client.clone(), Cursor::default());
    let mut blocks = Vec::new();
    loop {
        let more = follower.next(Duration::from_millis(50)).await.unwrap();
        if more.is_empty() {
            return blocks;
        }
        blocks.extend(more);
    }
}

async fn market() -> (TempDir, Network, Made, Vec<Followed>) {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let made = crate::fixture::market(&network.client).await;
    let blocks = blocks(&network.client).await;
    (folder, network, made, blocks)
}

/// Every row of every family.
fn dump(index: &Index) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let rows = |family: &&'static str| {
        let rows = index.kv().scan(family, &[], &[], usize::MAX).unwrap();
        rows.into_iter().map(|(key, value)| (*family, key, value)).collect::<Vec<_>>()
    };
    family::ALL.iter().flat_map(rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilt_it_is_the_same_and_reopened_it_goes_on() {
    let (folder, network, made, blocks) = market().await;
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let first = Index::open(&one, network.client.network()).unwrap();
    blocks.iter().for_each(|block| first.take(block).unwrap());
    for block in &blocks {
        // Stopped and opened again before each block, it goes on where it was.
        let again = Index::open(&two, network.client.network()).unwrap();
        assert_eq!(again.cursor().unwrap().height, block.height - 1);
        again.take(block).unwrap();
    }
    let again = Index::open(&two, network.client.network()).unwrap();
    assert_eq!(dump(&first), dump(&again));
    assert_eq!(first.tip(), again.tip());

    // Its records are those that the node proves.
    let key = contracts::dataset::Dataset::key(&made.personal);
    let proven = network.client.record::<contracts::dataset::Dataset>(&key).await.unwrap().record.unwrap();
    let thing = Thing::new(Kind::Dataset, made.personal.as_bytes());
    let history = first.read().history_of(&thing).unwrap().unwrap();
    assert_eq!(history, (proven.history.count(), proven.history.root()));
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_the_rules_would_not_give_is_not_taken() {
    let (folder, network, _, blocks) = market().await;
    let index = Index::open(&folder.path().join("index"), network.client.network()).unwrap();
    let refused = blocks.iter().position(|block| {
        block.items.iter().any(|item| matches!(item.outcome, contracts::outcome::Outcome::Refused { .. }))
    });
    let refused = refused.expect("the market refuses something");
    blocks[..refused].iter().for_each(|block| index.take(block).unwrap());
    let before = dump(&index);

    let lie = |change: fn(&mut Followed)| {
        let mut block = blocks[refused].clone();
        change(&mut block);
        index.take(&block).unwrap_err()
    };
    let wrong = lie(|block| block.items[0].outcome = contracts::outcome::Outcome::Applied);
    assert!(matches!(wrong, IndexError::Diverged { .. }), "{wrong}");
    let wrong = lie(|block| block.items[0].events.clear());
    assert!(matches!(wrong, IndexError::Diverged { .. }), "{wrong}");
    let wrong = lie(|block| block.items[0].transaction.signature.0[0] ^= 1);
    assert!(matches!(wrong, IndexError::Diverged { .. }), "{wrong}");
    let wrong = lie(|block| block.height += 1);
    assert!(matches!(wrong, IndexError::NotNext { .. }), "{wrong}");
    assert_eq!(dump(&index), before, "nothing of a refused block is kept");

    index.take(&blocks[refused]).unwrap();
    let other = Index::open(&folder.path().join("other"), contracts::id::NetworkId([9; 32])).unwrap();
    // The first block may be empty; the first that is not holds a signature for this network only.
    let wrong = blocks.iter().find_map(|block| other.take(block).err());
    assert!(matches!(wrong, Some(IndexError::Diverged { .. })), "another network's signatures");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_timelines_are_whole_whatever_the_page_size() {
    let (folder, network, made, blocks) = market().await;
    let index = Index::open(&folder.path().join("index"), network.client.network()).unwrap();
    blocks.iter().for_each(|block| index.take(block).unwrap());
    let reader = index.read();
    for kind in List::ALL {
        let scope = (kind == List::Events).then(|| Thing::new(Kind::Dataset, made.personal.as_bytes()));
        let whole = list::rows(&reader, kind, scope.as_ref(), None, 1_000, 0).unwrap().rows;
        assert_eq!(whole.len() as u64, list::count(&reader, kind, scope.as_ref()).unwrap(), "{kind:?}");
        let (mut pieces, mut at) = (Vec::new(), None);
        loop {
            let page = list::rows(&reader, kind, scope.as_ref(), at, 1, 0).unwrap();
            pieces.extend(page.rows);
            let Some(next) = page.next else { break };
            at = crate::view::before(Some(&next)).unwrap();
        }
        assert_eq!(pieces, whole, "{kind:?}");
        assert!(whole.iter().all(|row| row.len() == kind.columns().len()), "{kind:?}");
    }
    // Naive count: the events that name the dataset, and the refusals of what concerned it.
    let thing = Thing::new(Kind::Dataset, made.personal.as_bytes());
    let key = contracts::dataset::Dataset::key(&made.personal);
    let told = blocks.iter().flat_map(|block| &block.items).flat_map(|item| &item.events);
    let named = told.clone().filter(|event| event.subjects().contains(&key)).count() as u64;
    let (deliveries, refusals) = (1, 2);
    assert_eq!(reader.timeline_count(&thing).unwrap(), named + deliveries + refusals);
    assert_eq!(reader.list_count(ListKind::Refusals, Some(&thing)).unwrap(), refusals);
    drop(reader);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_by_the_beginnings_of_their_words() {
    let (folder, network, made, blocks) = market().await;
    let index = Index::open(&folder.path().join("index"), network.client.network()).unwrap();
    blocks.iter().for_each(|block| index.take(block).unwrap());
    let reader = index.read();
    let found = |query: &str| {
        let page = reader.search(query, None, 100).unwrap();
        page.items.into_iter().map(|thing| thing.id).collect::<Vec<_>>()
    };
    assert_eq!(found("ship arr"), [made.open.0]);
    assert_eq!(found("arrivals-2024"), [made.open.0]);
    assert_eq!(found("NEWCOMER"), [made.applicant.0]);
    assert_eq!(found("zebra"), Vec::<[u8; 32]>::new());
    assert_eq!(found("…"), Vec::<[u8; 32]>::new());
    let all = found("h");
    let (mut pieces, mut after) = (Vec::new(), None);
    loop {
        let page = reader.search("h", after.as_deref(), 1).unwrap();
        pieces.extend(page.items.iter().map(|thing| thing.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pieces, all);
    assert!(all.len() > 2, "the catalogue `harbour` and the harbour office");
    drop(reader);
    network.stop().await;
}
