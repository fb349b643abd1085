//! Witnesses from end to end: a witness runs, a node is cosigned by it, and whoever verifies asks for that.

use super::{
    backup::{notes, restored},
    harness::{Net, Service, says, start, word},
    lost_keys::takes_other_keys,
    offices::until,
    operations::metrics_of,
    ports::free_ports,
};
use std::{
    fs,
    time::{Duration, Instant},
};

const NAME: &str = "witness.example/one";

/// A network with a policy that wants the witness `NAME`, and the witness, which runs.
pub fn witnessed() -> (Net, Service, String) {
    let net = Net::created();
    net.ok(&["key", "new", "watcher"]);
    write_logs(&net, &[]);
    // It runs there again after it was killed.
    let witness = run(&net, &format!("127.0.0.1:{}", free_ports(1)));
    let url = witness.urls["witness"].as_str().unwrap().to_owned();
    let line = net.ok(&["witness", "key", NAME, "--url", &url, "--as", "watcher"]);
    assert_eq!(line["key"], witness.urls["key"]);
    write_policy(&net, &url);
    let config = net.dir().join("lonja.toml");
    let settings = fs::read_to_string(&config).unwrap() + "\n[witnesses]\npolicy = \"witnesses.policy\"\n";
    fs::write(config, settings).unwrap();
    (net, witness, url.strip_prefix("http://").unwrap().to_owned())
}

/// Writes what the witness knows of the network's log.
fn write_logs(net: &Net, more: &[&str]) {
    let logs = net.ok(&[&["witness", "policy"], more].concat())["policy"].as_str().unwrap().to_owned();
    assert!(logs.contains("log lonja.") && logs.ends_with("quorum none\n"), "{logs}");
    fs::write(net.path("logs"), &logs).unwrap();
}

