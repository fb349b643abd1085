//! Problems (RFC 9457): one shape, stable codes, and what to do.

use crate::{
    delivery::DeliveryError,
    error::{MarketError, found_full},
    keys::KeysError,
    objects::ObjectsError,
    orders::OrderError,
    rows::RowsError,
    search::SearchError,
    vault::VaultError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::rejection::Rejection;
use ledger::api::client::ClientError;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type},
    },
};

/// Every code there is and what it means; besides, each refusal of the rules is `refused-` and its name.
pub const CODES: &[(&str, &str)] = &[
    (
        "answer-not-kept",
        "The request was done under this `Idempotency-Key`; its answer held a secret, which is told once.",
    ),
    ("bad-request", "Bytes, a path or parameters cannot be understood."),
    ("broke-off", "The body is not whole."),
    ("bundle-too-large", "The evidence is larger than one file may be."),
    ("busy", "Too much at once: try again."),
    ("changed", "`If-Match` names a state that is over."),
    ("cursor-over", "The view of the catalogue that the list was read from is kept no longer: start it again."),
    ("idle", "The sender of an upload sent nothing for too long."),
    ("delivery-over", "The delivery's time is over: ask for another."),
    ("disk-full", "The market's disk is full, and the market stops: its operator has to make room."),
    ("expired", "The transaction's time is over."),
    ("forbidden", "Somebody else may do this."),
    ("idempotency-key-missing", "A usable `Idempotency-Key` is needed."),
    ("idempotency-key-reused", "The `Idempotency-Key` belongs to another request."),
    ("in-progress", "The first request with this key is still worked on."),
    ("internal", "The market or the node failed."),
    ("invalid", "A value breaks a bound; `errors` says which."),
    ("malformed", "A field of the transaction breaks a bound."),
    ("media-type", "The body is of another media type."),
    ("method", "The address takes other methods."),
    ("no-block", "The ledger has no block yet."),
    ("no-content", "There is nothing to download."),
    ("node-unreachable", "The ledger's node is out of reach."),
    ("not-acceptable", "It is not given in the form that `Accept` names."),
    ("not-found", "There is no such thing, or the caller may not see it."),
    ("not-signed-in", "Nobody is signed in."),
    ("not-taken", "The ledger did not take the transaction in its time."),
    ("not-valid", "A link, session, credential or proof is not valid, or no longer."),
    ("pending", "Not decided yet."),
    ("price-moved", "The price is another than the buyer expects."),
    ("pruned", "The ledger keeps it no longer."),
    ("quota", "The party's quota of transactions is used up."),
    ("range", "The range lies outside of the content."),
    ("bad-signature", "The signature does not verify."),
    ("replayed", "The transaction is in the ledger already."),
    ("self-custody", "The party keeps its own key: use `prepare` and `submit`."),
    ("side-gone", "The text was taken down, and does not come back."),
    ("side-mismatch", "The texts are not those that the transaction commits to."),
    ("side-too-large", "The texts are too long for a party that is not active."),
    ("stopped", "The node makes no blocks."),
    ("timeout", "It took too long."),
    ("too-large", "The body is too large."),
    ("too-many", "There are as many as there may be."),
    ("too-many-requests", "More requests than the limit: wait for `Retry-After`."),
    ("undecided", "It is stored and goes on, or nobody could say yes: ask again."),
    ("undecodable", "The bytes are no transaction."),
    ("unknown-key", "The key is not the party's."),
    ("unknown-party", "The party is not known."),
    ("unsealed", "The block is being sealed."),
    ("valid-too-long", "The transaction would be valid for too long."),
    ("waiting", "The transaction waits already."),
    ("wrong-network", "The transaction was made for another network."),
];

/// What went wrong. `code` never changes its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// A link that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind, for people.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong here, and what to do about it.
    pub detail: String,
    /// A stable word for the kind.
    #[schema(value_type = Code)]
    pub code: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Faults of single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The transaction that was refused; its receipt proves the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
}

