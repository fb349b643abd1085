//! One suite over every way of ordering: solo and four validators, on the hosts of the simulation.

use super::{
    bft::{Bft, Patience, forge},
    solo::Solo,
    *,
};
use crate::{
    sim::{Plan, World},
    testing::validators,
};
use contracts::{
    id::NetworkId,
    key::{Signer, TestSigner},
};
use proptest::prelude::*;
use std::sync::Arc;

/// One validator and four.
const NETWORKS: [u16; 2] = [1, 4];

#[test]
fn heights_are_decided_one_after_the_other_in_the_first_round() {
    for validators in NETWORKS {
        let report = World::new(Plan::calm(validators, 20)).run().unwrap();
        assert!(report.height >= 20 && report.blocks.len() as u64 == report.height, "{validators}: {report:?}");
        assert_eq!((report.round, report.crashes, report.accusations), (0, 0, 0), "{validators}");
    }
}

#[test]
fn a_stopped_validator_goes_on_where_it_stopped() {
    for validators in NETWORKS {
        let mut crashes = 0;
        for seed in 0..20 {
            let plan = Plan { seed, crashes: 15, faults_ms: 6_000, ..Plan::calm(validators, 3) };
            let report =
                World::new(plan).run().unwrap_or_else(|what| panic!("{validators} validators, seed {seed}: {what}"));
            crashes += report.crashes;
        }
        assert!(crashes > 20, "{validators} validators: {crashes} crashes");
    }
}

const NETWORK: NetworkId = NetworkId([9; 32]);

/// Validator 0 of `count`, as the simulation makes it.
fn validator(count: u16) -> Box<dyn Ordering> {
    let signer = Arc::new(TestSigner::of(500));
    match count {
        1 => Box::new(Solo::new(NETWORK, signer)),
        _ => Box::new(Bft::new(NETWORK, signer, Patience::default())),
    }
}

/// Whose turn it is at `height`, where every block before was made in the first round.
fn turns(count: u16, height: Height) -> Vec<Turn> {
    let mut turns = Turns::new(usize::from(count), height - 1);
    Turns::heights(height - 1).for_each(|_| turns.committed(0));
    turns.order()
}

#[test]
fn a_stranger_does_not_order() {
    for count in NETWORKS {
        let mut stranger: Box<dyn Ordering> = match count {
            1 => Box::new(Solo::new(NETWORK, Arc::new(TestSigner::of(7)))),
            _ => Box::new(Bft::new(NETWORK, Arc::new(TestSigner::of(7)), Patience::default())),
        };
        let error = stranger.begin(1, &validators(count), &turns(count, 1), &[]).unwrap_err();
        assert!(matches!(error, OrderingError::NotAValidator(_, 1)), "{count}: {error}");
    }
}

#[test]
fn what_is_no_message_is_blamed_on_its_sender_and_changes_nothing() {
    for count in NETWORKS {
        let mut ordering = validator(count);
        let height = 4;
        let begun = ordering.begin(height, &validators(count), &turns(count, height), &[]).unwrap();
        assert!(begun.contains(&Output::Propose { round: 0 }), "it is the turn of validator 0: {begun:?}");
        for bytes in [vec![], vec![9], vec![0; 100], vec![1; 9_000]] {
            let error = ordering.handle(Input::Received(bytes)).unwrap_err();
            assert!(matches!(error, OrderingError::Message(_)), "{count}: {error}");
        }
        let outputs = ordering.handle(Input::Proposed { round: 0, block: Digest([1; 32]) }).unwrap();
        let went_on = |output: &Output| matches!(output, Output::Decided(_) | Output::Send(_));
        assert!(outputs.iter().any(went_on), "{count}: {outputs:?}");
    }
}

/// The messages that validator 0 of four sends when it proposes block `block` at height 4.
fn proposing(ordering: &mut dyn Ordering, records: &[Vec<u8>], block: Digest) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut outputs = ordering.begin(4, &validators(4), &turns(4, 4), records).unwrap();
    if outputs.contains(&Output::Propose { round: 0 }) {
        outputs.extend(ordering.handle(Input::Proposed { round: 0, block }).unwrap());
    }
    let (mut kept, mut sent) = (Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Output::Record(bytes) => kept.push(bytes),
            Output::Send(bytes) => sent.push(bytes),
            _ => {}
        }
    }
    (kept, sent)
}

