//! Through listings that change under their offers: the table at the head of `offer.rs`, held by tests.

use crate::{
    agreement::Buy,
    dataset::Listing,
    id::*,
    jacket::{Access, Classification},
    offer::{MakeOffer, Price, ReviseOffer, WithdrawOffer},
    party::{Admit, Role, Roles},
    rejection::Rejection,
    terms::{Allowed, Terms},
    testing::*,
    tests::refusals::{closed, deliver, limited, list, renew, revise, revise_offer, subscribe, suspend},
    vocabulary::*,
};

fn name(rejection: &Rejection) -> &'static str {
    Rejection::name_of(rejection.code()).unwrap()
}

#[test]
fn what_becomes_of_offers_and_licences_when_a_listing_changes() {
    type Change = fn(&mut Market, Goods) -> TransactionId;
    // Change; the refusals of making and revising, of buying and renewing, of delivering.
    let rows: [(Change, [Option<&str>; 3]); 5] = [
        (|_, _| TransactionId::default(), [None, None, None]),
        (
            |m, g| m.ok(PROVIDER, revise(g.dataset, 1, closed())),
            [Some("ClosedIsNotTraded"), Some("ClosedIsNotTraded"), None],
        ),
        (
            |m, g| m.ok(PROVIDER, revise(g.dataset, 1, limited(Access::Specific { parties: vec![] }))),
            [None, Some("AccessRestricted"), None],
        ),
        (|m, g| m.ok(PROVIDER, list(g.dataset, Listing::Suspended)), [Some("DatasetNotListed"); 3]),
        (
            |m, g| m.ok(PROVIDER, list(g.dataset, Listing::Withdrawn)),
            [Some("DatasetNotListed"), Some("DatasetNotListed"), None],
        ),
    ];
    for (row, (change, [offered, bought, delivered])) in rows.into_iter().enumerate() {
        let (mut market, goods) = Market::trading();
        let agreement = subscribe(&mut market, goods);
        change(&mut market, goods);
        let make = MakeOffer { dataset: goods.dataset, terms: terms(), price: Price::Free };
        let uses = [
            (market.clone().act(PROVIDER, make), offered),
            (market.clone().act(PROVIDER, revise_offer(goods.offer, 1)), offered),
            (market.clone().act(BUYER, buy(goods.offer, 500)), bought),
            (market.clone().act(BUYER, renew(agreement, 10)), bought),
        ];
        for (number, (got, expected)) in uses.iter().enumerate() {
            assert_eq!(got.as_ref().err().map(name), *expected, "row {row}, use {number}");
        }
        for held in [agreement, goods.agreement] {
            let got = market.clone().act(GATEWAY, deliver(held, goods.version));
            assert_eq!(got.as_ref().err().map(name), delivered, "row {row}");
        }
        market.ok(PROVIDER, WithdrawOffer { offer: goods.offer });
    }
}

#[test]
fn listing_again_opens_the_offers_that_were_not_closed() {
    let (mut market, goods) = Market::trading();
    let other = market.offer(PROVIDER, goods.dataset, Price::Free);
    market.ok(PROVIDER, list(goods.dataset, Listing::Suspended));
    market.ok(PROVIDER, WithdrawOffer { offer: other });
    market.ok(PROVIDER, list(goods.dataset, Listing::Listed));
    market.ok(BUYER, buy(goods.offer, 500));
    assert_eq!(market.no(BUYER, buy(other, 0)), Rejection::OfferIsWithdrawn);
    // From closed back to shared, likewise: the classification of now is what counts.
    market.ok(PROVIDER, revise(goods.dataset, 1, closed()));
    market.no(BUYER, buy(goods.offer, 500));
    market.ok(PROVIDER, revise(goods.dataset, 2, shared(PersonalStatus::None)));
    market.ok(BUYER, buy(goods.offer, 500));
}

#[test]
fn deliveries_stop_by_suspending_for_all_or_revoking_for_one() {
    let (mut market, goods) = Market::trading();
    market.ok(PROVIDER, revise(goods.dataset, 1, closed()));
    market.ok(GATEWAY, deliver(goods.agreement, goods.version));
    let mut revoked = market.clone();
    revoked.ok(PROVIDER, crate::tests::refusals::revoke(goods.agreement, crate::agreement::RevocationReason::Legal));
    assert_eq!(name(&revoked.no(GATEWAY, deliver(goods.agreement, goods.version))), "AgreementOver");
    market.ok(PROVIDER, list(goods.dataset, Listing::Suspended));
    assert_eq!(name(&market.no(GATEWAY, deliver(goods.agreement, goods.version))), "DatasetNotListed");
}

