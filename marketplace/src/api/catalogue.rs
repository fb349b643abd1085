//! Reading the catalogue: search, datasets, versions, offers.

use super::{
    answer::Answer,
    ask::{Asked, At, JSON, id, wanted},
    caller::Caller,
    dcat,
    page::{self, PageQuery},
    problem::Problem,
    shape,
};
use crate::{
    error::MarketError,
    limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX},
    market::Market,
    rows::List,
    search::{FACET_VALUES_MAX, Facet, FacetCount, Filter, Query, Sort},
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use contracts::{
    id::{DatasetId, Height, OfferId, PartyId},
    offer::Price,
};
use serde_json::{Value, json};

/// Search over the listings.
///
/// `q` is what somebody typed. Any facet is a parameter of its own and may be repeated: values of one
/// facet widen, different facets narrow. A parameter that is not known is an error.
#[utoipa::path(get, path = "/api/v1/datasets", tag = "catalogue",
    params(
        ("q" = Option<String>, Query, description = "words, a title or an identifier"),
        ("sort" = Option<String>, Query, description = "relevance (default), title or newest"),
        ("limit" = Option<usize>, Query, description = "hits on the page: 0 (counts only) to 200, 20 by default"),
        ("cursor" = Option<String>, Query, description = "the `next` of the page before, within ten minutes; a search reaches 10,000 hits"),
        ("spectrum" = Option<Vec<String>>, Query, description = "closed, shared, open; so for every facet that an answer counts"),
    ),
    responses((status = 200, description = "hits, counts by facet, and the next page; `facets_cut` names facets of which the 200 most frequent values are counted and others may exist", body = shape::SearchPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn search(
    State(market): State<Market>,
    Asked(pairs): Asked<Vec<(String, String)>>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let (pairs, cursor): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name != "cursor");
    let mut query = query(&pairs)?;
    let (list, mut at) = (list(&query), None);
    if let Some((_, cursor)) = cursor.last() {
        let place = SearchPlace::open(&list, cursor)?;
        (query.offset, at) = (place.offset, Some(place.at));
    }
    let (results, at) = {
        let (market, query) = (market.clone(), query.clone());
        let searching = tokio::task::spawn_blocking(move || market.search().query_at(&query, at));
        searching.await.map_err(|_| MarketError::Busy("the search stopped"))??
    };
    let mut hits = Vec::with_capacity(results.hits.len());
    for hit in &results.hits {
        hits.push(summary(&market, &hit.dataset)?);
    }
    let end = query.offset + results.hits.len();
    let more = query.limit > 0 && end < results.total.min(crate::search::REACH_MAX);
    let next = more.then(|| SearchPlace { at, offset: end }.seal(&list));
    let counts: Vec<Value> = results
        .facets
        .iter()
        .map(|count| json!({ "facet": count.facet.slug(), "value": count.value, "count": count.count }))
        .collect();
    let answer = json!({
        "items": hits,
        "total": results.total,
        "facets": counts,
        "facets_cut": facets_cut(&results.facets),
        "widened": results.widened,
        "guessed": results.guessed,
        "next": next,
        "height": market.tip().height,
    });
    let mut response = Answer::ok(answer).tagged(&asked);
    if let Some(link) = next.as_deref().and_then(|next| page::link(&uri, next)) {
        response.headers_mut().insert(axum::http::header::LINK, link);
    }
    Ok(response)
}

/// Facets of which only the most frequent values are counted in the answer.
fn facets_cut(counts: &[FacetCount]) -> Vec<&'static str> {
    let full = |facet: &&Facet| counts.iter().filter(|count| count.facet == **facet).count() >= FACET_VALUES_MAX;
    Facet::ALL.iter().filter(full).map(|facet| facet.slug()).collect()
}

/// Where a page of a search starts: in the index as it was when the first page was made, so that what
/// is listed meanwhile moves nothing.
struct SearchPlace {
    at: Height,
    offset: usize,
}

impl SearchPlace {
    fn seal(&self, list: &List) -> String {
        page::seal(list, &[self.at.to_be_bytes(), (self.offset as u64).to_be_bytes()].concat())
    }

    fn open(list: &List, cursor: &str) -> Result<Self, MarketError> {
        let place: [u8; 16] = page::open(list, cursor)?
            .try_into()
            .map_err(|_| MarketError::invalid("cursor", "this is no cursor of a search: use one that a page gave"))?;
        let half = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let offset = usize::try_from(half(&place[8..])).unwrap_or(usize::MAX);
        Ok(Self { at: half(&place[..8]), offset })
    }
}

/// A search as a list: its words, order and filters, in whatever order these were given.
fn list(query: &Query) -> List {
    let mut filters: Vec<String> =
        query.filters.iter().map(|filter| format!("{}={}", filter.facet.slug(), filter.value)).collect();
    filters.sort_unstable();
    let sort = format!("{:?}", query.sort);
    let asked: [&[u8]; 3] = [b"search", query.text.as_bytes(), sort.as_bytes()];
    let parts: Vec<&[u8]> = asked.into_iter().chain(filters.iter().map(String::as_bytes)).collect();
    List::of(&parts)
}

