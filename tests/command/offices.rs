//! Organisations that join a network, each with a directory and a passphrase of its own.

use super::harness::{Service, command, once_it_passes, patient, says, start_as};
use genesis::Layout;
use ledger::api::client::Client;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long something may take on a machine that builds beside.
const PATIENCE: Duration = Duration::from_secs(180);

/// An organisation with a directory of its own.
pub struct Office {
    pub name: &'static str,
    pub dir: PathBuf,
    pub node: u16,
    /// Port for links between validators.
    pub peers: u16,
    /// What `key new` calls the fingerprint of its keys.
    pub keys: String,
}

impl Office {
    /// Where the passphrase of its node lies.
    pub fn passphrase(&self) -> PathBuf {
        self.dir.parent().unwrap().join(format!("{}.passphrase", self.name))
    }

    pub fn run(&self, arguments: &[&str]) -> std::process::Output {
        self.run_by(&self.passphrase(), arguments)
    }

    fn run_by(&self, passphrase: &Path, arguments: &[&str]) -> std::process::Output {
        let mut command = command();
        command.arg("--dir").arg(&self.dir).arg("--json").args(arguments);
        command.env("LONJA_PASSPHRASE_FILE", passphrase).output().unwrap()
    }

    pub fn ok(&self, arguments: &[&str]) -> Value {
        self.ok_by(&self.passphrase(), arguments)
    }

    /// The command with the keys under another passphrase than its node has.
    pub fn ok_by(&self, passphrase: &Path, arguments: &[&str]) -> Value {
        let output = once_it_passes(|| self.run_by(passphrase, arguments));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: lonja {arguments:?}: {said}", self.name);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    pub fn start(&self, log: &Path) -> Service {
        let mut command = command();
        command.arg("--dir").arg(&self.dir).args(["--json", "node", "run"]);
        command.env("LONJA_PASSPHRASE_FILE", self.passphrase());
        start_as(command, log)
    }

    pub fn status(&self) -> Value {
        status(&format!("127.0.0.1:{}", self.node))
    }

    /// The party that hands in its word.
    pub fn desk(&self) -> String {
        format!("{}-desk", self.name)
    }

    /// One that asks its node.
    pub fn client(&self) -> Client {
        let layout = Layout::at(&self.dir);
        patient(Client::new(&layout.config().unwrap().node.url(), layout.anchor().unwrap()).unwrap())
    }
}

/// What the node at `address` says of itself.
pub fn status(address: &str) -> Value {
    asked(address).unwrap_or_else(|error| panic!("{address}: {error}"))
}

/// The same of one that may not listen yet; null as long as it does not.
pub fn early_status(address: &str) -> Value {
    asked(address).unwrap_or_default()
}

fn asked(address: &str) -> std::io::Result<Value> {
    use std::io::{Read, Write};
    let (mut stream, mut answer) = (std::net::TcpStream::connect(address)?, String::new());
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")?;
    stream.read_to_string(&mut answer)?;
    Ok(serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap())
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

pub fn writes_passphrase(path: &Path, passphrase: &str) {
    fs::write(path, passphrase).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// An organisation that made its keys, joined, and runs a node that observes.
pub fn joins(place: &Path, name: &'static str, url: &str, network: &str, all: &[(&'static str, u16)]) -> Office {
    let number = all.iter().position(|(known, _)| *known == name).unwrap() as u16;
    // Behind those for links between validators come three for each.
    let (peers, node) = (all[usize::from(number)].1, all[0].1 + 4 + 3 * number);
    let mut office = Office { name, dir: place.join(name), node, peers, keys: String::new() };
    writes_passphrase(&office.passphrase(), &format!("passphrase of {name}"));
    let address = format!("127.0.0.1:{peers}");
    let made = office.ok(&["key", "new", name, "--validator", &address]);
    office.keys = made["keys_fingerprint"].as_str().unwrap().to_owned();
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
