//! The account, and everything that was signed.

use super::{
    Drawn, draw,
    values::{EVERYTHING, NOW, frame, jacket, prose},
};
use crate::{
    orders::{Order, OrderState},
    web::{
        frame::Frame,
        page::*,
        show::{Id, Moment},
    },
};
use contracts::{id::*, rejection::Rejection};

/// Both, and the list of orders without rows.
pub fn pages() -> Vec<Drawn> {
    let none = OrdersPage { frame: frame("orders", EVERYTHING), rows: Vec::new(), pager: Pager::default() };
    vec![
        draw("account", &account(frame("account", EVERYTHING))),
        draw("orders", &orders(frame("orders", EVERYTHING))),
        draw("orders-none", &none),
    ]
}

fn account(frame: Frame) -> AccountPage {
    let line = Line {
        time: Moment::of(NOW),
        what: "Paid to Office of Rivers and Coasts for".into(),
        about: Some(("/x".into(), jacket().title)),
        amount: "−1200.50 EUR".into(),
        balance: "3799.50 EUR".into(),
        id: Id::of(&TransactionId([5; 32])),
        href: None,
    };
    AccountPage {
        frame,
        name: "Harbour Authority of the Long Estuary".into(),
        party: PartyId([3; 32]),
        balances: vec![("/x".into(), "3799.50 EUR".into(), true), ("/y".into(), "12 JPY".into(), false)],
        currency: "EUR".into(),
        lines: vec![line.clone(), line],
        total: Some("3799.50 EUR".into()),
        pager: Pager::default(),
        refusals: vec![Refusal {
            time: Moment::of(NOW),
            code: "100 BalanceTooSmall".into(),
            why: "the balance is 0.00 EUR, 1.00 EUR are needed".into(),
            id: Id::of(&TransactionId([4; 32])),
            href: Some("/x".into()),
        }],
        refusal_pager: Pager::default(),
        facts: vec![("Roles".into(), "buyer, provider".into())],
        contact: prose("The data office at the lock\ndata@rivers.example"),
        session_until: Moment::of(NOW),
    }
}

fn orders(frame: Frame) -> OrdersPage {
    let (height, time_ms, index) = (8, 9, 10);
    let states = [
        OrderState::Open,
        OrderState::Applied { height, time_ms, index },
        OrderState::Refused { height, time_ms, index, rejection: Rejection::OfferIsWithdrawn },
        OrderState::Dead { reason: "its time was over at height 7, and the ledger has not taken it up".into() },
    ];
    let order = |(at, state): (u8, OrderState)| Order {
        id: TransactionId([at; 32]),
        party: PartyId([3; 32]),
        action: "agreement.buy".into(),
        created_ms: 1_760_000_000_000,
        last_valid: 600,
        state,
    };
    let rows: Vec<OrderRow> = (1..).zip(states).map(order).map(|order| OrderRow::of(&order, &frame)).collect();
    let linked: Vec<bool> = rows.iter().map(|row| row.href.is_some()).collect();
    assert_eq!(linked, [false, true, false, false], "only what was bought has a licence");
    let explored: Vec<bool> = rows.iter().map(|row| row.explored.is_some()).collect();
    assert_eq!(explored, [false, true, true, false], "only what is on the ledger is in the explorer");
    OrdersPage { frame, rows, pager: Pager::default() }
}
