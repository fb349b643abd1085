//! What the log says of requests: by which route, what they came to and how long they took.
//!
//! Never a path, query, header or body: in a query is what somebody looks for, or a sign-in link. Each line that is
//! written while a request is answered has the id that its answer bears. An answer by itself stands in the log at
//! `debug` alone, whatever it is: `/health` is asked all the time, and what went wrong is told where the cause is known.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use std::time::Duration;
use tracing::{Instrument, Span};

/// Under which id a request is answered, and its span.
#[derive(Clone)]
pub struct Asked {
    /// What its answer bears.
    pub id: HeaderValue,
    /// Around every line of the log.
    pub span: Span,
}

/// Gives a request its id and its span. Outside of the span of its trace: work that goes on after the answer has that
/// one to go on with.
pub async fn asked(mut request: Request, next: Next) -> Response {
    let id = super::guard::request_id(request.headers());
    let span = span(&id, &request);
    request.extensions_mut().insert(Asked { id, span: span.clone() });
    next.run(request).instrument(span).await
}

/// The span of `request`, which is answered under `id`. It is wanted wherever anything is: an error is of no use to
/// those who look for it by its id, if the line lacks that.
///
/// Its target is no crate of ours. Those are sent as traces, which have spans of their own.
fn span(id: &HeaderValue, request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
    let id = id.to_str().unwrap_or_default();
    tracing::error_span!(target: "request", "asked", id, method = request.method().as_str(), route)
}

/// What the request of `span` came to.
pub fn answered(span: &Span, status: StatusCode, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(status = status.as_u16(), took_ms, "answered"));
}
