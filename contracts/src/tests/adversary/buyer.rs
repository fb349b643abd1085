//! As a buyer: to pay less, to hold longer, to get at what is shared with others.

use crate::{
    action::Rule,
    agreement::{Agreement, Buy, Renew},
    execute::ExecuteError,
    group::SetGroup,
    id::*,
    jacket::Access,
    key::{Domain, Signer, TestSigner},
    limits::PERIODS_MAX,
    quote::{Quote, SignedQuote},
    rejection::Rejection,
    settlement::Account,
    testing::*,
    tests::refusals::{deliver, group, limited, renew, revise, subscribe, suspend},
};

fn balance(market: &Market, seed: u16) -> u64 {
    market.get::<Account>(&Account::key(&party(seed), eur())).balance.minor()
}

#[test]
fn one_balance_pays_once_also_within_a_block() {
    let (mut market, goods) = Market::trading();
    market.mint(OTHER_PROVIDER, 700);
    let two = [
        market.transaction(OTHER_PROVIDER, buy(goods.offer, 500)),
        market.transaction(OTHER_PROVIDER, buy(goods.offer, 500)),
    ];
    let executed = market.commit(&two).unwrap();
    let codes: Vec<_> = executed.done.iter().map(|done| done.entry.outcome).collect();
    assert_eq!(codes, [crate::outcome::Outcome::Applied, crate::outcome::Outcome::Refused { code: 100 }]);
    assert_eq!(balance(&market, OTHER_PROVIDER), 200);
}

#[test]
fn the_same_purchase_sent_twice_is_one_purchase() {
    let (mut market, goods) = Market::trading();
    let once = market.transaction(BUYER, buy(goods.offer, 500));
    let before = balance(&market, BUYER);
    assert!(matches!(market.commit(&[once.clone(), once.clone()]), Err(ExecuteError::Inadmissible { index: 1, .. })));
    market.send(once).unwrap();
    assert_eq!(balance(&market, BUYER), before - 500);
}

#[test]
fn a_quote_of_another_network_or_provider_says_nothing() {
    let (mut market, goods) = Market::trading();
    let genuine = quote(&market, PROVIDER, goods.offer, 1).quote;
    let signer = TestSigner::of(PROVIDER + 100);
    let elsewhere = Domain::Quote.message(&NetworkId([8; 32]), &genuine.message());
    let replayed =
        SignedQuote { quote: genuine.clone(), key: signer.public(), signature: signer.sign(&elsewhere).unwrap() };
    assert_eq!(market.no(BUYER, Buy { quote: Some(replayed), ..buy(goods.offer, 1) }), Rejection::QuoteSignature);
    // Nor does what the same key signed for another purpose.
    let as_transaction = Domain::Transaction.message(&NETWORK, &genuine.message());
    let borrowed =
        SignedQuote { quote: genuine.clone(), key: signer.public(), signature: signer.sign(&as_transaction).unwrap() };
    assert_eq!(market.no(BUYER, Buy { quote: Some(borrowed), ..buy(goods.offer, 1) }), Rejection::QuoteSignature);
    let theirs = sign_quote(OTHER_PROVIDER + 100, genuine);
    let key = theirs.key;
    assert_eq!(market.no(BUYER, Buy { quote: Some(theirs), ..buy(goods.offer, 1) }), Rejection::QuoteKey { key });
}

#[test]
fn a_quote_holds_to_its_last_millisecond_and_no_longer() {
    let (market, goods) = Market::trading();
    let signed = quote(&market, PROVIDER, goods.offer, 1);
    let at = |time_ms| {
        let mut market = market.clone();
        market.context.time_ms = time_ms;
        market.act(BUYER, Buy { quote: Some(signed.clone()), ..buy(goods.offer, 1) })
    };
    let expired_ms = signed.quote.expires_ms;
    assert!(at(expired_ms).is_ok());
    assert_eq!(at(expired_ms + 1), Err(Rejection::QuoteExpired { expired_ms }));
}

#[test]
fn a_refused_purchase_uses_no_quote_up() {
    let (mut market, goods) = Market::trading();
    let quoted = Quote { buyer: party(OTHER_PROVIDER), ..quote(&market, PROVIDER, goods.offer, 300).quote };
    let action = Buy { quote: Some(sign_quote(PROVIDER + 100, quoted)), ..buy(goods.offer, 300) };
    assert!(matches!(market.no(OTHER_PROVIDER, action.clone()), Rejection::BalanceTooSmall { .. }));
    market.mint(OTHER_PROVIDER, 300);
    market.ok(OTHER_PROVIDER, action.clone());
    assert_eq!(market.no(OTHER_PROVIDER, action), Rejection::QuoteUsed);
}