/// The codes, in the API's document.
pub struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let one = |code: String, meaning: &str| {
            let word = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).enum_values(Some([code]));
            Schema::from(word.description(Some(meaning)).build())
        };
        let ours = CODES.iter().map(|(code, meaning)| one((*code).into(), meaning));
        let refusals =
            Rejection::CODES.iter().map(|(_, name)| one(format!("refused-{}", kebab(name)), "A rule said no."));
        let all = ours.chain(refusals).fold(OneOfBuilder::new(), |all, one| all.item(one));
        all.description(Some("A stable word. It never changes its meaning; new ones may come.")).into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Code")
    }
}

/// A fault of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Which.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Problem {
    /// A problem of kind `code`.
    pub fn new(status: StatusCode, code: &str, title: &str, detail: impl Into<String>) -> Self {
        let retryable = matches!(status.as_u16(), 429 | 503 | 504);
        Self {
            kind: format!("https://lonja.invalid/problems/{code}"),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.into(),
            retryable,
            errors: Vec::new(),
            transaction: None,
        }
    }

    /// Bytes or parameters that cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be understood", detail)
    }

    /// Our own fault, or the disk's; the cause is in the log, not in the answer.
    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %chain(error), "a request failed");
        if found_full(error) {
            // Not marked as worth trying again: who asks can do nothing about it (RFC 4918, 11.5).
            let detail = "the market's disk is full. Its operator has to make room and start the market again; what was acknowledged is not lost. Whether this request was done is known then: send it again with the same `Idempotency-Key`, which acts once";
            return Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "The market's disk is full", detail);
        }
        let detail = "the market failed; the operator finds the cause in its log under this request's x-request-id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The market failed", detail)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).expect("a problem is plain text");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.retryable && !headers.contains_key(header::RETRY_AFTER) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl IntoResponse for MarketError {
    fn into_response(self) -> Response {
        Problem::from(&self).into_response()
    }
}

impl From<MarketError> for Problem {
    fn from(error: MarketError) -> Self {
        Self::from(&error)
    }
}

