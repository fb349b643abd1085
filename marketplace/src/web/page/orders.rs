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
    /// The record in the explorer, once the ledger has one.
    pub explored: Option<String>,
}

impl OrderRow {
    /// An order in words, on a page with this frame.
    pub fn of(order: &Order, frame: &Frame) -> Self {
        let decided = matches!(order.state, OrderState::Applied { .. } | OrderState::Refused { .. });
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
            explored: frame.explored("transaction", &order.id).filter(|_| decided),
        }
    }
}