/// Writes the policy of the node and its buyers: the logs of the witness at `url`, and its word. Says where.
fn write_policy(net: &Net, url: &str) -> String {
    let logs = fs::read_to_string(net.path("logs")).unwrap();
    let line = net.ok(&["witness", "key", NAME, "--url", url, "--as", "watcher"])["line"].as_str().unwrap().to_owned();
    let path = net.dir().join("witnesses.policy");
    fs::write(&path, logs.replace("quorum none", &format!("{line}\nquorum witness.example-one"))).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The validator takes other keys, as [`lost_keys::takes_other_keys`] but none is lost. Says where the record of it is.
fn rotated(net: &Net, node: &Service) -> String {
    takes_other_keys(net, node.urls["node"].as_str().unwrap().strip_prefix("http://").unwrap(), &[]);
    let trust = net.path("trust.json").to_str().unwrap().to_owned();
    net.ok(&["network", "trust", "--output", &trust]);
    trust
}

fn run(net: &Net, listen: &str) -> Service {
    let logs = net.path("logs");
    let logs = logs.to_str().unwrap();
    net.start(&["witness", "run", NAME, "--as", "watcher", "--logs", logs, "--listen", listen])
}

fn applied(net: &Net, name: &str) -> String {
    let receipt = net.path(&format!("{name}.receipt")).to_str().unwrap().to_owned();
    net.ok(&["party", "apply", name, "--as", name, "--receipt", &receipt]);
    receipt
}

/// Waits until the node has a witnessed checkpoint that covers the receipt.
fn becomes_witnessed(net: &Net, receipt: &str, policy: &str) {
    let begun = Instant::now();
    loop {
        let output = net.run(&["verify", receipt, "--policy", policy]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(shown[0]["witnessed_by"], serde_json::json!(["witness.example-one"]));
            return;
        }
        // None yet, or one that is older than the receipt.
        assert!(says(&said, "no witness has cosigned") || says(&said, "newer than what witnesses"), "{said}");
        assert!(begun.elapsed() < Duration::from_secs(180), "{said}: {}", net.said());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_receipt_is_verified_by_a_policy_that_wants_a_witness() {
    let (net, witness, address) = witnessed();
    let policy = net.dir().join("witnesses.policy");
    let policy = policy.to_str().unwrap();
    let node = net.node();
    let first = applied(&net, "first");
    becomes_witnessed(&net, &first, policy);
    // The same without the outside: the validator's own signature is enough for a policy that says so.
    let logs = net.path("logs");
    net.ok(&["verify", &first, "--policy", logs.to_str().unwrap()]);

    // The witness is killed and comes back with what it recorded; so does the node.
    witness.kill();
    node.kill();
    let witness = run(&net, &address);
    let node = net.node();
    net.ok(&["verify", &first, "--policy", policy]);
    let second = applied(&net, "second");
    becomes_witnessed(&net, &second, policy);
    // A bundle likewise; that a dataset is not there is proven as well as that one is.
    let bundle = net.path("absent.bundle").to_str().unwrap().to_owned();
    let said = net.fails(1, &["listing", "show", &"0".repeat(64), "--bundle", &bundle]);
    assert!(says(&said, "its absence is proven"), "{said}");
    becomes_witnessed(&net, &bundle, policy);

    // Somebody else's key under the same name convinces nobody.
    net.ok(&["key", "new", "stranger"]);
    let line = net.ok(&["witness", "key", NAME, "--as", "stranger"])["line"].as_str().unwrap().to_owned();
    let other =
        fs::read_to_string(&logs).unwrap().replace("quorum none", &format!("{line}\nquorum witness.example-one"));
    fs::write(net.path("other"), other).unwrap();
    let said = net.fails(4, &["verify", &first, "--policy", net.path("other").to_str().unwrap()]);
    assert!(says(&said, "the quorum witness.example-one is not met"), "{said}");
    fs::write(net.path("broken"), "log here\n").unwrap();
    let said = net.fails(6, &["verify", &first, "--policy", net.path("broken").to_str().unwrap()]);
    assert!(says(&said, "is no trust policy") && says(&said, "line 1"), "{said}");
    node.stop();
    witness.stop();
}

#[test]
fn a_witness_that_cannot_be_run_says_why() {
    let net = Net::created();
    net.ok(&["key", "new", "watcher"]);
    fs::write(net.path("logs"), "quorum none\n").unwrap();
    let logs = net.path("logs");
    let run = ["witness", "run", NAME, "--as", "watcher", "--logs", logs.to_str().unwrap(), "--listen"];
    let said = net.fails(2, &[&run[..], &["0.0.0.0:0"]].concat());
    assert!(says(&said, "can be reached by others") && says(&said, "--behind-proxy"), "{said}");
    let said = net.fails(2, &[&run[..], &["127.0.0.1:0"]].concat());
    assert!(says(&said, "names no log") && says(&said, "lonja witness policy"), "{said}");
    // A node whose policy asks nobody does not start.
    fs::write(net.dir().join("nobody"), net.ok(&["witness", "policy"])["policy"].as_str().unwrap()).unwrap();
    let config = net.dir().join("lonja.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap() + "\n[witnesses]\npolicy = \"nobody\"\n").unwrap();
    let said = net.fails(6, &["node", "run"]);
    assert!(says(&said, "has no witness with an address"), "{said}");
}

#[test]
fn an_older_receipt_is_vouched_for_by_validators_who_came_later() {
    let (net, witness, address) = witnessed();
    let policy = net.dir().join("witnesses.policy").to_str().unwrap().to_owned();
    let node = net.node();
    let first = applied(&net, "first");
    becomes_witnessed(&net, &first, &policy);
    let stale = net.path("stale").to_str().unwrap().to_owned();
    fs::copy(&policy, &stale).unwrap();
    let trust = rotated(&net, &node);
    witness.kill();
    node.stop();
    write_logs(&net, &["--trust", &trust]);
    write_policy(&net, &format!("http://{address}"));
    let (witness, node) = (run(&net, &address), net.node());
    let later = applied(&net, "later");
    let covers = |receipt: &str, more: &[&str]| {
        let output = net.run(&[&["verify", receipt, "--policy", &policy], more].concat());
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    until("the new validator's checkpoint is witnessed", || covers(&later, &["--trust", &trust]).0);
    // Whoever has only the anchor learns from the node who signs now, and believes what the set before says of it.
    assert_eq!(covers(&first, &[]), (true, String::new()));
    // That the policy is of an earlier set is said with what to do.
    let said = net.fails(4, &["verify", &first, "--policy", &stale]);
    assert!(says(&said, "no log of the policy signed") && says(&said, "where the validators have changed"), "{said}");
    node.stop();
    witness.stop();
}

#[test]
fn a_node_with_witnesses_starts_from_its_backup() {
    let (net, witness, _) = witnessed();
    let (inside, outside) = (net.dir().join("witnesses.policy"), net.path("of-all-networks.policy"));
    fs::rename(inside, &outside).unwrap();
    let config = net.dir().join("lonja.toml");
    fs::write(&config, fs::read_to_string(&config).unwrap().replace("witnesses.policy", word(&outside))).unwrap();
    let node = net.node();
    applied(&net, "first");
    net.ok(&["backup", "--to", word(&net.path("backup"))]);
    node.stop();
    // The machine is lost, and with it what lay outside of the directory.
    let policy = fs::read(&outside).unwrap();
    fs::remove_file(&outside).unwrap();
    let dir = net.path("restored");
    let shown = restored(&net, &net.path("backup"), &dir, &["--accept-loss"]);
    assert!(notes(&shown).contains("witnesses.policy") && !notes(&shown).contains("put back"), "{shown}");
    assert_eq!(fs::read(dir.join("witnesses.policy")).unwrap(), policy);
    start(&dir, &net.path("log"), &["node", "run"]).stop();

    // Where there was none to be copied, it is asked for, and its place stays.
    net.ok(&["backup", "--to", word(&net.path("without"))]);
    let shown = restored(&net, &net.path("without"), &net.path("lacking"), &["--accept-loss"]);
    assert!(notes(&shown).contains(&format!("put back {}", outside.display())), "{shown}");
    witness.stop();
}

/// How long nothing was witnessed, as the node's metrics have it.
fn unwitnessed_s(node: &Service) -> u64 {
    let metrics = metrics_of(node.urls["node"].as_str().unwrap());
    let line = metrics.lines().find_map(|line| line.strip_prefix("lonja_unwitnessed_seconds "));
    line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
}

#[test]
fn that_nothing_is_witnessed_any_more_is_counted_and_said_for_each_reason() {
    let (net, witness, address) = witnessed();
    let node = net.node();
    witness.kill();
    applied(&net, "first");
    let mut log = String::new();
    let mut told = |what: &str| {
        log += &net.said();
        log.contains(what)
    };
    until("that nobody cosigned is said", || told("cannot reach the witness"));
    until("and that this is too few", || told("the quorum witness.example-one is not met"));
    let trust = rotated(&net, &node);
    let witness = run(&net, &address);
    // Neither the witness nor the policy knows the new validator, and each says so.
    until("the witness refuses", || told("refuses with"));
    until("and the policy", || told("no log of the policy signed this checkpoint"));
    let so_far = unwitnessed_s(&node);
    until("it grows", || unwitnessed_s(&node) > so_far.max(12));
    // Witness and node run, and take their files up; half of one is none.
    fs::write(net.path("logs"), "log half-a").unwrap();
    until("what cannot be used is said", || told("the file of logs cannot be used"));
    write_logs(&net, &["--trust", &trust]);
    write_policy(&net, &format!("http://{address}"));
    until("it is witnessed again", || unwitnessed_s(&node) < 12);
    assert!(told("the policy of witnesses is another one now"));
    node.stop();
    witness.stop();
}
