//! The account page: balances, statement, refusals, membership.

use super::{Pager, Prose};
use crate::web::{
    frame::Frame,
    show::{Id, Moment},
};
use askama::Template;
use contracts::id::PartyId;

/// The account page.
#[derive(Clone, Debug, Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// Its frame.
    pub frame: Frame,
    /// The party's name.
    pub name: String,
    /// The party.
    pub party: PartyId,
    /// Balances: address of the statement, amount, and whether it is the one shown.
    pub balances: Vec<(String, String, bool)>,
    /// The currency of the statement.
    pub currency: String,
    /// Lines of the statement.
    pub lines: Vec<Line>,
    /// The balance, on the first page of the statement.
    pub total: Option<String>,
    /// Further lines.
    pub pager: Pager,
    /// Refusals.
    pub refusals: Vec<Refusal>,
    /// Further refusals.
    pub refusal_pager: Pager,
    /// Kind, country, roles, standing.
    pub facts: Vec<(String, String)>,
    /// How operators reach it, as it wrote.
    pub contact: Prose,
    /// When the session ends.
    pub session_until: Moment,
}

/// One line of a statement.
#[derive(Clone, Debug)]
pub struct Line {
    /// When.
    pub time: Moment,
    /// What it was, with the other side.
    pub what: String,
    /// What it was for: address and title.
    pub about: Option<(String, String)>,
    /// How much, with its sign.
    pub amount: String,
    /// The balance after it.
    pub balance: String,
    /// The transaction.
    pub id: Id,
    /// The transaction in the explorer.
    pub href: Option<String>,
}

/// One refusal.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// When.
    pub time: Moment,
    /// The permanent code and its name.
    pub code: String,
    /// Why.
    pub why: String,
    /// The transaction.
    pub id: Id,
    /// The transaction in the explorer.
    pub href: Option<String>,
}
