//! A small log of its own, what a witness says to it, and policies over what it cosigned.

mod asked;
mod policies;
mod refusals;

use super::*;
use crate::{
    log::{self, MemoryHashes, proof::TreeHead},
    note::{KeyKind, Note, NoteSignature, VerifierKey, checkpoint},
};
use contracts::{
    id::Digest,
    key::{Signer, TestSigner},
};
use data_encoding::BASE64;
use std::{path::Path, sync::Arc};

const ORIGIN: &str = "example.com/log";
const NAME: &str = "witness.example/w1";
const NOW: u64 = 1_700_000_000;

/// A log with a key: everybody can make it, and a second one that differs from some entry on.
struct Log {
    hashes: MemoryHashes,
    signer: TestSigner,
    key: VerifierKey,
}

impl Log {
    fn new(entries: u64) -> Self {
        Self::forked(entries, entries)
    }

    /// From entry `from` on, the entries are others.
    fn forked(entries: u64, from: u64) -> Self {
        let mut hashes = MemoryHashes::default();
        for number in 0..entries {
            hashes.push(contracts::merkle::leaf(&[&number.to_be_bytes()[..], &[u8::from(number >= from)]].concat()));
        }
        let signer = TestSigner::of(40);
        let key = VerifierKey::new(ORIGIN, KeyKind::Ed25519, signer.public()).unwrap();
        Self { hashes, signer, key }
    }

    fn head(&self, size: u64) -> TreeHead {
        TreeHead { size, root: log::root(&self.hashes, size).unwrap() }
    }

    fn checkpoint(&self, size: u64) -> Note {
        self.sign(&body(ORIGIN, &self.head(size)))
    }

    fn sign(&self, text: &str) -> Note {
        Note::new(text, vec![self.key.line(&self.signer.sign(text.as_bytes()).unwrap().0)]).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> String {
        let proof = log::proof::consistency(&self.hashes, old, new).unwrap();
        AddCheckpoint::new(old, proof, self.checkpoint(new)).unwrap().to_string()
    }
}

fn body(origin: &str, head: &TreeHead) -> String {
    format!("{origin}\n{}\n{}\n", head.size, BASE64.encode(&head.root.0))
}

fn witness(folder: &Path, log: &Log) -> Witness {
    Witness::open(folder, NAME, Arc::new(TestSigner::of(50)), vec![log.key.clone()]).unwrap()
}

/// A witness' key, and its line under a text.
fn cosigner(name: &str, seed: u16) -> VerifierKey {
    VerifierKey::new(name, KeyKind::Cosignature, TestSigner::of(seed).public()).unwrap()
}

fn cosign(key: &VerifierKey, seed: u16, text: &str) -> NoteSignature {
    let signature = TestSigner::of(seed).sign(&checkpoint::cosigned_message(NOW, text)).unwrap();
    checkpoint::cosignature_line(key, NOW, &signature)
}

/// The example of C2SP tlog-witness, "add-checkpoint".
const REQUEST: &str = "old 20852014\n\
    PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
    jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
    5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
    /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
    \n\
    example.com/behind-the-sofa\n\
    20852163\n\
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
    \n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";

#[test]
fn the_specifications_request_is_read_and_written_alike() {
    let request = AddCheckpoint::decode(REQUEST.as_bytes()).unwrap();
    assert_eq!((request.old(), request.proof().len(), request.head().size), (20_852_014, 4, 20_852_163));
    assert_eq!(request.origin(), "example.com/behind-the-sofa");
    assert_eq!(request.checkpoint().signatures().len(), 2);
    assert_eq!(request.to_string(), REQUEST);
}

#[test]
fn a_request_has_one_spelling_and_bounds() {
    use add::AddError;
    let log = Log::new(9);
    let good = log.request(3, 9);
    assert!(AddCheckpoint::decode(good.as_bytes()).is_ok());
    let hash = format!("{}\n", BASE64.encode(&[7; 32]));
    let with = |lines: usize| good.replacen("\n\n", &format!("\n{}\n", hash.repeat(lines)), 1);
    let proven = AddCheckpoint::decode(good.as_bytes()).unwrap().proof().len();
    assert!(AddCheckpoint::decode(with(63 - proven).as_bytes()).is_ok());
    let swap = |from: &str, to: &str| good.replacen(from, to, 1);
    for (bad, expected) in [
        (with(64 - proven), AddError::Hashes),
        (swap("old 3", "old 03"), AddError::Old),
        (swap("old 3", "old +3"), AddError::Old),
        (swap("old 3", "old  3"), AddError::Old),
        (swap("old 3", "old 18446744073709551616"), AddError::Old),
        (swap("old 3", "new 3"), AddError::Old),
        (swap("old 3\n", ""), AddError::Old),
        (swap("\n\n", "\r\n\r\n"), AddError::Hash(1 + proven)),
        (swap("\n\n", &format!("\n{}\n\n", &hash[..40])), AddError::Hash(2 + proven)),
        (swap("\n\n", &format!("\n{}\n\n", BASE64.encode(&[7; 31]))), AddError::Hash(2 + proven)),
        ("old 3\n".into(), AddError::Form),
        (String::new(), AddError::Form),
        ("x".repeat(crate::limits::ADD_CHECKPOINT_BYTES_MAX + 1), AddError::TooLarge),
    ] {
        assert_eq!(AddCheckpoint::decode(bad.as_bytes()), Err(expected), "{bad}");
    }
    for bad in [swap("\n9\n", "\n09\n"), swap(ORIGIN, ""), swap("— ", "- "), good[..good.len() - 1].to_owned()] {
        assert!(matches!(AddCheckpoint::decode(bad.as_bytes()), Err(AddError::Checkpoint(_))), "{bad}");
    }
    let longest = "old 18446744073709551615\n".len() + 63 * hash.len() + 1 + crate::note::NOTE_BYTES_MAX;
    assert_eq!(longest, crate::limits::ADD_CHECKPOINT_BYTES_MAX);
}
