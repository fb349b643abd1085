//! The API: JSON over HTTP, described by `/openapi.json`.
//!
//! Handlers parse, call one function of [`Market`] and map the error; what is decided is decided
//! elsewhere. Writes can be repeated under an `Idempotency-Key`; lists have opaque cursors and a
//! documented maximum; times are RFC 3339 beside milliseconds; amounts are minor units in strings.

mod answer;
mod ask;
pub mod caller;
pub mod catalogue;
mod consents;
pub mod contents;
mod dcat;
mod document;
mod guard;
mod logged;
mod members;
mod metrics;
pub mod page;
pub mod problem;
mod shape;
mod strict;
mod trade;

use crate::{market::Market, web};
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version, header},
    middleware,
    response::{IntoResponse, Response},
};
use document::{Described, Document};
use guard::Guard;
use problem::Problem;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{DefaultPredicate, Predicate},
    },
};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// Everything that the market serves.
///
/// Pages name the address `explorer`, where there is one.
pub fn router(market: Market, behind_proxy: bool, explorer: Option<&str>) -> Router {
    let guard = Guard::new(behind_proxy);
    let (api, document) = documented(&guard).split_for_parts();
    let shared = web::shared(explorer);
    let entries = web::entries(&shared).layer(middleware::from_fn_with_state(guard.clone(), guard::entry));
    let pages = web::pages(&shared).merge(entries).layer(middleware::from_fn(guard::in_time));
    let routes = api
        .merge(pages)
        .merge(web::transfers(&shared))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(Extension(Described::new(&document)))
        .layer(Extension(guard.metrics()))
        .layer(Extension(shared))
        .with_state(market);
    guarded(routes, guard)
}

/// What every request goes through, on its way in from the last line to the first.
fn guarded(routes: Router, guard: Guard) -> Router {
    let routes = routes
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(without_digest)))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a request panicked; where and why stands above");
            let detail = "the market failed in this request; others are not affected";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The market failed", detail).into_response()
        }))
        .layer(middleware::from_fn_with_state(guard, guard::every));
    ledger::api::trace::requests(routes, "marketplace").layer(middleware::from_fn(logged::asked))
}

/// `Content-Digest` speaks of the bytes as they are sent, so these are sent as they are.
fn without_digest(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key("content-digest") && !headers.contains_key("repr-digest")
}

/// The routes with their description.
fn documented(guard: &Guard) -> OpenApiRouter<Market> {
    let entry = OpenApiRouter::new()
        .routes(routes!(members::apply))
        .routes(routes!(members::sign_in))
        .routes(routes!(members::issue_credential))
        .layer(middleware::from_fn_with_state(guard.clone(), guard::entry));
    let quick = OpenApiRouter::new()
        .routes(routes!(document::describe))
        .routes(routes!(metrics::metrics))
        .routes(routes!(catalogue::health))
        .routes(routes!(catalogue::market))
        .routes(routes!(catalogue::search))
        .routes(routes!(catalogue::dataset))
        .routes(routes!(catalogue::prose))
        .routes(routes!(catalogue::versions))
        .routes(routes!(catalogue::offers))
        .routes(routes!(catalogue::offer))
        .routes(routes!(catalogue::parties))
        .routes(routes!(catalogue::party))
        .routes(routes!(members::issue_link))
        .routes(routes!(members::session))
        .routes(routes!(members::sign_out))
        .routes(routes!(members::credentials))
        .routes(routes!(members::withdraw_credential))
        .routes(routes!(members::pricing_key))
        .routes(routes!(members::accounts))
        .routes(routes!(members::statement))
        .routes(routes!(members::refusals))
        .routes(routes!(members::prepare))
        .routes(routes!(members::submit))
        .routes(routes!(members::act))
        .routes(routes!(trade::quote))
        .routes(routes!(trade::buy))
        .routes(routes!(trade::orders))
        .routes(routes!(trade::order))
        .routes(routes!(trade::receipt))
        .routes(routes!(trade::agreements))
        .routes(routes!(trade::agreement))
        .routes(routes!(trade::deliveries))
        .routes(routes!(trade::renewal))
        .routes(routes!(trade::renew))
        .routes(routes!(trade::revoke))
        .routes(routes!(contents::add_version))
        .routes(routes!(contents::deliver))
        .routes(routes!(consents::give))
        .routes(routes!(consents::list))
        .routes(routes!(consents::keep))
        .routes(routes!(consents::record))
        .routes(routes!(consents::discard))
        .routes(routes!(consents::end))
        .routes(routes!(consents::access))
        .routes(routes!(consents::erase))
        .routes(routes!(consents::erasure))
        .merge(entry)
        .layer(middleware::from_fn(guard::in_time));
    // Transfers take as long as they take; each bounds itself.
    let transfers = OpenApiRouter::new()
        .routes(routes!(contents::upload))
        .routes(routes!(contents::content))
        .routes(routes!(contents::slice))
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(Document::openapi()).merge(quick).merge(transfers)
}