#[test]
fn records_keep_a_validator_from_saying_something_else() {
    let (first, second) = (Digest([1; 32]), Digest([2; 32]));
    let (records, sent) = proposing(&mut *validator(4), &[], first);
    let mut said: Vec<_> = sent.iter().filter_map(|bytes| forge::said(bytes)).collect();
    said.sort_by_key(|(said, _)| said.kind);
    let said: Vec<_> = said.iter().map(|(said, block)| (said.kind, *block)).collect();
    assert_eq!(said, [(0, Some(first)), (2, Some(first))], "a prevote for it and the proposal");
    // However much of what it kept is there after a crash: it says the same again, or what it never said.
    for count in 0..=records.len() {
        let (_, again) = proposing(&mut *validator(4), &records[..count], second);
        for (said_again, block) in again.iter().filter_map(|bytes| forge::said(bytes)) {
            let proposed = count == records.len();
            assert!(!proposed || block == Some(first), "{count} records: {said_again:?} {block:?}");
        }
    }
    let mut damaged = records.clone();
    damaged[1].truncate(20);
    let error = validator(4).begin(4, &validators(4), &turns(4, 4), &damaged).unwrap_err();
    assert!(matches!(error, OrderingError::Record { height: 4, number: 1, .. }), "{error}");
}

/// Certificates are made of precommits for a block, and of no other vote: not even one for none.
#[test]
fn other_votes_never_stand_in_a_certificate() {
    let (height, round, block) = (4, 0, Digest([1; 32]));
    let set = validators(4);
    let signed = |kind: u8| {
        let signature = |number: u16| {
            let signer = TestSigner::of(500 + 3 * number);
            let said = forge::Said { who: signer.public(), kind, height, round };
            let message = forge::message(&NETWORK, &signer, &said, Some(block));
            contracts::key::Signature(message[message.len() - 64..].try_into().unwrap())
        };
        Certificate { height, round, block, signatures: (0..3).map(|number| (number, signature(number))).collect() }
    };
    assert_eq!(signed(1).verify(&NETWORK, &set), Ok(()));
    for kind in [0, 2] {
        assert!(matches!(signed(kind).verify(&NETWORK, &set), Err(CertificateError::Signature(_))), "kind {kind}");
    }
}

/// Of a message that is well formed and not signed by whom it names, the engine would say nothing.
#[test]
fn a_signature_that_does_not_verify_is_blamed_on_its_sender() {
    let (height, block) = (4, Digest([1; 32]));
    let order = turns(4, height);
    for kind in 0..3 {
        let (who, round) = if kind == 2 { (order[1].number, 1) } else { (1, 0) };
        let signer = TestSigner::of(500 + 3 * who);
        let said = forge::Said { who: signer.public(), kind, height, round };
        let mut message = forge::message(&NETWORK, &signer, &said, Some(block));
        let told = |bytes: &[u8]| {
            let mut ordering = validator(4);
            ordering.begin(height, &validators(4), &order, &[]).unwrap();
            ordering.handle(Input::Received(bytes.to_vec()))
        };
        assert!(told(&message).is_ok(), "kind {kind}");
        // The signature is what it ends with.
        *message.last_mut().unwrap() ^= 1;
        let error = told(&message).unwrap_err();
        assert!(matches!(&error, OrderingError::Message(what) if what.contains("does not verify")), "{kind}: {error}");
    }
}

proptest! {
    /// Whatever comes: a message or an error, never a panic.
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), tags in (0u8..3, 0u8..4)) {
        let mut ordering = validator(4);
        ordering.begin(1, &validators(4), &turns(4, 1), &[]).unwrap();
        let tagged = [&[tags.0, tags.1], bytes.as_slice()].concat();
        for bytes in [bytes, tagged] {
            if let Err(error) = ordering.handle(Input::Received(bytes)) {
                prop_assert!(matches!(error, OrderingError::Message(_)), "{}", error);
            }
        }
    }

    /// Nor does a message of a validator with one bit changed.
    #[test]
    fn no_changed_bit_makes_it_panic(kind in 0u8..3, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut ordering = validator(4);
        ordering.begin(1, &validators(4), &turns(4, 1), &[]).unwrap();
        let signer = TestSigner::of(503);
        let said = forge::Said { who: signer.public(), kind, height: 1, round: 0 };
        let mut bytes = forge::message(&NETWORK, &signer, &said, Some(Digest([1; 32])));
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Err(error) = ordering.handle(Input::Received(bytes)) {
            prop_assert!(matches!(error, OrderingError::Message(_)), "{}", error);
        }
    }
}
