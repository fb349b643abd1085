//! A network of one grows to four organisations while a reader reads, by the commands that people type.

use super::harness::{Net, Service, command, free_ports, says, start_as};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

/// An organisation with a directory of its own.
struct Office {
    name: &'static str,
    dir: PathBuf,
    node: u16,
    peers: u16,
}

impl Office {
    /// Where the passphrase of its node lies.
    fn passphrase(&self) -> PathBuf {
        self.dir.parent().unwrap().join(format!("{}.passphrase", self.name))
    }

    fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.run_by(&self.passphrase(), arguments)
    }

    fn run_by(&self, passphrase: &Path, arguments: &[&str]) -> std::process::Output {
        let mut command = command();
        command.arg("--dir").arg(&self.dir).arg("--json").args(arguments);
        command.env("LONJA_PASSPHRASE_FILE", passphrase).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> serde_json::Value {
        self.ok_by(&self.passphrase(), arguments)
    }

    /// The command with the keys under another passphrase than its node has.
    fn ok_by(&self, passphrase: &Path, arguments: &[&str]) -> serde_json::Value {
        let output = self.run_by(passphrase, arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: lonja {arguments:?}: {said}", self.name);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn start(&self, log: &Path) -> Service {
        let mut command = command();
        command.arg("--dir").arg(&self.dir).args(["--json", "node", "run"]);
        command.env("LONJA_PASSPHRASE_FILE", self.passphrase());
        start_as(command, log)
    }

    fn status(&self) -> serde_json::Value {
        status(&format!("127.0.0.1:{}", self.node))
    }
}

/// What the node at `address` says of itself.
pub fn status(address: &str) -> serde_json::Value {
    let mut answer = String::new();
    let asked = std::net::TcpStream::connect(address).and_then(|mut stream| {
        use std::io::{Read, Write};
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    });
    asked.unwrap_or_else(|error| panic!("{address}: {error}"));
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends the reader, also where the test fails while it reads.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn writes_passphrase(path: &Path, passphrase: &str) {
    fs::write(path, passphrase).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// An organisation that made its keys, joined, and runs a node that observes.
fn joins(place: &Path, name: &'static str, url: &str, network: &str, all: &[(&'static str, u16)]) -> Office {
    let number = all.iter().position(|(known, _)| *known == name).unwrap() as u16;
    // Behind those for links between validators come three for each.
    let (peers, node) = (all[usize::from(number)].1, all[0].1 + 4 + 3 * number);
    let office = Office { name, dir: place.join(name), node, peers };
    writes_passphrase(&office.passphrase(), &format!("passphrase of {name}"));
    let address = format!("127.0.0.1:{peers}");
    office.ok(&["key", "new", name, "--validator", &address]);
    let wrong = office.run(&["network", "join", url, "--network", &"ab".repeat(32)]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && says(&said, "is of network"), "{said}");
    let mut join: Vec<String> =
        ["network", "join", url, "--network", network, "--listen", &address].map(str::to_owned).into();
    for (other, port) in all.iter().filter(|(other, _)| *other != name) {
        join.extend(["--peer".into(), format!("{other}=127.0.0.1:{port}")]);
    }
    for (flag, port) in [("--node-port", node), ("--market-port", node + 1), ("--explorer-port", node + 2)] {
        join.extend([flag.into(), port.to_string()]);
    }
    office.ok(&join.iter().map(String::as_str).collect::<Vec<_>>());
    office
}

/// The founder proposes something, and is not enough; with two others it is in force.
fn decides(net: &Net, offices: &[Office], what: &[&str]) {
    let propose = [&["governance"], what, &["--as", "operator"]].concat();
    let proposal = net.ok(&propose)["proposal"].as_str().unwrap().to_owned();
    let state = || net.ok(&["governance", "show", &proposal])["state"].clone();
    for office in &offices[..2] {
        assert_eq!(state(), "open");
        until("its node knows the proposal", || office.run(&["governance", "show", &proposal]).status.success());
        office.ok(&["governance", "approve", &proposal, "--as", &format!("{}-desk", office.name)]);
    }
    until("it is in force", || state() == "in force");
}

#[test]
fn a_network_of_one_grows_to_four_while_it_is_read() {
    let net = Net::created();
    let place = net.dir().parent().unwrap().to_path_buf();
    let first = net.node();
    let url = first.urls["node"].as_str().unwrap().to_owned();
    let network = net.ok(&["network", "inspect"])["network"].as_str().unwrap().to_owned();
    let port = free_ports(16);
    let all = [("validator-0", port), ("customs", port + 1), ("carriers", port + 2), ("university", port + 3)];
    let offices: Vec<_> = all[1..].iter().map(|(name, _)| joins(&place, name, &url, &network, &all)).collect();
    let nodes: Vec<Service> =
        offices.iter().map(|office| office.start(&place.join(format!("{}.log", office.name)))).collect();
    for office in &offices {
        until("it observes and follows", || {
            office.status()["observes"] == true && office.status()["height"].as_u64() > Some(0)
        });
    }

    // The founder says where the others will be, and proposes them; alone, it is a quorum.
    let config = net.dir().join("lonja.toml");
    let mut text = fs::read_to_string(&config).unwrap();
    text += &format!("\n[peers]\nlisten = \"127.0.0.1:{}\"\n[peers.addresses]\n", all[0].1);
    offices.iter().for_each(|office| text += &format!("{} = \"127.0.0.1:{}\"\n", office.name, office.peers));
    let files: Vec<String> =
        offices.iter().map(|it| it.dir.join(format!("{}.member.json", it.name)).display().to_string()).collect();
    // One is left out first: the set with all of them takes the place of that one, which nobody waits for.
    let propose = |files: &[String]| {
        let mut propose = vec!["governance", "set", "--as", "operator"];
        files.iter().for_each(|file| propose.extend(["--add", file]));
        net.ok(&propose)["proposal"].as_str().unwrap().to_owned()
    };
    let (mistaken, proposal) = (propose(&files[..2]), propose(&files));
    let state = |proposal: &str| net.ok(&["governance", "show", proposal])["state"].clone();
    assert_eq!([state(&mistaken), state(&proposal)], ["replaced", "passed"]);
    let early = net.fails(6, &["governance", "ready", &proposal, "--as", "operator"]);
    assert!(says(&early, "does not say how to reach all validators"), "{early}");
    fs::write(&config, text).unwrap();

    // Each applies as a party, which hands its word in; the founder admits it.
    for office in &offices {
        let party = format!("{}-desk", office.name);
        office.ok(&["party", "apply", office.name, "--as", &party]);
        let id = office.ok(&["key", "show", &party])["party"].as_str().unwrap().to_owned();
        net.ok(&["party", "admit", &id, "--role", "buyer"]);
    }

    let (over, reads) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&over);
        // A reader that asks the founder's node all the time: a proven record each time.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                net.ok(&["account", "balance", "operator"]);
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
        net.ok(&["governance", "ready", &proposal, "--as", "operator"]);
        for office in &offices[..2] {
            let party = format!("{}-desk", office.name);
            office.ok(&["governance", "ready", &proposal, "--as", &party]);
        }
        until("all are validators", || offices.iter().all(|office| office.status()["era"] == 1));
        let seats: Vec<_> = offices.iter().map(|office| office.status()["validator"].as_u64()).collect();
        assert_eq!(seats, [Some(1), Some(2), Some(3)]);
        // A receipt that three of four signed, handed in at a new one.
        let receipt = place.join("receipt.bin");
        offices[2].ok(&["party", "apply", "Somebody", "--as", "somebody", "--receipt", receipt.to_str().unwrap()]);
        let read = reads.load(Ordering::Relaxed);
        until("the reader goes on", || reads.load(Ordering::Relaxed) > read + 1);
        over.store(true, Ordering::Relaxed);
    });

    // One of the new changes its keys while its node runs: a new name, made where the old ones are, and by mistake
    // under a passphrase that its node does not have.
    let rotating = &offices[2];
    let mistaken = place.join("mistaken.passphrase");
    writes_passphrase(&mistaken, "of a command alone");
    let peers = format!("127.0.0.1:{}", rotating.peers);
    rotating.ok_by(&mistaken, &["key", "new", "university-2", "--validator", &peers]);
    for office in &offices[..2] {
        let config = office.dir.join("lonja.toml");
        let text = fs::read_to_string(&config).unwrap();
        let there = format!("university = \"127.0.0.1:{}\"", rotating.peers);
        assert!(text.contains(&there), "{text}");
        fs::write(&config, text.replace(&there, &format!("{there}\nuniversity-2 = \"127.0.0.1:{}\"", rotating.peers)))
            .unwrap();
    }
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("university =", "university-2 =")).unwrap();
    let file = rotating.dir.join("university-2.member.json").display().to_string();
    let change = ["governance", "set", "--remove", "university", "--add", &file];
    let change = net.ok(&[&change[..], &["--as", "operator"]].concat())["proposal"].as_str().unwrap().to_owned();
    for office in &offices {
        let known = || office.run(&["governance", "show", &change]).status.success();
        until("its node knows the proposal", known);
    }
    for office in &offices[..2] {
        office.ok(&["governance", "approve", &change, "--as", &format!("{}-desk", office.name)]);
    }
    let passed = || rotating.ok(&["governance", "show", &change])["state"] == "passed";
    until("its node knows that it has passed", passed);
    rotating.ok(&["key", "passphrase", "university-desk", "--new", mistaken.to_str().unwrap()]);
    rotating.ok_by(&mistaken, &["governance", "ready", &change, "--as", "university-desk"]);
    for office in &offices[..2] {
        office.ok(&["governance", "ready", &change, "--as", &format!("{}-desk", office.name)]);
    }
    until("the others go on", || offices[..2].iter().all(|office| office.status()["era"] == 2));
    let unopened = "the keys of validator university-2 do not open";
    until("its node says what it waits for", || {
        rotating.status()["reason"].as_str().is_some_and(|reason| says(reason, unopened))
    });
    let said = rotating.status();
    assert!(says(said["reason"].as_str().unwrap(), "keys/university-2.consensus.key"), "{said}");
    assert_eq!(said["observes"], serde_json::Value::Null, "it waits for its key, and is no observer: {said}");
    for key in ["university-2.consensus", "university-2.log", "university-2.cosigner", "university-desk"] {
        let right = rotating.passphrase();
        rotating.ok_by(&mistaken, &["key", "passphrase", key, "--new", right.to_str().unwrap()]);
    }
    until("all go on with its new keys", || offices.iter().all(|office| office.status()["era"] == 2));
    assert_eq!(rotating.status()["validator"], 3);
    rotating.ok(&["party", "apply", "With new keys", "--as", "newer"]);

    // Receipts of the new set verify offline from the founding's anchor, with the records of the change.
    let receipt = place.join("receipt.bin");
    let alone = offices[0].run(&[
        "verify",
        receipt.to_str().unwrap(),
        "--anchor",
        net.dir().join("anchor.json").to_str().unwrap(),
    ]);
    assert_eq!(alone.status.code(), Some(4), "the anchor alone knows the first set");
    let trust = place.join("trust.json");
    offices[0].ok(&["network", "trust", "--output", trust.to_str().unwrap()]);
    let verified = offices[0].ok(&["verify", receipt.to_str().unwrap(), "--trust", trust.to_str().unwrap()]);
    assert_eq!(verified[0]["signers"].as_array().unwrap().len(), 3, "{verified}");
    decides(&net, &offices, &["parameters", "--transactions", "5000"]);
    let suspended = offices[2].ok(&["key", "show", "newer"])["party"].as_str().unwrap().to_owned();
    decides(&net, &offices, &["party", &suspended, "--suspend"]);
    assert_eq!(net.ok(&["party", "show", &suspended])["standing"], "suspended");
    let listed = net.ok(&["governance", "list"]);
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states, [&["replaced"][..], &["in force"; 4]].concat(), "{listed}");

    // The founder leaves the set. Nobody brings its node blocks, so it says that it is not well, and why.
    let leaves = ["governance", "set", "--remove", "validator-0", "--as", "operator"];
    let leaves = net.ok(&leaves)["proposal"].as_str().unwrap().to_owned();
    let desk = |office: &Office| format!("{}-desk", office.name);
    for office in &offices[..2] {
        until("its node knows the proposal", || office.run(&["governance", "show", &leaves]).status.success());
        office.ok(&["governance", "approve", &leaves, "--as", &desk(office)]);
    }
    for office in &offices {
        until("its node knows that it has passed", || office.ok(&["governance", "show", &leaves])["state"] == "passed");
        office.ok(&["governance", "ready", &leaves, "--as", &desk(office)]);
    }
    let of_founder = || status(url.strip_prefix("http://").unwrap());
    until("its node says that it left", || of_founder()["healthy"] == false);
    let said = of_founder();
    assert!(says(said["reason"].as_str().unwrap(), "name nodes that serve blocks as `from` of [observe]"), "{said}");
    assert_eq!((&said["observes"], &said["validator"]), (&true.into(), &serde_json::Value::Null), "{said}");

    // Its node goes, and begins anew with the keys of the only validator of the beginning: it asks the others first.
    first.stop();
    offices[1].ok(&["party", "apply", "Another", "--as", "another"]);
    fs::remove_dir_all(net.dir().join("node")).unwrap();
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text + &format!("\n[observe]\nfrom = [\"http://127.0.0.1:{}\"]\n", offices[1].node)).unwrap();
    let anew = net.node();
    until("it follows the others", || of_founder()["era"] == 3 && of_founder()["healthy"] == true);
    anew.stop();
    // The other three go on, and all directories audit the same.
    nodes.into_iter().for_each(Service::stop);
    fs::rename(net.dir().join("node"), place.join("followed")).unwrap();
    let alone = net.fails(5, &["node", "run"]);
    assert!(says(&alone, "none of the nodes that [observe] names answered"), "{alone}");
    assert!(!net.dir().join("node").exists(), "nothing is made");
    fs::rename(place.join("followed"), net.dir().join("node")).unwrap();
    let heights: Vec<_> = offices.iter().map(|office| office.ok(&["audit"])["height"].as_u64()).collect();
    assert!(heights.iter().all(Option::is_some), "{heights:?}");
    net.ok(&["audit"]);
}