/// A person gets a page, a program a problem.
async fn nothing_here(visit: web::Visit, headers: HeaderMap, uri: Uri) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accept.contains("text/html") && !uri.path().starts_with("/api/") {
        return web::nothing_here(visit).await;
    }
    let detail = format!("there is nothing at {}; /openapi.json lists what there is", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail).into_response()
}

async fn another_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; /openapi.json says what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "Another method", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, extract::Request, routing::get};
    use tower::ServiceExt;
    use tracing::Level;

    async fn ask(request: Request) -> (u16, String, serde_json::Value) {
        let routes = Router::new()
            .route("/panic", get(|| async { [0][std::hint::black_box(1)].to_string() }))
            .route("/plain", get(|| async { (StatusCode::BAD_REQUEST, "what a library says") }))
            .route("/empty", get(|| async { StatusCode::NOT_ACCEPTABLE }))
            .route("/away", get(|| async { StatusCode::SERVICE_UNAVAILABLE }));
        let answer = guarded(routes, Guard::new(false)).oneshot(request).await.unwrap();
        assert!(answer.headers().contains_key("x-request-id") && answer.headers().contains_key("ratelimit"));
        let (status, kind) = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_string());
        let bytes = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        (status, kind, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn whatever_goes_wrong_is_a_problem() {
        // Where a line is first met while nobody reads any, `tracing` may take it to be wanted by nobody: not by the test
        // beside this one either, if that begins at the same time.
        let (_log, _guard) = ledger::testing::log::Log::begin();
        for (path, status, code) in
            [("/panic", 500, "internal"), ("/plain", 400, "bad-request"), ("/empty", 406, "not-acceptable")]
        {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let (got, kind, body) = ask(request).await;
            assert_eq!(
                (got, kind.as_str(), body["code"].as_str()),
                (status, "application/problem+json", Some(code)),
                "{path}"
            );
        }
        let request = Request::builder().uri("/plain").body(Body::empty()).unwrap();
        assert_eq!(ask(request).await.2["detail"], "what a library says");
    }

    #[tokio::test]
    async fn the_log_knows_a_request_by_its_id_and_route_and_not_by_its_query() {
        let (log, _guard) = ledger::testing::log::Log::begin();
        let asked = |path: &str| {
            let request = Request::builder().uri(format!("{path}?link=hunter2&q=hunter3"));
            request.header("x-request-id", "asked-by-me").body(Body::empty()).unwrap()
        };
        for path in ["/plain", "/empty", "/panic", "/away", "/hunter4"] {
            ask(asked(path)).await;
        }
        let (lines, loud) = (log.lines(Level::TRACE), log.lines(Level::INFO));
        assert!(lines.iter().all(|line| !line.contains("hunter")), "{lines:#?}");
        for (route, status) in [("/plain", 400), ("/empty", 406), ("/panic", 500), ("/away", 503), ("none", 404)] {
            let parts = ["id=\"asked-by-me\"".into(), format!("route=\"{route}\""), format!("status={status}")];
            let line = lines.iter().find(|line| parts.iter().all(|part| line.contains(part)));
            assert!(line.is_some_and(|line| line.starts_with("DEBUG")), "{route}: {lines:#?}");
        }
        // A poll that finds the ledger out of reach is no news; a cause is, and is found by the id of its answer.
        assert_eq!(loud.len(), 1, "{loud:#?}");
        assert!(loud[0].starts_with("ERROR") && loud[0].contains("asked-by-me") && loud[0].contains("panicked"));
    }
}
