//! A full disk under the real binary: whoever finds it full says so and stops, nobody corrupts
//! anything, and with room everything is there again, read models included.
//!
//! `LONJA_SEEDS=A..B` says which fill levels (0..4 in the suite, one for each service and one for all).

use super::{
    harness::{Net, Service, says, seeds, skipped},
    kills::member,
};
use contracts::{
    action::Action,
    dataset::Publish,
    id::Digest,
    jacket::Jacket,
    side::{SideBody, SideField},
};
use ledger::{
    api::client::{Client, ClientError, Committed, Identity},
    submission::Submission,
    testing::disk::{SmallDisk, Turn, turn},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Submissions in one request.
const BATCH: u64 = 8;
/// Size of the small disk, in MiB: four RocksDB stores and a search index start in it.
const SMALL_MIB: u64 = 28;
/// Size once room was made. RocksDB sets tens of MiB aside for each file that it begins, and four
/// stores may begin several at once: with 256 MiB a disk that was mostly free was full for a moment.
const ROOMY_MIB: u64 = 1_024;
/// Files and folders that nothing here reaches.
const FILES_MANY: u64 = 100_000;
/// How long a service may take to find that its disk is full, or to catch up, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long it may take there until a disk is full.
const FILLS_WITHIN: Duration = Duration::from_secs(600);

/// Whose folders lie on the small disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Small {
    Node,
    /// Of all, and all run in one process.
    Up,
    Market,
    Explorer,
}

/// A number below `most` that belongs to the seed.
fn draw(seed: u64, what: &str, most: u64) -> u64 {
    let digest = Digest::of(&[what.as_bytes(), &seed.to_be_bytes()]);
    u64::from_be_bytes(digest.0[..8].try_into().unwrap()) % most
}

#[test]
fn a_full_disk_corrupts_nothing_and_room_brings_everything_back() {
    match turn("full_disk::a_full_disk_corrupts_nothing_and_room_brings_everything_back") {
        Turn::Work => {}
        Turn::Passed(said) => return println!("{said}"),
        Turn::Skip(reason) => return skipped(&reason),
    }
    for seed in seeds(0..4) {
        fill_and_recover(seed, [Small::Node, Small::Up, Small::Market, Small::Explorer][seed as usize % 4]);
    }
}

/// A network whose `small` folders lie on a disk of their own.
fn network(small: Small) -> (Net, SmallDisk) {
    let net = Net::created();
    let path = net.dir().join("lonja.toml");
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (service, which) in [("node", Small::Node), ("market", Small::Market), ("explorer", Small::Explorer)] {
        if small == which || small == Small::Up {
            let moved = text.replace(&format!("data = \"{service}\""), &format!("data = \"disk/{service}\""));
            assert_ne!(moved, text);
            text = moved;
        }
    }
    std::fs::write(&path, text).unwrap();
    let disk = SmallDisk::mount(&net.dir().join("disk"), SMALL_MIB, FILES_MANY).unwrap();
    (net, disk)
}

fn start(net: &Net, small: Small) -> BTreeMap<&'static str, Service> {
    if small == Small::Up {
        return BTreeMap::from([("up", net.start(&["up"]))]);
    }
    let mut services = BTreeMap::from([("node", net.node())]);
    services.insert("market", net.start(&["market", "run"]));
    services.insert("explorer", net.start(&["explorer", "run"]));
    services
}

fn fill_and_recover(seed: u64, small: Small) {
    let (net, disk) = network(small);
    let mut services = start(&net, small);
    member(&net, "provider", "provider");
    disk.fill((128 << 10) + draw(seed, "free", 1 << 20)).unwrap();
    let mut asker = Asker::new(&net);
    asker.publish_until(seed, small, &mut services);
    ends_as_it_should(&net, small, &mut services, &asker);
    // Whoever found it full, if it has not ended; all, where the others need it.
    match small {
        Small::Explorer => services.remove("explorer").unwrap().kill(),
        Small::Node => std::mem::take(&mut services).into_values().for_each(Service::kill),
        Small::Up | Small::Market => {}
    }
    refused_while_full(&net, small, &disk);
    services.into_values().for_each(Service::kill);

    disk.resize(ROOMY_MIB, FILES_MANY).unwrap();
    let services = start(&net, small);
    // Its open connections led to the node that is gone.
    asker.client = net.client();
    asker.finds_everything(seed);
    println!("seed {seed}, {small:?}: {} acknowledged, {} open", asker.acknowledged.len(), asker.open.len());
    stop_all(services);
    let report = net.audit();
    assert_eq!(report["findings"], Value::Array(vec![]), "seed {seed}");
    assert_eq!(report["sides"], asker.published() as u64, "seed {seed}");
}

/// Those that follow first, so that none of them loses its node.
fn stop_all(mut services: BTreeMap<&'static str, Service>) {
    for name in ["explorer", "market", "node", "up"] {
        if let Some(service) = services.remove(name) {
            service.stop();
        }
    }
}

