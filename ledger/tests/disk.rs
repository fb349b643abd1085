//! A full disk: the node stops cleanly, loses nothing that it acknowledged, and goes on where it was
//! once there is room. And it makes no copies that would fill it.
//!
//! `LONJA_SEEDS=A..B` says which fill levels (0..8 in the suite, two hundred in the campaign).

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use contracts::{
    action::Action,
    dataset::Publish,
    event::Event,
    id::{BankReference, Digest, SideId, TransactionId},
    jacket::Jacket,
    money::Amount,
    settlement::Mint,
    side::{SideBody, SideField},
};
use ledger::{
    api::{
        client::{Client, Committed},
        follow::{Cursor, Follower},
    },
    archive::{Archive, Retention},
    audit,
    limits::{COPY_SPARE_BYTES, STATION_EVERY},
    node::{Config, Node},
    submission::Submission,
    testing::{
        self, Network,
        disk::{SmallDisk, Turn, turn},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Submissions in one request.
const BATCH: u64 = 16;
/// Size of the small disk, in MiB.
const SMALL_MIB: u64 = 24;
/// Size of the disk once room was made, in MiB: more than any case has written.
const ROOMY_MIB: u64 = 192;
/// Files and folders that no case reaches by itself.
const FILES_MANY: u64 = 100_000;

/// What runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    /// Room for RocksDB's log, under transactions without side bodies.
    Log,
    /// Room for side bodies and for RocksDB's log alike: either may be the first to find none.
    Mixed,
    /// Names of files, of which only side bodies need new ones all the time.
    Names,
    /// Room to start: opening the store writes what its log holds into files.
    Start,
}

/// A number below `most` that belongs to the seed.
fn draw(seed: u64, what: &str, most: u64) -> u64 {
    let digest = Digest::of(&[what.as_bytes(), &seed.to_be_bytes()]);
    u64::from_be_bytes(digest.0[..8].try_into().unwrap()) % most
}

/// Everything that was handed in, and what was answered.
#[derive(Default)]
struct Told {
    acknowledged: Vec<Committed>,
    open: Vec<Submission>,
    sides: BTreeMap<TransactionId, SideBody>,
    problems: BTreeSet<String>,
}

#[test]
fn a_full_disk_stops_the_node_cleanly_and_room_brings_it_back() {
    if !is_to_work("a_full_disk_stops_the_node_cleanly_and_room_brings_it_back") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut reasons = BTreeSet::new();
    for seed in testing::seeds(0..8) {
        let case = [Case::Log, Case::Mixed, Case::Names, Case::Start][seed as usize % 4];
        let reason = runtime.block_on(fill_and_recover(seed, case));
        reasons.insert((case, place(&reason)));
    }
    println!("what ran out, and where it was found: {reasons:?}");
    // Each case must have met the disk where it says, or it would show nothing.
    for (case, place) in &reasons {
        let expected: &[&str] = match case {
            Case::Log | Case::Start => &["db"],
            Case::Names => &["sides"],
            Case::Mixed => &["db", "sides"],
        };
        assert!(expected.contains(&place.as_str()), "{case:?}: {place}");
    }
}

/// A copy that anybody may ask for, and one that the node makes by itself, would fill the disk that blocks need.
#[test]
fn copies_are_not_begun_where_they_would_leave_no_room() {
    if is_to_work("copies_are_not_begun_where_they_would_leave_no_room") {
        tokio::runtime::Runtime::new().unwrap().block_on(copies());
    }
}

async fn copies() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("node");
    let disk = SmallDisk::mount(&folder, ROOMY_MIB, FILES_MANY).unwrap();
    let (archive, snapshots) = (folder.join("archive"), folder.join("snapshots"));
    let retention = Retention { keep_blocks: 20, archive: Archive::with_segments(archive.clone(), 16) };
    let config = Config { retention: Some(retention), ..testing::config(&folder) };
    let network = Network::serving(Node::start(config).unwrap()).await;
    network.grow(STATION_EVERY).await;
    until("the station is in view", || network.handle().stations().offered() == Some(STATION_EVERY)).await;
    let refused = network.client.get(&format!("/v1/snapshots/{STATION_EVERY}")).await.unwrap_err().to_string();
    assert!(refused.contains("no room"), "{refused}");
    until("it says why nothing is archived", || network.handle().status().unarchived.is_some()).await;
    let status = network.handle().status();
    assert_eq!((status.unarchived.as_deref(), status.pruned), (Some("the archive's disk has no room"), 0));
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().count();
    assert_eq!((entries(&archive), entries(&snapshots)), (0, 0));

    disk.resize(ROOMY_MIB + (COPY_SPARE_BYTES >> 20), FILES_MANY).unwrap();
    network.grow(2 * STATION_EVERY).await;
    until("the next one is", || network.handle().stations().offered() == Some(2 * STATION_EVERY)).await;
    network.client.get(&format!("/v1/snapshots/{}", 2 * STATION_EVERY)).await.unwrap();
    until("what is old is archived, and nothing is said any more", || {
        let status = network.handle().status();
        status.pruned > STATION_EVERY && status.unarchived.is_none()
    })
    .await;
    network.stop().await;
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Is this process the one in which the test `name` may mount?
fn is_to_work(name: &str) -> bool {
    match turn(name) {
        Turn::Work => return true,
        Turn::Passed(said) => println!("{said}"),
        Turn::Skip(reason) => skipped(name, &reason),
    }
    false
}

/// Which part of the node's folder a reason names.
fn place(reason: &str) -> String {
    let path = reason.split_once("/node/").map_or(reason, |(_, rest)| rest);
    path.split([' ', '/']).next().unwrap_or_default().to_owned()
}

async fn fill_and_recover(seed: u64, case: Case) -> String {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("node");
    let files = if case == Case::Names { 60 + draw(seed, "files", 60) } else { FILES_MANY };
    let disk = SmallDisk::mount(&folder, SMALL_MIB, files).unwrap();
    let network = Network::start(&folder).await;
    let mut told = Told::default();
    if case != Case::Start {
        if case != Case::Names {
            disk.fill((256 << 10) + draw(seed, "free", 2 << 20)).unwrap();
        }
        write_until(seed, case, &network.client, &mut told, u64::MAX).await;
        let status = network.client.status().await.unwrap();
        let reason = status.reason.expect("a node that stopped says why");
        assert!(!status.healthy, "seed {seed}");
        assert!(reason.contains("is full: make room and start again"), "seed {seed}: {reason}");
        assert!(!told.problems.is_empty() && !told.acknowledged.is_empty(), "seed {seed}");
        network.stop().await;
        refused_while_full(seed, &folder);
        recover(seed, &disk, &folder, told).await;
        return reason;
    }
    write_until(seed, case, &network.client, &mut told, 2 + draw(seed, "batches", 16)).await;
    assert!(told.open.is_empty(), "seed {seed}: {:?}", told.problems);
    network.stop().await;
    disk.fill(draw(seed, "free", 16 << 10)).unwrap();
    let reason = refused_while_full(seed, &folder).expect("without room nothing starts");
    recover(seed, &disk, &folder, told).await;
    reason
}

/// Hands in batch after batch until something is not acknowledged, or `most` batches were.
async fn write_until(seed: u64, case: Case, client: &Client, told: &mut Told, most: u64) {
    for batch in 0..most {
        assert!(batch < 10_000, "seed {seed}: the disk does not fill");
        let height = client.status().await.unwrap().height;
        let submissions: Vec<_> =
            (0..BATCH).map(|n| submission(seed, case, batch * BATCH + n, client, height)).collect();
        let answers = client.submit_all(&submissions).await.unwrap();
        for (submission, answer) in submissions.into_iter().zip(answers) {
            let id = submission.transaction.id();
            if let Some(side) = &submission.side {
                told.sides.insert(id, side.clone());
            }
            match answer {
                Ok(committed) => told.acknowledged.push(committed),
                Err(problem) => {
                    let known = ["stopped", "cut-short", "disk-full"].contains(&problem.code.as_str());
                    assert!(known && problem.detail.contains("make room and start again"), "seed {seed}: {problem}");
                    assert!(problem.code != "cut-short" || problem.detail.contains(&id.to_string()));
                    told.problems.insert(problem.code);
                    told.open.push(submission);
                }
            }
        }
        if !told.open.is_empty() {
            return;
        }
    }
}

fn submission(seed: u64, case: Case, number: u64, client: &Client, height: u64) -> Submission {
    let plain = case == Case::Log || (case == Case::Mixed && number.is_multiple_of(4));
    if plain {
        let mint = Mint {
            party: testing::buyer().party,
            amount: Amount::new(1 + number).unwrap(),
            currency: "EUR".parse().unwrap(),
            reference: BankReference(Digest::of(&[&seed.to_be_bytes(), &number.to_be_bytes()]).0),
        };
        return client.sign(&testing::settlement(), Action::Mint(mint), None, height).unwrap();
    }
    // Words that no compression makes small.
    let word = |n: u64| Digest::of(&[&seed.to_be_bytes(), &number.to_be_bytes(), &n.to_be_bytes()]).to_string();
    let fields = vec![SideField { name: "outline".into(), value: (0..1 + draw(seed, "side", 64)).map(word).collect() }];
    let side = SideBody::new([number as u8; 32], fields).unwrap();
    let jacket: Jacket = serde_json::from_value(serde_json::json!({
        "title": format!("Dataset {number}"), "classification": {},
        "keywords": (0..draw(seed, "words", 100)).map(word).collect::<Vec<_>>(),
    }))
    .unwrap();
    let identifier = number.to_string();
    let publish = Publish { catalogue: "own".into(), identifier, jacket, side: Some(side.id()) };
    client.sign(&testing::provider(), Action::Publish(publish), Some(side), height).unwrap()
}

/// Starting on the full disk either works or names the disk; it never calls the ledger damaged.
fn refused_while_full(seed: u64, folder: &Path) -> Option<String> {
    match testing::node(folder) {
        Ok(node) => {
            node.stop();
            None
        }
        Err(error) => {
            assert!(error.is_disk_full(), "seed {seed}: {error}");
            Some(error.to_string())
        }
    }
}

/// Makes room in one of two ways: the disk grows, or the folder moves to a larger one.
fn make_room(seed: u64, disk: &SmallDisk, folder: &Path) -> PathBuf {
    if draw(seed, "room", 2) == 0 {
        disk.resize(ROOMY_MIB, FILES_MANY).unwrap();
        return folder.to_path_buf();
    }
    let larger = folder.with_file_name("larger");
    assert!(Command::new("cp").arg("--archive").args([folder, &larger]).status().unwrap().success());
    larger
}

/// Makes room, starts, and compares the whole ledger with what was told.
async fn recover(seed: u64, disk: &SmallDisk, folder: &Path, told: Told) {
    let folder = &make_room(seed, disk, folder);
    let network = Network::start(folder).await;
    let client = &network.client;
    for committed in &told.acknowledged {
        let again = client.committed(committed.id).await.unwrap();
        assert_eq!(again.as_ref(), Some(committed), "seed {seed}: acknowledged, with this receipt");
    }
    // What was answered by a problem is handed in again, as the problem says.
    let open: Vec<_> = told.open.chunks(100).collect();
    for part in open {
        for answer in client.submit_all(part).await.unwrap() {
            answer.unwrap_or_else(|problem| panic!("seed {seed}: {problem}")).applied().unwrap();
        }
    }
    let handed_in: BTreeSet<_> =
        told.acknowledged.iter().map(|one| one.id).chain(told.open.iter().map(|one| one.transaction.id())).collect();
    assert_eq!(ledger_of(client).await, handed_in, "seed {seed}: each exactly once, and nothing else");
    for (id, side) in &told.sides {
        assert!(handed_in.contains(id));
        assert_eq!(client.side(side.id()).await.unwrap().as_ref(), Some(side), "seed {seed}");
    }
    network.stop().await;
    audited(seed, folder, &told.sides);
    println!("seed {seed}: {} acknowledged, {} open {:?}", told.acknowledged.len(), told.open.len(), told.problems);
}

/// Every transaction of the ledger; none is there twice.
async fn ledger_of(client: &Client) -> BTreeSet<TransactionId> {
    let tip = client.status().await.unwrap().height;
    let mut follower = Follower::new(client.clone(), Cursor::default());
    let mut seen = BTreeSet::new();
    while follower.cursor().height < tip {
        for block in follower.next(Duration::from_secs(5)).await.unwrap() {
            for item in block.items {
                assert!(!item.events.iter().any(|event| matches!(event, Event::Refused { .. })));
                assert!(seen.insert(item.id), "{} is there twice", item.id);
            }
        }
    }
    seen
}

fn audited(seed: u64, folder: &Path, sides: &BTreeMap<TransactionId, SideBody>) {
    let scratch = tempfile::tempdir().unwrap();
    let document = testing::document();
    let report = audit::folder(folder, &document, &document.anchor(), scratch.path(), &|_, _| {}).unwrap();
    assert!(report.is_clean(), "seed {seed}: {:?}", report.findings);
    let ids: BTreeSet<SideId> = sides.values().map(SideBody::id).collect();
    assert_eq!(report.sides, ids.len() as u64, "seed {seed}: a side body for each, and no half ones");
    let left: Vec<_> = std::fs::read_dir(folder.join("sides/new")).into_iter().flatten().collect();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
}

/// Tells the runner that a test could not do its work.
fn skipped(test: &str, reason: &str) {
    if let Some(log) = std::env::var_os("LONJA_SKIP_LOG") {
        let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        std::io::Write::write_all(&mut log, format!("{test}: {reason}\n").as_bytes()).unwrap();
    }
    println!("skipped: {test}: {reason}");
}
