//! Clients of the transparency ecosystem that nobody here wrote read our log: `signed_note` and
//! `tlog_tiles` by Cloudflare, over plain HTTP.
//!
//! They check the note and its signature, the checkpoint, every tile against it, and make and check
//! inclusion and consistency proofs from our tiles alone. Neither knows cosignatures; that one line is
//! checked here with a verifier of their interface.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use contracts::{
    action::Action,
    id::{BankReference, TransactionId},
    money::Amount,
    outcome::Entry,
    settlement::Mint,
};
use ed25519_dalek::{Verifier as _, VerifyingKey};
use ledger::{note::checkpoint, receipt::Receipt, submission::Submission, testing};
use signed_note::{Note, StandardVerifier, Verifier, VerifierList};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
};
use tlog_tiles::{
    Checkpoint, Error, Hash, HashReader as _, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record,
    prove_tree, record_hash, stored_hash_index, tree_hash,
};

/// A GET as anybody can write it.
fn get(url: &str, path: &str) -> Vec<u8> {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer.split_off(body)
}

/// Our tiles, as their client asks for them.
struct Tiles<'a> {
    url: &'a str,
    asked: RefCell<BTreeSet<String>>,
    confirmed: RefCell<usize>,
}

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        // Their paths begin with the height, as those of Go's module proxy do; C2SP fixes it and leaves it out.
        let path = |tile: &Tile| tile.path().replacen("tile/8/", "tile/", 1);
        self.asked.borrow_mut().extend(tiles.iter().map(path));
        Ok(tiles.iter().map(|tile| get(self.url, &format!("/{}", path(tile)))).collect())
    }

    fn save_tiles(&self, tiles: &[Tile], _: &[Vec<u8>]) {
        *self.confirmed.borrow_mut() += tiles.len();
    }
}

/// Cosignatures (c2sp.org/tlog-cosignature), which `signed_note` has no verifier for.
struct Cosigner {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Verifier for Cosigner {
    fn name(&self) -> &str {
        &self.name
    }

    fn key_id(&self) -> u32 {
        self.id
    }

    fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        let Some((time, signature)) = signature.split_first_chunk::<8>() else { return false };
        let Ok(signature) = ed25519_dalek::Signature::from_slice(signature) else { return false };
        let head = format!("cosignature/v1\ntime {}\n", u64::from_be_bytes(*time));
        self.key.verify(&[head.as_bytes(), text].concat(), &signature).is_ok()
    }
}

fn mint(number: u64) -> Action {
    let mut reference = [0; 32];
    reference[..8].copy_from_slice(&number.to_be_bytes());
    Action::Mint(Mint {
        party: testing::buyer().party,
        amount: Amount::new(1).unwrap(),
        currency: "EUR".parse().unwrap(),
        reference: BankReference(reference),
    })
}

