//! A market that finds its disk full says so to whoever asked, before it stops; with room the same request
//! is done, once.

use super::{
    harness::{Net, says, skipped},
    kills::member,
};
use ledger::testing::disk::{SmallDisk, Turn, turn};
use serde_json::{Value, json};
use std::time::Duration;

/// Size of the disk of the market's own store, in MiB: one RocksDB starts in it.
const OWN_MIB: u64 = 16;
/// Size once room was made, in MiB.
const ROOMY_MIB: u64 = 512;
/// Files and folders that nothing here reaches.
const FILES_MANY: u64 = 10_000;
/// Applications that one address may make in a minute; together they are larger than what RocksDB sets aside.
const APPLICATIONS: u32 = 60;
/// How long the market may take to end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Applies under a key of its own; words that no compression makes small fill the side body.
fn apply(runtime: &tokio::runtime::Runtime, url: &str, number: u32) -> (u16, Value) {
    let word = |n: u32| blake3::hash(&[number.to_be_bytes(), n.to_be_bytes()].concat()).to_string();
    let contact = (0..115).map(word).collect::<Vec<_>>().join(" ");
    let body =
        json!({"name": format!("Pilots {number}"), "kind": "business", "jurisdiction": "ES", "contact": contact});
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.post(format!("{url}/api/v1/parties")).header("idempotency-key", number.to_string()).json(&body);
    runtime.block_on(async {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    })
}

#[test]
fn a_request_that_finds_the_disk_full_is_told_so() {
    match turn("full_market::a_request_that_finds_the_disk_full_is_told_so") {
        Turn::Work => {}
        Turn::Passed(said) => return println!("{said}"),
        Turn::Skip(reason) => return skipped(&reason),
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let net = Net::created();
    // Making it chooses the TLS of this process, which clients of HTTP need.
    drop(net.client());
    let disk = SmallDisk::mount(&net.dir().join("market/own"), OWN_MIB, FILES_MANY).unwrap();
    let node = net.node();
    let market = net.start(&["market", "run"]);
    let url = genesis::Layout::at(net.dir()).config().unwrap().market.url();
    disk.fill(64 << 10).unwrap();
    let refused = (0..APPLICATIONS).find_map(|number| match apply(&runtime, &url, number) {
        (201, _) => None,
        (status, problem) => Some((number, status, problem)),
    });
    let (number, status, problem) = refused.expect("the disk is found full");
    assert_eq!((status, problem["code"].as_str()), (507, Some("disk-full")), "{problem:#}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("make room") && detail.contains("same `Idempotency-Key`"), "{detail}");
    assert_eq!(market.ended(PATIENCE).code(), Some(1));
    assert!(says(&net.said(), "is full: make room and start again"), "it says why it ended");

    disk.resize(ROOMY_MIB, FILES_MANY).unwrap();
    let market = net.start(&["market", "run"]);
    let (status, applied) = apply(&runtime, &url, number);
    assert_eq!(status, 201, "{applied:#}");
    let parties = net.ok(&["party", "list"]);
    let name = format!("Pilots {number}");
    let named = parties.as_array().unwrap().iter().filter(|row| row["party"]["name"] == name.as_str());
    assert_eq!(named.map(|row| row["id"].clone()).collect::<Vec<_>>(), [applied["party"].clone()], "once");
    market.stop();
    node.stop();
}

#[test]
fn an_upload_that_finds_the_disk_full_is_told_so() {
    match turn("full_market::an_upload_that_finds_the_disk_full_is_told_so") {
        Turn::Work => {}
        Turn::Passed(said) => return println!("{said}"),
        Turn::Skip(reason) => return skipped(&reason),
    }
    let net = Net::created();
    // Aside there is room, where it is to stay there is none.
    let disk = SmallDisk::mount(&net.dir().join("market/objects/whole"), 2, FILES_MANY).unwrap();
    let (node, market) = (net.node(), net.start(&["market", "run"]));
    member(&net, "provider", "provider");
    let jacket = json!({"title": "Tides", "classification": {}});
    std::fs::write(net.path("jacket.json"), jacket.to_string()).unwrap();
    let publish = ["listing", "publish", "jacket.json", "--catalogue", "own", "--identifier", "t", "--as", "provider"];
    let dataset = net.ok(&publish)["dataset"].as_str().unwrap().to_string();
    std::fs::write(net.path("tides.csv"), vec![b'7'; 3 << 20]).unwrap();
    let upload = ["dataset", "upload", &dataset, "tides.csv", "--as", "provider"];
    let said = net.fails(1, &upload);
    assert!(says(&said, "The market's disk is full") && says(&said, "make room"), "{said}");
    disk.resize(16, FILES_MANY).unwrap();
    net.ok(&upload);
    market.stop();
    node.stop();
}
