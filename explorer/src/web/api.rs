//! The same as the pages, for machines: JSON, described by OpenAPI 3.1 at `/openapi.json`.

use super::{
    App,
    errors::{Failure, Problem},
    parse::{self, Asked, ListAnswer},
    shell::json,
};
use crate::view::{
    Missing, agreement::AgreementView, block::BlockView, consent::ConsentView, dataset::DatasetView,
    delivery::DeliveryView, era::EraView, governance::GovernanceView, group::GroupView, home::HomeView, list::List,
    offer::OfferView, party::PartyView, proposal::ProposalView, refusal::RefusedView, search::SearchView,
    transaction::TransactionView, validator::ValidatorView,
};
use axum::{
    Router,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json as value;
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::{router::OpenApiRouter, routes};

#[derive(OpenApi)]
#[openapi(info(
    title = "lonja explorer",
    description = "The whole history of a lonja network, read from its ledger and executed again under its rules. \
                   Everything here is public, read only, and true up to the height in `as_of`. Amounts are integer \
                   minor units in strings; times are RFC 3339 in UTC; cursors are opaque."
))]
struct Described;

/// Routes of the API and their description.
pub fn routes() -> (Router<App>, Document) {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(summary))
        .routes(routes!(list))
        .routes(routes!(search))
        .routes(routes!(block))
        .routes(routes!(transaction))
        .routes(routes!(party))
        .routes(routes!(dataset))
        .routes(routes!(offer))
        .routes(routes!(agreement))
        .routes(routes!(consent))
        .routes(routes!(group))
        .routes(routes!(delivery))
        .routes(routes!(refusal))
        .routes(routes!(governance))
        .routes(routes!(proposal))
        .routes(routes!(validator))
        .routes(routes!(era))
        .routes(routes!(super::lineage::api))
        .split_for_parts()
}

/// An answer with a `Link` to what follows, where something does.
fn linked(mut response: Response, path: &str, next: Option<&str>) -> Response {
    if let Some(next) = next {
        let separator = if path.contains('?') { "" } else { "?" };
        let link = format!("<{path}{separator}after={next}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

/// How much there is, and the newest of it
#[utoipa::path(get, path = "/api/v1/summary", responses((status = 200, body = HomeView)))]
async fn summary(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    Ok(json(&headers, &parse::home(&app).await?))
}

/// Who may change the network: validators, rules in force, the newest proposals and evidence
#[utoipa::path(get, path = "/api/v1/governance", responses((status = 200, body = GovernanceView)))]
async fn governance(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    Ok(json(&headers, &parse::governance(&app).await?))
}

/// A list: blocks, transactions, parties, datasets, offers, agreements, deliveries, consents, refusals, events,
/// proposals, ballots, accusations, eras
#[utoipa::path(get, path = "/api/v1/lists/{list}", params(("list" = String, Path, description = "Which list"), Asked),
    responses((status = 200, body = ListAnswer), (status = 400, body = Problem), (status = 404, body = Problem)))]
async fn list(
    State(app): State<App>,
    Path(word): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wrong = || Missing::Malformed(format!("there is no list `{}`", word.chars().take(40).collect::<String>()));
    let list = List::from_word(&word).ok_or_else(wrong)?;
    let keep = asked.keep();
    let answer: ListAnswer = parse::list(&app, list, &asked).await?.into();
    let path = format!("/api/v1/lists/{word}?{keep}");
    Ok(linked(json(&headers, &answer), &path, answer.next.as_deref()))
}

/// Search by height, identifier, the beginning of one, or words of a name
#[utoipa::path(get, path = "/api/v1/search", params(Asked),
    responses((status = 200, body = SearchView), (status = 400, body = Problem)))]
async fn search(State(app): State<App>, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, Failure> {
    let view = parse::search(&app, &asked).await?;
    let query: String = asked.q.unwrap_or_default().bytes().map(|byte| format!("%{byte:02X}")).collect();
    Ok(linked(json(&headers, &view), &format!("/api/v1/search?q={query}&"), view.next.as_deref()))
}

macro_rules! things {
    ($($doc:literal $name:ident $path:literal $view:ty, |$found:ident| $next:expr;)*) => {$(
        #[doc = $doc]
        #[utoipa::path(get, path = $path, params(("id" = String, Path, description = "Identifier"), Asked),
            responses((status = 200, body = $view), (status = 400, body = Problem), (status = 404, body = Problem)))]
        async fn $name(
            State(app): State<App>,
            Path(id): Path<String>,
            Query(asked): Query<Asked>,
            headers: HeaderMap,
        ) -> Result<Response, Failure> {
            let $found = parse::$name(&app, &id, &asked).await?;
            let next: Option<String> = $next;
            let path = $path.replace("{id}", &id.to_lowercase());
            Ok(linked(json(&headers, &$found), &path, next.as_deref()))
        }
    )*};
}

things! {
    "A block, by height or id" block "/api/v1/blocks/{id}" BlockView, |found| found.more();
    "A transaction" transaction "/api/v1/transactions/{id}" TransactionView, |_found| None;
    "A party and its timeline" party "/api/v1/parties/{id}" PartyView, |found| found.timeline.next.clone();
    "A dataset and its timeline" dataset "/api/v1/datasets/{id}" DatasetView, |found| found.timeline.next.clone();
    "An offer and its timeline" offer "/api/v1/offers/{id}" OfferView, |found| found.timeline.next.clone();
    "An agreement and its timeline" agreement "/api/v1/agreements/{id}" AgreementView, |found| found.timeline.next.clone();
    "A consent and its timeline" consent "/api/v1/consents/{id}" ConsentView, |found| found.timeline.next.clone();
    "A group and its timeline" group "/api/v1/groups/{id}" GroupView, |found| found.timeline.next.clone();
    "A delivery" delivery "/api/v1/deliveries/{id}" DeliveryView, |_found| None;
    "A proposal, whose word it has, and its timeline" proposal "/api/v1/proposals/{id}" ProposalView, |found| found.timeline.next.clone();
    "A validator by its consensus key, and its timeline" validator "/api/v1/validators/{id}" ValidatorView, |found| found.timeline.next.clone();
    "An era by its number: the validators who decided, with their keys" era "/api/v1/eras/{id}" EraView, |_found| None;
    "A refusal" refusal "/api/v1/refusals/{id}" RefusedView, |_found| None;
}

/// How the explorer is: `200` while it can be relied on.
pub async fn health(State(app): State<App>) -> Response {
    let (state, tip) = (app.state(), app.index.tip());
    let (status, word) = match (&state.stopped, &state.node_error, state.node_height) {
        (Some(_), _, _) => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
        (None, Some(_), _) => (StatusCode::SERVICE_UNAVAILABLE, "node-unreachable"),
        (None, None, None) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        (None, None, Some(node)) if node > tip.height + 2 => (StatusCode::OK, "catching-up"),
        (None, None, Some(_)) => (StatusCode::OK, "ok"),
    };
    let body = value!({
        "status": word,
        "height": tip.height,
        "time": crate::view::format::moment(tip.time_ms).iso,
        "node_height": state.node_height(tip.height),
        "reason": state.stopped.or(state.node_error),
        "version": env!("CARGO_PKG_VERSION"),
    });
    (status, axum::Json(body)).into_response()
}
