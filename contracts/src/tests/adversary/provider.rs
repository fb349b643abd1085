//! As a provider: to sell what is another's, to hide where data come from, to undo a withdrawal, to
//! erase what others wrote, to use up what is everybody's.

use crate::{
    action::Action,
    dataset::{Dataset, Publish},
    execute::Inadmissible,
    founding::{Founding, Parameters},
    id::*,
    key::PublicKey,
    limits::QUOTA_WINDOW_BLOCKS,
    offer::{MakeOffer, ReviseOffer},
    party::KeyUse,
    quota::{Quota, QuotaLimits},
    rejection::Rejection,
    side::SideOwner,
    state::Reading,
    takedown::{TakeDown, TakeSideDown, TakenDown},
    testing::*,
    tests::refusals::{apply, deliver, mint, revise, revise_offer},
    version::AddVersion,
    vocabulary::PersonalStatus,
};
use proptest::prelude::*;

#[test]
fn nobody_offers_the_data_of_another() {
    let (mut market, goods) = Market::trading();
    let action = MakeOffer { dataset: goods.dataset, terms: terms(), price: one_off(1) };
    assert_eq!(market.no(OTHER_PROVIDER, action), Rejection::NotThePublisher { dataset: goods.dataset });
    // The same names under another publisher are another dataset.
    market.ok(OTHER_PROVIDER, publish("rain", shared(PersonalStatus::None)));
    assert_ne!(DatasetId::of(&party(OTHER_PROVIDER), "catalogue", "rain"), goods.dataset);
}

#[test]
fn no_version_is_made_from_itself_or_from_what_is_to_come() {
    let (mut market, goods) = Market::trading();
    for number in [2, 3] {
        let parent = VersionId::of(&goods.dataset, number);
        let action = AddVersion { parents: vec![parent], ..add_version(goods.dataset, 2) };
        assert_eq!(market.no(PROVIDER, action), Rejection::VersionUnknown { version: parent });
    }
    // Two datasets may be made from each other in turns: by versions, so that no circle comes of it.
    let other = market.publish(PROVIDER, "other", shared(PersonalStatus::None));
    market.ok(PROVIDER, AddVersion { parents: vec![goods.version], ..add_version(other, 1) });
    let back = AddVersion { parents: vec![VersionId::of(&other, 1)], ..add_version(goods.dataset, 2) };
    market.ok(PROVIDER, back);
}

#[test]
fn the_same_bytes_leave_nobody_out() {
    let (market, goods) = Market::trading();
    for withdrawn in [true, false] {
        let mut market = market.clone();
        let consent = market.consent(CUSTODIAN, goods.personal, 1);
        market.consent(CUSTODIAN, goods.personal, 2);
        let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
        if withdrawn {
            market.ok(CUSTODIAN, withdraw(consent));
        }
        let attests = AddVersion { excludes: vec![consent], ..add_version(goods.personal, 2) };
        let lie = AddVersion { content: content(1), ..attests.clone() };
        assert_eq!(market.no(PROVIDER, lie), Rejection::ContentClosed { number: 1 });
        market.ok(PROVIDER, attests);
        market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 2)));
        // Nor do the old bytes come back as a newer version, which would be open again.
        let revived = AddVersion { content: content(1), ..add_version(goods.personal, 3) };
        assert_eq!(market.no(PROVIDER, revived), Rejection::ContentClosed { number: 1 });
        // What was never closed may be anchored again.
        market.ok(PROVIDER, AddVersion { content: content(2), ..add_version(goods.personal, 3) });
    }
}

#[test]
fn old_bytes_come_again_where_no_consent_says_otherwise() {
    let (mut market, goods) = Market::trading();
    market.ok(PROVIDER, add_version(goods.dataset, 2));
    market.ok(PROVIDER, AddVersion { content: content(1), ..add_version(goods.dataset, 3) });
}

