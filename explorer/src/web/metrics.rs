//! What the explorer tells Prometheus: numbers alone, of what it holds at the moment that it is asked.

use super::App;
use crate::limits::{EXPORTS_MAX, LIVE_MAX};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use prometheus_client::{encoding::text::encode, metrics::gauge::Gauge, registry::Registry};

/// Gauges in the OpenMetrics text form.
pub async fn metrics(State(app): State<App>) -> Response {
    let (state, mut registry) = (app.state(), Registry::with_prefix("lonja_explorer"));
    let mut tell = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    let following = state.stopped.is_none() && state.node_error.is_none();
    let read = app.index.tip().height;
    tell("height", "The block up to which everything shown is true", read);
    tell("node_height", "The newest block of the node, 0 before it was asked", state.node_height(read).unwrap_or(0));
    tell("following", "1 while the node is reached and believed", u64::from(following));
    tell("live_readers", "Pages that show blocks as they come", (LIVE_MAX - app.live.available_permits()) as u64);
    tell("exports_running", "Exports under way", (EXPORTS_MAX - app.exports.available_permits()) as u64);
    let until = "When the certificate ends that is shown, in seconds since 1970; 0 where no TLS is spoken";
    tell("tls_until_seconds", until, app.tls_until.seconds());
    let dropped = ledger::api::trace::dropped();
    registry.register("trace_spans_dropped", "Spans of traces that were not delivered, of the whole process", dropped);
    let mut text = String::new();
    if encode(&mut text, &registry).is_err() {
        return super::Failure::Broken("the metrics could not be written".into()).into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
