//! Joining a network that is older than what a snapshot brings, from sources that serve what is so and what is not.

use super::*;
use crate::{
    api::{
        BlockPage,
        client::{Client, ClientError},
    },
    audit::{AuditError, Report},
    testing::{
        self, Network,
        between::{between, instead_of},
    },
    tree,
};
use axum::response::IntoResponse;
use contracts::{id::Digest, merkle::Frontier, party::Party, settlement::Account};
use std::time::{Duration, Instant};

/// Grows `network` past `station`, to `height`, with that in view. It would be missed by a thread that gets no turn
/// before the next block, as on a machine that is busy.
async fn grow_past(network: &Network, station: Height, height: Height) {
    network.grow(station).await;
    let (handle, begun) = (network.handle(), Instant::now());
    while handle.stations().offered() != Some(station) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{station}: {:?}", handle.stations().offered());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    network.grow(height).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_by_a_snapshot_has_what_executing_all_blocks_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("whole")).await;
    let young = join(std::slice::from_ref(&network.client), &folder.path().join("early"), &|_| {}).await;
    assert!(matches!(young, Err(JoinError::NoneOffered(_))), "{young:?}");
    let station = (VALIDITY_BLOCKS_MAX / STATION_EVERY + 2) * STATION_EVERY;
    grow_past(&network, station, station + 3).await;

    let joined_in = folder.path().join("joined");
    let joined = join(std::slice::from_ref(&network.client), &joined_in, &|_| {}).await.unwrap();
    assert_eq!((joined.height, joined.base), (station, station - VALIDITY_BLOCKS_MAX));
    let again = join(std::slice::from_ref(&network.client), &joined_in, &|_| {}).await;
    assert!(matches!(again, Err(JoinError::NotEmpty(_))), "{again:?}");

    // What it never signed it needs no mark of, also where it stops before its first block.
    tokio::task::spawn_blocking({
        let folder = joined_in.clone();
        move || testing::observer(&folder).unwrap().stop()
    })
    .await
    .unwrap();
    for node in [None, Some(network.client.clone())] {
        let begun = audited(&joined_in, node).await;
        assert!(begun.is_clean(), "{:?}", begun.findings);
    }

    // It goes on as one that observes, executing what comes.
    let observer = Network::serving(testing::observer(&joined_in).unwrap()).await;
    network.feed(&observer.handle()).await;
    let (whole, part) = (network.handle().store().clone(), observer.handle().store().clone());
    for family in ["state", "hashes", "sets"] {
        let rows = |store: &crate::store::Store| store.kv().scan(family, &[], &[], 1_000_000).unwrap();
        assert!(rows(&whole) == rows(&part), "{family}");
    }
    for family in ["blocks", "bodies", "results", "certificates", "seals", "ids", "sizes", "history"] {
        let rows = part.kv().scan(family, &[], &[], 1_000_000).unwrap();
        assert!(rows.len() > 3, "{family} has {} rows", rows.len());
        for (key, value) in rows {
            assert!(whole.kv().get(family, &key).unwrap().as_ref() == Some(&value), "{family} {}", hex::encode(key));
        }
    }

    for (key, value) in whole.kv().scan("history", &[], &[], 1_000_000).unwrap() {
        let is_here = part.kv().get("history", &key).unwrap().is_some();
        let height = u64::from_be_bytes(*value.first_chunk().unwrap());
        assert_eq!(is_here, height > joined.base, "an event of block {height}");
    }

    // What it has it proves; of what it has not it says so, and not that there is nothing.
    let buyer = Party::key(&testing::buyer().party);
    assert!(observer.client.record::<Party>(&buyer).await.unwrap().record.is_some());
    let first = network.client.blocks(1, Duration::ZERO).await.unwrap().remove(0);
    let old = first.results[0].entry.transaction;
    let account = Account::key(&testing::buyer().party, "EUR".parse().unwrap());
    let gone = |asked: Result<(), ClientError>| match asked {
        Err(ClientError::Problem(problem)) => assert_eq!((problem.status, problem.code.as_str()), (410, "before")),
        other => panic!("{other:?}"),
    };
    gone(observer.client.blocks(0, Duration::ZERO).await.map(drop));
    gone(observer.client.get(&format!("/v1/transactions/{old}")).await.map(drop));
    gone(observer.client.get("/tile/entries/000").await.map(drop));
    gone(observer.client.history(&account).await.map(drop));
    assert_eq!(observer.client.get("/tile/0/000").await.unwrap(), network.client.get("/tile/0/000").await.unwrap());
    // It hands on what it has once it has enough of it.
    assert_eq!(observer.handle().stations().offered(), None);
    observer.stop().await;
    drop(part);

    // Alone, it shows that hashes and signatures hold; with the blocks of a whole node, that the rules do.
    let alone = audited(&joined_in, None).await;
    assert!(alone.is_clean() && alone.unexecuted.unwrap().contains("joined by a snapshot"), "{:?}", alone.findings);
    let whole = audited(&joined_in, Some(network.client.clone())).await;
    assert!(whole.is_clean() && whole.unexecuted.is_none(), "{:?}", whole.findings);
    // A record that was changed, and an event of a block, are found either way.
    for (family, place) in [("state", "state"), ("results", "block")] {
        let store = crate::store::Store::open(&joined_in.join("db")).unwrap();
        let (key, before) = store.kv().scan(family, &[], &[], 1_000_000).unwrap().pop().unwrap();
        let write = |value: Vec<u8>| {
            let store = crate::store::Store::open(&joined_in.join("db")).unwrap();
            let mut batch = crate::store::Batch::default();
            batch.put(family, key.clone(), value);
            store.kv().write(batch).unwrap();
        };
        drop(store);
        let mut value = before.clone();
        *value.last_mut().unwrap() ^= 1;
        write(value);
        let alone = audited(&joined_in, None).await;
        assert!(alone.findings[0].place.starts_with(place), "{family}: {:?}", alone.findings);
        assert!(!audited(&joined_in, Some(network.client.clone())).await.is_clean(), "{family}");
        write(before);
    }
    network.stop().await;
}

