//! Bad input gets a precise error and changes nothing.

use super::harness::Net;
use std::net::TcpListener;

#[test]
fn errors_say_what_and_what_to_try() {
    let net = Net::created();
    let say = |code, arguments: &[&str], expected: &[&str]| {
        // Long lines are folded, with a bar in front of what follows.
        let said = net.fails(code, arguments).replace('│', " ");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in expected {
            assert!(said.contains(part), "{arguments:?}: {said}");
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
    say(6, &["node", "run", "--node-port", "0"], &["in use"]);
    say(5, &["node", "run"], &["occupied", "--node-port"]);
    node.stop();
    assert_eq!(net.audit()["money"]["EUR"], 500);
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let net = Net::created();
    let key = net.dir().join("keys/operator.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(net.fails(6, &["key", "show", "operator"]).contains("chmod 600"));
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