/// How each small disk must end: whoever cannot go on has ended by itself and said why, or says it to
/// everybody who asks.
fn ends_as_it_should(net: &Net, small: Small, services: &mut BTreeMap<&'static str, Service>, asker: &Asker) {
    let ended = match small {
        Small::Node => "node",
        Small::Up => "up",
        Small::Market => "market",
        Small::Explorer => {
            let health = asker.health("explorer");
            assert_eq!(health["status"], "stopped", "{health}");
            let reason = health["reason"].as_str().unwrap();
            assert!(reason.contains("is full: make room and start again"), "{reason}");
            assert!(!services.get_mut("node").unwrap().is_over() && !services.get_mut("market").unwrap().is_over());
            return;
        }
    };
    let status = services.remove(ended).unwrap().ended(PATIENCE);
    assert_eq!(status.code(), Some(1), "{ended}: {}", net.said());
    let said = net.said();
    // Tantivy does not always say why a thread of its own could not write.
    let named =
        says(&said, "is full: make room and start again") || says(&said, "make room on its disk if that is full");
    assert!(named, "{ended}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    // The others wait for their node, or never needed what is full.
    for (name, service) in services {
        assert!(!service.is_over(), "{name} ended too: {said}");
    }
}

/// Starting on a disk without any room says so, with what to do, and damages nothing.
fn refused_while_full(net: &Net, small: Small, disk: &SmallDisk) {
    disk.fill(0).unwrap();
    let (arguments, text): (&[&str], _) = match small {
        Small::Node => (&["node", "run"], "the node does not start"),
        Small::Up => (&["up"], "the node does not start"),
        Small::Market => (&["market", "run"], "the marketplace does not start"),
        Small::Explorer => (&["explorer", "run"], "the explorer does not start"),
    };
    // As when it ends on a disk that becomes full: whoever supervises it must go on until there is room.
    let said = net.fails(1, arguments);
    for service in ["node", "market", "explorer"] {
        assert!(!ends_for_good(service).contains(&1), "{service}");
    }
    assert!(says(&said, text) && says(&said, "is full: make room and start again"), "{said}");
    if matches!(small, Small::Node | Small::Up) {
        assert!(says(&said, "enlarge the disk"), "{said}");
        // A ledger that cannot be opened for lack of room is not called damaged.
        let said = net.fails(6, &["audit"]);
        assert!(says(&said, "cannot audit") && says(&said, "is full: make room"), "{said}");
    }
}

/// With which exit codes the unit of a service is not started again.
fn ends_for_good(service: &str) -> Vec<i32> {
    let unit = format!("{}/operations/systemd/lonja-{service}.service", env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(unit).unwrap();
    let codes = unit.lines().find_map(|line| line.strip_prefix("RestartPreventExitStatus=")).unwrap();
    codes.split(' ').map(|code| code.parse().unwrap()).collect()
}

/// Publishes datasets, remembers what was told, and asks for everything afterwards.
struct Asker {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
    client: Client,
    provider: Identity,
    urls: BTreeMap<&'static str, String>,
    acknowledged: Vec<Committed>,
    open: Vec<Submission>,
}

impl Asker {
    fn new(net: &Net) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = genesis::Layout::at(net.dir()).config().unwrap();
        let urls = BTreeMap::from([("market", config.market.url()), ("explorer", config.explorer.url())]);
        let (client, provider) = (net.client(), net.identity("provider"));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { runtime, http, client, provider, urls, acknowledged: Vec::new(), open: Vec::new() }
    }

    fn published(&self) -> usize {
        self.acknowledged.len() + self.open.len()
    }

    fn health(&self, service: &str) -> Value {
        self.json(&format!("{}/health", self.urls[service])).unwrap_or_default()
    }

    fn json(&self, url: &str) -> Option<Value> {
        let text = self.runtime.block_on(async { self.http.get(url).send().await.ok()?.text().await.ok() })?;
        serde_json::from_str(&text).ok()
    }

    /// Publishes until the disk is found full: by the node, which answers so, or by a service that follows.
    fn publish_until(&mut self, seed: u64, small: Small, services: &mut BTreeMap<&'static str, Service>) {
        let begun = Instant::now();
        for batch in 0.. {
            assert!(begun.elapsed() < FILLS_WITHIN, "seed {seed}: the disk does not fill");
            let full = match small {
                Small::Node | Small::Up => !self.open.is_empty(),
                Small::Market => services.get_mut("market").unwrap().is_over(),
                Small::Explorer => self.health("explorer")["status"] == "stopped",
            };
            if full {
                return;
            }
            self.publish(seed, batch);
            assert!(
                small == Small::Node || small == Small::Up || self.open.is_empty(),
                "seed {seed}: the node has room"
            );
        }
    }

    fn publish(&mut self, seed: u64, batch: u64) {
        let submissions: Vec<_> = (0..BATCH).map(|n| self.submission(seed, batch * BATCH + n)).collect();
        match self.runtime.block_on(self.client.submit_all(&submissions)) {
            // The process ended in between.
            Err(error) => {
                assert!(matches!(error, ClientError::Unreachable { .. }), "seed {seed}: {error}");
                self.open.extend(submissions);
            }
            Ok(answers) => {
                for (submission, answer) in submissions.into_iter().zip(answers) {
                    match answer {
                        Ok(committed) => self.acknowledged.push(committed),
                        Err(problem) => {
                            let known = ["stopped", "cut-short", "disk-full"].contains(&problem.code.as_str());
                            assert!(known, "seed {seed}: {problem}");
                            self.open.push(submission);
                        }
                    }
                }
            }
        }
    }

    fn submission(&self, seed: u64, number: u64) -> Submission {
        // Words that no compression makes small.
        let word = |n: u64| Digest::of(&[&seed.to_be_bytes(), &number.to_be_bytes(), &n.to_be_bytes()]).to_string();
        let outline = (0..1 + draw(seed, "side", 32)).map(word).collect::<Vec<_>>().join(" ");
        let side = SideBody::new([7; 32], vec![SideField { name: "outline".into(), value: outline }]).unwrap();
        let jacket: Jacket = serde_json::from_value(serde_json::json!({
            "title": format!("Dataset {number}"), "classification": {},
            "keywords": (0..20 + draw(seed, "words", 80)).map(word).collect::<Vec<_>>(),
        }))
        .unwrap();
        let publish =
            Publish { catalogue: "own".into(), identifier: format!("id-{number}"), jacket, side: Some(side.id()) };
        self.client.sign(&self.provider, Action::Publish(publish), Some(side), 1).unwrap()
    }

    /// What was acknowledged is there with its receipt; what was not is taken once more and only once; and
    /// both read models tell of all of it.
    fn finds_everything(&self, seed: u64) {
        for committed in &self.acknowledged {
            let again = self.runtime.block_on(self.client.committed(committed.id)).unwrap();
            assert_eq!(again.as_ref(), Some(committed), "seed {seed}");
        }
        for submission in &self.open {
            self.runtime.block_on(self.client.submit(submission)).unwrap().applied().unwrap();
        }
        let height = self.runtime.block_on(self.client.status()).unwrap().height;
        let begun = Instant::now();
        let caught_up = |service: &str| {
            let health = self.health(service);
            health["status"] == "ok" && health["height"].as_u64() >= Some(height)
        };
        // The index is written after the rows, so a listing may be a moment behind the height; each once.
        let listed = || self.health("market")["listings"] == self.published() as u64;
        while !(caught_up("market") && caught_up("explorer") && listed()) {
            let healths = ["market", "explorer"].map(|service| self.health(service));
            assert!(begun.elapsed() < PATIENCE, "seed {seed}: {} published, {healths:?}", self.published());
            std::thread::sleep(Duration::from_millis(50));
        }
        let ids = self.acknowledged.iter().map(|one| one.id).chain(self.open.iter().map(|one| one.transaction.id()));
        for id in ids {
            let shown = self.json(&format!("{}/api/v1/transactions/{id}", self.urls["explorer"]));
            assert!(shown.as_ref().is_some_and(|shown| shown.to_string().contains(&id.to_string())), "{id}: {shown:?}");
        }
    }
}

#[test]
fn what_cannot_be_written_whole_is_not_there_at_all() {
    match turn("full_disk::what_cannot_be_written_whole_is_not_there_at_all") {
        Turn::Work => {}
        Turn::Passed(said) => return println!("{said}"),
        Turn::Skip(reason) => return skipped(&reason),
    }
    let net = Net::created();
    let keys = net.dir().join("keys");
    let disk = SmallDisk::mount(&net.path("disk"), 1, 64).unwrap();
    let ballast = disk.fill(0).unwrap();
    let left = || std::fs::read_dir(net.path("disk")).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let place = net.path("disk/net");
    let output = super::harness::command()
        .arg("--dir")
        .arg(&place)
        .args(["network", "create", "--keep-passphrase"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(says(&said, "No space left on device") && says(&said, "free space"), "{said}");
    assert_eq!(left(), [ballast], "nothing of a network");
    drop(disk);

    // A key: with the room that its own folder lacks, the same command makes it.
    let disk = SmallDisk::mount(&keys, 1, 64).unwrap();
    let ballast = disk.fill(0).unwrap();
    let said = net.fails(6, &["key", "new", "harbour"]);
    assert!(says(&said, "harbour.key") && says(&said, "free space"), "{said}");
    std::fs::remove_file(ballast).unwrap();
    net.ok(&["key", "new", "harbour"]);
    net.ok(&["key", "show", "harbour"]);
}
