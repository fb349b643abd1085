//! Backups of markets that run, and the directories that are made from them again.

use super::{
    harness::{Net, Service, fails_on, ok_on, says, start, word},
    laid::{Web, give, managed_custodian, publish, text, up},
    offices::until,
    validators::all_know,
};
use contracts::{action::Action, id::BankReference, money::Amount, settlement::Mint};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Writes to the ledger until told to stop. `made` counts blocks, at least.
fn write(net: &Net, stop: &AtomicBool, made: &AtomicU64) {
    let (client, settlement) = (net.client(), net.identity("settlement"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while !stop.load(Ordering::SeqCst) {
            let number = made.fetch_add(1, Ordering::SeqCst);
            let mut reference = [7; 32];
            reference[..8].copy_from_slice(&number.to_be_bytes());
            let mint = Mint {
                party: settlement.party,
                amount: Amount::new(100).unwrap(),
                currency: "EUR".parse().unwrap(),
                reference: BankReference(reference),
            };
            client.act(&settlement, Action::Mint(mint), None).await.unwrap();
        }
    });
}

/// Runs `work` while the ledger grows, and lets it grow before and after.
fn under_writes<T>(net: &Net, work: impl FnOnce() -> T) -> T {
    let (stop, made) = (AtomicBool::new(false), AtomicU64::new(0));
    let grows = |blocks| {
        let (begun, from) = (Instant::now(), made.load(Ordering::SeqCst));
        while made.load(Ordering::SeqCst) < from + blocks {
            assert!(begun.elapsed() < Duration::from_secs(180), "nothing is written");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(net, &stop, &made));
        grows(5);
        let done = work();
        grows(5);
        stop.store(true, Ordering::SeqCst);
        writing.join().unwrap();
        done
    })
}

/// What was in a market before it was backed up.
struct Before {
    agreement: String,
    content: Vec<u8>,
    consent: String,
    record: Value,
    managed: String,
}

fn fill(net: &Net, up: &Service) -> Before {
    for (key, roles) in [("provider", "provider"), ("buyer", "buyer"), ("registry", "custodian")] {
        net.ok(&["party", "apply", key, "--as", key]);
        net.ok(&["party", "admit", key, "--role", roles]);
    }
    let (dataset, file) = (publish(net), net.path("content.csv"));
    let content: Vec<u8> = (0..9_000u32).flat_map(|n| format!("{n},{}\n", (n * 7919) >> 3).into_bytes()).collect();
    fs::write(&file, &content).unwrap();
    net.ok(&["dataset", "upload", &dataset, word(&file), "--as", "provider"]);
    let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1", "--as", "provider"]);
    net.ok(&["account", "mint", "buyer", "EUR:100", "--reference", "1"]);
    let bought = net.ok(&["buy", text(&offer["offer"]), "--purpose", "maintenance", "--as", "buyer"]);
    let consent = give(net, &dataset, "card-4711", "name=Someone Who Stays");
    let record = net.ok(&["consent", "record", &consent, "--as", "registry"]);
    let managed = managed_custodian(net, up, &dataset);
    Before { agreement: text(&bought["agreement"]).to_owned(), content, consent, record, managed }
}

impl Before {
    /// Everything is in the running market of directory `dir`.
    fn is_in(&self, dir: &Path, place: &Path) {
        let record = ok_on(dir, &["consent", "record", &self.consent, "--as", "registry"]);
        assert_eq!(record, self.record);
        // Only a party whose key is managed there can be sent a link.
        ok_on(dir, &["party", "link", &self.managed, "--as", "operator"]);
        let fetched = place.join(format!("fetched-{}", fs::read_dir(place).unwrap().count()));
        ok_on(dir, &["fetch", &self.agreement, "--output", word(&fetched), "--as", "buyer"]);
        assert_eq!(fs::read(fetched).unwrap(), self.content);
    }
}

