//! A validator that was caught: from the node that has the evidence to the ledger, and to whoever reads it.

use super::{
    harness::{Net, command, says},
    lost_keys::takes_other_keys,
    offices::{early_status, until},
    operations::metrics_of,
};
use contracts::{
    governance::{Accuse, Protest, Testimony},
    id::Digest,
    key::Signer,
    statement::{Said, Statement},
};
use genesis::Layout;

fn signer(layout: &Layout, key: &str) -> impl Signer + use<> {
    let passphrase = genesis::Passphrase::read(&layout.passphrase_path()).unwrap();
    layout.keyring().open(&key.parse().unwrap(), &passphrase).unwrap()
}

/// What a node keeps that saw validator `key` vote for two blocks.
fn caught(net: &Net, key: &str) -> Accuse {
    let layout = Layout::at(net.dir());
    let signer = signer(&layout, key);
    let (validator, network) = (signer.public(), layout.anchor().unwrap().network);
    let [first, second] = [1, 2].map(|block| {
        let said = Said::Precommit { block: Some(Digest([block; 32])) };
        let (domain, message) = Statement { validator, height: 3, round: 0, said }.signed();
        Testimony { said, signature: signer.sign(&domain.message(&network, &message)).unwrap() }
    });
    Accuse { validator, height: 3, round: 0, first, second }
}

/// Lays it where the node keeps it.
fn put(net: &Net, evidence: &Accuse) {
    let folder = net.dir().join("node/evidence");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{}.accusation", evidence.validator));
    std::fs::write(file, borsh::to_vec(evidence).unwrap()).unwrap();
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
    put(&net, &caught(&net, &consensus));

    let node = net.node();
    let accused = net.ok(&["governance", "accuse", "--as", "operator"]);
    assert_eq!((accused[0]["height"].as_u64(), accused[0]["what"].as_str()), (Some(3), Some("precommit")), "{accused}");
    assert_eq!((accused[0]["in_force"].as_bool(), accused.as_array().unwrap().len()), (Some(true), 1));
    // Again it finds nothing to do, and every reader sees the same.
    assert_eq!(net.ok(&["governance", "accuse", "--as", "operator"]), accused);
    assert_eq!(net.ok(&["governance", "accused"]), accused);
    let people = command().arg("--dir").arg(net.dir()).args(["governance", "accused"]).output().unwrap();
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(says(&people, "two precommits of height 3, round 0") && says(&people, "To expel one"), "{people}");
    // Nobody decides on rules that the own release does not know.
    let said = net.fails(2, &["governance", "protocol", "2", "--from", "100000", "--as", "operator"]);
    assert!(says(&said, "knows the rules up to version 1") && says(&said, "put in a release"), "{said}");
    node.stop();
    net.audit();
}

#[test]
fn evidence_against_a_key_that_leaves_is_warned_of_before_and_shown_and_counted_after() {
    let net = Net::created();
    let evidence = caught(&net, "validator-0.consensus");
    put(&net, &evidence);
    let node = net.node();
    let url = node.urls["node"].as_str().unwrap().to_owned();
    let counts = |line: &str| metrics_of(&url).lines().any(|counted| counted == line);
    assert!(counts("lonja_accusations 1") && counts("lonja_accusations_gone 0"));
    // Whoever gives a word for the set without the key hears what is lost by it.
    let fresh = net.dir().join("warned.member.json");
    net.ok(&["key", "new", "warned", "--validator", "127.0.0.1:1"]);
    let set = ["governance", "set", "--remove", "validator-0", "--add", fresh.to_str().unwrap(), "--as", "operator"];
    let warned = net.run(&set);
    let said = String::from_utf8_lossy(&warned.stderr);
    assert!(warned.status.success() && says(&said, "the node caught validator-0 with the key"), "{said}");

    takes_other_keys(&net, url.strip_prefix("http://").unwrap(), &[]);
    assert!(counts("lonja_accusations 0") && counts("lonja_accusations_gone 1"));
    assert_eq!(net.ok(&["governance", "accused"]), serde_json::json!([]), "the ledger has nothing");
    let shown = net.ok(&["governance", "accuse", "--as", "operator"]);
    let expected = serde_json::json!([{
        "name": "validator-0", "key": evidence.validator, "height": 3, "round": 0, "what": "precommit",
        "accused_at": null, "in_force": false,
    }]);
    assert_eq!(shown, expected);
    let people =
        command().arg("--dir").arg(net.dir()).args(["governance", "accuse", "--as", "operator"]).output().unwrap();
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(says(&people, "the ledger takes nothing against a key that has left the set"), "{people}");
    node.stop();
}