impl From<&MarketError> for Problem {
    fn from(error: &MarketError) -> Self {
        let of = |status, code: &str, title: &str| Self::new(status, code, title, error.to_string());
        match error {
            MarketError::NotFound(_) => of(StatusCode::NOT_FOUND, "not-found", "Not found"),
            MarketError::Invalid { field, reason } => invalid(error.to_string(), field, reason),
            MarketError::Unauthenticated(_) => of(StatusCode::UNAUTHORIZED, "not-signed-in", "Not signed in"),
            MarketError::Forbidden(_) => of(StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            MarketError::Refused { kind, transaction, .. } => Self {
                transaction: transaction.map(|id| id.to_string()),
                ..of(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    &format!("refused-{}", kebab(kind)),
                    "Refused by the rules of the market",
                )
            },
            MarketError::NoContent => of(StatusCode::CONFLICT, "no-content", "There is nothing to download"),
            MarketError::PriceMoved { .. } => of(StatusCode::CONFLICT, "price-moved", "The price is another"),
            MarketError::AnswerNotKept(_) => of(StatusCode::CONFLICT, "answer-not-kept", "Done before, and told once"),
            MarketError::Order(error) => order(error),
            MarketError::Keys(error) => keys(error),
            MarketError::Objects(error) => objects(error),
            MarketError::Delivery(error) => delivery(error),
            MarketError::Vault(error) => vault(error),
            MarketError::Search(SearchError::Gone) => of(StatusCode::GONE, "cursor-over", "The list is read no longer"),
            MarketError::Search(SearchError::TooFar { .. } | SearchError::TooManyFilters { .. }) => {
                Self::bad_request(chain(error))
            }
            MarketError::Rows(error @ RowsError::OtherList) => {
                let reason = error.to_string();
                invalid(format!("cursor: {reason}"), "cursor", &reason)
            }
            MarketError::Own(_) | MarketError::Rows(_) | MarketError::Search(_) => Self::internal(error),
            MarketError::Node(error) => node(error),
            MarketError::Busy(_) => of(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much at once"),
        }
    }
}

fn invalid(detail: String, field: &str, reason: &str) -> Problem {
    let errors = vec![FieldError { field: field.into(), reason: reason.into() }];
    Problem { errors, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value breaks a bound", detail) }
}

fn order(error: &OrderError) -> Problem {
    let of = |status, code: &str, title: &str| Problem::new(status, code, title, error.to_string());
    match error {
        OrderError::KeyMissing => of(StatusCode::BAD_REQUEST, "idempotency-key-missing", "No usable Idempotency-Key"),
        OrderError::KeyReused => of(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The Idempotency-Key belongs to another request",
        ),
        OrderError::Running => Problem {
            retryable: true,
            ..of(StatusCode::CONFLICT, "in-progress", "The first request is still being worked on")
        },
        OrderError::Busy | OrderError::Stopping => of(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much at once"),
        OrderError::TooManyKeys => of(StatusCode::CONFLICT, "too-many", "Too many"),
        OrderError::Undecided { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "undecided", "Stored, not decided yet"),
        OrderError::Dead { .. } => of(StatusCode::CONFLICT, "not-taken", "The ledger did not take it"),
        OrderError::Store(_) | OrderError::Damaged => Problem::internal(error),
    }
}

fn keys(error: &KeysError) -> Problem {
    let of = |status, code: &str, title: &str| Problem::new(status, code, title, error.to_string());
    match error {
        KeysError::NotManaged { .. } => of(StatusCode::CONFLICT, "self-custody", "The party signs by itself"),
        KeysError::TooMany { .. } => of(StatusCode::CONFLICT, "too-many", "Too many"),
        KeysError::NotValid(_) => of(StatusCode::UNAUTHORIZED, "not-valid", "Not valid, or no longer"),
        KeysError::Store(_) | KeysError::Sealed | KeysError::Random(_) | KeysError::Token(_) => {
            Problem::internal(error)
        }
    }
}

fn objects(error: &ObjectsError) -> Problem {
    let of = |status, code: &str, title: &str| Problem::new(status, code, title, error.to_string());
    match error {
        ObjectsError::TooLarge { .. } => of(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The content is too large"),
        ObjectsError::Busy | ObjectsError::Going(_) => of(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much at once"),
        ObjectsError::Unknown(_) => of(StatusCode::NOT_FOUND, "no-content", "The content is not here"),
        ObjectsError::Range { .. } => of(StatusCode::RANGE_NOT_SATISFIABLE, "range", "Outside of the content"),
        ObjectsError::NoRoom { .. } => of(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too much at once"),
        ObjectsError::Idle(_) => of(StatusCode::REQUEST_TIMEOUT, "idle", "The upload stood still"),
        ObjectsError::BrokeOff(_) => of(StatusCode::BAD_REQUEST, "broke-off", "The upload broke off"),
        ObjectsError::Store(_) | ObjectsError::Io(_) | ObjectsError::Damaged { .. } => Problem::internal(error),
    }
}

fn delivery(error: &DeliveryError) -> Problem {
    let of = |status, code: &str, title: &str| Problem::new(status, code, title, error.to_string());
    match error {
        DeliveryError::Undecided(_) => of(StatusCode::SERVICE_UNAVAILABLE, "undecided", "Nobody could say yes"),
        DeliveryError::Refused { code, .. } => {
            let kind = Rejection::name_of(*code).unwrap_or("Unknown");
            of(StatusCode::FORBIDDEN, &format!("refused-{}", kebab(kind)), "Refused by the rules of the market")
        }
        DeliveryError::Over { .. } => of(StatusCode::GONE, "delivery-over", "The delivery's time is over"),
        DeliveryError::NoContent => of(StatusCode::NOT_FOUND, "no-content", "There is nothing to download"),
    }
}

fn vault(error: &VaultError) -> Problem {
    match error {
        VaultError::Invalid { field, reason } => invalid(error.to_string(), field, reason),
        VaultError::TooMany => Problem::new(StatusCode::CONFLICT, "too-many", "Too many", error.to_string()),
        VaultError::Unknown => Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", error.to_string()),
        VaultError::Changed => Problem {
            retryable: true,
            ..Problem::new(StatusCode::CONFLICT, "changed", "Changed meanwhile", error.to_string())
        },
        VaultError::Keys(error) => keys(error),
        VaultError::Store(_) | VaultError::Io(_) | VaultError::Sealed => Problem::internal(error),
    }
}

/// What the node said is passed on where it speaks of the request; what went wrong between us and the
/// node is ours.
fn node(error: &ClientError) -> Problem {
    match error {
        ClientError::Problem(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_GATEWAY);
            Problem {
                retryable: problem.retryable,
                ..Problem::new(status, &problem.code, &problem.title, problem.detail.as_str())
            }
        }
        ClientError::Unreachable { .. } => {
            // Who follows the ledger tells the log that the node is away, and does so once.
            tracing::debug!(%error, "the node cannot be reached");
            let detail = "the ledger's node cannot be reached at the moment: try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "node-unreachable", "The ledger is out of reach", detail)
        }
        ClientError::Untrue { .. }
        | ClientError::Rules(_)
        | ClientError::Sign(_)
        | ClientError::Setup(_)
        | ClientError::Kept(_) => Problem::internal(error),
    }
}

/// `QuoteExpired` as `quote-expired`.
pub fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::store::kv::KvError;
    use std::io::ErrorKind;

    #[test]
    fn a_refusal_keeps_its_name_and_says_what_to_do() {
        let problem = Problem::from(&MarketError::refused(&Rejection::QuoteExpired { expired_ms: 5 }, None));
        assert_eq!((problem.status, problem.code.as_str()), (422, "refused-quote-expired"));
        assert!(problem.detail.contains("ask for another"));
    }

    #[test]
    fn every_refusal_has_a_code_of_its_own() {
        let codes: std::collections::BTreeSet<_> = Rejection::CODES.iter().map(|(_, name)| kebab(name)).collect();
        assert_eq!(codes.len(), Rejection::CODES.len());
    }

    #[test]
    fn a_full_disk_is_told_wherever_it_is_found() {
        let full = || KvError::DiskFull { path: "/market/own".into() };
        let io = |kind| std::io::Error::from(kind);
        let store = |kind| object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(io(kind)) };
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            for error in [
                MarketError::Keys(KeysError::Store(full())),
                MarketError::Order(OrderError::Store(full())),
                MarketError::Vault(VaultError::Store(full())),
                MarketError::Vault(VaultError::Keys(KeysError::Store(full()))),
                MarketError::Vault(VaultError::Io(io(kind))),
                MarketError::Own(crate::own::OwnError::Store(full())),
                MarketError::Rows(RowsError::Store(full())),
                MarketError::Objects(ObjectsError::Io(io(kind))),
                MarketError::Objects(ObjectsError::Store(store(kind))),
                MarketError::Search(SearchError::Write(io(kind).into())),
            ] {
                let problem = Problem::from(&error);
                assert_eq!(
                    (problem.status, problem.code.as_str(), problem.retryable),
                    (507, "disk-full", false),
                    "{error:?}"
                );
                assert!(problem.detail.contains("make room") && problem.detail.contains("start the market again"));
                assert!(!problem.detail.contains("/market"), "paths are for the operator's log");
            }
        }
        for error in [
            MarketError::Objects(ObjectsError::Store(store(ErrorKind::PermissionDenied))),
            MarketError::Keys(KeysError::Store(KvError::Damaged { path: "x".into(), reason: "full".into() })),
            MarketError::Order(OrderError::Damaged),
        ] {
            assert_eq!(Problem::from(&error).code, "internal", "{error:?}");
        }
    }
}
