//! A directory joins by a snapshot, with the commands that people type.

use super::{
    harness::{Net, command, ok_on, says, start_as, word},
    ports::free_ports,
};
use contracts::{action::Action, id::BankReference, money::Amount, settlement::Mint};
use ledger::api::client::Client;
use std::time::{Duration, Instant};

/// Blocks from one station to the next.
const STATION_EVERY: u64 = 64;
/// Stations that may be missed.
const STATIONS_MAX: u64 = 8;
/// How long what comes by itself may take, on a machine that builds beside.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes blocks of one transaction each, until the node keeps a station of which a snapshot can be had, and some more.
fn grow(net: &Net) {
    let (client, settlement) = (net.client(), net.identity("settlement"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut number, mut after) = (0u64, None);
        while after != Some(6) {
            assert!(number < STATIONS_MAX * STATION_EVERY, "no station is kept");
            let mut reference = [0; 32];
            reference[..8].copy_from_slice(&number.to_be_bytes());
            let mint = Mint {
                party: settlement.party,
                amount: Amount::new(100).unwrap(),
                currency: "EUR".parse().unwrap(),
                reference: BankReference(reference),
            };
            let height = client.act(&settlement, Action::Mint(mint), None).await.unwrap().height;
            number += 1;
            after = after.map(|blocks| blocks + 1);
            if height.is_multiple_of(STATION_EVERY) && is_kept(&client, height).await {
                after = Some(0);
            }
        }
    });
}

/// Is there a snapshot of `height`? A thread looks at it by itself, and only as long as there is no block after it: one
/// that comes first, an idle one too, has it wait for the next station.
async fn is_kept(client: &Client, height: u64) -> bool {
    let begun = Instant::now();
    loop {
        let offered: Option<u64> = borsh::from_slice(&client.get("/v1/snapshots").await.unwrap()).unwrap();
        if offered == Some(height) {
            return true;
        }
        if client.status().await.unwrap().height > height {
            return false;
        }
        assert!(begun.elapsed() < PATIENCE, "the node offers {offered:?} instead of {height}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_directory_joins_by_a_snapshot_and_is_audited() {
    let net = Net::created();
    let place = net.dir().parent().unwrap().to_path_buf();
    let node = net.node();
    let url = node.urls["node"].as_str().unwrap().to_owned();
    let network = net.ok(&["network", "inspect"])["network"].as_str().unwrap().to_owned();
    let dir = place.join("regulator");
    let run = |arguments: &[&str]| {
        let output = command().arg("--dir").arg(&dir).arg("--json").args(arguments).output().unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let first = free_ports(3);
    let ports: Vec<String> = (0..3).map(|more| (first + more).to_string()).collect();
    let mut join = vec!["network", "join", &url, "--network", &network, "--snapshot"];
    for (flag, port) in ["--node-port", "--market-port", "--explorer-port"].iter().zip(&ports) {
        join.extend([flag, port.as_str()]);
    }
    assert_eq!(run(&join).0, Some(0));
    let (code, _, said) = run(&["node", "run"]);
    assert_eq!(code, Some(5), "{said}");
    assert!(says(&said, "could not join by a snapshot") && says(&said, "take `snapshot = true` out"), "{said}");

    grow(&net);
    let log = place.join("regulator.log");
    let start = || {
        let mut command = command();
        command.arg("--dir").arg(&dir).args(["--json", "node", "run"]);
        start_as(command, &log)
    };
    let joined = start();
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(says(&said, "joined by a snapshot"), "{said}");
    // It follows, and proves what it has.
    net.ok(&["party", "apply", "Late", "--as", "late"]);
    let late = net.ok(&["key", "show", "late"])["party"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    while run(&["party", "show", &late]).0 != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", run(&["party", "show", &late]));
        std::thread::sleep(Duration::from_millis(50));
    }
    joined.stop();
    // It begins where it was.
    start().stop();
    let (code, audited, said) = run(&["audit", dir.to_str().unwrap()]);
    assert_eq!((code, audited["findings"].as_array().map(Vec::len)), (Some(0), Some(0)), "{said}");
    node.stop();
    assert_eq!(net.audit()["state_root"], audited["state_root"]);
    // So it is as it was made from a backup.
    let (backup, again) = (place.join("backup"), place.join("again"));
    ok_on(&dir, &["backup", "--to", word(&backup)]);
    let shown = ok_on(&again, &["restore", word(&backup)]);
    assert_eq!((&shown["standing"], &shown["transactions_lacking"]), (&"observer".into(), &().into()), "{shown}");
    assert_eq!(ok_on(&again, &["audit"])["directory_digest"], audited["directory_digest"]);
}
