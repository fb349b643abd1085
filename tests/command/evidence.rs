//! A validator that was caught: from the node that has the evidence to the ledger, and to whoever reads it.

use super::harness::{Net, says};
use contracts::{
    governance::{Accuse, Testimony},
    id::Digest,
    key::Signer,
    statement::{Said, Statement},
};

/// What a node keeps that saw validator `key` vote for two blocks.
fn caught(net: &Net, key: &str) -> Accuse {
    let layout = genesis::Layout::at(net.dir());
    let passphrase = genesis::Passphrase::read(&layout.passphrase_path()).unwrap();
    let signer = layout.keyring().open(&key.parse().unwrap(), &passphrase).unwrap();
    let (validator, network) = (signer.public(), layout.anchor().unwrap().network);
    let [first, second] = [1, 2].map(|block| {
        let said = Said::Precommit { block: Some(Digest([block; 32])) };
        let (domain, message) = Statement { validator, height: 3, round: 0, said }.signed();
        Testimony { said, signature: signer.sign(&domain.message(&network, &message)).unwrap() }
    });
    Accuse { validator, height: 3, round: 0, first, second }
}

#[test]
fn what_a_node_caught_a_validator_at_comes_on_the_ledger_once() {
    let net = Net::created();
    let node = net.node();
    assert_eq!(net.ok(&["governance", "accused"]), serde_json::json!([]));
    assert_eq!(net.ok(&["governance", "accuse", "--as", "operator"]), serde_json::json!([]));
    node.stop();
    let keys = net.ok(&["key", "list"]);
    let mut consensus = keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap());
    let consensus = consensus.find(|name| name.ends_with(".consensus")).unwrap().to_owned();
    let evidence = caught(&net, &consensus);
    let folder = net.dir().join("node/evidence");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{}.accusation", evidence.validator));
    std::fs::write(file, borsh::to_vec(&evidence).unwrap()).unwrap();

    let node = net.node();
    let accused = net.ok(&["governance", "accuse", "--as", "operator"]);
    assert_eq!((accused[0]["height"].as_u64(), accused[0]["what"].as_str()), (Some(3), Some("precommit")), "{accused}");
    assert_eq!((accused[0]["in_force"].as_bool(), accused.as_array().unwrap().len()), (Some(true), 1));
    // Again it finds nothing to do, and every reader sees the same.
    assert_eq!(net.ok(&["governance", "accuse", "--as", "operator"]), accused);
    assert_eq!(net.ok(&["governance", "accused"]), accused);
    let people =
        super::harness::command().arg("--dir").arg(net.dir()).args(["governance", "accused"]).output().unwrap();
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(says(&people, "two precommits of height 3, round 0") && says(&people, "To expel one"), "{people}");
    // Nobody decides on rules that the own release does not know.
    let said = net.fails(2, &["governance", "protocol", "2", "--from", "100000", "--as", "operator"]);
    assert!(says(&said, "knows the rules up to version 1") && says(&said, "put in a release"), "{said}");
    node.stop();
    net.audit();
}