/// The directory made from `backup`, with the passphrase put back.
pub fn restored(net: &Net, backup: &Path, dir: &Path, more: &[&str]) -> Value {
    let shown = ok_on(dir, &[&["restore", word(backup)], more].concat());
    fs::copy(net.dir().join("passphrase"), dir.join("passphrase")).unwrap();
    shown
}

/// What is left to do, as `lonja restore` said.
pub fn notes(shown: &Value) -> String {
    shown["notes"].as_array().unwrap().iter().map(text).collect()
}

#[test]
fn a_market_is_backed_up_while_it_is_written_to_and_made_again() {
    let net = Net::created();
    let running = up(&net);
    let before = fill(&net, &running);
    let (first, second) = (net.path("first"), net.path("second"));
    let (taken, later) = under_writes(&net, || {
        let taken = net.ok(&["backup", "--to", word(&first)]);
        let node = format!("{}/v1/status", text(&running.urls["node"]));
        let web = Web::new();
        until("the ledger is further", || web.get(&node)["height"].as_u64() > taken["ledger"]["height"].as_u64());
        (taken, net.ok(&["backup", "--to", word(&second)]))
    });
    let height = taken["ledger"]["height"].as_u64().unwrap();
    assert!(height < later["ledger"]["height"].as_u64().unwrap());
    let said = net.fails(6, &["backup", "--to", word(&first)]);
    assert!(says(&said, "exists already"), "{said}");
    // Neither a key in the open nor what was signed.
    for name in ["passphrase", "node/highwater", "node/snapshots", "market/rows", "running", "explorer"] {
        assert!(!first.join(name).exists(), "{name}");
    }
    assert!(!net.path("first.part").exists());

    let deep = net.path(&"a-rather-long-name-of-a-folder/".repeat(8)).join("net");
    assert!(word(&deep).len() > 200);
    let said = fails_on(&deep, 2, &["restore", word(&first)]);
    assert!(says(&said, "--accept-loss") && says(&said, "contradicts the new history"), "{said}");
    assert!(!deep.exists());
    let shown = restored(&net, &first, &deep, &["--accept-loss"]);
    assert_eq!((&shown["ledger"], &shown["standing"]), (&taken["ledger"], &json!("alone")));
    assert!(notes(&shown).contains("lonja consent erase"), "{shown}");
    let said = fails_on(&deep, 6, &["restore", word(&first), "--accept-loss"]);
    assert!(says(&said, "is not empty"), "{said}");
    let report = ok_on(&deep, &["audit"]);
    assert_eq!(report["findings"], json!([]));
    assert_eq!(report["height"].as_u64(), Some(height));
    assert_eq!(
        (&report["log_root"], &report["state_root"]),
        (&taken["ledger"]["log_root"], &taken["ledger"]["state_root"])
    );
    running.stop();

    // It runs, where sockets have long paths, and is backed up there again.
    let running = start(&deep, &net.path("log"), &["up"]);
    before.is_in(&deep, &net.path(""));
    let third = net.path("third");
    ok_on(&deep, &["backup", "--to", word(&third)]);
    running.stop();
    assert_eq!(ok_on(&deep, &["audit"])["findings"], json!([]));

    // The mark that survived is ahead of what was copied while blocks were made.
    let (mark, again) = (net.dir().join("node/highwater"), net.path("again"));
    let said = fails_on(&again, 6, &["restore", word(&second), "--highwater", word(&mark)]);
    assert!(says(&said, "says that height") && !again.exists(), "{said}");
    // The third is of another history by now.
    let said = fails_on(&again, 6, &["restore", word(&third), "--highwater", word(&mark)]);
    assert!(says(&said, "high") && !again.exists(), "{said}");
    // Of what stands still the mark is a witness that nothing is lost.
    let still = net.path("still");
    let taken = net.ok(&["backup", "--to", word(&still)]);
    let shown = restored(&net, &still, &again, &["--highwater", word(&mark)]);
    assert_eq!(shown["ledger"], taken["ledger"]);
    assert_eq!(ok_on(&again, &["audit"])["directory_digest"], net.audit()["directory_digest"]);
    let running = start(&again, &net.path("log"), &["up"]);
    before.is_in(&again, &net.path(""));
    running.stop();
}

