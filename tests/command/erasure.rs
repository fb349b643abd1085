//! Erasure as a custodian asks for it, and what is left of it in the files.

use super::{
    harness::Net,
    laid::{ERASED, Laid, give, text, up},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What was there, or nothing where it is gone again: stores that run replace their files at any time.
fn there<T: Default>(read: io::Result<T>) -> T {
    read.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(T::default()) } else { Err(error) }).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = there(fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>));
    let entries = entries.into_iter().map(|entry| entry.path());
    // A socket of a running service has no bytes to read.
    let of = |path: PathBuf| if path.is_dir() { files(&path) } else { Vec::from_iter(path.is_file().then_some(path)) };
    entries.flat_map(of).collect()
}

/// The files under `folder` that hold `bytes`.
fn holding(folder: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| there(fs::read(path)).windows(bytes.len()).any(|window| window == bytes);
    files(folder).into_iter().filter(holds).collect()
}

/// Long lines are folded, with a bar in front of what follows.
fn unfolded(said: &str) -> String {
    said.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_erased_subject_is_in_no_file_and_its_receipt_remains() {
    let Laid { net, dataset, consent } = Laid::out();
    for secret in ERASED {
        assert_eq!(holding(&net.dir(), secret.as_bytes()), Vec::<PathBuf>::new(), "{secret}");
    }
    let up = up(&net);
    let given = give(&net, &dataset, "card-4714", "name=Short Stay");
    // What would open the record: its subject's key, and the sealed bytes that its row begins with.
    let keys = || files(&net.dir().join("market/subjects"));
    let before = keys();
    let record = net.ok(&["consent", "record", &given, "--as", "registry"]);
    assert_eq!(record["fields"]["name"], "Short Stay");
    assert_eq!(record["fields"]["subject"], "card-4714");
    let root = hex::decode(text(&record["root"])).unwrap();
    let blinding = hex::decode(text(&record["blinding"])).unwrap();
    let own = net.dir().join("market/own");
    assert!(!holding(&own, &root).is_empty(), "the row names its commitment");
    assert!(holding(&net.dir(), &blinding).is_empty(), "the blinding lies sealed");
    assert!(unfolded(&net.fails(1, &["consent", "record", &given, "--as", "provider"])).contains("no record"));

    let erased = net.ok(&["consent", "erase", "--subject", "card-4714", "--as", "registry"]);
    assert_eq!(erased["erasure"]["records"], 1);
    assert!(text(&erased["attestation"]).starts_with("v4.public."));
    let gone: Vec<_> = before.iter().filter(|path| !keys().contains(path)).collect();
    assert_eq!(gone.len(), 1, "one key was destroyed");
    let key = gone[0].file_name().unwrap().to_str().unwrap();
    assert_eq!(erased["erasure"]["keys"][0], key);
    // No row, log or table of the store has the record's row any more.
    assert_eq!(holding(&own, &root), Vec::<PathBuf>::new());
    assert_eq!(holding(&own, &hex::decode(key).unwrap()), Vec::<PathBuf>::new());
    let said = unfolded(&net.fails(1, &["consent", "erase", "--subject", "card-4714", "--as", "registry"]));
    assert!(said.contains("no record"), "{said}");
    let ended = net.ok(&["consent", "show", &given]);
    assert_eq!(ended["state"], "withdrawn", "the next delivery is refused");
    assert_eq!(
        net.ok(&["consent", "access", "--subject", "card-4711", "--as", "registry"]).as_array().unwrap().len(),
        2
    );
    assert_eq!(net.ok(&["consent", "record", &consent, "--as", "registry"])["fields"]["name"], "Someone Who Stays");
    up.stop();
    let report = net.audit();
    assert_eq!(report["findings"], serde_json::json!([]));
    assert_eq!(report["market"]["vault"]["erasures"], 2);
}

#[test]
fn a_consent_that_the_rules_refuse_leaves_no_record() {
    let net = Net::created();
    let up = up(&net);
    for (key, role) in [("provider", "provider"), ("registry", "custodian")] {
        net.ok(&["party", "apply", key, "--as", key]);
        net.ok(&["party", "admit", key, "--role", role]);
    }
    let dataset = super::laid::publish(&net);
    let notice = net.path("notice.txt");
    fs::write(&notice, "We ask.").unwrap();
    let give = ["consent", "give", &dataset, "--purpose", "research", "--notice", notice.to_str().unwrap()];
    let give = [&give[..], &["--subject", "card-1", "--since-version", "9", "--as", "registry"]].concat();
    assert!(net.fails(3, &give).contains("VersionNumber"));
    assert_eq!(net.ok(&["consent", "access", "--subject", "card-1", "--as", "registry"]), serde_json::json!([]));
    up.stop();
    assert_eq!(net.audit()["market"]["vault"]["records"], 0);
}