/// Each of two nodes has its own word; with both on the ledger, everybody reads that it is established.
#[test]
fn the_word_of_two_of_four_nodes_is_put_on_the_ledger_by_each() {
    let net = Net::among(4);
    let layout = |number: usize| match number {
        0 => Layout::at(net.dir()),
        _ => Layout::at(net.dir()).validator(&format!("validator-{number}")),
    };
    let consensus = |number: usize| {
        let listed =
            command().arg("--dir").arg(layout(number).root()).args(["--json", "key", "list"]).output().unwrap();
        let keys: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        let names: Vec<&str> = keys.as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
        let name = names.iter().find(|name| name.ends_with(".consensus"));
        signer(&layout(number), name.unwrap_or_else(|| panic!("validator {number} has only {names:?}")))
    };
    let (proposer, network) = (consensus(3), layout(0).anchor().unwrap().network);
    let said = Said::Proposal { block: Digest([7; 32]), since: None };
    let proposal = Statement { validator: proposer.public(), height: 3, round: 0, said };
    let (domain, message) = proposal.signed();
    let signature = proposer.sign(&domain.message(&network, &message)).unwrap();
    for number in [0, 1] {
        let word = Protest::sign(&network, &proposal, signature, &consensus(number)).unwrap();
        let folder = layout(number).root().join("node/evidence");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{}.protest", word.proposer)), borsh::to_vec(&word).unwrap()).unwrap();
    }
    let up = net.start(&["network", "up"]);
    for number in [0, 1] {
        let url = layout(number).config().unwrap().node.url();
        // It is well before it has a block, as one that was just started; the second may not even listen yet.
        until("the first block", || early_status(url.strip_prefix("http://").unwrap())["height"].as_u64() > Some(0));
    }
    let accused = |by: u64| serde_json::json!({ "by": by, "of": 4, "established": by > 1 });
    let own = net.ok(&["governance", "accuse", "--as", "operator"]);
    assert_eq!((own.as_array().unwrap().len(), &own[0]["protests"]), (1, &accused(1)), "{own}");
    assert_eq!((own[0]["what"].as_str(), own[0]["in_force"].as_bool()), (Some("invalid-proposal"), Some(true)));
    let other = layout(1).config().unwrap().node.url();
    let both = net.ok(&["governance", "accuse", "--as", "operator", "--node-url", &other]);
    assert_eq!((both.as_array().unwrap().len(), &both[0]["protests"]), (1, &accused(2)), "{both}");
    // The receipt may be of three others than the node that is asked next.
    until("the other node knows both", || net.ok(&["governance", "accused"]) == both);
    assert_eq!(net.ok(&["governance", "accuse", "--as", "operator"]), both, "there is nothing left to do");
    let people = command().arg("--dir").arg(net.dir()).args(["governance", "accused"]).output().unwrap();
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    let told = ["a proposal of height 3, round 0 that breaks the rules", "by 2 of 4 validators: established"];
    assert!(told.iter().all(|text| says(&people, text)), "{people}");
    up.stop();
}

/// What they would prove is nobody's reason to make no blocks.
#[test]
fn evidence_and_a_checkpoint_that_cannot_be_read_are_told_of_and_stop_no_node() {
    let net = Net::created();
    net.node().stop();
    let (evidence, witnessed) = (net.dir().join("node/evidence"), net.dir().join("node/witnessed"));
    // A folder cannot be read as a file, whoever asks.
    let unreadable = evidence.join(format!("{}.accusation", "ab".repeat(32)));
    std::fs::create_dir_all(&unreadable).unwrap();
    std::fs::create_dir(&witnessed).unwrap();
    std::fs::write(evidence.join("other.protest"), "no protest").unwrap();
    net.said();
    let node = net.node();
    assert_eq!(net.ok(&["governance", "accuse", "--as", "operator"]), serde_json::json!([]));
    net.ok(&["party", "apply", "Somebody", "--as", "somebody"]);
    node.stop();
    let said = net.said();
    let told = |line: &str, file: &str| said.lines().any(|said| said.contains(line) && said.contains(file));
    for file in [unreadable.to_str().unwrap(), "other.protest"] {
        assert!(told("the file holds no evidence", file), "{file}: {said}");
    }
    assert!(told("the file holds no checkpoint", witnessed.to_str().unwrap()), "{said}");
    net.audit();
}
