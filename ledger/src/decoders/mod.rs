//! Every decoder of bytes from outside: what the network, a file or a client hands in, and nobody vouches for.
//!
//! Owns the table of them, each with what must hold for any bytes at all, and valid samples of its format.
//! Public, though hidden, because the fuzz targets in `tests/fuzz` and the suite share the one table; the
//! programs do not use it. Never: rules of its own, since what is checked here is what others decode.

mod files;
mod misconduct;
mod samples;
#[cfg(test)]
mod tests;
mod witnesses;

use crate::{
    api::{Answer, BlockPage, HistoryAnswer, Problem, StateAnswer, submit},
    block::{Block, Header},
    bundle::{self, Bundle},
    highwater,
    log::{
        proof::{TreeHead, root_of_inclusion, verify_consistency},
        tile,
    },
    node::Frame,
    note::{Note, VerifierKey, checkpoint, export::TlogProof},
    ordering::{Certificate, bft},
    peers::frame,
    receipt::{Later, LaterFile, Receipt, Seal, SetChange, Trust},
    snapshot::{self, Manifest},
    tree::{self, StateProof},
    voting,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    governance::{Accuse, Protest},
    id::Digest,
    side::SideBody,
    state::Key,
    transaction::Transaction,
};
use genesis::{SignedDocument, TrustAnchor, config::Config};
use std::{fmt::Debug, path::Path};

/// A decoder of bytes from outside.
pub struct Decoder {
    /// What it reads, in one word.
    pub name: &'static str,
    /// Feeds it `bytes`, and says whether it took them. Panics where it must not: in the decoder, or
    /// because what it took is not what it writes.
    pub feed: fn(&[u8]) -> bool,
    /// Valid bytes of its format, all of which it takes.
    pub samples: fn() -> Vec<Vec<u8>>,
}

const fn decoder(name: &'static str, feed: fn(&[u8]) -> bool, samples: fn() -> Vec<Vec<u8>>) -> Decoder {
    Decoder { name, feed, samples }
}

/// All of them.
pub const DECODERS: &[Decoder] = &[
    decoder("transaction", transaction, samples::transactions),
    decoder("submissions", submissions, samples::submissions),
    decoder("side", canonical::<SideBody>, samples::sides),
    decoder("block", block, samples::blocks),
    decoder("pages", canonical::<Vec<BlockPage>>, samples::pages),
    decoder("headers", canonical::<Vec<Header>>, samples::headers),
    decoder("manifest", manifest, samples::manifests),
    decoder("chunk", chunk, samples::chunks),
    decoder("answers", canonical::<Vec<Answer>>, samples::answers),
    decoder("state", state, samples::states),
    decoder("history", canonical::<HistoryAnswer>, samples::histories),
    decoder("problem", problem, samples::problems),
    decoder("receipt", receipt, samples::receipts),
    decoder("seal", seal, samples::seals),
    decoder("later", canonical::<Later>, samples::laters),
    decoder("later-file", later_file, samples::later_files),
    decoder("change", change, samples::changes),
    decoder("certificate", certificate, samples::certificates),
    decoder("state-proof", state_proof, samples::state_proofs),
    decoder("log-proof", log_proof, samples::log_proofs),
    decoder("note", note, samples::notes),
    decoder("tlog-proof", tlog_proof, samples::tlog_proofs),
    decoder("verifier-key", verifier_key, samples::verifier_keys),
    decoder("policy", witnesses::policy, witnesses::policies),
    decoder("add-checkpoint", witnesses::add_checkpoint, witnesses::add_checkpoints),
    decoder("misconduct", misconduct::told, misconduct::tellings),
    decoder("accusation", canonical::<Accuse>, misconduct::accusations),
    decoder("protest", canonical::<Protest>, misconduct::protests),
    decoder("tile", tile_path, samples::tiles),
    decoder("entries", entries, samples::entries),
    decoder("bundle", evidence, samples::bundles),
    decoder("record", record, samples::records),
    decoder("link", link, samples::links),
    decoder("frame", member_frame, samples::frames),
    decoder("ordering-message", bft::check_message, samples::messages),
    decoder("ordering-record", bft::check_record, samples::ordering_records),
    decoder("highwater", high_water, files::high_waters),
    decoder("voting", voting_file, files::votings),
    decoder("anchor", anchor, files::anchors),
    decoder("document", document, files::documents),
    decoder("config", config, files::configs),
];

/// The decoder called `name`.
pub fn of(name: &str) -> Option<&'static Decoder> {
    DECODERS.iter().find(|decoder| decoder.name == name)
}

