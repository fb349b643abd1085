//! Files of a network's directory that are not what belongs there: named, with what to do, and nothing
//! in the directory changes.

use super::harness::{Net, command, says};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Every file below `folder`, with its bytes.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => files.extend(snapshot(&path)),
            path => drop(files.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    files
}

/// A network whose keys open with the same passphrase as those of `net`.
fn stranger(net: &Net) -> PathBuf {
    let place = net.path("stranger");
    let mut create = command();
    create.arg("--dir").arg(&place).args(["network", "create", "--name", "another"]);
    create.env("LONJA_PASSPHRASE_FILE", net.dir().join("passphrase"));
    let output = create.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    place
}

/// Puts `bytes` in the place of the file `name`, runs a command that reads it, which must fail with
/// every one of `expected` in what it says, and puts the file back.
fn check(net: &Net, name: &str, bytes: &[u8], arguments: &[&str], expected: &[&str]) {
    let path = net.dir().join(name);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    refuses(net, arguments, &[&[name], expected].concat());
    fs::write(&path, whole).unwrap();
}

/// A command that fails with every one of `expected` in what it says, and changes nothing.
fn refuses(net: &Net, arguments: &[&str], expected: &[&str]) {
    let before = snapshot(&net.dir());
    let said = net.fails(6, arguments);
    assert!(!said.contains("panicked"), "{said}");
    for part in expected {
        assert!(says(&said, part), "{arguments:?}: no {part:?} in: {said}");
    }
    assert!(snapshot(&net.dir()) == before, "{expected:?}, {arguments:?}: something was changed");
}

/// Cut short, cut off, too long, other bytes, and bytes that are no text.
fn ruins(whole: &[u8], most: usize) -> Vec<(&'static str, Vec<u8>)> {
    let mut garbled = whole.to_vec();
    garbled[whole.len() / 2] ^= 1;
    let longer = [whole, &vec![b' '; most]].concat();
    vec![
        ("empty", vec![]),
        ("truncated", whole[..whole.len() / 2].to_vec()),
        ("oversized", longer),
        ("garbled", garbled),
        ("no text", [&whole[..whole.len() / 2], &[0xff, 0x00, 0xfe], &whole[whole.len() / 2..]].concat()),
    ]
}

#[test]
fn damaged_and_foreign_files_are_named_with_a_remedy_and_change_nothing() {
    let net = Net::created();
    let other = stranger(&net);
    let read = |name: &str| fs::read(net.dir().join(name)).unwrap();
    let foreign = |name: &str| fs::read(other.join(name)).unwrap();
    let (node, show): (&[&str], &[&str]) = (&["node", "run"], &["party", "show", "operator"]);

    for (what, bytes) in ruins(&read("network.json"), 1 << 20) {
        let remedy = if what == "oversized" { "it is not the file that belongs there" } else { "back from a copy" };
        for arguments in [node, show, &["audit"]] {
            check(&net, "network.json", &bytes, arguments, &[remedy]);
        }
    }
    for (what, bytes) in ruins(&read("anchor.json"), 64 * 1024) {
        let remedies: &[&str] = match what {
            "oversized" => &["it is not the file that belongs there"],
            // A changed byte may still be an anchor, but not this network's.
            "garbled" => &["anchor.json"],
            _ => &["ask the network's operator for the anchor again"],
        };
        for arguments in [show, &["market", "run"], &["explorer", "run"], &["audit"], node] {
            check(&net, "anchor.json", &bytes, arguments, remedies);
        }
    }
    for name in ["network.json", "anchor.json"] {
        for arguments in [node, show, &["audit"]] {
            let both = ["of different networks", "anchor.json", "network.json", "back from a copy"];
            check(&net, name, &foreign(name), arguments, &both);
        }
    }

    let config = read("lonja.toml");
    let half = config[..config.len() - 20].to_vec();
    for (bytes, remedy) in [
        (vec![], "correct"),
        (half, "correct"),
        ([config.as_slice(), &vec![b'\n'; 64 * 1024]].concat(), "it is not the file that belongs there"),
        ([config.as_slice(), b"\xff"].concat(), "correct"),
        (b"[package]\nname = \"another program's\"\n".to_vec(), "remove it"),
        ([config.as_slice(), b"[node]\n"].concat(), "correct"),
    ] {
        for arguments in [node, &["market", "run"], &["explorer", "run"], show] {
            check(&net, "lonja.toml", &bytes, arguments, &[remedy]);
        }
    }

    let key = "keys/validator-0.consensus.key";
    for (what, bytes) in ruins(&read(key), 4 * 1024) {
        let remedy = if what == "oversized" { "it is not the file that belongs there" } else { "back from a copy" };
        check(&net, key, &bytes, node, &[remedy]);
        check(&net, "keys/operator.key", &bytes, &["key", "show", "operator"], &[remedy]);
    }
    check(&net, key, &foreign(key), node, &["is none that the founding document gives", "right key file"]);

    // With everything back in its place, it starts.
    net.node().stop();

    // What a newer release left, the high-water file's last slot alone or the store, is no damage.
    let newer = ["was written by a newer release of lonja", "install that release again"];
    let mut mark = read("node/highwater");
    (mark[128 + 15], mark[128 + 80]) = (b'1', !mark[128 + 80]);
    for arguments in [&["audit"][..], node] {
        check(&net, "node/highwater", &mark, arguments, &newer);
    }
    let families = [ledger::store::FAMILIES, &["format-2"]].concat();
    drop(ledger::store::Kv::open(&net.dir().join("node/db"), &families).unwrap());
    for arguments in [&["audit"][..], node] {
        refuses(&net, arguments, &[&["node/db", "format-2"], &newer[..]].concat());
    }
}
