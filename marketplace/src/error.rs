//! Why the market did not do what it was asked to, said so that somebody can act on it.

use crate::{
    delivery::DeliveryError, keys::KeysError, objects::ObjectsError, orders::OrderError, own::OwnError,
    rows::RowsError, vault::VaultError,
};
use contracts::{
    id::TransactionId,
    rejection::{Malformed, Rejection},
};
use ledger::api::client::ClientError;

/// Anything that a caller of the market may meet.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// There is no such thing, or the caller may not see it.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A value breaks a bound.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which.
        field: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Nobody is signed in.
    #[error("{0}")]
    Unauthenticated(String),
    /// Somebody else may do this.
    #[error("{0}")]
    Forbidden(String),
    /// The rules of the market say no; it is on the ledger with this reason.
    #[error("{text}")]
    Refused {
        /// Permanent code.
        code: u8,
        /// Its name.
        kind: &'static str,
        /// For people.
        text: String,
        /// The transaction that was refused; `None` where it was asked without one.
        transaction: Option<TransactionId>,
    },
    /// What is bought has no content here, and the buyer has not said that this is known.
    #[error(
        "the market holds no content of this dataset, only its description and links at the source: confirm with `acknowledge_no_content` to buy the licence alone"
    )]
    NoContent,
    /// The price moved.
    #[error("the price is {now} minor units, not {expected}: read the offer again")]
    PriceMoved {
        /// What it is.
        now: u64,
        /// What the buyer thought.
        expected: u64,
    },
    /// The request was done before, and its answer held a secret that nobody keeps.
    #[error("the first request with this `Idempotency-Key` was done, and nothing was done again: {0}")]
    AnswerNotKept(String),
    /// Orders.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Contents.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// Deliveries.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store of what is the market's own.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// The read model.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// Search.
    #[error(transparent)]
    Search(#[from] crate::search::SearchError),
    /// The node.
    #[error("the ledger's node")]
    Node(#[from] ClientError),
    /// Nothing is wrong, there is only too much of it.
    #[error("{0}: try again in a few seconds")]
    Busy(&'static str),
}

impl MarketError {
    /// A refusal with its code, name and text.
    pub fn refused(rejection: &Rejection, transaction: Option<TransactionId>) -> Self {
        let code = rejection.code();
        let kind = Rejection::name_of(code).unwrap_or("Unknown");
        Self::Refused { code, kind, text: rejection.to_string(), transaction }
    }

    /// A field that breaks a bound.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }
}

/// Did somebody on the way down find a disk full?
pub(crate) fn found_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    ledger::found_full(error) || causes.any(crate::search::found_full)
}

impl From<Malformed> for MarketError {
    fn from(malformed: Malformed) -> Self {
        Self::invalid(malformed.field, malformed.reason)
    }
}
