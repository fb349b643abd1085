//! Problems: one shape (RFC 9457) and one place that gives each error its status and code.

use crate::{
    mempool::Busy,
    node::{Refused, SideShare},
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::{execute::Inadmissible, transaction::TransactionError};
use serde::{Deserialize, Serialize};

/// The code where validators have not signed the newest block yet: a matter of moments as long as a quorum is there.
pub(super) const UNSEALED: &str = "unsealed";
/// The code of a node whose first block is not made yet.
pub(super) const NO_BLOCK: &str = "no-block";

/// An RFC 9457 problem with a stable code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// A stable link that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// Stable code.
    pub code: String,
    /// May the same request succeed later?
    pub retryable: bool,
}

impl Problem {
    /// A problem with `code`, which its type link ends in.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("https://lonja.invalid/problems/{code}"),
            title: title.to_string(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.to_string(),
            retryable: matches!(
                status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::GATEWAY_TIMEOUT
            ),
        }
    }

    /// Something that is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail)
    }

    /// A request that cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// Too much at once; the same later.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "The node is busy", detail)
    }

    /// Our fault.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The node failed", detail)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        let of = |status, code: &str, title: &str| Self::new(status, code, title, detail.clone());
        match refused {
            Refused::Transaction(error) => match error {
                TransactionError::TooLarge(_) => {
                    of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The transaction is too large")
                }
                TransactionError::Undecodable(_) => {
                    of(StatusCode::BAD_REQUEST, "undecodable", "The bytes are no transaction")
                }
                TransactionError::WrongNetwork { .. } => {
                    of(StatusCode::CONFLICT, "wrong-network", "Made for another network")
                }
                TransactionError::Malformed(_) => {
                    of(StatusCode::UNPROCESSABLE_ENTITY, "malformed", "A field breaks a bound")
                }
                TransactionError::Signature(_) => {
                    of(StatusCode::FORBIDDEN, "bad-signature", "The signature does not verify")
                }
            },
            Refused::Side(_) => {
                of(StatusCode::UNPROCESSABLE_ENTITY, "side-mismatch", "The side body is not the transaction's")
            }
            Refused::SideShare(SideShare::Stranger(_)) => {
                of(StatusCode::PAYLOAD_TOO_LARGE, "side-too-large", "The side body is too large")
            }
            Refused::SideShare(SideShare::Gone(_)) => of(StatusCode::GONE, "side-gone", "The side body was taken down"),
            Refused::SideShare(SideShare::UsedUp { .. }) => {
                of(StatusCode::TOO_MANY_REQUESTS, "quota", "The party's quota is used up")
            }
            Refused::Inadmissible(reason) => match reason {
                Inadmissible::Expired { .. } => of(StatusCode::CONFLICT, "expired", "The transaction's time is over"),
                Inadmissible::ValidTooLong { .. } => {
                    of(StatusCode::UNPROCESSABLE_ENTITY, "valid-too-long", "Valid for too long")
                }
                Inadmissible::Replayed(_) => of(StatusCode::CONFLICT, "replayed", "In the ledger already"),
                Inadmissible::UnknownParty(_) => of(StatusCode::FORBIDDEN, "unknown-party", "The party is not known"),
                Inadmissible::UnknownKey(_) => of(StatusCode::FORBIDDEN, "unknown-key", "The key is not the party's"),
                Inadmissible::Quota(_) => of(StatusCode::TOO_MANY_REQUESTS, "quota", "The party's quota is used up"),
            },
            Refused::Busy(Busy::Full | Busy::Share) => Self::busy(detail),
            Refused::Busy(Busy::Waiting) => of(StatusCode::CONFLICT, "waiting", "The transaction is waiting already"),
            Refused::DiskFull(_) => of(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The node's disk is full"),
            Refused::CutShort { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "cut-short", "The node stopped meanwhile"),
            Refused::Observes => of(StatusCode::CONFLICT, "observes", "This node observes"),
            Refused::Stopped(_) => of(StatusCode::SERVICE_UNAVAILABLE, "stopped", "The node makes no blocks"),
            Refused::Pending(_) => of(StatusCode::GATEWAY_TIMEOUT, "pending", "Not decided yet"),
            Refused::Faulty | Refused::Store(_) | Refused::Fault(_) | Refused::Sides(_) => Self::internal(detail),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem has plain fields");
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.retryable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
