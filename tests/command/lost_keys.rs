//! A validator's keys may be in other hands: they are expelled, and what they signed before holds by a later
//! checkpoint, through a node or with a file that was kept.

use super::{
    harness::{Net, command, ok_on, says, skipped, start},
    offices::{status, until},
    ports::free_ports,
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// Somebody who has nothing of the network but the receipt and the anchor, in a directory of their own.
struct Stranger<'a> {
    net: &'a Net,
    receipt: String,
}

impl Stranger<'_> {
    fn path(&self, name: &str) -> String {
        self.net.path(name).display().to_string()
    }

    fn verify(&self, more: &[&str]) -> Output {
        let anchor = self.net.dir().join("anchor.json");
        let mut command = command();
        command.arg("--dir").arg(self.net.path("nowhere")).args(["--json", "verify", &self.receipt]);
        command.arg("--anchor").arg(anchor).args(more).output().unwrap()
    }

    fn holds(&self, more: &[&str]) -> Value {
        let output = self.verify(more);
        assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].take()
    }

    fn fails(&self, more: &[&str]) -> String {
        let output = self.verify(more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{more:?}: {said}");
        said
    }

    /// What the verifier without code of ours says.
    fn python(&self, more: &[&str]) -> Option<bool> {
        let python = std::env::var("LONJA_PYTHON").unwrap_or_else(|_| "python3".into());
        let has = Command::new(&python).args(["-c", "import cryptography"]).output();
        if !has.is_ok_and(|output| output.status.success()) {
            skipped("no python3 with the package cryptography");
            return None;
        }
        let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verifier/lonja_verify.py");
        let anchor = self.net.dir().join("anchor.json");
        let mut command = Command::new(python);
        command.arg(verifier).arg("--anchor").arg(anchor).args(more).arg(&self.receipt);
        Some(command.output().unwrap().status.success())
    }
}

/// The validator of the network takes other keys, by a proposal that says `more` of the old ones.
pub fn takes_other_keys(net: &Net, url: &str, more: &[&str]) {
    let address = format!("127.0.0.1:{}", free_ports(1));
    net.ok(&["key", "new", "fresh", "--validator", &address]);
    let file = net.dir().join("fresh.member.json").display().to_string();
    let set = ["governance", "set", "--remove", "validator-0", "--add", &file, "--as", "operator"];
    let proposal = net.ok(&[&set[..], more].concat())["proposal"].as_str().unwrap().to_owned();
    net.ok(&["governance", "ready", &proposal, "--as", "operator"]);
    until("the new keys take over", || status(url)["era"] == 1);
    net.ok(&["party", "apply", "With new keys", "--as", "newer"]);
}

#[test]
fn a_receipt_of_lost_keys_holds_by_a_later_checkpoint() {
    let net = Net::created();
    let node = net.node();
    let url = node.urls["node"].as_str().unwrap().to_owned();
    let stranger = Stranger { receipt: net.path("old.receipt").display().to_string(), net: &net };
    net.ok(&["party", "apply", "With old keys", "--as", "older", "--receipt", &stranger.receipt]);
    assert_eq!(stranger.holds(&[])["later_checkpoint_size"], Value::Null);
    takes_other_keys(&net, url.strip_prefix("http://").unwrap(), &["--compromised", "validator-0"]);
    let trust = stranger.path("trust.json");
    net.ok(&["network", "trust", "--output", &trust]);

    // Alone it counts no more for who knows of the change; a node proves the later checkpoint.
    let said = stranger.fails(&["--trust", &trust]);
    assert!(says(&said, "needs a later checkpoint") && says(&said, "--node-url names a node"), "{said}");
    let kept = stranger.path("later.json");
    let shown = stranger.holds(&["--trust", &trust, "--node-url", &url, "--keep-later", &kept]);
    assert!(shown["later_checkpoint_size"].as_u64() > shown["checkpoint_size"].as_u64(), "{shown}");
    assert_eq!(shown["signers"], serde_json::json!(["fresh"]));
    node.stop();
    let away = stranger.verify(&["--trust", &trust, "--node-url", &url]);
    assert_eq!(away.status.code(), Some(5), "{}", String::from_utf8_lossy(&away.stderr));

    // With the file nobody is asked, and neither is the list of changes needed.
    assert_eq!(stranger.holds(&["--later", &kept]), shown);
    assert_eq!(stranger.holds(&["--later", &kept, "--trust", &trust]), shown);
    assert_ne!(stranger.python(&["--later", &kept]), Some(false));

    // Size and root, then the number of hashes of the proof, and the first of them; last, the seal.
    let text = fs::read_to_string(&kept).unwrap();
    let later = serde_json::from_str::<Value>(&text).unwrap()["later"][0].as_str().unwrap().to_owned();
    for (what, at) in [("size", 0), ("root", 16), ("proof", 16 + 64 + 8), ("seal", later.len() - 1)] {
        let other = if later.as_bytes()[at] == b'0' { "1" } else { "0" };
        let mut wrong = later.clone();
        wrong.replace_range(at..=at, other);
        let path = stranger.path("wrong.json");
        fs::write(&path, text.replace(&later, &wrong)).unwrap();
        stranger.fails(&["--later", &path]);
        assert_ne!(stranger.python(&["--later", &path]), Some(true), "{what}");
    }
    net.audit();
}

/// Whoever has the old keys goes on from a copy of the time before, as if nothing had been decided.
#[test]
fn old_keys_convince_nobody_who_saw_them_give_way() {
    let net = Net::created();
    let node = net.node();
    net.ok(&["party", "apply", "With old keys", "--as", "older"]);
    node.stop();
    let copy = net.path("copy");
    assert!(Command::new("cp").arg("-a").args([&net.dir(), &copy]).status().unwrap().success());
    let node = net.node();
    let url = node.urls["node"].as_str().unwrap().to_owned();
    let services = ["market", "explorer"].map(|service| net.start(&[service, "run"]));
    takes_other_keys(&net, url.strip_prefix("http://").unwrap(), &["--compromised", "validator-0"]);
    let kept = ["", "market", "explorer"].map(|folder| net.dir().join(folder).join("trust.json"));
    until("all have kept that", || kept.iter().all(|file| file.exists()));
    services.into_iter().for_each(super::harness::Service::stop);
    node.stop();

    let port = free_ports(1).to_string();
    let impostor = start(&copy, &net.path("impostor"), &["node", "run", "--node-port", &port]);
    let url = impostor.urls["node"].as_str().unwrap().to_owned();
    for number in 0..8 {
        let key = format!("fork-{number}");
        ok_on(&copy, &["--node-url", &url, "party", "apply", "Of the fork", "--as", &key]);
    }
    let asked = ["--node-url", &url, "party", "show", "operator"];
    // By whom the seal is, or whom the block names: the first that shows.
    let told = |said: &str| says(said, "who gave way to others") || says(said, "the trust chain");
    let said = net.fails(4, &asked);
    assert!(told(&said), "{said}");
    let audited = net.run(&["audit", &url]);
    assert_eq!(audited.status.code(), Some(4), "{}", String::from_utf8_lossy(&audited.stdout));
    // A service that starts again on it says so too, and takes nothing.
    for service in ["market", "explorer"] {
        let log = net.path("restarted");
        let mut command = command();
        command.arg("--dir").arg(net.dir()).args(["--node-url", &url, service, "run"]);
        let mut child = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
        until("it says so", || told(&fs::read_to_string(&log).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // Who has not seen it believes the fork: the records are what guards.
    for file in &kept {
        drop(fs::remove_file(file));
    }
    net.ok(&asked);
    impostor.stop();
}