/// A search from the parameters of a link.
///
/// # Errors
/// [`MarketError::Invalid`], naming the parameter.
fn query(pairs: &[(String, String)]) -> Result<Query, MarketError> {
    let mut query = Query { limit: 20.min(PAGE_ROWS_DEFAULT), ..Query::default() };
    for (name, value) in pairs {
        match name.as_str() {
            "q" => query.text = value.clone(),
            "sort" => {
                query.sort = match value.as_str() {
                    "relevance" | "" => Sort::Relevance,
                    "title" => Sort::Title,
                    "newest" => Sort::Newest,
                    _ => return Err(MarketError::invalid("sort", "relevance, title or newest")),
                }
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| *limit <= PAGE_ROWS_MAX);
                query.limit = limit.ok_or_else(|| MarketError::invalid("limit", format!("0 to {PAGE_ROWS_MAX}")))?;
            }
            _ => {
                let facet: Facet = name.parse().map_err(|reason: String| MarketError::invalid(name, reason))?;
                if !value.is_empty() {
                    query.filters.push(Filter { facet, value: value.clone() });
                }
            }
        }
    }
    Ok(query)
}

fn summary(market: &Market, id: &DatasetId) -> Result<Value, MarketError> {
    let (Some(dataset), Some(jacket)) = (market.rows().dataset(id)?, market.rows().jacket(id)?) else {
        return Err(MarketError::Busy("the index is ahead of the rows"));
    };
    let class = &dataset.classification;
    let closed = class.spectrum.value() == Some(&contracts::vocabulary::Spectrum::Closed);
    Ok(json!({
        "id": id,
        "title": jacket.title,
        "catalogue": dataset.catalogue,
        "identifier": dataset.identifier,
        "publisher": dataset.publisher,
        "source_publisher": if closed { None } else { jacket.source_publisher },
        "spectrum": class.spectrum.value(),
        "listing": dataset.listing,
        "revision": dataset.revision,
        "versions": dataset.versions,
        "details_withheld": closed,
    }))
}

/// One dataset, as the caller may see it: as JSON, or as DCAT where `Accept` asks for JSON-LD.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}", tag = "catalogue", params(("dataset" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the dataset with its newest version and its newest 20 open offers; `more_offers` is the cursor for the list of the rest", content((shape::DatasetView = "application/json"), (Object = "application/ld+json"))), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn dataset(
    State(market): State<Market>,
    At(dataset): At<String>,
    caller: Option<Caller>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let viewer = caller.map(|caller| caller.party);
    let kind = wanted(&asked, &[JSON, dcat::JSON_LD])?;
    let view = market.dataset(&id("dataset", &dataset)?, viewer.as_ref()).await?;
    let view = view.ok_or(MarketError::NotFound("dataset"))?;
    match kind {
        dcat::JSON_LD => Ok(Answer::ok(dcat::dataset(&view, market.base_url())).tagged_as(kind, &asked)),
        _ => Ok(Answer::ok(view).tagged(&asked)),
    }
}

/// Outline, contacts and unmapped fields of a dataset, from beside the ledger.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/prose", tag = "catalogue", params(("dataset" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "fields by name; `null` where there are none, they were taken down, or are withheld", body = shape::Prose), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn prose(
    State(market): State<Market>,
    At(dataset): At<String>,
    caller: Option<Caller>,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let viewer = caller.map(|caller| caller.party);
    let side = market.prose(&id("dataset", &dataset)?, viewer.as_ref()).await?;
    let fields = side.map(|side| {
        let fields = side.fields().iter().map(|field| (field.name.clone(), Value::String(field.value.clone())));
        Value::Object(fields.collect())
    });
    Ok(Answer::ok(json!({ "fields": fields })).tagged(&asked))
}

