//! Orders: every signed action that goes through the market, from the moment it is signed until the
//! ledger has decided it.
//!
//! The signed bytes are stored durably before they are handed in for the first time, together with
//! the caller's `Idempotency-Key`. Whatever happens after that (a lost connection, `kill -9`, a node
//! out of reach), the same bytes are handed in again until the ledger has them or their time is over;
//! the ledger takes them once. Buying is one transaction there, so there is neither payment without
//! licence nor licence without payment. This module never signs and never decides what to buy.

mod audit;
mod book;
mod hand_in;
#[cfg(test)]
mod tests;
mod words;

pub use audit::Audited;
pub(crate) use audit::{applied, audit};
pub use book::Orders;

use crate::limits::{IDEMPOTENCY_KEY_BYTES_MAX, ORDERS_RUNNING_MAX, REPEATS_PER_CALLER_MAX};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height, PartyId, TimeMs, TransactionId},
    rejection::Rejection,
};
use ledger::{api::client::ClientError, store::kv::KvError};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Families of the private store that belong to orders.
pub(crate) const FAMILIES: [&str; 4] = ["orders", "orders-open", "orders-once", "orders-by-party"];

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Order {
    /// The transaction.
    pub id: TransactionId,
    /// Whose it is.
    pub party: PartyId,
    /// What it does, as `agreement.buy`.
    pub action: String,
    /// When it was signed.
    pub created_ms: TimeMs,
    /// The last height at which the ledger may take it.
    pub last_valid: Height,
    /// What became of it.
    pub state: OrderState,
}

/// As its fields, with the words of its action beside the action.
impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Order", 7)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("party", &self.party)?;
        fields.serialize_field("action", &self.action)?;
        fields.serialize_field("text", self.text())?;
        fields.serialize_field("created_ms", &self.created_ms)?;
        fields.serialize_field("last_valid", &self.last_valid)?;
        fields.serialize_field("state", &self.state)?;
        fields.end()
    }
}

impl Order {
    /// What it does, in words for people.
    pub fn text(&self) -> &'static str {
        words::words(&self.action)
    }

    /// What its owner is told of it when nothing is left to wait for; `None` while it is open.
    fn settled(&self) -> Option<Result<Self, OrderError>> {
        match &self.state {
            OrderState::Open => None,
            OrderState::Dead { reason } => Some(Err(OrderError::Dead { reason: reason.clone() })),
            OrderState::Applied { .. } | OrderState::Refused { .. } => Some(Ok(self.clone())),
        }
    }
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum OrderState {
    /// Not decided yet, as far as the market knows.
    Open,
    /// Done.
    Applied {
        /// In which block.
        height: Height,
        /// When.
        time_ms: TimeMs,
        /// Where in the log.
        index: u64,
    },
    /// A rule said no.
    Refused {
        /// In which block.
        height: Height,
        /// When.
        time_ms: TimeMs,
        /// Where in the log.
        index: u64,
        /// Why.
        rejection: Rejection,
    },
    /// It is not on the ledger and never will be.
    Dead {
        /// Why.
        reason: String,
    },
}

/// Why an order could not be taken or is not finished.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The store.
    #[error("the market's orders")]
    Store(#[from] KvError),
    /// A row is not what was written.
    #[error("an order in the store is damaged")]
    Damaged,
    /// No `Idempotency-Key` where one is needed.
    #[error(
        "this request needs an `Idempotency-Key` header (1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible characters), so that it can be repeated without buying twice"
    )]
    KeyMissing,
    /// The key was used for another request.
    #[error("this `Idempotency-Key` was used for another request: take a new key")]
    KeyReused,
    /// The same request is being worked on.
    #[error("the first request with this `Idempotency-Key` is still being worked on: ask again in a second")]
    Running,
    /// As many keys as are remembered.
    #[error(
        "{REPEATS_PER_CALLER_MAX} requests with an `Idempotency-Key` are remembered already: send this one without, or wait until older ones are forgotten"
    )]
    TooManyKeys,
    /// The market is being stopped.
    #[error("the market is stopping; the order is stored and goes on when it runs again")]
    Stopping,
    /// Too many at once.
    #[error("{ORDERS_RUNNING_MAX} orders are under way: try again in a few seconds")]
    Busy,
    /// The ledger has not decided yet.
    #[error("order {id} is stored, and is handed in until the ledger has decided it; ask for it again")]
    Undecided {
        /// Which.
        id: TransactionId,
        /// What the node said.
        #[source]
        source: ClientError,
    },
    /// It will never be on the ledger.
    #[error("{reason}")]
    Dead {
        /// Why.
        reason: String,
    },
}

/// What a request is recognised by when it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// Digest of the request.
    pub request: Digest,
}

impl Once {
    /// Checks a key from a header.
    ///
    /// # Errors
    /// [`OrderError::KeyMissing`].
    pub fn new(key: &str, request: Digest) -> Result<Self, OrderError> {
        // The draft makes it a structured string; most clients send it bare. Both are one key.
        let bare = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
        let visible = bare.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if bare.is_empty() || bare.len() > IDEMPOTENCY_KEY_BYTES_MAX || !visible {
            return Err(OrderError::KeyMissing);
        }
        Ok(Self { key: bare.to_string(), request })
    }

    fn row(&self, party: &PartyId) -> Vec<u8> {
        [party.0.as_slice(), &Digest::of(&[self.key.as_bytes()]).0].concat()
    }
}