/// Everything is wrong with a purchase; what is said first is put right, and so on. The names that
/// come are the order of the checks.
#[test]
fn a_purchase_is_checked_in_the_order_that_is_written_down() {
    let (mut market, goods) = Market::trading();
    let (dataset, offer) = (goods.personal, goods.personal_offer);
    let only = Terms { purposes: Allowed::Only { purposes: vec![Purpose::Planning] }, ..terms() };
    market.ok(PROVIDER, ReviseOffer { offer, follows: 1, terms: only, price: one_off(700) });
    let gaps = Classification { refresh: Stated::NotStated, ..closed() };
    market.ok(PROVIDER, revise(dataset, 1, gaps.clone()));
    market.ok(PROVIDER, list(dataset, Listing::Suspended));
    market.ok(PROVIDER, WithdrawOffer { offer });
    market.ok(AGENT, crate::tests::refusals::burn(BUYER, 99_500));
    market.ok(OPERATOR, suspend(BUYER));
    market.ok(OPERATOR, suspend(PROVIDER));

    let wrong = Buy { periods: 2, justification: None, ..buy(offer, 1) };
    let admit = |seed, role| Admit { party: party(seed), roles: Roles::of(&[role]) };
    let nobody = Classification {
        personal: Stated::said(PersonalStatus::Personal),
        ..limited(Access::Specific { parties: vec![] })
    };
    let everybody = shared(PersonalStatus::Personal);
    let mut said = Vec::new();
    let mut ask = |market: &mut Market, action: Buy| said.push(name(&market.no(BUYER, action)));
    ask(&mut market, wrong.clone());
    market.ok(OPERATOR, admit(BUYER, Role::Buyer));
    ask(&mut market, wrong.clone());
    market.ok(OPERATOR, admit(PROVIDER, Role::Provider));
    ask(&mut market, wrong.clone());
    market.ok(PROVIDER, list(dataset, Listing::Listed));
    ask(&mut market, wrong.clone());
    market.ok(PROVIDER, revise(dataset, 2, Classification { spectrum: Stated::said(Spectrum::Open), ..gaps }));
    ask(&mut market, wrong.clone());
    market.ok(PROVIDER, revise(dataset, 3, nobody));
    ask(&mut market, wrong.clone());
    // An offer that is withdrawn stays so: from here on by another, with the same terms.
    let only = Terms { purposes: Allowed::Only { purposes: vec![Purpose::Planning] }, ..terms() };
    let offer = OfferId(market.ok(PROVIDER, MakeOffer { dataset, terms: only, price: one_off(700) }).0);
    let wrong = Buy { offer, revision: 7, ..wrong };
    ask(&mut market, wrong.clone());
    market.ok(PROVIDER, revise(dataset, 4, everybody));
    ask(&mut market, wrong.clone());
    let wrong = Buy { revision: 1, ..wrong };
    ask(&mut market, wrong.clone());
    let wrong = Buy { purpose: Purpose::Planning, ..wrong };
    ask(&mut market, wrong.clone());
    let wrong = Buy { justification: Some(SideId([7; 32])), ..wrong };
    ask(&mut market, wrong.clone());
    market.ok(CUSTODIAN, crate::consent::Give { purposes: vec![Purpose::Planning], ..give(dataset, 1) });
    ask(&mut market, wrong.clone());
    let wrong = Buy { periods: 1, ..wrong };
    ask(&mut market, wrong.clone());
    let wrong = Buy { amount: amount(700), ..wrong };
    ask(&mut market, wrong.clone());
    market.mint(BUYER, 700);
    market.ok(BUYER, wrong);
    assert_eq!(
        said,
        [
            "PartyNotActive",
            "PartyNotActive",
            "DatasetNotListed",
            "ClosedIsNotTraded",
            "ClassificationIncomplete",
            "OfferIsWithdrawn",
            "AccessRestricted",
            "RevisionMoved",
            "PurposeNotAllowed",
            "JustificationMissing",
            "NoGround",
            "Periods",
            "PriceIsAnother",
            "BalanceTooSmall",
        ]
    );
}
