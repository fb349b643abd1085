//! Four organisations found a network from four directories that cannot read each other, as the README
//! says it.

use super::{
    harness::{Service, four_times, once_it_passes, says, start_as},
    offices::{early_status, until},
    readme::words,
};
use ledger::receipt::Receipt;
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const NAMES: [&str; 4] = ["harbour", "customs", "carriers", "university"];

/// One organisation: a directory that nobody else can read, and its own copy of the program.
struct Office {
    home: PathBuf,
    program: PathBuf,
    /// Whose processes they are, where the test may choose.
    user: Option<u32>,
}

impl Office {
    fn new(place: &Path, program: &Path, number: u32) -> Self {
        let home = place.join(NAMES[number as usize]);
        fs::create_dir(&home).unwrap();
        let passphrase = home.join("passphrase");
        fs::write(&passphrase, format!("passphrase of {number}")).unwrap();
        let root = fs::metadata(&home).unwrap().uid() == 0;
        let user = root.then_some(61_000 + number);
        for path in [&home, &passphrase] {
            fs::set_permissions(path, fs::Permissions::from_mode(if path == &home { 0o700 } else { 0o600 })).unwrap();
            if let Some(user) = user {
                chown(path, Some(user), Some(user)).unwrap();
            }
        }
        Self { home, program: program.to_path_buf(), user }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("LONJA_PASSPHRASE_FILE", self.home.join("passphrase")).env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).current_dir(&self.home);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().arg("--json").args(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> serde_json::Value {
        let output = once_it_passes(|| self.run(arguments));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: lonja {arguments:?}: {said}", self.home.display());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{}: lonja {arguments:?}", self.home.display());
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Gets a file by mail.
    fn gets(&self, from: &Self, name: &str, letter: &str) {
        let to = self.home.join(letter);
        if from.home != self.home || name != letter {
            fs::copy(from.home.join(name), &to).unwrap();
            if let Some(user) = self.user {
                chown(&to, Some(user), Some(user)).unwrap();
            }
        }
    }
}

/// The commands of the README's section, each as its words.
fn guide() -> Vec<Vec<String>> {
    let readme = include_str!("../../README.md");
    let section = readme.split("### On machines of their own").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap().replace("\\\n", " ");
    block.lines().map(str::trim).filter(|line| line.starts_with("lonja ")).map(words).collect()
}

#[test]
fn four_organisations_found_a_network_without_showing_a_key() {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = place.path().join("lonja");
    // By a process of its own: a child that another test of this process starts meanwhile has our open files until it
    // runs its program, and nobody may run what somebody has open to write ("Text file busy").
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_lonja")).arg(&program).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let offices: Vec<_> = (0..4).map(|number| Office::new(place.path(), &program, number)).collect();
    let ports = four_times(4);
    let port = |flag: &str, number: usize| {
        let first: usize = ports[ports.iter().position(|word| word == flag).unwrap() + 1].parse().unwrap();
        (first + number).to_string()
    };
    let mut nodes: Vec<Service> = Vec::new();
    let (mut commands, mut last) = ([0; 4], serde_json::Value::Null);
    for line in guide() {
        let line: Vec<String> = line
            .into_iter()
            .map(|word| {
                (0..4).fold(word, |word, n| {
                    word.replace(&format!(":740{}", n + 1), &format!(":{}", port("--peers-port", n)))
                })
            })
            .collect();
        let arguments: Vec<&str> = line[1..].iter().map(String::as_str).collect();
        // Whose machine it is: the one that the line names, the first for what one does for all, or each.
        let at: Vec<usize> = match arguments.as_slice() {
            ["key", "new", name, ..] => vec![NAMES.iter().position(|known| known == name).unwrap()],
            ["network", "propose", ..] | ["party" | "verify", ..] => vec![0],
            _ => vec![0, 1, 2, 3],
        };
        for number in at {
            let office = &offices[number];
            commands[number] += 1;
            match arguments.as_slice() {
                ["network", "propose", ..] => {
                    for (other, name) in offices.iter().zip(NAMES) {
                        let file = format!("{name}.member.json");
                        office.gets(other, &format!(".lonja/{file}"), &file);
                    }
                    office.ok(&arguments);
                    (1..4).for_each(|other| offices[other].gets(office, "proposal.json", "proposal.json"));
                }
                ["network", "seal", ..] => {
                    for (other, name) in offices.iter().zip(NAMES) {
                        let file = format!("{name}.signature.json");
                        office.gets(other, &file, &file);
                    }
                    if number == 0 {
                        let said = office.fails(&arguments[..arguments.len() - 1]);
                        assert!(says(&said, "not signed yet by university"), "{said}");
                    }
                    let (node, market, explorer) =
                        (port("--node-port", number), port("--market-port", number), port("--explorer-port", number));
                    let mut arguments = arguments.clone();
                    arguments.extend(["--node-port", &node, "--market-port", &market, "--explorer-port", &explorer]);
                    office.ok(&arguments);
                }
                ["node", "run"] => {
                    let mut command = office.command();
                    command.args(["--json", "node", "run"]);
                    nodes.push(start_as(command, &place.path().join(format!("log-{number}"))));
                }
                _ => last = office.ok(&arguments),
            }
        }
        if arguments == ["node", "run"] {
            for number in 0..4 {
                let address = format!("127.0.0.1:{}", port("--node-port", number));
                until("all know the first block", || early_status(&address)["height"].as_u64() > Some(0));
            }
        }
    }
    assert!(commands.iter().all(|count| (4..=10).contains(count)), "{commands:?}");
    assert_eq!(last[0]["signers"].as_array().unwrap().len(), 3, "{last}");
    let receipt = Receipt::decode(&fs::read(offices[0].home.join("receipt.bin")).unwrap()).unwrap();
    assert_eq!(receipt.seal.cosignatures.len(), 3);
    nodes.into_iter().for_each(Service::stop);
    let mut keys = Vec::new();
    for (number, office) in offices.iter().enumerate() {
        office.ok(&["audit"]);
        let theirs: Vec<_> = fs::read_dir(office.home.join(".lonja/keys")).unwrap().map(|key| key.unwrap()).collect();
        assert!(theirs.len() >= 3);
        keys.extend(theirs.iter().map(|key| key.file_name()));
        if office.user.is_some() {
            let other = &offices[(number + 1) % 4];
            let mut look = Command::new("/bin/ls");
            look.arg(other.home.join(".lonja")).uid(61_000 + number as u32).gid(61_000 + number as u32);
            assert!(!look.output().unwrap().status.success(), "one can read what is another's");
        }
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count, "no key lies in two directories");
}

#[test]
fn a_proposal_with_another_key_is_not_signed() {
    let place = tempfile::tempdir().unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lonja"));
    let office = |number| Office { user: None, ..Office::new(place.path(), &program, number) };
    let offices = [office(0), office(1)];
    for (number, office) in offices.iter().enumerate() {
        let address = format!("127.0.0.1:{}", 7_501 + number);
        office.ok(&["key", "new", NAMES[number], "--validator", &address, "--role", "operator"]);
        let again = office.fails(&["key", "new", NAMES[number], "--validator", &address]);
        assert!(says(&again, "choose another --dir"), "{again}");
    }
    // Somebody proposes with a file of a validator of the same name, and keys of their own.
    let impostor = place.path().join("impostor");
    let mut make = offices[1].command();
    make.args(["--dir", impostor.to_str().unwrap(), "key", "new", NAMES[0], "--validator", "127.0.0.1:7501"]);
    assert!(make.output().unwrap().status.success());
    let (false_file, file) = (impostor.join("harbour.member.json"), offices[1].home.join(".lonja/customs.member.json"));
    let files = [false_file.to_str().unwrap(), file.to_str().unwrap()];
    offices[1].ok(&["network", "propose", files[0], files[1]]);
    offices[0].gets(&offices[1], "proposal.json", "proposal.json");
    let said = offices[0].fails(&["network", "sign", "proposal.json"]);
    assert!(says(&said, "another consensus key for `harbour`") && says(&said, "do not sign it"), "{said}");
    for (arguments, expected) in [
        (vec!["key", "new", "a.b", "--validator", "x:1"], "no name of a validator"),
        (vec!["key", "new", "a", "--validator", "x"], "has no port"),
        (vec!["--dir", "new", "key", "new", "a", "--validator", "x:1", "--role", "buyer"], "no office of a founder"),
        (vec!["network", "propose", "proposal.json"], "is no file of a member"),
        (vec!["network", "propose", "nowhere.json"], "does not exist"),
        (vec!["network", "sign", "nowhere.json"], "does not exist"),
    ] {
        let said = offices[0].fails(&arguments);
        assert!(says(&said, expected) && said.contains("help:"), "{arguments:?}: {said}");
    }
}
