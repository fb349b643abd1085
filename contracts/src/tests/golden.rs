//! Golden bytes: what is signed, hashed and stored stays the same for ever. A changed line of
//! `golden.txt` is a decision about formats, not a repair of a test.

use super::samples::{DATASET, EachRecord, a_quote, actions, all_terms, changes, each_record, entries, events};
use crate::{
    action::Action,
    governance::Propose,
    id::*,
    key::TestSigner,
    merkle::Frontier,
    party::AddKey,
    quote::Quote,
    side::{SideBody, SideField},
    state::{Key, Record, Subject, history_leaf},
    testing::*,
    transaction::Body,
};
use std::fmt::Write;

/// Lines of name, length in bytes and SHA-256, or of a name and a whole value.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn bytes(&mut self, name: impl std::fmt::Display, bytes: &[u8]) {
        writeln!(self.0, "{name} {} {}", bytes.len(), Digest::of(&[bytes])).unwrap();
    }

    fn whole(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "{name} {value}").unwrap();
    }
}

impl EachRecord for Lines {
    fn see<T: Subject + PartialEq + std::fmt::Debug>(&mut self, record: Record<T>) {
        self.bytes(format!("record {} {}", T::TAG, T::KIND.replace(' ', "-")), &record.encode());
    }
}

#[test]
fn formats_are_golden() {
    let mut lines = Lines::default();
    for action in actions() {
        let bytes = borsh::to_vec(&action).unwrap();
        assert_eq!(bytes[0], action.tag());
        lines.bytes(format!("action {} {}", action.tag(), action.slug()), &bytes);
    }
    for event in events() {
        let bytes = borsh::to_vec(&event).unwrap();
        lines.bytes(format!("event {}", bytes[0]), &bytes);
    }
    // Over those that there were when formats were frozen, so that the line stays.
    lines.whole("events-digest", crate::event::Event::digest_all(&events()[..34]));
    for entry in entries() {
        lines.bytes(format!("entry {}", entry.bytes()[0]), &entry.bytes());
        lines.whole("entry-leaf", entry.leaf());
    }
    each_record(&mut lines);
    for terms in all_terms() {
        lines.whole("terms-digest", terms.digest());
        lines.bytes("terms-text", terms.render().as_bytes());
    }
    lines.whole("terms-text", format!("{:?}", all_terms()[0].render()));
    for change in changes() {
        lines.bytes("change", &borsh::to_vec(&change).unwrap());
        lines.whole("proposal-id", Propose::id_of(&change, &Digest([1; 32]), 9));
    }
    transactions(&mut lines);
    names(&mut lines);
    let golden = include_str!("golden.txt");
    for (number, (now, then)) in lines.0.lines().zip(golden.lines()).enumerate() {
        assert_eq!(now, then, "golden.txt line {}", number + 1);
    }
    assert_eq!(lines.0.lines().count(), golden.lines().count(), "all of them now:\n{}", lines.0);
}

fn transactions(lines: &mut Lines) {
    let action = Action::Mint(super::refusals::mint(BUYER, 100, 1));
    let body =
        Body { network: NETWORK, sender: party(AGENT), key: key(AGENT), nonce: [1; 16], last_valid: 100, action };
    lines.whole("body", hex::encode(body.bytes()));
    let checked = body.sign(&TestSigner::of(AGENT)).unwrap().check(&NETWORK).unwrap();
    lines.whole("signing-message", hex::encode(checked.message()));
    lines.whole("signature", checked.transaction().signature);
    lines.whole("transaction-id", checked.id());
    assert_eq!(checked.id(), checked.transaction().id());
    lines.whole("signed-digest", checked.digest());
    lines.whole("block-transactions", crate::execute::digest_of_transactions(&[checked]));
    lines.whole("add-key-proof", hex::encode(AddKey::proof_message(&party(BUYER), &key(STRANGER))));
    let quote: Quote = a_quote();
    lines.whole("quote", hex::encode(quote.message()));
    lines.whole("quote-key", quote.key());
}

fn names(lines: &mut Lines) {
    lines.whole("party-id", party(BUYER));
    lines.whole("dataset-id", DatasetId::of(&party(PROVIDER), "catalogue", "rain"));
    lines.whole("version-id", VersionId::of(&DATASET, 7));
    lines.whole("validators-digest", founding().validators.digest());
    let field = |name: &str, value: &str| SideField { name: name.into(), value: value.into() };
    let side = SideBody::new([9; 32], vec![field("outline", "Rain in Palma"), field("contact", "desk")]).unwrap();
    lines.whole("side-id", side.id());
    lines.bytes("side", &borsh::to_vec(&side).unwrap());
    lines.bytes("history-leaf", &history_leaf(7, &TransactionId([1; 32]), 2, &events()[2]));
    let mut frontier = Frontier::EMPTY;
    (0..7u8).for_each(|n| frontier.append(crate::merkle::leaf(&[n])));
    lines.whole("frontier-root-7", frontier.root());
    lines.bytes("frontier-7", &borsh::to_vec(&frontier).unwrap());
    let state: Vec<(Key, Vec<u8>)> = founding().state().unwrap().into_iter().collect();
    lines.bytes("founding-state", &borsh::to_vec(&state).unwrap());
    lines.whole("validator-fingerprint", founding().validators.validators[0].fingerprint());
}

#[test]
fn there_is_a_sample_of_everything() {
    let tags: Vec<_> = actions().iter().map(|action| (action.tag(), action.slug())).collect();
    assert_eq!(tags, Action::TABLE);
    let tags: Vec<_> = events().iter().map(|event| borsh::to_vec(event).unwrap()[0]).collect();
    let known = (0..=255).filter(|tag| {
        let unknown = borsh::from_slice::<crate::event::Event>(&[*tag]).unwrap_err().to_string();
        !unknown.contains("discriminant") && !unknown.contains("tag")
    });
    assert_eq!(tags, known.collect::<Vec<_>>(), "each tag that the decoder knows");
    struct Tags(Vec<u8>);
    impl EachRecord for Tags {
        fn see<T: Subject + PartialEq + std::fmt::Debug>(&mut self, _: Record<T>) {
            self.0.push(T::TAG);
        }
    }
    let mut records = Tags(vec![]);
    each_record(&mut records);
    assert_eq!(records.0, (1..=31).collect::<Vec<_>>());
}