#[test]
fn nobody_takes_down_the_prose_of_another() {
    let (mut market, goods) = Market::trading();
    let side = Some(SideId([6; 32]));
    let copy = Publish { side, ..publish("copy", open()) };
    let dataset = DatasetId::of(&party(OTHER_PROVIDER), "catalogue", "copy");
    type Commit = fn(&mut Market, Goods, Option<SideId>) -> TransactionId;
    let first: [Commit; 3] = [
        |m, g, side| m.ok(PROVIDER, crate::dataset::Revise { side, ..revise(g.dataset, 1, open()) }),
        |m, _, side| m.ok(STRANGER, crate::party::Apply { side, ..apply() }),
        |m, g, side| m.ok(BUYER, crate::agreement::Buy { justification: side, ..buy(g.offer, 500) }),
    ];
    for commit in first {
        let mut market = market.clone();
        commit(&mut market, goods, side);
        // To show it is one thing, to delete it another.
        market.ok(OTHER_PROVIDER, copy.clone());
        let refused = market.no(OTHER_PROVIDER, TakeDown { dataset });
        assert_eq!(refused, Rejection::SideBodyOfAnother { side: SideId([6; 32]) });
        market.ok(OPERATOR, TakeDown { dataset });
    }
    // Of an older revision, of an application and of a purchase: whoever wrote it deletes it, and nothing commits to it
    // again, also not what others publish.
    for (commit, owner) in first.into_iter().zip([PROVIDER, STRANGER, BUYER]) {
        let mut market = market.clone();
        commit(&mut market, goods, side);
        let now = market.get::<Dataset>(&Dataset::key(&goods.dataset)).revision;
        market.ok(PROVIDER, revise(goods.dataset, now, open()));
        let height = market.context.height;
        market.ok(owner, TakeSideDown { side: SideId([6; 32]) });
        let gone = market.get::<TakenDown>(&TakenDown::key(&SideId([6; 32])));
        assert_eq!(gone, TakenDown { by: party(owner), height });
        assert_eq!(market.no(OTHER_PROVIDER, copy.clone()), Rejection::SideBodyGone { side: SideId([6; 32]) });
        market.ok(OTHER_PROVIDER, publish("copy", open()));
    }
    // Nobody owns what a refused purchase committed to; an operator takes it down.
    let mut refused = market.clone();
    refused.no(BUYER, crate::agreement::Buy { justification: side, ..buy(goods.offer, 499) });
    let take = TakeSideDown { side: SideId([6; 32]) };
    assert_eq!(refused.no(BUYER, take.clone()), Rejection::SideBodyUnknown { side: SideId([6; 32]) });
    refused.ok(OPERATOR, take);
    // One's own, on two listings, is one's own.
    market.ok(PROVIDER, Publish { side, ..publish("a", open()) });
    market.ok(PROVIDER, Publish { side, ..publish("b", open()) });
    assert_eq!(market.get::<SideOwner>(&SideOwner::key(&SideId([6; 32]))).owner, party(PROVIDER));
    market.ok(PROVIDER, TakeDown { dataset: DatasetId::of(&party(PROVIDER), "catalogue", "b") });
}

#[test]
fn a_price_that_moved_is_never_paid_unread() {
    let (mut market, goods) = Market::trading();
    let dearer = ReviseOffer { price: one_off(9_000), ..revise_offer(goods.offer, 1) };
    // The provider's change lands in the same block, before the purchase.
    let block = [market.transaction(PROVIDER, dearer), market.transaction(BUYER, buy(goods.offer, 500))];
    let executed = market.commit(&block).unwrap();
    assert_eq!(executed.done[1].entry.outcome, crate::outcome::Outcome::Refused { code: 24 });
    // Nor does reading the new revision at the old price help anybody.
    let half_read = crate::agreement::Buy { revision: 2, ..buy(goods.offer, 500) };
    assert_eq!(market.no(BUYER, half_read), Rejection::PriceIsAnother { amount: amount(9_000) });
}

/// A market where everybody may do very little in a window.
fn frugal(quota: QuotaLimits) -> Market {
    let mut market = Market::founded();
    market.state = Founding { parameters: Parameters { quota }, ..founding() }.state().unwrap();
    market
}

#[test]
fn a_quota_is_of_the_party_and_not_of_a_key() {
    let mut market = frugal(QuotaLimits { count_max: 3, ..QuotaLimits::default() });
    market.ok(PROVIDER, add_key(PROVIDER, 40, KeyUse::Sign));
    market.ok(PROVIDER, publish("a", open()));
    market.ok(PROVIDER, publish("b", open()));
    let by_new = market.transaction_by(party(PROVIDER), 40, publish("c", open()));
    assert!(matches!(market.send(by_new), Err(Inadmissible::Quota(_))));
    // Others are not touched by it.
    market.ok(OTHER_PROVIDER, publish("a", open()));
    // A new window begins for everybody at the same height, and not before.
    for (height, may) in [(QUOTA_WINDOW_BLOCKS - 1, false), (QUOTA_WINDOW_BLOCKS, true)] {
        market.context.height = height;
        let transaction = market.transaction(PROVIDER, publish("c", open()));
        assert_eq!(market.send(transaction).is_ok(), may, "height {height}");
    }
}