/// One value has one spelling, and what is read is written again as it was.
fn same(written: &[u8], read: &[u8]) -> bool {
    assert!(written == read, "what was taken is written otherwise:\n{}\n{}", hex::encode(read), hex::encode(written));
    true
}

fn read<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Option<T> {
    let value: T = borsh::from_slice(bytes).ok()?;
    same(&borsh::to_vec(&value).expect("writing to memory does not fail"), bytes);
    Some(value)
}

fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> bool {
    read::<T>(bytes).is_some()
}

/// Read again, it is the same.
fn again<T: PartialEq + Debug, E: Debug>(value: &T, read: Result<T, E>) -> bool {
    assert!(read.as_ref().is_ok_and(|read| read == value), "{value:?} was read again as {read:?}");
    true
}

fn trust() -> &'static Trust {
    &samples::world().trust
}

fn transaction(bytes: &[u8]) -> bool {
    let Ok(transaction) = Transaction::decode(bytes) else { return false };
    drop(transaction.clone().check(&samples::NETWORK));
    same(&transaction.bytes(), bytes)
}

fn submissions(bytes: &[u8]) -> bool {
    let Ok(submissions) = submit::decode_submissions(bytes) else { return false };
    submissions.iter().for_each(|submission| drop(submission.check_side()));
    same(&borsh::to_vec(&submissions).expect("writing to memory does not fail"), bytes)
}

fn manifest(bytes: &[u8]) -> bool {
    let Some(manifest) = read::<Manifest>(bytes) else { return false };
    assert_eq!(manifest.heads.root(), manifest.heads.upper(manifest.height).0);
    true
}

fn chunk(bytes: &[u8]) -> bool {
    let Some(records) = snapshot::decode_chunk(bytes) else { return false };
    if let Some((key, _)) = records.first() {
        drop(tree::subtree(tree::subtree_of(key), 1, &records));
    }
    let record = |(key, value): &(Key, Vec<u8>)| snapshot::encode_record(key.as_bytes(), value);
    same(&records.iter().flat_map(record).collect::<Vec<u8>>(), bytes)
}

fn block(bytes: &[u8]) -> bool {
    let Some(block) = read::<Block>(bytes) else { return false };
    block.header.id();
    block.transactions.iter().for_each(|bytes| drop(Transaction::decode(bytes)));
    true
}

fn state(bytes: &[u8]) -> bool {
    let Some(StateAnswer { height, state }) = read(bytes) else { return false };
    drop(state.history());
    drop(Receipt::decode(&height));
    drop(state.value.as_deref().and_then(|value| bundle::show(&state.key, value)));
    true
}

fn problem(bytes: &[u8]) -> bool {
    let Ok(problem) = serde_json::from_slice::<Problem>(bytes) else { return false };
    let written = serde_json::to_vec(&problem).expect("a problem has plain fields");
    again(&problem, serde_json::from_slice(&written).map_err(|error| error.to_string()))
}

fn receipt(bytes: &[u8]) -> bool {
    let Ok(receipt) = Receipt::decode(bytes) else { return false };
    let trust = trust();
    drop(receipt.verify(trust));
    if let Ok(proof) = receipt.tlog_proof(trust) {
        again(&proof, TlogProof::parse(&proof.to_string()));
    }
    same(&receipt.encode(), bytes)
}

fn seal(bytes: &[u8]) -> bool {
    let Some(seal) = read::<Seal>(bytes) else { return false };
    let world = samples::world();
    drop(seal.verify(&world.trust, &world.head));
    drop(seal.note(&samples::NETWORK, &world.set, &world.head));
    true
}

fn later_file(bytes: &[u8]) -> bool {
    let Ok(file) = LaterFile::decode(bytes) else { return false };
    drop(file.trust(trust()));
    drop(file.verify(&samples::world().receipt(0), trust()));
    same(&file.encode(), bytes)
}

fn change(bytes: &[u8]) -> bool {
    let Some(change) = read::<SetChange>(bytes) else { return false };
    let mut trust = trust().clone();
    if trust.extend(&change).is_ok() {
        assert_eq!((trust.changes(), trust.newest()), (1, &change.set));
    }
    true
}

fn certificate(bytes: &[u8]) -> bool {
    let Some(certificate) = read::<Certificate>(bytes) else { return false };
    drop(certificate.verify(&samples::NETWORK, &samples::world().set));
    true
}

fn state_proof(bytes: &[u8]) -> bool {
    let Some(proof) = read::<StateProof>(bytes) else { return false };
    let (root, key) = (Digest([1; 32]), Key::new(1, &[b"key"]));
    assert!(proof.verify(&root, &key, None).is_err() && proof.verify(&root, &key, Some(b"value")).is_err());
    true
}

