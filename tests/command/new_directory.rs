//! Whoever has nothing of a network but its anchor begins in a new directory: a key, and a party.

use super::harness::{Net, command, says};
use std::{fs, process::Output};

/// Runs a command in the directory `name` beside the network's.
fn run(net: &Net, name: &str, arguments: &[&str]) -> Output {
    let mut command = command();
    command.env("LONJA_PASSPHRASE_FILE", net.path("passphrase")).arg("--dir").arg(net.path(name));
    command.arg("--json").args(arguments).output().unwrap()
}

fn ok(net: &Net, name: &str, arguments: &[&str]) -> serde_json::Value {
    let output = run(net, name, arguments);
    assert!(output.status.success(), "lonja {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn keys_and_parties_begin_in_a_new_directory() {
    let net = Net::created();
    let node = net.node();
    let passphrase = net.path("passphrase");
    fs::write(&passphrase, "a passphrase of one's own").unwrap();
    fs::set_permissions(&passphrase, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    let none = run(&net, "witness", &["key", "show", "watcher"]);
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert_eq!(none.status.code(), Some(6), "{said}");
    assert!(says(&said, "there is no key `watcher`") && says(&said, "lonja key new"), "{said}");
    assert!(!net.path("witness").exists(), "looking makes nothing");
    ok(&net, "witness", &["key", "new", "watcher"]);
    ok(&net, "witness", &["key", "check", "watcher"]);
    ok(&net, "witness", &["witness", "key", "witness.example.org/one", "--as", "watcher"]);

    let anchor = net.dir().join("anchor.json").display().to_string();
    let there = ["--anchor", &anchor, "--node-url", node.urls["node"].as_str().unwrap()];
    let applied = ok(&net, "desk", &[&["party", "apply", "A desk", "--as", "desk"], &there[..]].concat());
    let party = applied["party"].as_str().unwrap();
    let shown = ok(&net, "desk", &[&["party", "show", party], &there[..]].concat());
    assert_eq!(shown["name"], "A desk", "{shown}");
    node.stop();
    net.audit();
}
