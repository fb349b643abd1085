//! The README's walk-through, followed literally, on the demonstration market.

use super::harness::{Net, command, skipped};
use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// The commands of the section "A first trade", in order, each as its words.
fn walk_through() -> Vec<Vec<String>> {
    let readme = include_str!("../../README.md");
    let section = readme.split("## A first trade").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap().replace("\\\n", " ");
    let lines = block.lines().map(str::trim).filter(|line| line.starts_with("lonja ") || line.starts_with("python3 "));
    lines.map(words).collect()
}

/// The words of a command line; those between quotes are one.
pub fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    quoted
        .flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

#[test]
fn the_first_trade_of_the_readme_works_as_it_is_written() {
    let net = Net::new();
    let ports = ["--node-port", "0", "--market-port", "0", "--explorer-port", "0"];
    let up = net.start(&[&["up", "--demo"], &ports[..]].concat());
    let url = |name: &str| up.urls[name].as_str().unwrap().to_owned();
    let (node, market) = (url("node"), url("marketplace"));
    let urls = ["--node-url", &node, "--market-url", &market];
    let mut known = BTreeMap::<&str, String>::new();
    let dir = net.dir().display().to_string();
    let mut done = 0;
    for line in walk_through() {
        let place = |word: &String| {
            let word = word.replace(".lonja", &dir).replace("http://127.0.0.1:7100", &node);
            let verifier = format!("{}/tests/verifier", env!("CARGO_MANIFEST_DIR"));
            known.get(word.as_str()).cloned().unwrap_or(word).replace("tests/verifier", &verifier)
        };
        let line: Vec<String> = line.iter().map(place).collect();
        if line[0] == "python3" {
            python(&net, &line[1..]);
            continue;
        }
        let arguments: Vec<&str> = line[1..].iter().map(String::as_str).chain(urls).collect();
        let answer = net.ok(&arguments);
        for (field, name) in [("dataset", "DATASET"), ("offer", "OFFER"), ("agreement", "AGREEMENT")] {
            if let Some(id) = answer[field].as_str() {
                known.insert(name, id.to_owned());
            }
        }
        done += 1;
    }
    assert!(done >= 14, "{done} commands");
    let bought = std::fs::read(net.path("quays.csv")).unwrap();
    assert_eq!(bought, include_bytes!("../../src/demo/data/quay-inventory.csv"));

    demonstration_shows_everything(&net, &urls);
    up.stop();
    let report = net.audit();
    assert_eq!(report["findings"], Value::Array(vec![]));
    // It resumes on what is there: nothing is made twice.
    let again = net.start(&[&["up", "--demo"], &ports[..]].concat());
    let node = again.urls["node"].as_str().unwrap().to_owned();
    let balance = net.ok(&["account", "balance", "buyer", "--node-url", &node]);
    assert_eq!(balance[0]["balance"], "6000");
    again.stop();
    assert_eq!(net.audit()["applied"], report["applied"]);
}

fn python(net: &Net, arguments: &[String]) {
    let python = std::env::var("LONJA_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import cryptography"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        return skipped("no python3 with the package cryptography");
    }
    let output = Command::new(&python).args(arguments).current_dir(net.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every spectrum value; a refusal for each reason that the script has; a bundle that holds.
fn demonstration_shows_everything(net: &Net, urls: &[&str]) {
    for spectrum in ["open", "shared", "closed"] {
        let facet = format!("spectrum={spectrum}");
        let found =
            net.ok(&[&["listing", "search", "--facet", &facet, "--facet", "catalogue=demo-port"], urls].concat());
        assert!(!found.as_array().unwrap().is_empty(), "{spectrum}");
    }
    let journal: Value = serde_json::from_slice(&std::fs::read(net.dir().join("demo/journal.json")).unwrap()).unwrap();
    for (step, reason) in [
        ("patrol-rounds: offer", "closed data"),
        ("hearing-tests: fetch again", "consent"),
        ("quay-inventory: another purpose", "purpose"),
        ("container-dwell: a stranger", "not among them"),
    ] {
        assert!(journal[step].as_str().is_some_and(|said| said.contains(reason)), "{step}: {}", journal[step]);
    }
    let dataset = journal["hearing-tests: publish"]["dataset"].as_str().unwrap();
    let bundle = net.path("evidence.json").display().to_string();
    net.ok(&[&["listing", "show", dataset, "--bundle", &bundle], urls].concat());
    net.ok(&["verify", &bundle]);
    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    net.fails(4, &["verify", &bundle]);
}

#[test]
fn every_command_explains_itself() {
    let help = command().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for word in [
        "up",
        "network",
        "node",
        "market",
        "explorer",
        "key",
        "party",
        "account",
        "listing",
        "dataset",
        "offer",
        "buy",
        "agreement",
        "consent",
        "provenance",
        "fetch",
        "take-down",
        "backup",
        "restore",
        "verify",
        "audit",
        "bench",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {word} ")), "{word} is missing");
        assert!(command().args([word, "--help"]).output().unwrap().status.success(), "{word}");
    }
    let completions = command().args(["completions", "bash"]).output().unwrap();
    assert!(completions.status.success() && completions.stdout.len() > 10_000);
}