/// Commits `count` transactions, and returns the receipts in their order.
async fn commit(network: &testing::Network, numbers: std::ops::Range<u64>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for first in numbers.clone().step_by(100) {
        let mut part: Vec<Submission> = Vec::new();
        for number in first..numbers.end.min(first + 100) {
            part.push(network.client.prepare(&testing::settlement(), mint(number), None).await.unwrap());
        }
        for answer in network.client.submit_all(&part).await.unwrap() {
            receipts.push(Receipt::decode(&answer.unwrap().receipt).unwrap());
        }
    }
    receipts
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_clients_verify_checkpoint_tiles_and_proofs() {
    let folder = tempfile::tempdir().unwrap();
    let network = testing::Network::start(folder.path()).await;
    let mut receipts = commit(&network, 0..300).await;
    let url = network.url.clone();
    let older = tokio::task::spawn_blocking(move || get(&url, "/checkpoint")).await.unwrap();
    receipts.extend(commit(&network, 300..700).await);
    let (anchor, url) = (network.anchor.clone(), network.url.clone());
    let proof_of = transaction(&receipts[123]);
    tokio::task::spawn_blocking(move || outside(&anchor, &url, &older, &receipts, proof_of)).await.unwrap();
    network.stop().await;
}

fn transaction(receipt: &Receipt) -> TransactionId {
    match &receipt.statement.entry {
        Entry::Transaction(entry) => entry.transaction,
        Entry::Block(_) => panic!("a receipt of a transaction"),
    }
}

fn read_checkpoint(known: &VerifierList, bytes: &[u8]) -> Checkpoint {
    let note = Note::from_bytes(bytes).unwrap();
    let (verified, unverified) = note.verify(known).unwrap();
    assert_eq!((verified.len(), unverified.len()), (2, 0), "the log's signature and a cosignature");
    Checkpoint::from_bytes(note.text()).unwrap()
}

fn outside(anchor: &genesis::TrustAnchor, url: &str, older: &[u8], receipts: &[Receipt], proof_of: TransactionId) {
    let validator = &anchor.set.validators[0];
    let log_key = checkpoint::log_key(&anchor.network, validator).unwrap().to_string();
    let cosigner_key = checkpoint::cosigner_key(&anchor.network, validator).unwrap();
    let cosigner = Cosigner {
        name: cosigner_key.name().to_owned(),
        id: u32::from_be_bytes(cosigner_key.id()),
        key: VerifyingKey::from_bytes(&validator.cosigner.0).unwrap(),
    };
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(&log_key).unwrap()), Box::new(cosigner)]);
    let newest = get(url, "/checkpoint");
    let (older, head) = (read_checkpoint(&known, older), read_checkpoint(&known, &newest));
    assert_eq!(head.origin(), checkpoint::origin(&anchor.network));
    assert!(older.size() > 256 && head.size() > older.size() + 256, "{} {}", older.size(), head.size());

    // Every entry is where its receipt says, proven from tiles alone; so is that nothing was changed since.
    let tiles = Tiles { url, asked: RefCell::default(), confirmed: RefCell::default() };
    let reader = TileHashReader::new(head.size(), *head.hash(), &tiles);
    assert_eq!(tree_hash(head.size(), &reader).unwrap(), *head.hash());
    for receipt in receipts.iter().step_by(7) {
        let leaf = record_hash(&receipt.statement.entry.bytes());
        assert_eq!(reader.read_hashes(&[stored_hash_index(0, receipt.statement.index)]).unwrap(), [leaf]);
        let proof = prove_record(head.size(), receipt.statement.index, &reader).unwrap();
        check_record(&proof, head.size(), *head.hash(), receipt.statement.index, leaf).unwrap();
        let other = record_hash(b"another entry");
        assert!(check_record(&proof, head.size(), *head.hash(), receipt.statement.index, other).is_err());
    }
    let proof = prove_tree(head.size(), older.size(), &reader).unwrap();
    check_tree(&proof, head.size(), *head.hash(), older.size(), *older.hash()).unwrap();
    assert!(check_tree(&proof, head.size(), *head.hash(), older.size(), Hash([7; 32])).is_err());
    let asked = tiles.asked.borrow();
    assert!(asked.contains("tile/0/000") && asked.iter().any(|path| path.contains(".p/")), "{asked:?}");
    assert!(*tiles.confirmed.borrow() > 0, "their client found the tiles to be those of the checkpoint");

    // Our proof in C2SP's text form, taken apart by hand and checked by theirs.
    let text = String::from_utf8(get(url, &format!("/v1/tlog-proof/{proof_of}"))).unwrap();
    let (proof, note) = text.split_once("\n\n").unwrap();
    let mut lines = proof.lines();
    assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
    let index: u64 = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let path = lines.map(|line| Hash::parse_hash(line).unwrap()).collect();
    let sealed = read_checkpoint(&known, note.as_bytes());
    let receipt = receipts.iter().find(|receipt| transaction(receipt) == proof_of).unwrap();
    let leaf = record_hash(&receipt.statement.entry.bytes());
    check_record(&path, sealed.size(), *sealed.hash(), index, leaf).unwrap();

    // A changed byte anywhere in the note is refused, or is in nothing that is signed.
    for at in 0..newest.len() {
        let mut changed = newest.clone();
        changed[at] ^= 1;
        let holds = Note::from_bytes(&changed)
            .ok()
            .is_some_and(|note| note.verify(&known).is_ok_and(|(verified, _)| verified.len() == 2));
        assert!(!holds, "byte {at}");
    }
}
