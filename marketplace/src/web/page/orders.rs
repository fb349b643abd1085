//! The page of orders: everything that was signed through the market, and what became of it.

use super::{Pager, Tag};
use crate::{
    orders::{Order, OrderState},
    web::{
        frame::Frame,
        show::{Id, Moment, capital},
    },
};
use askama::Template;

/// The page of orders.
#[derive(Clone, Debug, Template)]
#[template(path = "orders.html")]
pub struct OrdersPage {
    /// Its frame.
    pub frame: Frame,
    /// The orders, newest first.
    pub rows: Vec<OrderRow>,
    /// Older ones.
    pub pager: Pager,
}

/// One order.
#[derive(Clone, Debug)]
pub struct OrderRow {
    /// When it was signed.
    pub time: Moment,
    /// What it does.
    pub what: String,
    /// What it made: address of the licence.
    pub href: Option<String>,
    /// Where it stands.
    pub state: Tag,
    /// What that means for its owner.
    pub meaning: String,
    /// Its record.
    pub id: Id,
}

impl OrderRow {
    /// An order in words.
    pub fn of(order: &Order) -> Self {
        let applied = matches!(order.state, OrderState::Applied { .. });
        let (state, meaning) = match &order.state {
            OrderState::Open => (
                ("warn", "under way".to_string()),
                format!(
                    "Signed and stored. It is handed in until the ledger decides it, by block {} at the latest.",
                    order.last_valid
                ),
            ),
            OrderState::Applied { height, .. } => (("good", "done".into()), format!("In block {height}.")),
            OrderState::Refused { height, rejection, .. } => {
                (("bad", "refused".into()), format!("{}. In block {height}.", capital(&rejection.to_string())))
            }
            OrderState::Dead { reason } => {
                (("bad", "not taken".into()), format!("{}. Nothing was paid or changed.", capital(reason)))
            }
        };
        Self {
            time: Moment::of(order.created_ms),
            what: order.text().into(),
            href: (applied && order.action == "agreement.buy").then(|| format!("/agreements/{}", order.id)),
            state,
            meaning,
            id: Id::of(&order.id),
        }
    }
}

#[cfg(test)]
pub(super) fn sample(frame: Frame) -> OrdersPage {
    use contracts::{
        id::{PartyId, TransactionId},
        rejection::Rejection,
    };
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
    let rows: Vec<OrderRow> = (1..).zip(states).map(order).map(|order| OrderRow::of(&order)).collect();
    let linked: Vec<bool> = rows.iter().map(|row| row.href.is_some()).collect();
    assert_eq!(linked, [false, true, false, false], "only what was bought has a licence");
    OrdersPage { frame, rows, pager: Pager::default() }
}