#[test]
fn who_uses_up_its_state_stops_and_nobody_else_does() {
    let mut market = frugal(QuotaLimits { state_bytes_max: 4_096, ..QuotaLimits::default() });
    let mut number = 0;
    let stopped = loop {
        let transaction = market.transaction(PROVIDER, publish(&format!("d{number}"), open()));
        match market.send(transaction) {
            Ok(_) => number += 1,
            Err(reason) => break reason,
        }
        assert!(number < 20, "the bytes of state are counted");
    };
    assert!(matches!(stopped, Inadmissible::Quota(_)) && number > 0, "{stopped} after {number}");
    market.ok(OTHER_PROVIDER, publish("d", open()));
    market.ok(AGENT, mint(BUYER, 1, 1));
    // Refusals write little, but they are counted as well.
    let used = |market: &Market| market.get::<Quota>(&Quota::key(&party(OTHER_PROVIDER)));
    let before = used(&market);
    market.no(OTHER_PROVIDER, publish("d", open()));
    let after = used(&market);
    assert!(after.count == before.count + 1 && after.bytes > before.bytes && after.state_bytes > before.state_bytes);
}

#[test]
fn a_thousand_strangers_share_what_one_may() {
    let (mut market, _) = Market::trading();
    let quota = |market: &Market, of: &PartyId| market.state.value::<Quota>(&Quota::key(of)).unwrap();
    market.ok(STRANGER, apply());
    let one = quota(&market, &PartyId::STRANGERS).unwrap();
    // An applicant that writes on draws on the same quota, with whatever it tries.
    market.no(STRANGER, publish("x", open()));
    assert_eq!(quota(&market, &PartyId::STRANGERS).unwrap().count, one.count + 1);
    assert_eq!(quota(&market, &party(STRANGER)), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A naive model of the quota: a list of everything that was let in, and three sums over the window.
    #[test]
    fn a_quota_agrees_with_a_list_of_all_that_was_let_in(
        steps in proptest::collection::vec((0..500u64, 1..600u64, 0..700u64), 1..60)
    ) {
        let limits = QuotaLimits { count_max: 8, bytes_max: 2_000, state_bytes_max: 2_500 };
        let (mut quota, mut height, mut let_in) = (Quota::default(), 1, Vec::<(u64, u64, u64)>::new());
        for (later, bytes, state_bytes) in steps {
            height += later;
            let window = height / QUOTA_WINDOW_BLOCKS;
            let now: Vec<&(u64, u64, u64)> = let_in.iter().filter(|(at, ..)| at / QUOTA_WINDOW_BLOCKS == window).collect();
            let may = now.len() < 8
                && now.iter().map(|(_, bytes, _)| bytes).sum::<u64>() + bytes <= 2_000
                && now.iter().map(|(_, _, state)| state).sum::<u64>() <= 2_500;
            let got = quota.admit(height, bytes, &limits);
            prop_assert_eq!(got.is_ok(), may);
            if let Ok(next) = got {
                quota = Quota { state_bytes: next.state_bytes + state_bytes, ..next };
                let_in.push((height, bytes, state_bytes));
            }
        }
    }
}

#[test]
fn a_weak_key_cannot_be_brought_in_by_any_door() {
    for weak in [[0u8; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let action: Action =
            crate::party::AddKey { key: PublicKey(weak), ..add_key(PROVIDER, 40, KeyUse::Price) }.into();
        assert_eq!(action.check().map_err(|malformed| malformed.field), Err("key"));
        let mut market = Market::founded();
        let mut body = market.transaction(STRANGER, apply()).transaction().clone();
        body.body.key = PublicKey(weak);
        body.body.sender = PartyId::of_first_key(&PublicKey(weak));
        assert!(body.check(&NETWORK).is_err(), "nobody applies with a weak key");
    }
}
