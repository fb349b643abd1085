//! The API's document (OpenAPI 3.1), as it is served at `/openapi.json`.
//!
//! Routes and types describe themselves; here is added what holds for all of them: closed objects,
//! the readable twins of times, headers, answers that are the same everywhere, and examples.

mod examples;
mod headers;
mod objects;

use super::{caller, problem};
use axum::{
    Extension,
    body::Bytes,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// What all routes have in common.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "lonja marketplace",
        description = "A data market whose every promise can be checked.\n\nErrors are RFC 9457 problems with stable codes; a code never changes its meaning, new ones may come. Amounts are whole minor units in strings with an ISO 4217 code. Times are milliseconds since 1970 with an RFC 3339 twin beside them (`end_ms` and `end`); what is signed has no twins. Whole numbers in JSON stay below 2^53. Lists are pages: `limit` up to 200, `next` and `Link: rel=\"next\"` for the rest; a page stays where it is while rows are added, and a cursor is taken by the list that gave it alone, asked as before. `Idempotency-Key` makes repeating a write harmless where an operation names it: the same key and request give the same answer, another request 422, one that is still worked on 409. Keys of orders are remembered for ever, those of applications, sign-in links, sessions, credentials and consent records for 7 days; where the answer held a secret that cannot be told again, the repetition does nothing and says so (409, `answer-not-kept`). Other writes need no key: contents are named by their bytes, `submit` by the signed transaction. Revisions are never overwritten by mistake: `dataset.revise` and `offer.revise` name the revision that was read, and a write with `If-Match` is refused with 412 when its target has changed.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/", description = "this market")),
    modifiers(&Security)
)]
pub struct Document;

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

/// The whole document, ready to be served.
#[derive(Clone)]
pub struct Described(Bytes);

impl Described {
    /// Completes what routes and types say of themselves.
    pub fn new(document: &utoipa::openapi::OpenApi) -> Self {
        let mut document = serde_json::to_value(document).expect("a document is plain values");
        objects::complete(&mut document);
        headers::complete(&mut document);
        examples::add(&mut document);
        Self(Bytes::from(document.to_string()))
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "market",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), (status = "default", description = "a problem", body = problem::Problem, content_type = "application/problem+json")))]
pub async fn describe(Extension(Described(document)): Extension<Described>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document).into_response()
}