/// Versions of a dataset, newest first.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/versions", tag = "catalogue", params(("dataset" = String, Path, description = "64 hexadecimal digits"), PageQuery),
    responses((status = 200, description = "a page of versions", body = shape::VersionPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn versions(
    State(market): State<Market>,
    At(dataset): At<String>,
    Asked(query): Asked<PageQuery>,
    caller: Option<Caller>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let dataset = id("dataset", &dataset)?;
    let viewer = caller.map(|caller| caller.party);
    let view = market.dataset(&dataset, viewer.as_ref()).await?.ok_or(MarketError::NotFound("dataset"))?;
    if view.details_withheld {
        return Err(MarketError::Forbidden("closed data are acknowledged without details".into()));
    }
    let list = List::of(&[b"versions", &dataset.0]);
    let below = query.cursor.as_deref().map(|cursor| page::open(&list, cursor)).transpose()?;
    let number = |place: Vec<u8>| place.try_into().map(u32::from_be_bytes);
    let below =
        below.map(number).transpose().map_err(|_| MarketError::invalid("cursor", "use one that a page gave"))?;
    let limit = query.limit()?;
    let versions = market.versions(&dataset, below, limit).await?;
    let last = versions.last().filter(|last| last.number > 1 && versions.len() == limit);
    let next = last.map(|last| page::seal(&list, &last.number.to_be_bytes()));
    Ok(page::list(&versions, next, market.tip().height, &uri, &asked))
}

/// Offers of a dataset, withdrawn ones included, newest first.
#[utoipa::path(get, path = "/api/v1/datasets/{dataset}/offers", tag = "catalogue", params(("dataset" = String, Path, description = "64 hexadecimal digits"), PageQuery),
    responses((status = 200, description = "a page of offers", body = shape::OfferPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn offers(
    State(market): State<Market>,
    At(dataset): At<String>,
    Asked(query): Asked<PageQuery>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let page = market.rows().offers_of(&id("dataset", &dataset)?, query.start()?.as_ref(), query.limit()?)?;
    Ok(page::answer(page, market.tip().height, &uri, &asked))
}

/// One offer, with terms and price in force and the terms as text.
#[utoipa::path(get, path = "/api/v1/offers/{offer}", tag = "catalogue", params(("offer" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the offer", body = shape::OfferView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn offer(
    State(market): State<Market>,
    At(offer): At<String>,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let offer: OfferId = id("offer", &offer)?;
    let row = market.rows().offer(&offer)?.ok_or(MarketError::NotFound("offer"))?;
    let text = row.revision.terms.render();
    let view = market.dataset(&row.offer.dataset, None).await?.ok_or(MarketError::NotFound("dataset"))?;
    let period = match row.revision.price {
        Price::Subscription { period_days, .. } => Some(days(period_days)),
        Price::Free | Price::OneOff { .. } => None,
    };
    let answer = json!({
        "id": row.id,
        "offer": row.offer,
        "revision": row.revision,
        "terms_text": text,
        "duration": row.revision.terms.duration_days.map(days),
        "period": period,
        "has_content": view.has_content,
        "needs_justification": view.personal,
    });
    Ok(Answer::ok(answer).tagged(&asked))
}

/// Days as a duration (ISO 8601).
fn days(days: u32) -> String {
    format!("P{days}D")
}

/// Parties, in the order of their ids.
#[utoipa::path(get, path = "/api/v1/parties", tag = "parties", params(PageQuery),
    responses((status = 200, description = "a page of parties", body = shape::PartyPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn parties(
    State(market): State<Market>,
    Asked(query): Asked<PageQuery>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let page = market.rows().parties(query.start()?.as_ref(), query.limit()?)?;
    let items: Vec<Value> = page.items.iter().map(|(id, party)| json!({ "id": id, "party": party })).collect();
    let next = page.next.as_ref().map(ToString::to_string);
    Ok(page::list(&items, next, market.tip().height, &uri, &asked))
}

/// One party.
#[utoipa::path(get, path = "/api/v1/parties/{party}", tag = "parties", params(("party" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the party", body = shape::PartyView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn party(
    State(market): State<Market>,
    At(party): At<String>,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let party: PartyId = id("party", &party)?;
    let found = market.rows().party(&party)?.ok_or(MarketError::NotFound("party"))?;
    let managed = market.keys().is_managed(&party)?;
    Ok(Answer::ok(json!({ "id": party, "party": found, "managed_key": managed })).tagged(&asked))
}

/// Whether the market works, and up to which block what it shows is true.
#[utoipa::path(get, path = "/health", tag = "market",
    responses((status = 200, description = "works", body = shape::Health), (status = 503, description = "the ledger is out of reach, or the rows lag far behind", body = shape::Health), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn health(State(market): State<Market>) -> Response {
    let tip = market.tip();
    let status = tokio::time::timeout(std::time::Duration::from_secs(2), market.client().status()).await;
    let node = status.ok().and_then(Result::ok);
    let behind = node.as_ref().map(|node| node.height.saturating_sub(tip.height));
    // A few blocks are always on their way.
    let healthy = behind.is_some_and(|behind| behind < 20);
    let answer = Answer::ok(json!({
        "status": if healthy { "ok" } else { "behind" },
        "height": tip.height,
        "time_ms": tip.time_ms,
        "node_height": node.map(|node| node.height),
        "behind_blocks": behind,
        "listings": market.search().len(),
        "orders_open": market.orders().open_count().ok(),
    }));
    let mut response = answer.into_response();
    if !healthy {
        *response.status_mut() = axum::http::StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// What this market is: network, gateway, and the key that verifies its credentials and statements.
#[utoipa::path(get, path = "/api/v1/market", tag = "market", responses((status = 200, description = "the market", body = shape::MarketView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn market(State(market): State<Market>) -> Answer {
    Answer::ok(json!({
        "network": market.client().network(),
        "gateway": market.gateway(),
        "base_url": market.base_url(),
        "attestation_key": market.keys().attestation_key(),
        "height": market.tip().height,
        "time_ms": market.tip().time_ms,
    }))
}