async fn audited(folder: &std::path::Path, node: Option<Client>) -> Report {
    try_audited(folder, node).await.unwrap()
}

async fn try_audited(folder: &std::path::Path, node: Option<Client>) -> Result<Report, AuditError> {
    let (folder, runtime) = (folder.to_path_buf(), tokio::runtime::Handle::current());
    let work = move || {
        let (document, scratch) = (testing::document(), tempfile::tempdir().unwrap());
        let node = node.map(|client| crate::audit::Served { client, runtime });
        let elsewhere = crate::audit::Elsewhere { archive: None, node };
        let (anchor, scratch) = (document.anchor(), scratch.path());
        crate::audit::folder_and_ledger(&folder, &document, &anchor, scratch, elsewhere, &|_, _| {})
    };
    Ok(tokio::task::spawn_blocking(work).await.unwrap()?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_is_wrong_is_named_and_had_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("whole")).await;
    let station = (VALIDITY_BLOCKS_MAX / STATION_EVERY + 1) * STATION_EVERY;
    grow_past(&network, station, station + 1).await;
    let full = (0..=255u8)
        .find(|number| network.handle().stations().chunk(station, *number).is_ok_and(|(_, bytes)| bytes > 0));
    assert_eq!(full, None, "nothing is made before somebody asks");
    network.client.get(&format!("/v1/snapshots/{station}")).await.unwrap();
    let full = (0..=255u8).find(|number| network.handle().stations().chunk(station, *number).unwrap().1 > 0);
    let chunk = format!("/v1/snapshots/{station}/{}", full.unwrap());
    let manifest = format!("/v1/snapshots/{station}");
    type Change = Box<dyn Fn(&str, &mut Vec<u8>) + Send + Sync>;
    let of = |path: &str, change: fn(&mut Vec<u8>)| -> Change {
        let path = path.to_owned();
        Box::new(move |asked, bytes| {
            if asked.starts_with(&path) {
                change(bytes)
            }
        })
    };
    let exactly = |path: &str, change: fn(&mut Vec<u8>)| -> Change {
        let path = path.to_owned();
        Box::new(move |asked, bytes| {
            if asked == path {
                change(bytes)
            }
        })
    };
    let changes: Vec<(&str, &str, Change)> = vec![
        (
            "a record of a chunk changed",
            "is not what the ledger holds",
            exactly(&chunk, |bytes| *bytes.last_mut().unwrap() ^= 1),
        ),
        ("a chunk cut short", "is not what the ledger holds", exactly(&chunk, |bytes| bytes.truncate(bytes.len() - 1))),
        ("a chunk left out", "is not what the ledger holds", exactly(&chunk, |bytes| bytes.clear())),
        (
            "a record twice, as of another key",
            "is not what the ledger holds",
            exactly(&chunk, |bytes| {
                let mut again = bytes.clone();
                again[4] ^= 1;
                bytes.extend(again);
            }),
        ),
        (
            "a head changed",
            "is not of the state after block",
            exactly(&manifest, |bytes| {
                let at = bytes.len() - 9;
                bytes[at] ^= 1;
            }),
        ),
        ("another base", "does not follow block", exactly(&manifest, |bytes| bytes[16] ^= 1)),
        ("another height", "is of another height", exactly(&manifest, |bytes| bytes[0] ^= 1)),
        ("a tile of the log changed", "are of another log", of("/tile/0/", |bytes| bytes[5] ^= 1)),
        ("a header changed", "header", of("/v1/headers", |bytes| bytes[9] ^= 1)),
        ("blocks kept back", "does not serve block", of("/v1/blocks", |bytes| *bytes = vec![0; 4])),
        (
            "a block changed",
            "",
            of("/v1/blocks", |bytes| {
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
            }),
        ),
    ];
    for (number, (what, reason, change)) in changes.into_iter().enumerate() {
        let liar = between(&network, change).await;
        let place = folder.path().join(number.to_string());
        let alone = join(std::slice::from_ref(&liar), &place, &|_| {}).await;
        let said = alone.expect_err(what).to_string();
        assert!(said.contains(reason), "{what}: {said}");
        assert!(!place.join("db").exists(), "{what}: nothing is there that a node would start on");
        if number % 3 == 0 {
            let joined = join(&[liar, network.client.clone()], &place, &|_| {}).await.unwrap();
            assert_eq!(joined.height, station, "{what}");
        }
    }
    network.stop().await;
}

