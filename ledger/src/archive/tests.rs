//! A node that prunes, what it serves then, and archives that are damaged or gone.

mod in_bucket;

use super::*;
use crate::{
    api::{
        BlockPage,
        client::{Client, ClientError},
    },
    audit::{self, Elsewhere, Served},
    node::{Config, Node},
    replica::{Chained, Ledger},
    testing::{self, Network, between::between},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

const SEGMENT: u64 = 16;
const KEEP: u64 = 20;
const HEIGHT: Height = 100;
/// The last height of the last segment that is older than the newest [`KEEP`].
const PRUNED: Height = 80;

fn archive(folder: &Path) -> Archive {
    Archive::with_segments(folder.join("archive"), SEGMENT)
}

/// The file of the segment that `height` is in.
fn file(folder: &Path, height: Height) -> PathBuf {
    folder.join("archive").join(archive(folder).segment(height).name())
}

async fn pruning(folder: &Path) -> Network {
    pruning_into(folder, archive(folder)).await
}

async fn pruning_into(folder: &Path, archive: Archive) -> Network {
    let retention = Some(Retention { keep_blocks: KEEP, archive });
    let network = Network::serving(Node::start(Config { retention, ..testing::config(folder) }).unwrap()).await;
    // Its first block has no transaction, wherever it is counted from.
    while network.client.status().await.unwrap().height == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    network
}

async fn audited(folder: &Path, elsewhere: Elsewhere) -> audit::Report {
    try_audited(folder, elsewhere).await.unwrap()
}

async fn try_audited(folder: &Path, elsewhere: Elsewhere) -> Result<audit::Report, audit::AuditError> {
    let (folder, runtime) = (folder.to_path_buf(), tokio::runtime::Handle::current());
    let work = move || {
        let (document, scratch) = (testing::document(), tempfile::tempdir().unwrap());
        let _inside = runtime.enter();
        audit::folder_and_ledger(&folder, &document, &document.anchor(), scratch.path(), elsewhere, &|_, _| {})
    };
    Ok(tokio::task::spawn_blocking(work).await.unwrap()?.0)
}

fn with_archive(folder: &Path) -> Elsewhere {
    Elsewhere { archive: Some(archive(folder)), node: None }
}

/// Waits until all is pruned that is to be.
async fn has_pruned(network: &Network) {
    let begun = Instant::now();
    while network.handle().status().pruned < PRUNED {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", network.handle().status().pruned);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(network.handle().status().pruned, PRUNED);
}

/// Reads all blocks, which verifies them.
async fn follow(network: &Network) {
    let mut follower = crate::api::follow::Follower::new(network.client.clone(), Default::default());
    let mut height = 0;
    while height < HEIGHT {
        height = follower.next(Duration::from_secs(5)).await.unwrap().last().unwrap().height;
    }
}

/// A ledger of which all but the newest blocks were pruned, with a copy of its folder.
async fn pruned(place: &Path) -> (PathBuf, PathBuf) {
    let (folder, copy) = (place.join("node"), place.join("copy"));
    let network = pruning(&folder).await;
    network.grow(HEIGHT).await;
    has_pruned(&network).await;
    network.stop().await;
    testing::copied(&folder, &copy);
    (folder, copy)
}

/// On a full disk every byte counts, and the next attempt is five seconds away.
#[test]
fn of_a_segment_that_could_not_be_written_nothing_stays() {
    let place = tempfile::tempdir().unwrap();
    let archive = archive(place.path());
    let (segment, folder) = (archive.segment(1), place.path().join("archive"));
    let files = || fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect::<Vec<_>>();
    let bodies = |height: Height| match files().is_empty() || height < 9 {
        true => Ok(Some(vec![vec![height as u8; 100]])),
        false => Err(ArchiveError::Busy),
    };
    let stop = CancellationToken::new();
    assert_eq!(archive.write(segment, bodies, &stop), Err(ArchiveError::Busy));
    assert_eq!(files(), [""; 0]);
    // Nor does what a crash left.
    fs::write(folder.join(segment.name()).with_extension("new"), "half").unwrap();
    archive.write(segment, |height| Ok::<_, ArchiveError>(Some(vec![vec![height as u8; 100]])), &stop).unwrap();
    assert_eq!(files(), [&*segment.name()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pruned_is_served_and_audited_from_the_archive_and_then_from_elsewhere() {
    let place = tempfile::tempdir().unwrap();
    let (folder, copy) = pruned(place.path()).await;
    assert!(audited(&folder, with_archive(&folder)).await.is_clean());
    let without = audited(&folder, Elsewhere::default()).await;
    let said = without.unexecuted.clone().unwrap();
    assert!(without.is_clean() && said.contains("transactions of block 1 were pruned"), "{said}: {without:?}");

    // A node goes on with it, and a reader notices nothing: all blocks are there, and verify.
    let network = pruning(&folder).await;
    let reader = network.handle().store().clone();
    assert_eq!(reader.reader().kept_bodies(PRUNED).unwrap(), None);
    assert!(reader.reader().kept_bodies(PRUNED + 1).unwrap().is_some());
    follow(&network).await;
    // Of a file that is gone it says so.
    fs::remove_file(file(&folder, 17)).unwrap();
    match network.client.blocks(20, Duration::ZERO).await {
        Err(ClientError::Problem(problem)) => assert_eq!((problem.status, problem.code.as_str()), (410, "pruned")),
        other => panic!("{other:?}"),
    }
    assert_eq!(network.client.blocks(32, Duration::ZERO).await.unwrap()[0].block.header.entry.height, 33);
    drop(reader);
    network.stop().await;
    let report = audited(&folder, with_archive(&folder)).await;
    assert!(report.is_clean() && report.unexecuted.unwrap().contains("transactions of block 17"));

    // What is missing may come from anybody.
    let other = pruning(&copy).await;
    let served = Served { client: other.client.clone(), runtime: tokio::runtime::Handle::current() };
    let elsewhere = Elsewhere { archive: Some(archive(&folder)), node: Some(served) };
    let report = audited(&folder, elsewhere).await;
    assert!(report.is_clean() && report.unexecuted.is_none(), "{:?}", report.findings);
    other.stop().await;
}

/// What needs no execution is audited also where nothing is executed.
#[tokio::test(flavor = "multi_thread")]
async fn side_bodies_are_opened_where_no_block_is_executed() {
    use crate::sides::Sides;
    use contracts::side::{SideBody, SideField};
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = pruned(place.path()).await;
    let sides = Sides::open(&folder.join("sides"), &folder.join("sides.key")).unwrap();
    let field = SideField { name: "outline".into(), value: "quays".into() };
    sides.keep(&SideBody::new([9; 32], vec![field]).unwrap()).unwrap();
    let report = audited(&folder, Elsewhere::default()).await;
    assert!(report.is_clean() && report.unexecuted.is_some() && report.sides == 1, "{report:?}");
    let said = report.not_audited.join("; ");
    assert!(said.contains("side bodies: whether a transaction names each"), "{said}");
    let (path, _) = sides.list().unwrap().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let report = audited(&folder, Elsewhere::default()).await;
    assert_eq!(report.findings[0].place, path.display().to_string(), "{report:?}");
    let whole = audited(&folder, with_archive(&folder)).await;
    assert!(whole.findings.len() == 1 && whole.not_audited.is_empty(), "{whole:?}");
}

/// Whoever lends transactions need not be trusted, and what it lends wrong is nothing about the directory.
#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_are_lent_are_checked_against_the_headers_that_are_there() {
    let place = tempfile::tempdir().unwrap();
    let (folder, copy) = pruned(place.path()).await;
    let other = pruning(&copy).await;
    let with = |client: &Client| {
        let served = Served { client: client.clone(), runtime: tokio::runtime::Handle::current() };
        Elsewhere { archive: None, node: Some(served) }
    };
    let liar = between(&other, |path, bytes| {
        if path.starts_with("/v1/blocks") {
            let mut pages: Vec<BlockPage> = borsh::from_slice(bytes).unwrap();
            let bodies = pages.iter_mut().flat_map(|page| &mut page.block.transactions);
            bodies.for_each(|body| *body.last_mut().unwrap() ^= 1);
            *bytes = borsh::to_vec(&pages).unwrap();
        }
    });
    let rubbish = between(&other, |path, bytes| {
        if path.starts_with("/v1/blocks") {
            bytes.truncate(bytes.len() / 2);
        }
    });
    for client in [liar.await, rubbish.await] {
        match try_audited(&folder, with(&client)).await {
            Err(audit::AuditError::Away(said)) => assert!(said.contains(client.url()), "{said}"),
            other => panic!("{other:?}"),
        }
    }
    // A header that is here is what is judged, with whatever transactions.
    let store = crate::store::Store::open(&folder.join("db")).unwrap();
    let mut header = store.reader().header(17).unwrap().unwrap();
    header.transactions.0[0] ^= 1;
    let mut batch = crate::store::Batch::default();
    batch.put("blocks", 17u64.to_be_bytes(), borsh::to_vec(&header).unwrap());
    store.kv().write(batch).unwrap();
    drop(store);
    let report = audited(&folder, with(&other.client)).await;
    assert_eq!(report.findings[0].place, "block 17", "{:?}", report.findings);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_node_that_was_named_has_pruned_as_well_hashes_are_audited() {
    let place = tempfile::tempdir().unwrap();
    let (folder, copy) = pruned(place.path()).await;
    let other = pruning(&copy).await;
    fs::remove_file(file(&copy, 17)).unwrap();
    let served = Served { client: other.client.clone(), runtime: tokio::runtime::Handle::current() };
    let report = audited(&folder, Elsewhere { archive: None, node: Some(served) }).await;
    let said = report.unexecuted.clone().unwrap();
    // On a slow machine one more came, without transactions.
    assert!(report.is_clean() && report.height >= HEIGHT, "{report:?}");
    for part in ["transactions of block 1 were pruned", "the bodies of block 17 were pruned"] {
        assert!(said.contains(part), "{said}");
    }
    other.stop().await;
}

/// What may become of the bytes of a segment.
fn damages(whole: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let table = whole.len() - 8 * (SEGMENT as usize + 1);
    let flipped = |at: usize| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        bytes
    };
    [
        ("a transaction", flipped(200)),
        ("a place", flipped(table + 5)),
        ("cut short", whole[..100].to_vec()),
        ("empty", Vec::new()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_damaged_is_found_out_by_file_and_block() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = pruned(place.path()).await;
    let path = file(&folder, 17);
    for (what, bytes) in damages(&fs::read(&path).unwrap()) {
        fs::write(&path, bytes).unwrap();
        let report = audited(&folder, with_archive(&folder)).await;
        assert_eq!(report.findings[0].place, "block 17", "{what}: {:?}", report.findings);
    }
}

/// Any validator may say that it is behind, and so have any block read.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_damaged_stops_no_validator_that_is_asked_for_a_block() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = pruned(place.path()).await;
    let (path, document) = (file(&folder, 17), testing::document());
    let store = crate::store::Store::open_with(&folder.join("db"), Some(archive(&folder))).unwrap();
    let founding = &document.document.founding;
    let chain = crate::chain::Chain::open(store, document.network, founding).unwrap();
    let chained = Chained::new(chain, &founding.validators, Box::new(|| 0)).unwrap();
    assert!((1..=HEIGHT).all(|height| chained.decided(height).is_some()));
    let whole = fs::read(&path).unwrap();
    for (what, bytes) in damages(&whole) {
        fs::write(&path, bytes).unwrap();
        let there: Vec<_> = (17..=33).filter(|height| chained.decided(*height).is_some()).collect();
        assert!(!there.contains(&17) && there.contains(&33), "{what}: {there:?}");
    }
    fs::write(&path, whole).unwrap();
    assert!(chained.decided(17).is_some(), "it is read again once it can be");
    // Nor does what is damaged in the store.
    let mut batch = crate::store::Batch::default();
    batch.put("certificates", 40u64.to_be_bytes(), b"rubbish");
    chained.chain().store().kv().write(batch).unwrap();
    assert!(chained.decided(40).is_none() && chained.decided(41).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_short_is_begun_anew() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("node");
    let network = Network::start(&folder).await;
    network.grow(60).await;
    network.stop().await;
    // It ended while the first file was written, and after the second was, before the store let go of anything.
    let archive = archive(&folder);
    fs::create_dir_all(folder.join("archive")).unwrap();
    fs::write(file(&folder, 1).with_extension("new"), b"lonja/bod").unwrap();
    fs::write(file(&folder, 1), b"lonja/bodies/v1").unwrap();
    let store = crate::store::Store::open_with(&folder.join("db"), Some(archive.clone())).unwrap();
    let before = store.kv().scan("bodies", &[], &[], 1_000).unwrap();
    while step(&store, &archive, KEEP).unwrap() {}
    let reader = store.reader();
    assert_eq!(reader.pruned().unwrap(), 32);
    for (key, value) in before {
        let height = u64::from_be_bytes(key.try_into().unwrap());
        assert_eq!(borsh::to_vec(&reader.bodies(height).unwrap().unwrap()).unwrap(), value, "block {height}");
    }
    assert_eq!((archive.bodies(0).unwrap(), archive.bodies(33).unwrap()), (None, None));
    drop(reader);
    drop(store);
    assert!(audited(&folder, with_archive(&folder)).await.is_clean());
}

/// Whoever joins by a snapshot in the place of a node whose store was lost may still have its archive.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_begun_anew_takes_nothing_from_the_archive_that_is_there() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("node");
    let network = Network::start(&folder).await;
    network.grow(60).await;
    network.stop().await;
    let (archive, base) = (archive(&folder), 20u64);
    let store = crate::store::Store::open(&folder.join("db")).unwrap();
    let bodies: Vec<_> = (1..=32).map(|height| store.reader().bodies(height).unwrap()).collect();
    let stop = CancellationToken::new();
    for first in [1, 17] {
        let bodies = |height: Height| Ok::<_, ArchiveError>(bodies[height as usize - 1].clone());
        archive.write(archive.segment(first), bodies, &stop).unwrap();
    }
    let mut batch = crate::store::Batch::default();
    let begins = crate::store::Base {
        height: base,
        block: contracts::id::Digest([0; 32]),
        log: contracts::merkle::Frontier::EMPTY,
    };
    batch.put("meta", b"base".as_slice(), borsh::to_vec(&begins).unwrap());
    batch.delete_range("bodies", 0u64.to_be_bytes(), (base + 1).to_be_bytes());
    store.kv().write(batch).unwrap();
    while step(&store, &archive, KEEP).unwrap() {}
    assert_eq!(store.reader().pruned().unwrap(), 32);
    for (height, bodies) in (1..).zip(bodies) {
        assert_eq!(archive.bodies(height).unwrap(), bodies, "block {height}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_neither_store_nor_archive_has_are_told_in_runs() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = pruned(place.path()).await;
    let store = crate::store::Store::open_read_only(&folder.join("db")).unwrap();
    let check = |gone: &[Height], expected: &[RangeInclusive<Height>]| {
        let aside = |height: &Height| file(&folder, *height).with_extension("aside");
        gone.iter().for_each(|height| fs::rename(file(&folder, *height), aside(height)).unwrap());
        assert_eq!(archive(&folder).lacking(&store.reader()).unwrap(), expected, "without those of {gone:?}");
        gone.iter().for_each(|height| fs::rename(aside(height), file(&folder, *height)).unwrap());
    };
    check(&[], &[]);
    check(&[17], &[17..=32]);
    check(&[1, 17, 65], &[1..=32, 65..=PRUNED]);
    check(&[1, 17, 33, 49, 65], &[1..=PRUNED]);
    // A damaged file is there.
    fs::write(file(&folder, 33), b"lonja/bodies/v1").unwrap();
    check(&[], &[]);
    // Where the archive was never named, all of it.
    let nowhere = Archive::with_segments(place.path().join("nowhere"), SEGMENT);
    assert_eq!(nowhere.lacking(&store.reader()).unwrap(), [1..=PRUNED]);
}

/// A view of the store, as a node keeps one for whoever joins, keeps pruned rows on the disk until it ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_room_that_a_view_kept_is_given_back_after_it() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("node");
    let network = Network::start(&folder).await;
    network.grow(200).await;
    network.stop().await;
    let archive = archive(&folder);
    let store = crate::store::Store::open_with(&folder.join("db"), Some(archive.clone())).unwrap();
    let bytes = |store: &crate::store::Store| {
        store.kv().scrub(&["bodies"]).unwrap();
        store.kv().family_bytes("bodies")
    };
    let before = bytes(&store);
    let view = store.reader();
    while step(&store, &archive, KEEP).unwrap() {}
    let (pruned, seen) = (store.reader().pruned().unwrap(), bytes(&store));
    assert!(pruned > 170 && seen > before / 2, "{pruned}: {seen} of {before}");
    drop(view);
    store.reclaim_bodies(1, pruned).unwrap();
    let left = store.kv().family_bytes("bodies");
    assert!(left < before / 4, "{left} of {before}");
    assert!(store.reader().kept_bodies(pruned + 1).unwrap().is_some());
}

/// Two blocks, of which the second has nothing, and the format, byte for byte: magic, the lists of transactions one
/// after the other, and where each begins.
fn golden() -> (impl Fn(Height) -> Result<Bodies, ArchiveError>, Vec<u8>) {
    let bodies = |height| Ok((height == 3).then(|| vec![vec![1, 2], vec![3]]));
    let list = [&[2u8, 0, 0, 0][..], &[2, 0, 0, 0, 1, 2], &[1, 0, 0, 0, 3]].concat();
    let places = [16u64, 31, 31].map(u64::to_be_bytes).concat();
    (bodies, [&b"lonja/bodies/v1\n"[..], &list, &places].concat())
}

#[test]
fn a_file_of_the_archive_has_these_bytes() {
    let place = tempfile::tempdir().unwrap();
    let archive = Archive::with_segments(place.path().to_path_buf(), 2);
    let (bodies, bytes) = golden();
    archive.write(archive.segment(4), bodies, &CancellationToken::new()).unwrap();
    assert_eq!(fs::read(place.path().join("00000000000000000003.bodies")).unwrap(), bytes);
    assert_eq!(archive.bodies(3).unwrap(), Some(vec![vec![1, 2], vec![3]]));
    assert_eq!((archive.bodies(4).unwrap(), archive.bodies(5).unwrap()), (None, None));
}
