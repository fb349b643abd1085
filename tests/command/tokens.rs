//! A validator whose keys are on a token, by the commands of `operations/token.md`.

use super::{
    harness::{Service, command, says, start_as},
    ports::free_ports,
    readme::words,
};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

const PIN: &str = "right-4321";

/// A machine with a SoftHSM of its own.
struct Machine {
    home: tempfile::TempDir,
    /// As the page names it, and where it is here.
    module: String,
}

/// SoftHSM's module: `LONJA_SOFTHSM`, or where Debian and Fedora have it.
fn softhsm() -> String {
    let usual = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"];
    let named = std::env::var("LONJA_SOFTHSM").ok();
    named
        .or_else(|| usual.into_iter().find(|path| Path::new(path).exists()).map(str::to_owned))
        .expect("this test needs SoftHSM: install softhsm2, or set LONJA_SOFTHSM to its module")
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}\n", home.path().join("tokens").display());
        fs::write(home.path().join("softhsm2.conf"), conf).unwrap();
        let machine = Self { home, module: softhsm() };
        machine.secret("passphrase", "a passphrase");
        machine.pin(PIN);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn secret(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What LONJA_TOKEN_PIN_FILE names.
    fn pin(&self, text: &str) {
        self.secret("pin", text);
    }

    fn of(&self, mut command: Command) -> Command {
        command
            .current_dir(self.home.path())
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env("LONJA_PASSPHRASE_FILE", self.path("passphrase"))
            .env("LONJA_TOKEN_PIN_FILE", self.path("pin"));
        command
    }

    fn lonja(&self, arguments: &[&str]) -> Command {
        let mut command = command();
        command.arg("--json").args(arguments);
        self.of(command)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.lonja(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lonja {arguments:?}: {said}{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "lonja {arguments:?}: {said}");
        said
    }

    fn node(&self) -> Service {
        start_as(self.lonja(&["node", "run"]), &self.path("log"))
    }

    /// Waits until the node has said so.
    fn logged(&self, part: &str) {
        let begun = Instant::now();
        loop {
            let log = fs::read_to_string(self.path("log")).unwrap();
            if log.contains(part) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(180), "{part}: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Hands in a transaction, and gives its receipt.
    fn applied(&self, name: &str) -> String {
        let receipt = self.path(&format!("{name}.receipt")).to_str().unwrap().to_owned();
        self.ok(&["party", "apply", name, "--as", name, "--receipt", &receipt]);
        receipt
    }
}

/// The commands of a section of the page, each as its words.
fn guide(section: &str) -> Vec<Vec<String>> {
    let page = include_str!("../../operations/token.md");
    let section = page.split(section).nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks = section.split("```").skip(1).step_by(2).map(|block| block.replace("\\\n", " "));
    let lines = blocks.flat_map(|block| block.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    lines
        .filter(|line| line.starts_with("lonja ") || line.starts_with("softhsm2-util "))
        .map(|line| words(&line))
        .collect()
}

/// A network of one validator, laid out as the page says, whose keys are all on the token.
fn founded() -> Machine {
    let machine = Machine::new();
    let first = free_ports(4);
    let port = |number: u16| (first + number).to_string();
    let guide = guide("## A validator with a token");
    assert!(guide.len() >= 6, "{guide:?}");
    for line in guide {
        let line: Vec<String> = line
            .into_iter()
            .map(|word| {
                word.replace("/usr/lib/softhsm/libsofthsm2.so", &machine.module)
                    .replace(":18404", &format!(":{}", port(3)))
            })
            .collect();
        let mut arguments: Vec<&str> = line[1..].iter().map(String::as_str).collect();
        match arguments.as_slice() {
            _ if line[0] == "softhsm2-util" => {
                let mut make = machine.of(Command::new("softhsm2-util"));
                make.args(arguments).args(["--pin", PIN, "--so-pin", "officer-pin", "--module", &machine.module]);
                let made = make.output().expect("this test needs softhsm2-util: install softhsm2");
                assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            }
            ["node", "run"] => {}
            ["network", "seal", ..] => {
                let ports = [port(0), port(1), port(2)];
                let [node, market, explorer] = &ports;
                arguments.extend(["--node-port", node, "--market-port", market, "--explorer-port", explorer]);
                machine.ok(&arguments);
            }
            _ => drop(machine.ok(&arguments)),
        }
    }
    machine
}

#[test]
fn a_validator_with_a_token_signs_and_comes_back() {
    let machine = founded();
    let keys = machine.ok(&["key", "list"]);
    let keys = keys.as_array().unwrap();
    assert!(keys.len() >= 4 && keys.iter().all(|key| key["token"]["label"] == "harbour"), "{keys:?}");
    let node = machine.node();
    let first = machine.applied("first");
    machine.ok(&["verify", &first]);
    // A party's transaction too is signed on the token, and by a further key on it.
    machine.ok(&["party", "admit", "first", "--role", "buyer"]);
    let module = machine.module.clone();
    machine.ok(&["key", "new", "operator.second", "--party", "operator", "--token", "harbour", "--module", &module]);
    machine.ok(&["key", "add", "operator.second", "--as", "operator"]);
    node.kill();
    let node = machine.node();
    machine.ok(&["verify", &first]);
    let second = machine.applied("second");

    // The token is pulled out under the running node, and put back.
    let (here, there) = (machine.path("tokens"), machine.path("elsewhere"));
    fs::rename(&here, &there).unwrap();
    // SoftHSM wants a folder, if an empty one.
    fs::create_dir(&here).unwrap();
    let refused = machine.fails(5, &["party", "admit", "second", "--role", "buyer"]);
    assert!(says(&refused, "there is no token `harbour`") && says(&refused, "put the token in"), "{refused}");
    // A key in a file signs this one, and the node cannot.
    let mut apply = machine.lonja(&["party", "apply", "third", "--as", "third"]);
    let mut waits = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    machine.logged("the node waits for its key");
    fs::remove_dir(&here).unwrap();
    fs::rename(&there, &here).unwrap();
    machine.logged("the key signs again");
    waits.wait().unwrap();
    let fourth = machine.applied("fourth");
    node.stop();
    machine.ok(&["verify", &first, &second, &fourth]);
    machine.ok(&["audit"]);
}

#[test]
fn a_wrong_pin_is_refused_and_not_tried_again() {
    let machine = founded();
    machine.pin("wrong-1234");
    let said = machine.fails(6, &["node", "run"]);
    assert!(says(&said, "refuses the PIN") && says(&said, "does not try it again"), "{said}");
    assert!(!said.contains("wrong-1234"));
    // Whatever starts it again tries nothing, though the PIN were right by now.
    machine.pin(PIN);
    for _ in 0..2 {
        let said = machine.fails(6, &["node", "run"]);
        assert!(says(&said, "the PIN was not tried") && says(&said, "lonja key check NAME --try-pin"), "{said}");
    }
    let said = machine.fails(6, &["key", "check", "harbour.log"]);
    assert!(says(&said, "the PIN was not tried"), "{said}");
    machine.ok(&["key", "check", "harbour.log", "--try-pin"]);
    machine.node().stop();

    // Nobody is asked where there is no terminal, and the passphrase is no PIN.
    let mut without = machine.lonja(&["key", "check", "harbour.log"]);
    let output = without.env_remove("LONJA_TOKEN_PIN_FILE").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(6) && says(&said, "LONJA_TOKEN_PIN_FILE"), "{said}");
    let said = machine.fails(6, &["key", "passphrase", "harbour.log"]);
    assert!(says(&said, "on a token") && says(&said, "its own tool"), "{said}");
    let said = machine.fails(2, &["key", "new", "a", "--token", "harbour"]);
    assert!(says(&said, "--module PATH"), "{said}");
    let said = machine.fails(6, &["key", "new", "a", "--token", "harbour", "--module", "libsofthsm2.so"]);
    assert!(says(&said, "not absolute"), "{said}");
}
