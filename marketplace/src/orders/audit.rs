//! Auditing the orders of a market that is stopped: each against the ledger, and its index both ways.

use super::{
    Order, OrderState,
    book::{BY_PARTY, ONCE, OPEN, ORDERS, OnceRow, Row},
};
use crate::own::walk;
use borsh::BorshDeserialize;
use contracts::id::{PartyId, TransactionId};
use ledger::{
    audit::{Findings, Replayed},
    store::kv::Kv,
    submission::Submission,
};
use serde::Serialize;

/// What an audit of orders read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Orders.
    pub orders: u64,
    /// Of those, orders that the ledger has not decided, as far as the market knows.
    pub open: u64,
}

/// Audits the rows in `kv`, against the ledger where there is one.
pub(crate) fn audit(kv: &Kv, ledger: Option<&Replayed>, findings: &mut Findings) -> Audited {
    let mut audited = Audited::default();
    walk(kv, ORDERS, findings, |name, value, findings| {
        audited.orders += 1;
        if let Err(reason) = one(kv, ledger, name, value, &mut audited.open) {
            findings.find(format!("own {ORDERS} {}", hex::encode(name)), reason);
        }
    });
    let mut open = 0;
    walk(kv, OPEN, findings, |_, _, _| open += 1);
    if open != audited.open {
        findings.find(format!("own {OPEN}"), format!("lists {open} orders, {} are open", audited.open));
    }
    let mut listed = 0;
    walk(kv, BY_PARTY, findings, |name, _, findings| {
        listed += 1;
        let order = name.get(40..).and_then(|id| order(kv, id));
        let key = order.map(|order| by_party(&order));
        if key.as_deref() != Some(name) {
            findings.find(format!("own {BY_PARTY} {}", hex::encode(name)), "leads to no order of this party and time");
        }
    });
    if listed != audited.orders {
        findings.find(format!("own {BY_PARTY}"), format!("lists {listed} orders, there are {}", audited.orders));
    }
    walk(kv, ONCE, findings, |name, value, findings| {
        let known = OnceRow::try_from_slice(value).ok().and_then(|row| order(kv, &row.id.0));
        if known.is_none_or(|order| !name.starts_with(&order.party.0)) {
            findings.find(format!("own {ONCE} {}", hex::encode(name)), "leads to no order of this party");
        }
    });
    audited
}

/// Orders that do `action` and were applied: whose, and which transaction.
pub(crate) fn applied(kv: &Kv, action: &str, findings: &mut Findings) -> Vec<(PartyId, TransactionId)> {
    let mut found = Vec::new();
    walk(kv, ORDERS, findings, |_, value, _| {
        if let Ok(Row { order, .. }) = Row::try_from_slice(value)
            && order.action == action
            && matches!(order.state, OrderState::Applied { .. })
        {
            found.push((order.party, order.id));
        }
    });
    found
}

fn one(kv: &Kv, ledger: Option<&Replayed>, name: &[u8], value: &[u8], open: &mut u64) -> Result<(), String> {
    let row = Row::try_from_slice(value).map_err(|error| format!("cannot be read: {error}"))?;
    let order = row.order;
    if order.id.0 != name {
        return Err("is under another name".into());
    }
    let listed =
        |family, key: &[u8]| Ok::<_, String>(kv.get(family, key).map_err(|error| error.to_string())?.is_some());
    if !listed(BY_PARTY, &by_party(&order))? {
        return Err("is missing from the list of its party".into());
    }
    if order.state == OrderState::Open {
        *open += 1;
        let submission = Submission::try_from_slice(&row.submission).map_err(|_| "its signed bytes are damaged")?;
        if submission.transaction.id() != order.id {
            return Err("its signed bytes are of another transaction".into());
        }
        if !listed(OPEN, name)? {
            return Err("is open and not listed as such: nobody would hand it in again".into());
        }
    }
    match ledger {
        Some(ledger) => against(ledger, &order),
        None => Ok(()),
    }
}

/// Is an order what the ledger says of its transaction?
fn against(ledger: &Replayed, order: &Order) -> Result<(), String> {
    let committed = ledger.transaction(&order.id)?.map(|(height, _)| height);
    match &order.state {
        OrderState::Applied { height, .. } | OrderState::Refused { height, .. } if committed != Some(*height) => {
            Err(match committed {
                Some(found) => format!("says block {height}, the ledger has it in block {found}"),
                None => format!("says block {height}, the ledger does not have it"),
            })
        }
        OrderState::Dead { .. } if committed.is_some() => Err("is dead here, and on the ledger".into()),
        OrderState::Open | OrderState::Applied { .. } | OrderState::Refused { .. } | OrderState::Dead { .. } => Ok(()),
    }
}

fn order(kv: &Kv, id: &[u8]) -> Option<Order> {
    Row::try_from_slice(&kv.get(ORDERS, id).ok()??).ok().map(|row| row.order)
}

fn by_party(order: &Order) -> Vec<u8> {
    [order.party.0.as_slice(), &order.created_ms.to_be_bytes(), &order.id.0].concat()
}
