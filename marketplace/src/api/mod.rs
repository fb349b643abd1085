//! The API: JSON over HTTP, described by `/openapi.json`.
//!
//! Handlers parse, call one function of [`Market`] and map the error; what is decided is decided
//! elsewhere. Writes can be repeated under an `Idempotency-Key`; lists have opaque cursors and a
//! documented maximum; times are RFC 3339 beside milliseconds; amounts are minor units in strings.

mod ask;
pub mod caller;
pub mod catalogue;
mod consents;
pub mod contents;
mod guard;
pub mod json;
mod members;
pub mod page;
pub mod problem;
mod trade;

use crate::{market::Market, web};
use axum::{
    Extension, Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use guard::Guard;
use problem::Problem;
use std::sync::Arc;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, trace::TraceLayer};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "lonja marketplace",
        description = "A data market whose every promise can be checked. Errors are RFC 9457 problems with stable codes. Amounts are whole minor units in strings with an ISO 4217 code. Lists are pages: `limit` up to 200, `next` and `Link: rel=\"next\"` for the rest. `Idempotency-Key` makes repeating a write harmless: the same key and request give the same answer, another request 422, one that is still worked on 409."
    ),
    modifiers(&Security)
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("PASETO v4.public").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(caller::COOKIE)));
        components.add_security_scheme("session", cookie);
    }
}

/// Everything that the market serves.
///
/// Pages name the address `explorer`, where there is one.
pub fn router(market: Market, behind_proxy: bool, explorer: Option<&str>) -> Router {
    let guard = Guard::new(behind_proxy);
    let (api, document) = documented(&guard).split_for_parts();
    let document = Arc::new(document);
    let shared = web::shared(explorer);
    let entries = web::entries(&shared).layer(middleware::from_fn_with_state(guard.clone(), guard::entry));
    let pages = web::pages(&shared).merge(entries).layer(middleware::from_fn(guard::in_time));
    api.route("/openapi.json", get(move || async move { Json((*document).clone()) }))
        .merge(pages)
        .merge(web::transfers(&shared))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(Extension(shared))
        .with_state(market)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(guard, guard::every))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            let detail = "the market failed in this request; others are not affected";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The market failed", detail).into_response()
        }))
        .layer(TraceLayer::new_for_http())
}

/// The routes with their description.
fn documented(guard: &Guard) -> OpenApiRouter<Market> {
    let entry = OpenApiRouter::new()
        .routes(routes!(members::apply))
        .routes(routes!(members::sign_in))
        .routes(routes!(members::issue_credential))
        .layer(middleware::from_fn_with_state(guard.clone(), guard::entry));
    let quick = OpenApiRouter::new()
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
