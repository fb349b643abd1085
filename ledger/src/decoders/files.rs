//! Samples of the files of a directory: what a validator keeps, and what its operator writes.

use super::samples::{NETWORK, VALIDATORS};
use crate::{
    highwater::{self, Mark},
    testing, voting,
};
use contracts::id::Digest;

pub fn high_waters() -> Vec<Vec<u8>> {
    let mark = Mark { height: 9, size: 30, root: Digest([1; 32]) };
    (0..2).map(|sequence| highwater::encode(sequence, &mark).to_vec()).collect()
}

pub fn votings() -> Vec<Vec<u8>> {
    let id = Digest([1; 32]);
    let begins = |kind| (kind, [&NETWORK.0[..], &1u64.to_be_bytes()].concat());
    let (record, block) = ((1, vec![1, 2, 3]), (2, [&id.0[..], b"block"].concat()));
    let ours = (3, [&0u32.to_be_bytes()[..], &id.0].concat());
    // As it is written now, and as it was.
    let written = |kind| voting::written(&[begins(kind), record.clone(), block.clone(), ours.clone()]);
    let synced = |at: u64| (5, at.to_be_bytes().to_vec());
    let whole = voting::written(&[begins(6), record.clone(), synced(69), block.clone(), ours.clone(), synced(189)]);
    vec![voting::written(&[begins(6)]), whole, written(4), written(0), vec![]]
}

pub fn anchors() -> Vec<Vec<u8>> {
    [1, VALIDATORS].map(|count| testing::document_among(count).anchor().to_json()).into()
}

pub fn documents() -> Vec<Vec<u8>> {
    [1, VALIDATORS].map(|count| testing::document_among(count).to_json()).into()
}

pub fn configs() -> Vec<Vec<u8>> {
    let services = "[node]\nlisten = \"127.0.0.1:1\"\ndata = \"node\"\n[market]\nlisten = \"127.0.0.1:2\"\n\
                    data = \"market\"\n[explorer]\nlisten = \"127.0.0.1:3\"\ndata = \"explorer\"\n";
    let peers = "[peers]\nlisten = \"127.0.0.1:4\"\n[peers.addresses]\nvalidator-1 = \"127.0.0.1:5\"\n";
    [services.to_owned(), format!("{services}{peers}")].map(String::into_bytes).into()
}