/// Nobody alone decides at which station others join: one that is not there is passed over, and so is one that somebody
/// made up, however high it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_highest_station_that_holds_is_joined_whoever_is_named_first() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("whole")).await;
    let station = (VALIDITY_BLOCKS_MAX / STATION_EVERY + 1) * STATION_EVERY;
    grow_past(&network, station, station + 1).await;
    let offering = |offered: Height, is_made_up: bool| {
        let (here, there) = (format!("/v1/snapshots/{station}"), format!("/v1/snapshots/{offered}"));
        let client = network.client.clone();
        let runtime = tokio::runtime::Handle::current();
        instead_of(&network, move |path| {
            let made_up = || {
                let asked = tokio::task::block_in_place(|| runtime.block_on(client.get(&here)));
                let mut manifest: Manifest = borsh::from_slice(&asked.unwrap()).unwrap();
                (manifest.height, manifest.base.height) = (offered, base_of(offered));
                borsh::to_vec(&manifest).unwrap().into_response()
            };
            match path {
                "/v1/snapshots" => Some(borsh::to_vec(&Some(offered)).unwrap().into_response()),
                path if is_made_up && path == there => Some(made_up()),
                _ => None,
            }
        })
    };
    let highest = u64::MAX / STATION_EVERY * STATION_EVERY;
    let offers = [(station - STATION_EVERY, false), (highest, false), (station + STATION_EVERY, true), (highest, true)];
    for (number, (offered, is_made_up)) in offers.into_iter().enumerate() {
        let sources = [offering(offered, is_made_up).await, network.client.clone()];
        let place = folder.path().join(number.to_string());
        let joined = join(&sources, &place, &|_| {}).await;
        assert_eq!(joined.unwrap().height, station, "{offered}, made up: {is_made_up}");
    }
    network.stop().await;
}

/// Whoever has keys that gave way makes as many blocks as it likes, and says nothing of those who took over.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_by_keys_that_gave_way_is_not_joined_where_another_source_tells_of_that() {
    let place = tempfile::tempdir().unwrap();
    let (folder, copy) = (place.path().join("whole"), place.path().join("copy"));
    let station = (VALIDITY_BLOCKS_MAX / STATION_EVERY + 1) * STATION_EVERY;
    let network = Network::start_with_heir(&folder).await;
    network.grow(station - 10).await;
    network.stop().await;
    testing::copied(&folder, &copy);
    let (network, fork) = (Network::start_with_heir(&folder).await, Network::start(&copy).await);
    network.take_other_keys().await;
    grow_past(&network, station, station + 1).await;
    grow_past(&fork, station + STATION_EVERY, station + STATION_EVERY + 1).await;
    let naive = |network: &Network| Client::new(&network.url, network.anchor.clone()).unwrap();
    let sources = [naive(&fork), naive(&network)];
    let joined = join(&sources, &place.path().join("joined"), &|_| {}).await.unwrap();
    assert_eq!(joined.height, station);
    fork.stop().await;
    network.stop().await;
}