#[test]
fn a_quote_opens_nothing_that_is_closed() {
    let (market, goods) = Market::trading();
    let action = Buy { quote: Some(quote(&market, PROVIDER, goods.offer, 1)), ..buy(goods.offer, 1) };
    type Change = fn(&mut Market, Goods) -> TransactionId;
    let cases: [(Change, &str); 4] = [
        (|m, g| m.ok(PROVIDER, crate::offer::WithdrawOffer { offer: g.offer }), "OfferIsWithdrawn"),
        (|m, g| m.ok(PROVIDER, revise(g.dataset, 1, crate::tests::refusals::closed())), "ClosedIsNotTraded"),
        (
            |m, g| m.ok(PROVIDER, revise(g.dataset, 1, limited(Access::Specific { parties: vec![] }))),
            "AccessRestricted",
        ),
        (|m, _| m.ok(OPERATOR, suspend(PROVIDER)), "PartyNotActive"),
    ];
    for (change, name) in cases {
        let mut market = market.clone();
        change(&mut market, goods);
        let refused = market.no(BUYER, action.clone());
        assert_eq!(Rejection::name_of(refused.code()), Some(name), "{refused}");
    }
}

#[test]
fn what_was_bought_before_a_suspension_rests_until_it_ends() {
    let (mut market, goods) = Market::trading();
    market.ok(OPERATOR, suspend(BUYER));
    let refused = Rejection::PartyNotActive { party: party(BUYER) };
    assert_eq!(market.no(GATEWAY, deliver(goods.agreement, goods.version)), refused);
    let roles = crate::party::Roles::of(&[crate::party::Role::Buyer]);
    market.ok(OPERATOR, crate::party::Admit { party: party(BUYER), roles });
    market.ok(GATEWAY, deliver(goods.agreement, goods.version));
}

#[test]
fn an_ended_subscription_gives_no_day_for_nothing() {
    let (mut market, goods) = Market::trading();
    let agreement = subscribe(&mut market, goods);
    market.wait_days(40);
    let over = Rejection::AgreementOver { agreement };
    assert_eq!(market.no(GATEWAY, deliver(agreement, goods.version)), over);
    let now = market.context.time_ms;
    market.ok(BUYER, renew(agreement, 10));
    let renewed: Agreement = market.get(&Agreement::key(&agreement));
    assert_eq!((renewed.end_ms, renewed.paid), (Some(now + 30 * DAY_MS), amount(20)));
    market.ok(GATEWAY, deliver(agreement, goods.version));
    market.wait_days(31);
    assert_eq!(market.no(GATEWAY, deliver(agreement, goods.version)), over);
}

#[test]
fn prepaying_again_and_again_pays_for_every_period() {
    let (mut market, goods) = Market::trading();
    let agreement = subscribe(&mut market, goods);
    let before = balance(&market, BUYER);
    for _ in 0..5 {
        market.ok(BUYER, Renew { agreement, periods: 12, amount: amount(120) });
    }
    let held: Agreement = market.get(&Agreement::key(&agreement));
    assert_eq!(before - balance(&market, BUYER), 600);
    assert_eq!(held.end_ms, Some(held.start_ms + 61 * 30 * DAY_MS));
    // Withdrawing the offer is how a provider ends a price for good.
    let offer = held.offer;
    market.ok(PROVIDER, crate::offer::WithdrawOffer { offer });
    assert_eq!(market.no(BUYER, renew(agreement, 10)), Rejection::OfferIsWithdrawn);
    let endless = Renew { agreement, periods: PERIODS_MAX + 1, amount: amount(1) };
    assert_eq!(endless.check().map_err(|malformed| malformed.field), Err("periods"));
}

#[test]
fn leaving_a_group_ends_no_licence_and_renews_none() {
    let (mut market, goods) = Market::trading();
    let id = GroupId(market.ok(PROVIDER, group(None)).0);
    market.ok(PROVIDER, revise(goods.dataset, 1, limited(Access::Group { group: id })));
    let agreement = subscribe(&mut market, goods);
    market.ok(PROVIDER, SetGroup { members: vec![], ..group(Some(id)) });
    assert_eq!(market.no(BUYER, buy(goods.offer, 500)), Rejection::AccessRestricted);
    assert_eq!(market.no(BUYER, renew(agreement, 10)), Rejection::AccessRestricted);
    market.ok(GATEWAY, deliver(agreement, goods.version));
    // Nobody but its owner puts anybody into a group, and a new group of one's own opens nothing.
    let mine = SetGroup { members: vec![party(OTHER_PROVIDER)], ..group(Some(id)) };
    assert_eq!(market.no(OTHER_PROVIDER, mine), Rejection::GroupUnknown { group: id });
    market.ok(OTHER_PROVIDER, SetGroup { members: vec![party(OTHER_PROVIDER)], ..group(None) });
    market.mint(OTHER_PROVIDER, 500);
    assert_eq!(market.no(OTHER_PROVIDER, buy(goods.offer, 500)), Rejection::AccessRestricted);
}

#[test]
fn a_group_that_is_not_there_lets_nobody_in() {
    let (mut market, goods) = Market::trading();
    market.ok(PROVIDER, revise(goods.dataset, 1, limited(Access::Group { group: GroupId([9; 32]) })));
    assert_eq!(market.no(BUYER, buy(goods.offer, 500)), Rejection::AccessRestricted);
}
