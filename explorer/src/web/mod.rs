//! The explorer over HTTP: pages for people, JSON and exports for machines, proofs for everybody.
//!
//! Handlers parse, build one view and put it in its form; what is shown is decided in
//! [`crate::view`]. Nothing here writes, and no answer depends on who asks.

mod api;
mod assets;
mod errors;
mod export;
mod lineage;
mod live;
mod metrics;
mod pages;
mod parse;
mod proof;
mod reports;
mod server;
mod shell;
mod verifier;
mod words;

pub use server::{Running, ServiceError, start};

use crate::{
    follow::{self, Shared},
    index::{Index, Reader},
    limits::{EXPORTS_MAX, LIVE_MAX, REQUEST_TIMEOUT, REQUESTS_MAX},
    view::Missing,
};
use axum::{
    Router,
    error_handling::HandleErrorLayer,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use errors::Failure;
use ledger::api::{client::Client, tls::Until};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, timeout::TimeoutLayer};

/// What handlers share.
#[derive(Clone)]
pub struct App {
    index: Arc<Index>,
    client: Client,
    state: Shared,
    live: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    stop: CancellationToken,
    /// When the certificate ends that is shown, if any is.
    tls_until: Until,
}

impl App {
    /// Everything that handlers need.
    pub fn new(index: Arc<Index>, client: Client, state: Shared, stop: CancellationToken) -> Self {
        let (live, exports) = (Arc::new(Semaphore::new(LIVE_MAX)), Arc::new(Semaphore::new(EXPORTS_MAX)));
        Self { index, client, state, live, exports, stop, tls_until: Until::default() }
    }

    /// Builds something from the read model on a thread that may wait for the disk.
    async fn read<T, F>(&self, build: F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: FnOnce(&Reader) -> Result<T, Missing> + Send + 'static,
    {
        let index = self.index.clone();
        let built = tokio::task::spawn_blocking(move || build(&index.read())).await;
        built.map_err(|_| Failure::Broken("building the page failed".into()))?.map_err(Failure::from)
    }

    /// How following goes.
    fn state(&self) -> follow::State {
        self.state.read().clone()
    }
}

/// All routes.
pub fn router(app: App) -> Router {
    let (api, openapi) = api::routes();
    let guarded = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(|_| async { errors::busy() }))
        .load_shed()
        .concurrency_limit(REQUESTS_MAX);
    let routes = pages::routes()
        .merge(api)
        .merge(proof::routes())
        .route("/openapi.json", get(move || async move { axum::Json(openapi) }))
        .route("/live", get(live::live))
        .route("/export/{file}", get(export::export))
        .route("/reports", get(reports::page))
        .route("/report/{file}", get(reports::file))
        .route("/health", get(api::health))
        .route("/metrics", get(metrics::metrics))
        .route("/assets/{file}", get(assets::asset))
        .route("/lonja-verifier.html", get(verifier::download))
        .fallback(errors::no_page)
        .layer(guarded)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(headers))
        .with_state(app);
    ledger::api::trace::requests(routes, "explorer")
}

/// Scripts and styles come from here and from nowhere else, and never from inside a page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