/// Leaf, its number, an older and a newer head, and hashes: all that the two proofs are made of.
type LogProof = (Digest, u64, TreeHead, TreeHead, Vec<Digest>);

fn log_proof(bytes: &[u8]) -> bool {
    let Some((leaf, index, old, new, hashes)) = read::<LogProof>(bytes) else { return false };
    let _ = root_of_inclusion(&leaf, index, new.size, &hashes);
    let _ = verify_consistency(&old, &new, &hashes);
    true
}

fn note(bytes: &[u8]) -> bool {
    let Ok(note) = Note::parse(bytes) else { return false };
    drop(checkpoint::parse(note.text()));
    drop(note.verify(&samples::world().keys()));
    same(note.to_string().as_bytes(), bytes)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn tlog_proof(bytes: &[u8]) -> bool {
    let Ok(proof) = TlogProof::parse(text(bytes)) else { return false };
    again(&proof, TlogProof::parse(&proof.to_string()))
}

fn verifier_key(bytes: &[u8]) -> bool {
    text(bytes).parse().is_ok_and(|key: VerifierKey| same(key.to_string().as_bytes(), bytes))
}

fn tile_path(bytes: &[u8]) -> bool {
    text(bytes).parse().is_ok_and(|tile: tile::Tile| {
        [0, 1, 1 << 40, u64::MAX].iter().for_each(|size| {
            tile.is_within(*size);
        });
        same(tile.to_string().as_bytes(), bytes)
    })
}

fn entries(bytes: &[u8]) -> bool {
    let Some(entries) = tile::entries(bytes) else { return false };
    same(&tile::bundle(entries).expect("they came out of one"), bytes)
}

fn evidence(bytes: &[u8]) -> bool {
    let Ok(bundle) = Bundle::decode(bytes) else { return false };
    drop(bundle.verify(trust()));
    same(&bundle.encode().expect("it was just read"), bytes)
}

/// A record's value after its kind.
fn record(bytes: &[u8]) -> bool {
    let Some((tag, value)) = bytes.split_first() else { return false };
    bundle::show(&Key::new(*tag, &[b"key"]), value).is_some()
}

fn link(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let read = async {
        let length = frame::length(&mut rest).await?;
        frame::body(&mut rest, length).await
    };
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(read).poll(&mut context) {
        std::task::Poll::Ready(Ok(body)) => {
            same(&body, &bytes[4..4 + body.len()])
                && u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize == body.len()
        }
        std::task::Poll::Ready(Err(_)) => false,
        std::task::Poll::Pending => panic!("bytes in memory are never waited for"),
    }
}

fn member_frame(bytes: &[u8]) -> bool {
    let submission = Frame::submission(bytes);
    let Ok(frame) = Frame::decode(bytes) else { return false };
    assert_eq!(Frame::is_submission(bytes), matches!(frame, Frame::Submission(_)));
    assert_eq!(Frame::is_submission(bytes), submission.is_some());
    assert!(submission.is_none_or(|read| matches!(&frame, Frame::Submission(one) if **one == read)));
    same(&frame.encode(), bytes)
}

/// A slot of the file; the other is written alike.
fn high_water(bytes: &[u8]) -> bool {
    let Ok(slot) = bytes.try_into() else { return false };
    (0..2)
        .filter_map(|number| highwater::decode(slot, number))
        .any(|(sequence, mark)| same(&highwater::encode(sequence, &mark), bytes))
}

/// The file as it is; and where the bytes are a bundle of frames, the file that holds them under true sums,
/// which nobody finds by chance.
fn voting_file(bytes: &[u8]) -> bool {
    let frames = tile::entries(bytes).unwrap_or_default();
    let frames = frames.iter().filter_map(|frame| frame.split_first()).map(|(kind, payload)| (*kind, payload.to_vec()));
    voting::check(&voting::written(&frames.collect::<Vec<_>>()));
    voting::check(bytes)
}

fn anchor(bytes: &[u8]) -> bool {
    let Ok(anchor) = TrustAnchor::from_json(Path::new("anchor"), bytes) else { return false };
    drop(Trust::new(anchor.network, anchor.set.clone()));
    same(&anchor.to_json(), bytes)
}

fn document(bytes: &[u8]) -> bool {
    let Ok(document) = SignedDocument::from_json(Path::new("network"), bytes) else { return false };
    same(&document.to_json(), bytes)
}

fn config(bytes: &[u8]) -> bool {
    Config::parse(Path::new("lonja.toml"), text(bytes))
        .is_ok_and(|config| config.check(Path::new("lonja.toml")).is_ok())
}
