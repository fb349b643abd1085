//! What a proposed set of validators may be beside the one in force.

use super::{
    governance::{approve, four, in_four, market, now, propose, proposed, set},
    refusals::Case,
};
use crate::{
    governance::{Change, CompromisedKey},
    id::*,
    rejection::Rejection,
    state::Reading,
    testing::*,
    validators::{Validator, ValidatorSet},
};

/// The validators with these numbers.
fn of(numbers: &[u8]) -> ValidatorSet {
    let all = set(12).validators;
    ValidatorSet { validators: numbers.iter().map(|number| all[usize::from(*number)].clone()).collect() }
}

fn change(set: ValidatorSet, compromised: &[u8]) -> Change {
    Change::Validators { set, compromised: compromised.to_vec() }
}

/// Everybody of a set says that it is ready, until enough have.
fn enters(market: &mut Market, proposal: ProposalId, numbers: &[u8]) {
    // A ballot of readiness is numbered by the place in the new set, and signed by the key that is there.
    for (place, number) in (0..).zip(numbers).take(of(numbers).quorum()) {
        let height = market.context.height - 1;
        let signer = super::governance::consensus(*number);
        let ballot = crate::governance::Ballot::ready(&NETWORK, &proposal, height, place, &signer).unwrap();
        market.ok(BUYER, crate::governance::Ready { proposal, height, ballot });
    }
    assert_eq!(now::<ValidatorSet>(market, &ValidatorSet::key()), of(numbers));
}

/// A validator that is made of one whose keys were lost and of one with new keys.
type MadeOf = fn(&Validator, Validator) -> Validator;

#[test]
fn no_key_that_may_be_in_other_hands_stays_in_the_set() {
    let mut market = market();
    let all = set(12).validators;
    // Forgotten to be taken out: all its keys are there, the first of them first.
    let stays = change(of(&[0, 1, 2, 3, 4]), &[3]);
    assert_eq!(market.no(BUYER, propose(0, stays)), Rejection::KeyCompromised { key: all[3].consensus });
    // Taken out, and one of its keys is in the file of its new ones.
    let again = |make: MadeOf| {
        let new = make(&all[3], Validator { name: "v3-2".into(), ..all[4].clone() });
        change(ValidatorSet { validators: [of(&[0, 1, 2]).validators, vec![new]].concat() }, &[3])
    };
    let kept: [(MadeOf, _); 3] = [
        (|old, new| Validator { consensus: old.consensus, ..new }, all[3].consensus),
        (|old, new| Validator { log: old.log, ..new }, all[3].log),
        (|old, new| Validator { cosigner: old.cosigner, ..new }, all[3].cosigner),
    ];
    for (make, key) in kept {
        assert_eq!(market.no(BUYER, propose(0, again(make))), Rejection::KeyCompromised { key });
    }
    market.ok(BUYER, propose(0, again(|_, new| new)));
}

#[test]
fn no_key_that_may_be_in_other_hands_comes_back() {
    let mut market = market();
    let lost = proposed(&mut market, change(of(&[0, 1, 2, 4]), &[3]), 3);
    let key = of(&[3]).validators[0].cosigner;
    let kept = |market: &Market| market.state.value::<CompromisedKey>(&CompromisedKey::key(&key)).unwrap();
    assert_eq!(kept(&market), None, "nothing is so before it is in force");
    enters(&mut market, lost, &[0, 1, 2, 4]);
    assert_eq!(kept(&market), Some(CompromisedKey { proposal: lost }));
    // The set of before, whose ballots the helpers know, is put back behind the rules.
    four(&mut market);
    let back = Rejection::KeyCompromised { key: of(&[3]).validators[0].consensus };
    assert_eq!(market.no(BUYER, propose(0, change(of(&[0, 1, 2, 3, 5]), &[]))), back);
    market.ok(BUYER, propose(0, change(of(&[0, 1, 2, 5]), &[])));
}

/// Ballots are the word of the validators in force, whatever was in force in between.
#[test]
fn what_is_open_is_void_while_another_set_is_in_force_and_counts_again_when_its_own_is_back() {
    let mut market = market();
    let open = proposed(&mut market, super::governance::parameters(5_000), 2);
    let joins = proposed(&mut market, change(of(&[0, 1, 2, 3, 5]), &[]), 3);
    enters(&mut market, joins, &[0, 1, 2, 3, 5]);
    assert_eq!(market.no(BUYER, approve(3, open)), Rejection::ProposalOfAnotherSet);
    // The five go back to the four by a proposal of their own; here, behind the rules.
    four(&mut market);
    market.ok(BUYER, approve(3, open));
    assert_eq!(super::governance::state(&market, open), crate::governance::ProposalState::InForce);
}

/// What is open waits while another set is in force, and goes on when the one that was asked returns.
#[test]
fn a_key_that_was_lost_while_a_proposal_waited_does_not_come_in_by_it() {
    let mut market = market();
    let waits = proposed(&mut market, change(of(&[0, 1, 2, 3, 5]), &[]), 2);
    let joins = proposed(&mut market, change(of(&[0, 1, 2, 5]), &[]), 3);
    enters(&mut market, joins, &[0, 1, 2, 5]);
    let key = of(&[5]).validators[0].consensus;
    let mut overlay = crate::state::Overlay::over(&market.state);
    overlay.put(&CompromisedKey::key(&key), CompromisedKey { proposal: joins }).unwrap();
    let writes = overlay.into_writes();
    market.state.extend(writes);
    four(&mut market);
    assert_eq!(market.no(BUYER, approve(3, waits)), Rejection::KeyCompromised { key });
}

#[test]
fn a_validator_that_keeps_its_name_keeps_its_keys() {
    let mut market = market();
    let all = set(12).validators;
    let others: [fn(&mut Validator, Validator); 3] = [
        |one, new| one.consensus = new.consensus,
        |one, new| one.log = new.log,
        |one, new| one.cosigner = new.cosigner,
    ];
    for other in others {
        let mut next = set(5);
        other(&mut next.validators[2], all[9].clone());
        assert_eq!(market.no(BUYER, propose(0, change(next, &[]))), Rejection::NameKeepsItsKeys { number: 2 });
    }
    let mut next = set(4);
    next.validators[2] = Validator { name: "v2-2".into(), ..all[9].clone() };
    market.ok(BUYER, propose(0, change(next, &[])));
}

/// A case for each refusal of sets.
pub(super) const SETS: &[Case] = &[
    ("KeyCompromised", |m, _| in_four(m, |m| m.no(BUYER, propose(0, change(set(5), &[0]))))),
    ("NameKeepsItsKeys", |m, _| {
        in_four(m, |m| {
            let mut next = set(4);
            next.validators.swap(0, 1);
            next.validators[0].name = "v0".into();
            next.validators[1].name = "v1".into();
            m.no(BUYER, propose(0, change(next, &[])))
        })
    }),
];
