//! As a settlement agent: to book one payment twice, to make money by overflow, to go on after one's time.

use crate::{
    id::*,
    limits::AMOUNT_MAX,
    party::{Admit, Role, Roles},
    rejection::Rejection,
    settlement::{Account, Burn, Mint, Supply},
    state::Reading,
    testing::*,
    tests::refusals::mint,
};

#[test]
fn one_payment_at_the_bank_is_booked_once_in_whatever_way() {
    let (mut market, _) = Market::trading();
    let reference = BankReference([9; 32]);
    market.ok(AGENT, mint(BUYER, 100, 9));
    let booked = Rejection::BankReferenceUsed { reference };
    assert_eq!(market.no(AGENT, Mint { currency: "USD".parse().unwrap(), ..mint(BUYER, 100, 9) }), booked);
    assert_eq!(market.no(AGENT, mint(PROVIDER, 100, 9)), booked);
    assert_eq!(market.no(AGENT, mint(BUYER, 1, 9)), booked);
    let burn = Burn { party: party(BUYER), amount: amount(1), currency: eur(), reference };
    assert_eq!(market.no(AGENT, burn), booked);
    // Also by another agent.
    market.ok(OPERATOR, Admit { party: party(GATEWAY), roles: Roles::of(&[Role::SettlementAgent]) });
    assert_eq!(market.no(GATEWAY, mint(BUYER, 100, 9)), booked);
}

#[test]
fn many_small_mints_stop_at_the_limit_and_change_nothing_beyond() {
    let (mut market, _) = Market::trading();
    let supply = |market: &Market| market.get::<Supply>(&Supply::key(eur()));
    let balance = |market: &Market| market.get::<Account>(&Account::key(&party(BUYER), eur())).balance.minor();
    // Two units short of the limit.
    let missing = AMOUNT_MAX - 2 - supply(&market).minted.minor();
    market.mint(PROVIDER, missing);
    let before = balance(&market);
    market.mint(BUYER, 1);
    market.mint(BUYER, 1);
    let full = (supply(&market), balance(&market));
    assert_eq!(full.1, before + 2);
    for reference in 0..3 {
        assert_eq!(market.no(AGENT, mint(BUYER, 1, 100 + reference)), Rejection::AmountOverflow);
        assert_eq!((supply(&market), balance(&market)), full, "a refused mint changes nothing");
        // Nor is its bank reference used up.
        let booking = crate::settlement::Booking::key(&BankReference([100 + reference; 32]));
        assert_eq!(market.state.value::<crate::settlement::Booking>(&booking), Ok(None));
    }
    // Another currency has its own books.
    market.ok(AGENT, Mint { currency: "USD".parse().unwrap(), ..mint(BUYER, 1, 9) });
}

#[test]
fn what_was_minted_and_burned_long_ago_closes_no_currency() {
    let (mut market, _) = Market::trading();
    let supply = |market: &Market| {
        let Supply { minted, burned } = market.get(&Supply::key(eur()));
        (minted.minor(), burned.minor())
    };
    let there = supply(&market).0;
    // Years of both, until the sum of all that was ever minted is the largest amount.
    let gone = AMOUNT_MAX - there;
    market.mint(BUYER, gone);
    market.ok(AGENT, crate::tests::refusals::burn(BUYER, gone));
    assert_eq!(supply(&market), (AMOUNT_MAX, gone));
    market.mint(BUYER, 5);
    assert_eq!(supply(&market), (there + 5, 0), "counted anew from what there is");
    // More than that at once is still too much, and as much is not.
    let most = AMOUNT_MAX - there - 5;
    assert_eq!(market.no(AGENT, mint(BUYER, most + 1, 77)), Rejection::AmountOverflow);
    market.ok(AGENT, mint(BUYER, most, 77));
    assert_eq!(supply(&market), (AMOUNT_MAX, 0));
}

#[test]
fn who_is_no_agent_any_more_books_nothing() {
    let (mut market, _) = Market::trading();
    market.ok(OPERATOR, Admit { party: party(AGENT), roles: Roles::of(&[Role::Buyer]) });
    let missing = Rejection::RoleMissing { party: party(AGENT), role: Role::SettlementAgent };
    assert_eq!(market.no(AGENT, mint(AGENT, 1, 9)), missing);
    let burn = Burn { party: party(BUYER), amount: amount(1), currency: eur(), reference: BankReference([9; 32]) };
    assert_eq!(market.no(AGENT, burn), missing);
}

#[test]
fn no_account_pays_in_a_currency_that_it_does_not_hold() {
    let (mut market, goods) = Market::trading();
    let yen = "JPY".parse().unwrap();
    let price = crate::offer::Price::OneOff { amount: amount(5), currency: yen };
    let offer = market.offer(PROVIDER, goods.dataset, price);
    let refused = market.no(BUYER, buy(offer, 5));
    assert_eq!(refused, Rejection::BalanceTooSmall { balance: amount(0), amount: amount(5), currency: yen });
}
