//! Bad input gets a precise error and changes nothing.

use super::harness::{Net, command, says};
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _};

#[test]
fn errors_say_what_and_what_to_try() {
    let net = Net::created();
    let say = |code, arguments: &[&str], expected: &[&str]| {
        let said = net.fails(code, arguments);
        for part in expected {
            assert!(says(&said, part), "{arguments:?}: {said}");
        }
    };
    // Nothing runs yet.
    say(5, &["party", "show", "operator"], &["cannot reach the node", "lonja up"]);
    say(
        6,
        &["party", "admit", "operator", "--role", "buyer", "--as", "operatr"],
        &["no key", "did you mean `operator`"],
    );
    say(6, &["key", "new", "../evil"], &["no key name"]);
    say(6, &["network", "create", "--keep-passphrase"], &["not empty", "--dir"]);
    say(2, &["account", "mint", "operator", "EUR:-5", "--reference", "x"], &["EUR"]);
    say(2, &["account", "mint", "operator", "EUR:1.234", "--reference", "x"], &["EUR"]);
    say(6, &["verify", "nowhere"], &["nowhere"]);
    let junk = net.path("junk");
    std::fs::write(&junk, b"\0 no receipt").unwrap();
    say(4, &["verify", junk.to_str().unwrap()], &["does not verify"]);

    let node = net.node();
    say(3, &["account", "mint", "operator", "EUR:5", "--reference", "x", "--as", "operator"], &["RoleMissing", "code"]);
    net.ok(&["account", "mint", "market", "EUR:5", "--reference", "x"]);
    say(3, &["account", "mint", "market", "EUR:5", "--reference", "x"], &["BankReferenceUsed"]);
    say(3, &["account", "burn", "market", "EUR:6", "--reference", "y"], &["BalanceTooSmall"]);
    say(3, &["party", "suspend", "operator", "--reason", "breach"], &["OperatorWouldLockItselfOut"]);
    // A second process on the same directory, and an occupied port.
    say(6, &["audit"], &["in use"]);
    say(5, &["node", "run", "--node-port", "0"], &["in use"]);
    say(5, &["node", "run"], &["occupied", "--node-port"]);
    node.stop();
    assert_eq!(net.audit()["money"]["EUR"], 500);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let net = Net::created();
    let key = net.dir().join("keys/operator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(net.fails(6, &["key", "show", "operator"]).contains("chmod 600"));
}

/// What was named for an audit says nothing about the directory.
#[test]
fn an_audit_whose_passphrase_file_cannot_be_used_says_so_and_calls_no_directory_false() {
    let net = Net::created();
    net.node().stop();
    let file = net.path("passphrase-of-mine");
    let audit = || {
        let mut audit = command();
        audit.arg("--dir").arg(net.dir()).args(["--json", "audit"]).env("LONJA_PASSPHRASE_FILE", &file);
        audit.output().unwrap()
    };
    let check = |what: &str| {
        let output = audit();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(6), "{what}: {said}");
        assert!(says(&said, what) && !says(&said, "does not hold"), "{what}: {said}");
        assert!(output.stdout.is_empty(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
    };
    let write = |text: &str, mode| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    };
    check(&format!("{} does not exist", file.display()));
    write("of mine\n", 0o644);
    check("can be read by others than its owner");
    write("\n", 0o600);
    check("the passphrase in");
    write("of another network\n", 0o600);
    check("the passphrase does not open");
    fs::copy(net.dir().join("passphrase"), &file).unwrap();
    let output = audit();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["opened"], &report["findings"][0]), (Some(0), &true.into(), &().into()));
    // One that lies in the directory is a part of it.
    fs::write(net.dir().join("passphrase"), "of another network\n").unwrap();
    assert!(says(&net.fails(4, &["audit"]), "does not hold: 1 findings"));
}

#[test]
fn a_configuration_that_is_wrong_names_key_and_remedy() {
    let net = Net::created();
    let path = net.dir().join("lonja.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\nlisten", "\nlisen", 1)).unwrap();
    let said = net.fails(6, &["node", "run"]);
    assert!(said.contains("lisen") && said.contains("node.listen"), "{said}");
    let occupied = TcpListener::bind("127.0.0.1:0").unwrap();
    let wrong = text.replacen("127.0.0.1", "0.0.0.0", 1);
    std::fs::write(&path, wrong).unwrap();
    assert!(net.fails(6, &["node", "run"]).contains("behind_proxy"));
    drop(occupied);
}

#[test]
fn a_second_process_and_an_occupied_port_are_named_for_each_service() {
    let net = Net::created();
    let node = net.node();
    let services = ["market", "explorer"].map(|service| net.start(&[service, "run"]));
    let fails = |code, arguments: &[&str], expected: &[&str]| {
        let said = net.fails(code, arguments);
        for part in expected {
            assert!(says(&said, part), "{arguments:?}: no {part:?} in: {said}");
        }
    };
    for (service, flag) in [("node", "--node-port"), ("market", "--market-port"), ("explorer", "--explorer-port")] {
        let (choose, table) = (format!("choose another with {flag} N"), format!("[{service}] in lonja.toml"));
        fails(5, &[service, "run"], &["is occupied", &choose, &table]);
        // On a port of its own it finds that the folder is taken.
        let folder = net.dir().join(service).display().to_string();
        let taken = "is in use by another process: stop that one first";
        // Who had it may be about to end, as at a restart: the units try again.
        fails(5, &[service, "run", flag, "0"], &[&folder, taken]);
    }
    fails(5, &["up"], &["is occupied", "--node-port"]);
    fails(5, &["up", "--node-port", "0"], &["is in use by another process"]);
    // Those that were there first never noticed.
    net.ok(&["party", "show", "operator"]);
    services.into_iter().for_each(super::harness::Service::stop);
    node.stop();
}