/// The set changed before the snapshot, or with its very block. The first source keeps the blocks and the record of
/// the change back: its trust chain holds, and is too short for the state.
async fn joins_past_a_trust_chain_that_is_cut_short(at_station: bool) {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start_with_heir(&folder.path().join("whole")).await;
    let station = (VALIDITY_BLOCKS_MAX / STATION_EVERY + 1) * STATION_EVERY;
    let grown = if at_station { station - 2 } else { 3 };
    network.grow(grown).await;
    let last = network.take_other_keys().await;
    // On a slow machine there may be more, without transactions.
    assert!(last == grown + 2 || !at_station && (grown + 2..station).contains(&last), "{last}");
    grow_past(&network, station, station + 1).await;
    let nothing = |path: &str, bytes: &mut Vec<u8>| {
        if path.starts_with("/v1/blocks") || path.starts_with("/v1/trust") {
            *bytes = vec![0; 4];
        }
    };
    let liar = between(&network, nothing).await;
    let honest = Client::new(&network.url, network.anchor.clone()).unwrap();
    let joined_in = folder.path().join("joined");
    assert_eq!(join(&[liar, honest], &joined_in, &|_| {}).await.unwrap().height, station);
    let observer = Network::serving(testing::observer(&joined_in).unwrap()).await;
    assert_eq!(observer.handle().status().era, 1);
    network.feed(&observer.handle()).await;
    let sets = |network: &Network| network.handle().store().kv().scan("sets", &[], &[], 10).unwrap();
    assert!(sets(&observer).len() == 1 && sets(&observer) == sets(&network));
    observer.stop().await;
    audits_with_what_is_lent(&joined_in, &network).await;
    network.stop().await;
}

/// The record of the change is here, and that is the one which counts. What else a node lends wrong is nothing about us.
async fn audits_with_what_is_lent(joined_in: &std::path::Path, network: &Network) {
    let lending = |change: fn(&mut BlockPage)| {
        between(network, move |path, bytes| {
            if path.starts_with("/v1/blocks") {
                let mut pages: Vec<BlockPage> = borsh::from_slice(bytes).unwrap();
                pages.iter_mut().for_each(change);
                *bytes = borsh::to_vec(&pages).unwrap();
            }
        })
    };
    let report = audited(joined_in, Some(lending(|page| page.change = None).await)).await;
    assert!(report.is_clean() && report.unexecuted.is_none(), "{:?}", report.findings);
    let wrong: [fn(&mut BlockPage); 5] = [
        |page| page.certificate.signatures.clear(),
        |page| page.seal.cosignatures.clear(),
        |page| page.results.clear(),
        |page| page.block.transactions.push(Vec::new()),
        |page| page.block.header.entry.height += 1,
    ];
    for change in wrong {
        let liar = lending(change).await;
        match try_audited(joined_in, Some(liar.clone())).await {
            Err(AuditError::Away(said)) => assert!(said.contains(liar.url()), "{said}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_chain_that_ends_before_the_snapshot_is_had_elsewhere() {
    joins_past_a_trust_chain_that_is_cut_short(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trust_chain_without_the_change_at_the_snapshot_is_had_elsewhere() {
    joins_past_a_trust_chain_that_is_cut_short(true).await;
}

/// The formats, byte for byte.
#[test]
fn a_chunk_and_a_manifest_have_these_bytes() {
    assert_eq!(encode_record(b"k", b"vv"), [&[1u8, 0, 0, 0][..], b"k", &[2, 0, 0, 0], b"vv"].concat());
    let records: Vec<_> = (0u16..2_000).map(|number| Key::from_bytes(number.to_be_bytes().to_vec())).collect();
    let changes = records.iter().map(|key| (key, key.as_bytes()));
    let mut nodes = tree::MemoryNodes::default();
    nodes.keep(tree::update(&nodes, None, 64, changes).unwrap());
    let base = Base { height: 3, block: Digest([9; 32]), log: Frontier::EMPTY };
    let manifest = Manifest { height: 64, base, heads: Heads::read(&nodes, 64).unwrap(), bytes: 20_000 };
    let bytes = borsh::to_vec(&manifest).unwrap();
    assert_eq!(bytes[..16], [64u64.to_le_bytes(), 3u64.to_le_bytes()].concat());
    assert_eq!(
        (bytes.len(), Digest::of(&[&bytes]).to_string().as_str()),
        (8_548, "632b91d1fe51001352d28165e152cf49a1c5f7e6ec8d59256808842d6ef5dc05")
    );
}
