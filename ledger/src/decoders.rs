//! Every decoder of bytes that come from outside, in one table: for the test that mutates valid bytes, and for
//! fuzzers. It is public for them alone.
//!
//! A decoder is a check: it must not panic, whatever the bytes are, and what it accepts is what it would write
//! itself, so that nothing has two forms. Where more is done with a decoded value before it is believed, that
//! is done too.

mod samples;

pub use samples::samples;

use crate::{
    api::{Answer, BlockPage, HistoryAnswer, StateAnswer},
    block::Block,
    bundle::{self, Bundle},
    node::Frame,
    note::{Note, checkpoint, export::TlogProof},
    ordering::{Certificate, bft},
    receipt::{HeightProof, Receipt, Seal, SetChange, Trust},
    submission::Submission,
    testing,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{state::Key, transaction::Transaction};
use genesis::{SignedDocument, TrustAnchor, config::Config};
use std::{fmt::Debug, path::Path};

/// Checks one decoder.
pub type Check = fn(&[u8]);

/// Name and check of each.
pub const DECODERS: [(&str, Check); 19] = [
    ("transaction", transaction),
    ("submissions", |bytes| drop(same::<Vec<Submission>>(bytes))),
    ("answers", |bytes| drop(same::<Vec<Answer>>(bytes))),
    ("block", |bytes| drop(same::<Block>(bytes))),
    ("block-pages", |bytes| drop(same::<Vec<BlockPage>>(bytes))),
    ("certificate", certificate),
    ("seal", |bytes| drop(same::<Seal>(bytes))),
    ("set-change", set_change),
    ("receipt", receipt),
    ("state-proof", state_proof),
    ("history-proof", history_proof),
    ("bundle", bundle),
    ("note", note),
    ("tlog-proof", tlog_proof),
    ("frame", frame),
    ("ordering-message", ordering_message),
    ("ordering-record", ordering_record),
    ("founding", founding),
    ("settings", settings),
];

/// The check of decoder `name`.
pub fn check_of(name: &str) -> Option<Check> {
    DECODERS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// Decodes borsh; what is accepted has no other form.
fn same<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) -> Option<T> {
    let value = T::try_from_slice(bytes).ok()?;
    let again = borsh::to_vec(&value).expect("writing to memory does not fail");
    assert!(again == bytes, "it has two forms");
    Some(value)
}

/// What is written must be read as the same.
fn again<T: PartialEq + Debug, E: Debug>(value: &T, read: Result<T, E>) {
    assert_eq!(read.as_ref().ok(), Some(value), "what was written is read as something else: {read:?}");
}

/// What the samples' network is believed on.
fn trust() -> Trust {
    let anchor = testing::document().anchor();
    Trust::new(anchor.network, anchor.set).expect("the test network's set is valid")
}

fn transaction(bytes: &[u8]) {
    if let Ok(transaction) = Transaction::decode(bytes) {
        assert!(transaction.bytes() == bytes, "it has two forms");
        // Whether it is taken in or refused does not matter here.
        drop(transaction.check(&testing::document().network));
    }
}

fn certificate(bytes: &[u8]) {
    if let Some(certificate) = same::<Certificate>(bytes) {
        drop(certificate.verify(&testing::document().network, &testing::validators(4)));
    }
}

fn set_change(bytes: &[u8]) {
    if let Some(change) = same::<SetChange>(bytes) {
        drop(trust().extend(&change));
    }
}

fn receipt(bytes: &[u8]) {
    if let Ok(receipt) = Receipt::decode(bytes) {
        assert!(receipt.encode() == bytes, "it has two forms");
        drop(receipt.verify(&trust()));
    }
}

fn state_proof(bytes: &[u8]) {
    let Some(StateAnswer { height, state }) = same(bytes) else { return };
    let Ok(receipt) = Receipt::decode(&height) else { return };
    if let Ok((block, _)) = (HeightProof { receipt }).verify(&trust()) {
        drop(state.verify(&block));
    }
    drop(bundle::show(&state.key, state.value.as_deref().unwrap_or_default()));
}

fn history_proof(bytes: &[u8]) {
    let Some(HistoryAnswer { state, .. }) = same(bytes) else { return };
    drop(state.history());
}

fn bundle(bytes: &[u8]) {
    if let Ok(bundle) = Bundle::decode(bytes) {
        assert!(bundle.encode().is_ok_and(|again| again == bytes), "it has two forms");
        drop(bundle.verify(&trust()));
    }
}

fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        again(&note, Note::parse(note.to_string().as_bytes()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(checkpoint::parse(text));
    }
}

fn tlog_proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(proof) = TlogProof::parse(text) {
        again(&proof, TlogProof::parse(&proof.to_string()));
    }
}

fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes) {
        assert!(frame.encode() == bytes, "it has two forms");
    }
    drop(Frame::bare_submission(bytes));
}

fn ordering_message(bytes: &[u8]) {
    drop(bft::check_message(bytes));
}

fn ordering_record(bytes: &[u8]) {
    drop(bft::check_record(bytes));
}

fn founding(bytes: &[u8]) {
    let path = Path::new("network.json");
    if let Ok(document) = SignedDocument::from_json(path, bytes) {
        again(&document, SignedDocument::from_json(path, &document.to_json()));
        drop(document.verify());
    }
    if let Ok(anchor) = TrustAnchor::from_json(path, bytes) {
        again(&anchor, TrustAnchor::from_json(path, &anchor.to_json()));
    }
}

fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    drop(Config::parse(Path::new("lonja.toml"), text));
    drop(text.parse::<contracts::id::ConsentId>());
    drop(Key::from_bytes(bytes.to_vec()).to_string());
}

#[cfg(test)]
mod tests;
