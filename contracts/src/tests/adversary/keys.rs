//! With a key that was rotated, revoked or stolen; as a member that is none any more.

use crate::{
    execute::{ExecuteError, Inadmissible},
    id::PartyId,
    party::{Admit, KeyUse, Role, Roles},
    rejection::Rejection,
    testing::*,
    tests::refusals::{deliver, revoke_key, suspend},
};

/// The buyer has a new key, and its first is revoked.
fn rotated() -> (Market, Goods) {
    let (mut market, goods) = Market::trading();
    market.ok(BUYER, add_key(BUYER, 40, KeyUse::Sign));
    let revoke = market.transaction_by(party(BUYER), 40, revoke_key(BUYER));
    market.send(revoke).unwrap();
    (market, goods)
}

#[test]
fn a_revoked_key_signs_nothing_and_never_comes_back() {
    let (mut market, goods) = rotated();
    let gone = Err(Inadmissible::UnknownKey(party(BUYER)));
    let bought = market.transaction(BUYER, buy(goods.offer, 500));
    assert_eq!(market.send(bought).map(drop), gone);
    // The thief has no other party to be: its key names the same one.
    let applied = market.transaction(BUYER, crate::tests::refusals::apply());
    assert_eq!(market.send(applied).map(drop), gone);
    let again = market.transaction_by(party(BUYER), 40, add_key(BUYER, BUYER, KeyUse::Sign));
    let done = market.send(again).unwrap();
    assert!(matches!(done.entry.outcome, crate::outcome::Outcome::Refused { code: 7 }), "{:?}", done.entry.outcome);
}

#[test]
fn a_revocation_works_from_its_own_place_in_the_block_on() {
    let (mut market, goods) = Market::trading();
    market.ok(BUYER, add_key(BUYER, 40, KeyUse::Sign));
    let revoke = market.transaction_by(party(BUYER), 40, revoke_key(BUYER));
    let bought = market.transaction(BUYER, buy(goods.offer, 500));
    let after = market.clone().commit(&[revoke.clone(), bought.clone()]);
    let reason = Inadmissible::UnknownKey(party(BUYER));
    assert_eq!(after.map(drop), Err(ExecuteError::Inadmissible { index: 1, reason }));
    market.commit(&[bought, revoke]).unwrap();
}

#[test]
fn a_party_keeps_what_it_holds_when_its_keys_change() {
    let (mut market, goods) = rotated();
    market.ok(GATEWAY, deliver(goods.agreement, goods.version));
    let quoted = quote(&market, PROVIDER, goods.offer, 300);
    let action = crate::agreement::Buy { quote: Some(quoted), ..buy(goods.offer, 300) };
    let bought = market.transaction_by(party(BUYER), 40, action);
    assert_eq!(market.send(bought).unwrap().entry.outcome, crate::outcome::Outcome::Applied);
}

#[test]
fn one_key_of_two_parties_acts_for_the_one_that_is_named() {
    let (mut market, goods) = Market::trading();
    market.ok(BUYER, add_key(BUYER, 40, KeyUse::Sign));
    market.ok(CUSTODIAN, add_key(CUSTODIAN, 40, KeyUse::Sign));
    let as_custodian = market.transaction_by(party(CUSTODIAN), 40, buy(goods.offer, 500));
    let done = market.send(as_custodian).unwrap();
    assert_eq!(done.entry.outcome, crate::outcome::Outcome::Refused { code: 4 });
    // Its name is in what is signed: nobody turns the one into the other.
    let mut stolen = market.transaction_by(party(CUSTODIAN), 40, buy(goods.offer, 500)).transaction().clone();
    stolen.body.sender = party(BUYER);
    assert!(stolen.check(&NETWORK).is_err());
}

#[test]
fn a_member_without_roles_does_nothing_and_is_delivered_nothing() {
    let (mut market, goods) = Market::trading();
    market.ok(OPERATOR, Admit { party: party(BUYER), roles: Roles::default() });
    let missing = Rejection::RoleMissing { party: party(BUYER), role: Role::Buyer };
    assert_eq!(market.no(BUYER, buy(goods.offer, 500)), missing);
    assert_eq!(market.no(GATEWAY, deliver(goods.agreement, goods.version)), missing);
}

#[test]
fn a_suspended_operator_does_not_let_itself_in_again() {
    let (mut market, _) = Market::trading();
    let second = Admit { party: party(PROVIDER), roles: Roles::of(&[Role::Operator]) };
    market.ok(OPERATOR, second.clone());
    market.ok(PROVIDER, suspend(OPERATOR));
    let back = Admit { party: party(OPERATOR), roles: Roles::of(&[Role::Operator]) };
    assert_eq!(market.no(OPERATOR, back.clone()), Rejection::PartyNotActive { party: party(OPERATOR) });
    assert_eq!(market.no(OPERATOR, suspend(PROVIDER)), Rejection::PartyNotActive { party: party(OPERATOR) });
    market.ok(PROVIDER, back);
}

#[test]
fn two_operators_who_suspend_each_other_leave_one() {
    let (mut market, _) = Market::trading();
    market.ok(OPERATOR, Admit { party: party(PROVIDER), roles: Roles::of(&[Role::Operator]) });
    let each_other = [market.transaction(OPERATOR, suspend(PROVIDER)), market.transaction(PROVIDER, suspend(OPERATOR))];
    let executed = market.commit(&each_other).unwrap();
    let codes: Vec<_> = executed.done.iter().map(|done| done.entry.outcome).collect();
    assert_eq!(codes, [crate::outcome::Outcome::Applied, crate::outcome::Outcome::Refused { code: 3 }]);
    market.ok(OPERATOR, suspend(BUYER));
}

#[test]
fn nobody_applies_for_another_or_twice() {
    let mut market = Market::founded();
    let foreign = market.transaction_by(party(STRANGER), PROVIDER, crate::tests::refusals::apply());
    assert_eq!(market.send(foreign).map(drop), Err(Inadmissible::UnknownParty(party(STRANGER))));
    let shared = market.transaction_by(PartyId::STRANGERS, STRANGER, crate::tests::refusals::apply());
    assert_eq!(market.send(shared).map(drop), Err(Inadmissible::UnknownParty(PartyId::STRANGERS)));
    market.ok(STRANGER, crate::tests::refusals::apply());
    assert_eq!(market.no(STRANGER, crate::tests::refusals::apply()), Rejection::PartyExists { party: party(STRANGER) });
}
