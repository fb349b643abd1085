//! Prose beside the ledger goes when whoever wrote it, or an operator, takes it down: also of older revisions, of an
//! application, of a purchase.

use super::{
    harness::{Net, get, says},
    laid::{publish, text, up},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The bodies in a node's store.
fn bodies(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { bodies(&path) } else { vec![path] }).collect()
}

/// Takes down what is named, and returns which side bodies that were, and in which blocks they went.
fn take_down(net: &Net, what: &[&str]) -> Vec<(String, u64)> {
    let gone: Vec<Value> = serde_json::from_value(net.ok(&[&["take-down"], what].concat())).unwrap();
    gone.iter().map(|one| (text(&one["side"]).to_owned(), one["height"].as_u64().unwrap())).collect()
}

#[test]
fn prose_of_revisions_an_application_and_a_purchase_goes() {
    let net = Net::created();
    let up = up(&net);
    for role in ["provider", "buyer"] {
        net.ok(&["party", "apply", role, "--contact", "Somebody Real, +34 600 000 000", "--as", role]);
        net.ok(&["party", "admit", role, "--role", role]);
    }
    // Three revisions; the last one has no outline.
    let dataset = publish(&net);
    let jacket = net.path("jacket.json").display().to_string();
    for outline in [&["--outline", "In other words."][..], &[]] {
        let revise = ["listing", "publish", &jacket, "--catalogue", "c", "--identifier", "i", "--as", "provider"];
        net.ok(&[&revise[..], outline].concat());
    }
    let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1", "--as", "provider"]);
    net.ok(&["account", "mint", "buyer", "EUR:100", "--reference", "1"]);
    let buy = ["buy", text(&offer["offer"]), "--purpose", "maintenance", "--justification", "Somebody is ill."];
    let bought = net.ok(&[&buy[..], &["--as", "buyer"]].concat());
    let agreement = text(&bought["agreement"]);
    let stored = || bodies(&net.dir().join("node/sides")).len();
    assert_eq!(stored(), 5, "two contacts, two outlines, one reason");

    for of in [["--party", "buyer"], ["--agreement", agreement], ["--dataset", &dataset]] {
        let by = if of[0] == "--dataset" { "buyer" } else { "provider" };
        let said = net.fails(3, &[&["take-down"], &of[..], &["--as", by]].concat());
        assert!(says(&said, "SideBodyOfAnother"), "{said}");
    }
    assert_eq!(stored(), 5);
    let gone = take_down(&net, &["--dataset", &dataset, "--as", "provider"]);
    assert_eq!((gone.len(), stored()), (2, 3), "those of both older revisions");
    assert_eq!(take_down(&net, &["--agreement", agreement, "--as", "buyer"]).len(), 1);
    let (contact, height) = take_down(&net, &["--party", "buyer", "--as", "buyer"]).remove(0);
    assert_eq!(take_down(&net, &["--party", "provider", "--as", "operator"]).len(), 1, "an operator may");
    assert_eq!(stored(), 0);
    let said = net.fails(2, &["take-down", "--party", "buyer", "--as", "buyer"]);
    assert!(says(&said, "there is nothing to take down"), "{said}");
    let said = net.fails(2, &["take-down", "--side", &contact, "--as", "operator"]);
    assert!(says(&said, "there is nothing to take down"), "{said}");

    let shown = net.ok(&["party", "show", "buyer"]);
    assert_eq!(shown["side"], contact.as_str(), "the commitment stays");
    assert!(up.reaches(height, Duration::from_secs(60)));
    let page = get(text(&up.urls["explorer"]), &format!("/party/{}", text(&shown["id"])), "");
    assert!(page.contains(&format!("Taken down in block {height};")) && page.contains(&contact), "{page}");
    up.stop();
    let report = net.audit();
    assert_eq!(report["findings"], serde_json::json!([]));
}

/// An import knows its own prose again, and would bring it at each run.
#[test]
fn an_import_leaves_out_what_was_taken_down() {
    let net = Net::created();
    let node = net.node();
    super::kills::member(&net, "importer", "provider");
    let file = net.path("small.json");
    let import = |title: &str| {
        let record = |identifier: &str, title: &str| {
            let description = format!("What {identifier} is, and whom it is about.");
            serde_json::json!({ "identifier": identifier, "title": title, "description": description })
        };
        let catalogue = serde_json::json!({ "dataset": [record("a", title), record("b", "Budget")] });
        fs::write(&file, catalogue.to_string()).unwrap();
        let report = net.ok(&["listing", "import", file.to_str().unwrap(), "--as", "importer"]);
        ["published", "revised", "unchanged", "taken_down"].map(|count| report[count].as_u64().unwrap())
    };
    assert_eq!(import("Gauges"), [2, 0, 0, 0]);
    let importer = net.identity("importer").party;
    let dataset = contracts::id::DatasetId::of(&importer, "small", "a").to_string();
    take_down(&net, &["--dataset", &dataset, "--as", "importer"]);
    assert_eq!(import("Gauges"), [0, 0, 2, 0], "it has its commitment still");
    assert_eq!(import("Rain gauges"), [0, 1, 1, 1], "another title goes without the text");
    assert_eq!(import("Rain gauges"), [0, 0, 2, 1], "and stays so");
    assert_eq!(net.ok(&["listing", "show", &dataset])["jacket_now"]["title"], "Rain gauges");
    node.stop();
}