/// All files of a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Writes a file as a backup has it: for its owner alone.
fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_backup_that_is_not_as_it_was_made_is_refused_and_the_file_named() {
    let net = Net::created();
    up(&net).stop();
    let (backup, dir) = (net.path("backup"), net.path("restored"));
    net.ok(&["backup", "--to", word(&backup)]);
    let restore = ["restore", word(&backup), "--accept-loss"];
    let all = files(&backup);
    assert!(all.len() > 12, "{all:?}");
    for path in &all {
        let whole = fs::read(path).unwrap();
        if !whole.is_empty() {
            let mut changed = whole.clone();
            let middle = whole.len() / 2;
            changed[middle] ^= 1;
            // A new file: the old one may be a file of the store as well.
            fs::remove_file(path).unwrap();
            put(path, &changed);
            let said = fails_on(&dir, 4, &restore);
            assert!(says(&said, word(path)), "{path:?}: {said}");
        }
        fs::remove_file(path).unwrap();
        let said = fails_on(&dir, if path.ends_with("backup.json") { 6 } else { 4 }, &restore);
        assert!(says(&said, path.file_name().unwrap().to_str().unwrap()), "{path:?}: {said}");
        put(path, &[&whole[..], b" "].concat());
        fails_on(&dir, 4, &restore);
        put(path, &whole);
    }
    let more = backup.join("node/highwater");
    fs::write(&more, "").unwrap();
    let said = fails_on(&dir, 4, &restore);
    assert!(says(&said, word(&more)) && says(&said, "not in the list"), "{said}");
    fs::remove_file(&more).unwrap();
    assert!(!dir.exists() && !net.path("restored.part").exists(), "nothing was left behind");
    restored(&net, &backup, &dir, &["--accept-loss"]);
    assert_eq!(ok_on(&dir, &["audit"])["findings"], json!([]));
    // No backup, and no network.
    fails_on(&net.path("other"), 6, &["restore", word(&dir)]);
    fails_on(&net.path("other"), 6, &["backup", "--to", word(&net.path("nothing"))]);
    assert!(!net.path("nothing").exists());
}

#[test]
fn one_of_several_validators_observes_until_it_has_what_it_signed() {
    let net = Net::among(4);
    let network = net.start(&["network", "up"]);
    all_know(&net, &[0, 1, 2, 3], 1);
    net.ok(&["party", "apply", "One", "--as", "one"]);
    let (dir, backup) = (net.dir().join("validators/validator-2"), net.path("backup"));
    // What was printed tells of validator 0 alone.
    until("it can be asked for a backup", || dir.join("running/node.control").exists());
    let taken = ok_on(&dir, &["backup", "--to", word(&backup)]);
    for name in ["two", "three", "four"] {
        net.ok(&["party", "apply", name, "--as", name]);
    }
    network.stop();
    let (passphrase, lost) = (dir.join("passphrase"), net.path("lost"));
    fs::rename(&dir, &lost).unwrap();
    let shown = ok_on(&dir, &["restore", word(&backup)]);
    assert_eq!((&shown["standing"], &shown["ledger"]), (&json!("one-of-several"), &taken["ledger"]));
    assert!(notes(&shown).contains("observes until"), "{shown}");
    fs::copy(lost.join("passphrase"), passphrase).unwrap();

    let network = net.start(&["network", "up"]);
    net.ok(&["party", "apply", "five", "--as", "five"]);
    let height = Web::new().get(&format!("{}/v1/status", text(&network.urls["node"])))["height"].as_u64().unwrap();
    all_know(&net, &[2], height);
    network.stop();
    assert_eq!(ok_on(&dir, &["audit"])["findings"], json!([]));
}
