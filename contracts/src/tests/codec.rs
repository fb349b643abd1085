//! Bytes from outside: whatever they are, they are refused or mean exactly one thing.

use super::samples::{EachRecord, actions, each_record, entries, events};
use crate::{
    action::Action,
    event::Event,
    outcome::Entry,
    side::SideBody,
    state::{Record, Subject},
    testing::*,
    transaction::Transaction,
};
use borsh::BorshDeserialize;
use proptest::prelude::*;

/// Decodes what may be anything: no panic, and what was accepted encodes to the same bytes.
fn one_meaning(bytes: &[u8]) {
    if let Ok(transaction) = Transaction::decode(bytes) {
        assert_eq!(transaction.bytes(), bytes);
        let _ = transaction.clone().check(&NETWORK);
        let _ = transaction.body.action.check();
    }
    same::<Action>(bytes);
    same::<Event>(bytes);
    same::<Entry>(bytes);
    if let Some(body) = same::<SideBody>(bytes) {
        assert_eq!(body.check(), Ok(()), "a side body that was decoded keeps its invariants");
        let _ = body.id();
    }
    struct Decoding<'a>(&'a [u8]);
    impl EachRecord for Decoding<'_> {
        fn see<T: Subject + PartialEq + std::fmt::Debug>(&mut self, _: Record<T>) {
            if let Ok(record) = Record::<T>::decode(self.0) {
                assert_eq!(record.encode(), self.0);
                assert_eq!(record.history.peaks().len() as u32, record.history.count().count_ones());
            }
        }
    }
    each_record(&mut Decoding(bytes));
}

fn same<T: BorshDeserialize + borsh::BorshSerialize>(bytes: &[u8]) -> Option<T> {
    let value = T::try_from_slice(bytes).ok()?;
    assert_eq!(borsh::to_vec(&value).unwrap(), bytes);
    Some(value)
}

/// Valid bytes of every kind.
fn valid() -> &'static [Vec<u8>] {
    static VALID: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    VALID.get_or_init(encode_all)
}

fn encode_all() -> Vec<Vec<u8>> {
    struct Encoded(Vec<Vec<u8>>);
    impl EachRecord for Encoded {
        fn see<T: Subject + PartialEq + std::fmt::Debug>(&mut self, record: Record<T>) {
            let bytes = record.encode();
            assert_eq!(Record::<T>::decode(&bytes).unwrap(), record, "{}", T::KIND);
            assert!(Record::<T>::decode(&[bytes.as_slice(), &[0]].concat()).is_err(), "{}: trailing bytes", T::KIND);
            self.0.push(bytes);
        }
    }
    let mut all = Encoded(vec![]);
    each_record(&mut all);
    let mut market = Market::founded();
    all.0.extend(actions().into_iter().map(|action| market.transaction_unchecked(action).bytes()));
    all.0.extend(actions().iter().map(|action| borsh::to_vec(action).unwrap()));
    all.0.extend(events().iter().map(|event| borsh::to_vec(event).unwrap()));
    all.0.extend(entries().iter().map(Entry::bytes));
    all.0
}

#[test]
fn every_kind_decodes_to_what_was_encoded_and_no_shorter() {
    for bytes in valid() {
        one_meaning(bytes);
        (0..bytes.len()).step_by(1 + bytes.len() / 12).for_each(|end| one_meaning(&bytes[..end]));
    }
    for action in actions() {
        let json = serde_json::to_string(&action).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), action, "{json}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        one_meaning(&bytes);
    }

    #[test]
    fn valid_bytes_with_a_few_changes_have_one_meaning_or_none(
        which in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let all = valid();
        let mut bytes = all[which.index(all.len())].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        one_meaning(&bytes);
    }
}
