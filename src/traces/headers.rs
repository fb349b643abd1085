//! W3C Trace Context: the headers `traceparent` and `tracestate`.

use ledger::api::trace::Carrier;
use opentelemetry::{
    propagation::{Extractor, TextMapPropagator},
    trace::TraceContextExt as _,
};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use reqwest::header::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Bytes of a header that is taken up: what W3C Trace Context wants a `tracestate` to be handed on with at least
/// (section 3.3.1.5). A stranger's longer one would lie in memory with each span of its trace.
const HEADER_BYTES_MAX: usize = 512;

/// Reads and writes the headers.
pub struct TraceContext(TraceContextPropagator);

impl TraceContext {
    /// There is one way to do it.
    pub fn new() -> Self {
        Self(TraceContextPropagator::new())
    }
}

impl Carrier for TraceContext {
    fn take(&self, span: &Span, headers: &HeaderMap) {
        let context = self.0.extract_with_context(&opentelemetry::Context::new(), &Bounded(headers));
        if !context.span().span_context().is_valid() {
            return;
        }
        if let Err(error) = span.set_parent(context) {
            tracing::debug!(%error, "a request's trace is not taken up");
        }
    }

    fn give(&self, span: &Span, headers: &mut HeaderMap) {
        self.0.inject_context(&span.context(), &mut HeaderInjector(headers));
    }
}

/// Headers, without those that are too long.
struct Bounded<'h>(&'h HeaderMap);

impl Extractor for Bounded<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok().filter(|value| value.len() <= HEADER_BYTES_MAX)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
