//! What the market tells Prometheus: numbers only, and no party, path, key or address in a label.

use super::{guard, problem::Problem};
use crate::{error::MarketError, market::Market};
use axum::{
    Extension,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{sync::Arc, time::Duration};

/// Counters of one market.
pub struct Metrics {
    registry: Registry,
    served: Counter,
    refused: Counter,
    limited: Counter,
    failed: Counter,
    seconds: Histogram,
    height: Gauge,
    behind: Gauge,
    listings: Gauge,
    orders: Gauge,
    tls_until: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0];
        let mut made = Self {
            registry: Registry::with_prefix("lonja_market"),
            served: Counter::default(),
            refused: Counter::default(),
            limited: Counter::default(),
            failed: Counter::default(),
            seconds: Histogram::new(buckets),
            height: Gauge::default(),
            behind: Gauge::default(),
            listings: Gauge::default(),
            orders: Gauge::default(),
            tls_until: Gauge::default(),
        };
        let registry = &mut made.registry;
        registry.register("requests_served", "Requests that were answered as asked", made.served.clone());
        registry.register("requests_refused", "Requests that their sender must change", made.refused.clone());
        registry.register("requests_limited", "Requests beyond the rate limit", made.limited.clone());
        registry.register("requests_failed", "Requests that failed here or at the node", made.failed.clone());
        registry.register("request_seconds", "From a request's head to the answer's head", made.seconds.clone());
        registry.register("height", "The block up to which everything shown is true", made.height.clone());
        registry.register("index_behind_blocks", "Blocks that search lacks and the rows have", made.behind.clone());
        registry.register("listings", "Listings that search knows", made.listings.clone());
        registry.register("orders_open", "Orders that are signed and not decided", made.orders.clone());
        registry.register(
            "tls_until_seconds",
            "When the certificate ends that is shown, in seconds since 1970; 0 where no TLS is spoken",
            made.tls_until.clone(),
        );
        let dropped = ledger::api::trace::dropped();
        registry.register(
            "trace_spans_dropped",
            "Spans of traces that were not delivered, of the whole process",
            dropped,
        );
        made
    }
}

impl Metrics {
    /// Takes note of an answer.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        match status {
            StatusCode::TOO_MANY_REQUESTS => self.limited.inc(),
            status if status.is_server_error() => self.failed.inc(),
            status if status.is_client_error() => self.refused.inc(),
            _ => self.served.inc(),
        };
        self.seconds.observe(took.as_secs_f64());
    }

    fn render(&self, market: &Market) -> Result<String, MarketError> {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let height = market.tip().height;
        self.height.set(whole(height));
        self.behind.set(whole(height.saturating_sub(market.shown())));
        self.listings.set(whole(market.search().len()));
        self.orders.set(whole(market.orders().open_count()? as u64));
        self.tls_until.set(whole(market.0.tls_until.seconds()));
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|_| MarketError::Busy("the metrics could not be written"))?;
        Ok(text)
    }
}

/// Counters for Prometheus (OpenMetrics). Only for this machine: not through a proxy, not from
/// elsewhere.
#[utoipa::path(get, path = "/metrics", tag = "market",
    responses((status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text"), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn metrics(
    State(market): State<Market>,
    Extension(metrics): Extension<Arc<Metrics>>,
    request: Request,
) -> Result<Response, MarketError> {
    if !guard::is_local(&request) {
        let detail = "metrics are for this machine alone: scrape them on 127.0.0.1, without a proxy";
        return Err(MarketError::Forbidden(detail.into()));
    }
    let text = metrics.render(&market)?;
    let kind = (header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([kind, (header::CACHE_CONTROL, "no-store")], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_whose_turn_it_is() {
        let metrics = Metrics::default();
        for status in [200, 304, 404, 422, 429, 500] {
            metrics.answered(StatusCode::from_u16(status).unwrap(), Duration::from_millis(3));
        }
        let counted = [&metrics.served, &metrics.refused, &metrics.limited, &metrics.failed].map(Counter::get);
        assert_eq!(counted, [2, 2, 1, 1]);
        let mut text = String::new();
        encode(&mut text, &metrics.registry).unwrap();
        assert!(text.contains("lonja_market_request_seconds_count 6") && text.ends_with("# EOF\n"), "{text}");
    }
}
