//! Four validators of one network, each in a process of its own.

use super::{
    harness::{Net, Service, four_times, says, seeds, start},
    kills::moment,
    minting::{Minting, audited},
    readme::words,
};
use genesis::Layout;
use ledger::{api::client::Client, receipt::Receipt};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// Validators of a network here.
pub const COUNT: usize = 4;
/// How long a validator may take until it knows what the others know, on a machine that builds beside.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

/// The directory of validator `number` of a trial.
pub fn directory(net: &Net, number: usize) -> PathBuf {
    let layout = Layout::at(net.dir());
    if number == 0 { net.dir() } else { layout.validator(&format!("validator-{number}")).root().to_path_buf() }
}

pub fn client(net: &Net, number: usize) -> Client {
    let layout = Layout::at(directory(net, number));
    Client::new(&layout.config().unwrap().node.url(), layout.anchor().unwrap()).unwrap()
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Waits until all of `numbers` know height `height`.
pub fn all_know(net: &Net, numbers: &[usize], height: u64) {
    let begun = Instant::now();
    runtime().block_on(async {
        for number in numbers {
            let client = client(net, *number);
            while client.status().await.map_or(0, |status| status.height) < height {
                assert!(begun.elapsed() < CATCH_UP_MAX, "validator {number} does not come to height {height}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    });
}

/// The commands of the README's section about a trial, each as its words.
fn guide() -> Vec<Vec<String>> {
    let readme = include_str!("../../README.md");
    let section = readme.split("## Several validators").nth(1).unwrap();
    let lines = section.split("```").nth(1).unwrap().lines().filter(|line| line.starts_with("lonja "));
    lines.map(words).collect()
}

#[test]
fn the_trial_of_the_readme_ends_with_a_receipt_that_three_of_four_signed() {
    let said = Net::new().fails(6, &["network", "create", "--keep-passphrase", "--validators", "17"]);
    assert!(says(&said, "1 to 16"), "{said}");
    let net = Net::new();
    let ports = four_times(COUNT);
    let (mut up, mut last) = (None, serde_json::Value::Null);
    let guide = guide();
    assert!((4..=10).contains(&guide.len()), "{guide:?}");
    for line in &guide {
        let mut arguments: Vec<&str> = line[1..].iter().map(String::as_str).collect();
        match arguments.as_slice() {
            ["network", "create", ..] => {
                arguments.extend(ports.iter().map(String::as_str));
                last = net.ok(&arguments);
            }
            ["network", "up", "&"] => up = Some(net.start(&["network", "up"])),
            _ => last = net.ok(&arguments),
        }
    }
    assert_eq!(last[0]["signers"].as_array().unwrap().len(), 3, "a quorum of four: {last}");
    let receipt = Receipt::decode(&std::fs::read(net.path("receipt.bin")).unwrap()).unwrap();
    assert_eq!(receipt.seal.cosignatures.len(), 3);
    // Each answers alike, and for itself.
    all_know(&net, &[0, 1, 2, 3], 1);
    let at = |number| runtime().block_on(client(&net, number).status()).unwrap();
    assert!((1..COUNT).all(|number| at(number).network == at(0).network));
    assert!(at(2).links.len() == 3 && at(2).links.iter().all(|link| link.connected), "{:?}", at(2).links);
    up.unwrap().stop();
    assert!((0..COUNT).all(|number| runtime().block_on(client(&net, number).status()).is_err()), "all have stopped");
    audited(&net);
}

/// Starts validator `number` alone, as on a machine of its own.
fn validator(net: &Net, number: usize) -> Service {
    start(&directory(net, number), &net.path(&format!("log-{number}")), &["node", "run"])
}

#[test]
fn validators_that_are_killed_lose_nothing_and_apply_nothing_twice() {
    let net = Net::among(COUNT);
    let mut running: Vec<Option<Service>> = (0..COUNT).map(|number| Some(validator(&net, number))).collect();
    let (runtime, mut minting) = (runtime(), Minting::new(&net));
    minting.begin(&runtime, &net, &[0, 1, 2, 3], 1);
    for round in seeds(0..4) {
        std::thread::sleep(Duration::from_millis(200) + moment(round, 1_500));
        let one = round as usize % COUNT;
        running[one].take().unwrap().kill();
        // Every fourth time two are away, and nothing is decided until one is back.
        let two = (one + 1) % COUNT;
        let both = round % 4 == 3;
        if both {
            running[two].take().unwrap().kill();
        }
        std::thread::sleep(moment(round + 7, 700));
        running[one] = Some(validator(&net, one));
        if both {
            running[two] = Some(validator(&net, two));
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    minting.stop(&runtime);
    let highest =
        (0..COUNT).map(|number| runtime.block_on(client(&net, number).status()).unwrap().height).max().unwrap();
    all_know(&net, &[0, 1, 2, 3], highest);
    minting.check(&runtime, &net);
    running.into_iter().flatten().for_each(Service::stop);
    audited(&net);
}
