//! A C2SP client that nobody here wrote (`tests/outside`) verifies what four validators serve: checkpoints with
//! cosignatures, tiles, entries, an inclusion proof and a consistency proof; and refuses each of them changed.

use super::harness::{Net, patient, skipped};
use contracts::{
    action::Action,
    id::{NetworkId, PartyId, TransactionId},
    key::{Signer, TestSigner},
    party::{Apply, PartyKind},
    transaction::Body,
};
use genesis::Layout;
use ledger::{
    api::client::Client,
    log::proof,
    note::{Note, checkpoint},
    store::Store,
    submission::Submission,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

/// Transactions after the older checkpoint: so many that there is a tile of level 1.
const COUNT: u16 = 400;

struct Outsider {
    program: PathBuf,
    dir: PathBuf,
}

impl Outsider {
    fn run(&self) -> Output {
        Command::new(&self.program).arg(&self.dir).arg("3").output().unwrap()
    }

    fn accepts(&self) -> String {
        let output = self.run();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// With `change` done to the file `name`, it must refuse, and say why.
    fn refuses(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let path = self.dir.join(name);
        let whole = fs::read(&path).unwrap();
        let mut changed = whole.clone();
        change(&mut changed);
        assert_ne!(changed, whole);
        fs::write(&path, changed).unwrap();
        let output = self.run();
        assert!(!output.status.success() && !output.stderr.is_empty(), "{name} was changed and is accepted");
        fs::write(&path, whole).unwrap();
    }
}

/// Somebody unknown applies, with a key of its own.
fn application(network: NetworkId, number: u16, last_valid: u64) -> Submission {
    let signer = TestSigner::of(20_000 + number);
    let apply = Apply {
        name: format!("Applicant {number}"),
        kind: PartyKind::Business,
        jurisdiction: "ES".parse().unwrap(),
        side: None,
    };
    let body = Body {
        network,
        sender: PartyId::of_first_key(&signer.public()),
        key: signer.public(),
        nonce: [1; 16],
        last_valid,
        action: Action::Apply(apply),
    };
    Submission { transaction: body.sign(&signer).unwrap(), side: None }
}

/// Puts a file of the node there.
async fn get(client: &Client, dir: &Path, route: &str, name: &str) {
    let bytes = client.get(route).await.unwrap_or_else(|error| panic!("{route}: {error}"));
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn size_of(dir: &Path, name: &str) -> u64 {
    let note = Note::parse(&fs::read(dir.join(name)).unwrap()).unwrap();
    checkpoint::parse(note.text()).unwrap().1.size
}

/// Tiles that a log of `size` entries has, with the entries of those of level 0 (tlog-tiles).
fn paths(size: u64) -> Vec<String> {
    let mut paths = Vec::new();
    for level in 0.. {
        let hashes = size >> (8 * level);
        if hashes == 0 {
            return paths;
        }
        for tile in 0..hashes.div_ceil(256) {
            let width = (hashes - 256 * tile).min(256);
            let part = if width < 256 { format!(".p/{width}") } else { String::new() };
            paths.push(format!("tile/{level}/{tile:03}{part}"));
            if level == 0 {
                paths.push(format!("tile/entries/{tile:03}{part}"));
            }
        }
    }
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_others_verifies_all_that_is_served_and_refuses_it_changed() {
    let Some(program) = std::env::var_os("LONJA_OUTSIDE").map(PathBuf::from).filter(|path| path.exists()) else {
        return skipped("the client of others is not built: ./x test builds it, and names it by LONJA_OUTSIDE");
    };
    let net = Net::among(4);
    let up = net.start(&["network", "up"]);
    let layout = Layout::at(net.dir());
    let anchor = layout.anchor().unwrap();
    let client = patient(Client::new(&layout.config().unwrap().node.url(), anchor.clone()).unwrap());
    let dir = net.path("served");
    while client.status().await.unwrap().height == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    get(&client, &dir, "/checkpoint", "old.note").await;
    let mut last: Option<TransactionId> = None;
    for first in (0..COUNT).step_by(100) {
        let height = client.status().await.unwrap().height;
        let part: Vec<_> =
            (first..first + 100).map(|number| application(anchor.network, number, height + 500)).collect();
        for answer in client.submit_all(&part).await.unwrap() {
            last = Some(answer.unwrap().id);
        }
    }
    get(&client, &dir, "/checkpoint", "new.note").await;
    let (old, new) = (size_of(&dir, "old.note"), size_of(&dir, "new.note"));
    assert!(old > 0 && new > old + u64::from(COUNT));
    for path in paths(new) {
        get(&client, &dir, &format!("/{path}"), &path).await;
    }
    get(&client, &dir, &format!("/v1/tlog-proof/{}", last.unwrap()), "tlog-proof.txt").await;
    let mut keys = String::new();
    for validator in &anchor.set.validators {
        keys += &format!("{}\n", checkpoint::log_key(&anchor.network, validator).unwrap());
        keys += &format!("{}\n", checkpoint::cosigner_key(&anchor.network, validator).unwrap());
    }
    fs::write(dir.join("keys.txt"), keys).unwrap();
    up.stop();
    let store = Store::open(&net.dir().join("node/db")).unwrap();
    let hashes = proof::consistency(&store.reader(), old, new).unwrap();
    let lines = hashes.iter().map(|hash| data_encoding::BASE64.encode(&hash.0) + "\n");
    fs::write(dir.join("consistency.txt"), lines.collect::<String>()).unwrap();
    drop(store);

    let outside = Outsider { program, dir };
    let said = outside.accepts();
    assert!(said.contains(&format!("{new} entries, {old} before")), "{said}");
    // A letter of the last signature, of the root, of the size; a hash; a leaf, a node above, an entry.
    let letter = |bytes: &mut Vec<u8>, at: usize| bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    outside.refuses("new.note", |bytes| letter(bytes, bytes.len() - 20));
    outside.refuses("old.note", |bytes| letter(bytes, bytes.len() - 20));
    outside.refuses("new.note", |bytes| {
        let root = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 3;
        letter(bytes, root);
    });
    outside.refuses("new.note", |bytes| {
        // Without its last cosignature.
        let end = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        bytes.truncate(end);
    });
    outside.refuses("consistency.txt", |bytes| letter(bytes, 5));
    outside.refuses("tlog-proof.txt", |bytes| {
        let hash = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 5;
        letter(bytes, hash);
    });
    outside.refuses("tile/0/000", |bytes| bytes[100] ^= 1);
    outside.refuses("tile/1/000.p/1", |bytes| bytes[3] ^= 1);
    outside.refuses("tile/entries/000", |bytes| bytes[100] ^= 1);
    outside.accepts();
}
