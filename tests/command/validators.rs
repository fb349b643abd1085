//! Four validators of one network, each in a process of its own.

use super::{
    harness::{Net, Service, four_times, ok_on, on, patient, says, seeds, start},
    kills::moment,
    minting::{Minting, audited},
    offices::{status, until},
    readme::words,
};
use genesis::Layout;
use ledger::{api::client::Client, receipt::Receipt};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Validators of a network here.
pub const COUNT: usize = 4;
/// How long a validator may take until it knows what the others know, on a machine that builds beside.
const CATCH_UP_MAX: Duration = Duration::from_secs(180);

/// The directory of validator `number` of a trial.
pub fn directory(net: &Net, number: usize) -> PathBuf {
    let layout = Layout::at(net.dir());
    if number == 0 { net.dir() } else { layout.validator(&format!("validator-{number}")).root().to_path_buf() }
}

pub fn client(net: &Net, number: usize) -> Client {
    let layout = Layout::at(directory(net, number));
    patient(Client::new(&layout.config().unwrap().node.url(), layout.anchor().unwrap()).unwrap())
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
            // One that was started beside others may not even listen yet.
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
            ["network", "up", "&"] => {
                up = Some(net.start(&["network", "up"]));
                all_know(&net, &[0, 1, 2, 3], 1);
            }
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
    // A block needs three: one that started late may be dialled again in a moment.
    until("it is linked with all", || at(2).links.len() == 3 && at(2).links.iter().all(|link| link.connected));
    up.unwrap().stop();
    assert!((0..COUNT).all(|number| runtime().block_on(client(&net, number).status()).is_err()), "all have stopped");
    audited(&net);
}

/// Starts validator `number` alone, as on a machine of its own.
pub fn validator(net: &Net, number: usize) -> Service {
    start(&directory(net, number), &net.path(&format!("log-{number}")), &["node", "run"])
}

#[test]
fn validators_that_are_killed_lose_nothing_and_apply_nothing_twice() {
    let net = Net::among(COUNT);
    let mut running: Vec<Option<Service>> = (0..COUNT).map(|number| Some(validator(&net, number))).collect();
    all_know(&net, &[0, 1, 2, 3], 1);
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

/// Takes validator 3 out of the set by a decision of the others, which run.
fn leaves(net: &Net) {
    let dirs = [0, 1, 2].map(|number| directory(net, number));
    // A ballot is handed in by a party, which can be anybody's.
    for dir in &dirs[1..] {
        fs::copy(net.dir().join("keys/operator.key"), dir.join("keys/operator.key")).unwrap();
    }
    let address = Layout::at(net.dir()).config().unwrap().node.listen.to_string();
    until("there is a block", || status(&address)["height"] != 0);
    let remove = ["governance", "set", "--remove", "validator-3", "--as", "operator"];
    let proposal = net.ok(&remove)["proposal"].as_str().unwrap().to_owned();
    let show = ["governance", "show", &proposal];
    for dir in &dirs[1..] {
        until("its node knows the proposal", || on(dir, &show).status.success());
        ok_on(dir, &["governance", "approve", &proposal, "--as", "operator"]);
    }
    for dir in &dirs {
        until("its node knows that it has passed", || ok_on(dir, &show)["state"] == "passed");
        ok_on(dir, &["governance", "ready", &proposal, "--as", "operator"]);
    }
}

/// A node that begins at the founding passes a set of validators, is one of them there, and cannot know where the others
/// were: those that lonja.toml does not name are told of, and it runs on what others bring it.
#[test]
fn a_node_that_begins_anew_needs_no_address_of_validators_that_are_gone() {
    let net = Net::among(COUNT);
    let nodes: Vec<Service> = (0..3).map(|number| validator(&net, number)).collect();
    leaves(&net);
    let layout = Layout::at(directory(&net, 3));
    let url = Layout::at(net.dir()).config().unwrap().node.url();
    // With the address of one, and with none at all.
    for (known, gone) in [(vec!["validator-1"], vec![0, 2]), (vec![], vec![0, 1, 2])] {
        let mut config = layout.config().unwrap();
        config.peers.as_mut().unwrap().addresses.retain(|name, _| known.contains(&name.as_str()));
        config.observe = Some(genesis::config::Observe { from: vec![url.clone()], snapshot: false });
        fs::remove_file(layout.config_path()).unwrap();
        config.write(&layout.config_path()).unwrap();
        let node = validator(&net, 3);
        let address = config.node.listen.to_string();
        until("it is past that set, and observes", || {
            let status = status(&address);
            status["era"] == 1 && status["observes"] == true && status["healthy"] == true
        });
        node.stop();
        let log = net.path("log-3");
        let said = fs::read_to_string(&log).unwrap();
        let told = |number: u16| {
            let of = format!("validator=\"validator-{number}\"");
            said.lines().any(|line| line.contains("lonja.toml has no address of this validator") && line.contains(&of))
        };
        for number in 0..3 {
            assert_eq!(told(number), gone.contains(&number), "validator {number}: {said}");
        }
        assert_eq!(ok_on(layout.root(), &["audit"])["findings"], serde_json::json!([]));
        // Anew.
        fs::remove_dir_all(layout.root().join("node")).unwrap();
        fs::remove_file(log).unwrap();
    }
    // Who follows nobody must know at least one of them.
    let mut config = layout.config().unwrap();
    config.observe = None;
    fs::remove_file(layout.config_path()).unwrap();
    config.write(&layout.config_path()).unwrap();
    let said = String::from_utf8_lossy(&on(layout.root(), &["node", "run"]).stderr).into_owned();
    assert!(says(&said, "has the address of no other validator: validator-0, validator-1, validator-2"), "{said}");
    nodes.into_iter().for_each(Service::stop);
}
