//! Spans of requests, and how a trace goes from one process to the next.
//!
//! Spans are made with `tracing` alone, and cost next to nothing where nobody takes them. Which headers name a trace
//! is not known here: whoever sends traces away says so once ([`carry_by`]), and until then requests neither take a
//! trace up nor hand one on. A span has the route of a request, never its path, query, headers or body.

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use prometheus_client::metrics::counter::Counter;
use std::sync::{LazyLock, OnceLock};
use tracing::{Instrument, Span, field::Empty, info_span};

/// Knows the headers by which a trace goes from one process to the next.
pub trait Carrier: Send + Sync {
    /// Makes `span`, which was not entered yet, go on with the trace that the headers of a request name, if they
    /// name one.
    fn take(&self, span: &Span, headers: &HeaderMap);

    /// Names the trace of `span` in the headers of a request to somebody else.
    fn give(&self, span: &Span, headers: &mut HeaderMap);
}

static CARRIER: OnceLock<Box<dyn Carrier>> = OnceLock::new();
static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// From now on requests of this process take traces up and hand them on by `carrier`. The first one stays.
pub fn carry_by(carrier: Box<dyn Carrier>) {
    drop(CARRIER.set(carrier));
}

/// How many spans of this process were not delivered, for the metrics of each service.
pub fn dropped() -> Counter {
    DROPPED.clone()
}

/// Every request to `router`, which is the service `service`, has a span.
pub fn requests<S: Clone + Send + Sync + 'static>(router: Router<S>, service: &'static str) -> Router<S> {
    router.layer(from_fn_with_state(service, answered))
}

async fn answered(State(service): State<&'static str>, request: Request, next: Next) -> Response {
    let method = known(request.method());
    // By the names of OpenTelemetry's conventions for HTTP; `otel.` says what the span is called, is and came to.
    let span = info_span!(
        parent: None,
        "request",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        lonja.service = service,
    );
    if span.is_disabled() {
        return next.run(request).await;
    }
    if let Some(route) = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        span.record("http.route", route).record("otel.name", format!("{method} {route}"));
    }
    if let Some(carrier) = CARRIER.get() {
        carrier.take(&span, request.headers());
    }
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    response
}

/// A span for a request of ours to the node at `url`, and the headers that hand its trace on. `path` is what follows
/// the URL; only what all paths of a kind have in common is told of it.
pub(super) fn asking(method: &Method, url: &str, path: &str) -> (Span, HeaderMap) {
    let mut headers = HeaderMap::new();
    let method = known(method);
    let span = info_span!(
        "ask",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = Empty,
        http.request.method = method,
        http.response.status_code = Empty,
        server.address = Empty,
        server.port = Empty,
        "error.type" = Empty,
    );
    if span.is_disabled() {
        return (span, headers);
    }
    span.record("otel.name", format!("{method} {}", kind(path)));
    if let Ok(url) = reqwest::Url::parse(url) {
        span.record("server.address", url.host_str()).record("server.port", url.port_or_known_default().map(i64::from));
    }
    if let Some(carrier) = CARRIER.get() {
        carrier.give(&span, &mut headers);
    }
    (span, headers)
}

/// What was answered to a request of ours, in whose span we are.
pub(super) fn told(status: StatusCode) {
    Span::current().record("http.response.status_code", i64::from(status.as_u16()));
}

/// A request of ours came to nothing: why, in a word.
pub(super) fn failed(span: &Span, word: &str) {
    span.record("otel.status_code", "ERROR").record("error.type", word);
}

/// The first two parts of a path, as `/v1/state`: which of them is meant follows after, or in the query.
fn kind(path: &str) -> &str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end])
}

/// A method as it stands in a span; others are one word, whatever a stranger sends.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "_OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_span_is_called_has_no_name_of_a_thing_in_it() {
        for (path, told) in [
            ("/v1/status", "/v1/status"),
            ("/v1/state/0a1b", "/v1/state"),
            ("/v1/history/0a1b?from=3", "/v1/history"),
            ("/v1/blocks?after=7&wait_ms=9", "/v1/blocks"),
            ("/checkpoint", "/checkpoint"),
            ("/tile/0/x001/000", "/tile/0"),
            ("", ""),
        ] {
            assert_eq!(kind(path), told, "{path}");
        }
        assert_eq!(known(&Method::from_bytes(b"BREW").unwrap()), "_OTHER");
    }
}
