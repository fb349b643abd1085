//! Quotes, orders, agreements.

use super::{
    answer::Answer,
    ask::{Asked, At, id},
    caller::{self, Caller},
    page::{self, PageQuery},
    problem::Problem,
    shape,
    strict::Strict,
};
use crate::{
    error::MarketError,
    market::{BuyRequest, Market},
    orders::Orders,
    rows::AgreementSide,
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use contracts::{
    agreement::{Agreement, RevocationReason},
    id::{AgreementId, OfferId, TransactionId},
    money::Amount,
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// Asks what an offer costs the caller.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRequest {
    /// Which offer.
    #[schema(value_type = shape::Id)]
    pub offer: OfferId,
    /// How many periods; 1 where it is left out.
    #[serde(default)]
    pub periods: Option<u32>,
}

/// Gives a price, signed where the provider left a pricing key here. Nothing is reserved by it.
#[utoipa::path(post, path = "/api/v1/quotes", tag = "orders", request_body = QuoteRequest, security(("bearer" = []), ("session" = []), ()),
    responses((status = 200, description = "the price; `has_content` says whether there is anything to download", body = shape::QuoteView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn quote(
    State(market): State<Market>,
    caller: Option<Caller>,
    Strict { body, .. }: Strict<QuoteRequest>,
) -> Result<Answer, MarketError> {
    let buyer = caller.map(|caller| caller.party);
    Ok(Answer::ok(market.quote(buyer.as_ref(), &body.offer, body.periods.unwrap_or(1)).await?))
}

/// A purchase, as JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes `BuyRequest` in the API's document")]
pub struct OrderRequest {
    /// Which offer.
    #[schema(value_type = shape::Id)]
    offer: String,
    /// The revision that the buyer has read.
    revision: Option<u32>,
    /// What for, as `research`.
    #[schema(value_type = shape::Purpose)]
    purpose: String,
    /// How many periods; 1 where it is left out.
    periods: Option<u32>,
    /// What the buyer expects to pay, in minor units, as a string.
    #[schema(value_type = Option<shape::Amount>)]
    amount: Option<String>,
    /// The `signed` of a quote.
    #[schema(value_type = Option<shape::SignedQuote>)]
    quote: Option<()>,
    /// Why personal data are needed.
    justification: Option<String>,
    /// The buyer knows that there is nothing to download.
    #[schema(required = false)]
    acknowledge_no_content: bool,
}

/// Buys with the caller's managed key: payment and licence in one transaction. `Idempotency-Key` is
/// required; with the same key and request the same answer comes again, with another request 422,
/// while the first is worked on 409.
#[utoipa::path(post, path = "/api/v1/orders", tag = "orders", request_body = OrderRequest, security(("bearer" = []), ("session" = [])),
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible characters")),
    responses((status = 201, description = "bought", body = shape::Bought), (status = "default", description = "a problem; a refusal by the rules names its transaction", body = Problem, content_type = "application/problem+json")))]
pub async fn buy(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<BuyRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once_required(&headers, digest)?;
    Ok(Answer::created(market.buy(&caller.party, &body, &once).await?))
}

/// The caller's orders, newest first: every signed action that went through the market.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(PageQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of orders", body = shape::OrderPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn orders(
    State(market): State<Market>,
    Asked(query): Asked<PageQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let list = Orders::list_of(&caller.party);
    let before = query.cursor.as_deref().map(|cursor| page::open(&list, cursor)).transpose()?;
    let (orders, next) = market.orders().of(&caller.party, before.as_deref(), query.limit()?)?;
    Ok(page::list(&orders, next.map(|next| page::seal(&list, &next)), market.tip().height, &uri, &asked))
}

/// One of the caller's orders.
#[utoipa::path(get, path = "/api/v1/orders/{order}", tag = "orders", params(("order" = String, Path, description = "64 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "the order", body = shape::Order), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn order(State(market): State<Market>, At(order): At<String>, caller: Caller) -> Result<Answer, MarketError> {
    let order: TransactionId = id("order", &order)?;
    let found = market.orders().get(&order)?.filter(|order| order.party == caller.party);
    Ok(Answer::ok(found.ok_or(MarketError::NotFound("order"))?))
}

/// The ledger's receipt for a transaction, in its binary form as hexadecimal. Anybody may have it.
#[utoipa::path(get, path = "/api/v1/transactions/{transaction}/receipt", tag = "orders", params(("transaction" = String, Path, description = "64 hexadecimal digits")),
    responses((status = 200, description = "the receipt; `lonja verify` checks it offline", body = shape::ReceiptView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn receipt(State(market): State<Market>, At(transaction): At<String>) -> Result<Answer, MarketError> {
    let transaction: TransactionId = id("transaction", &transaction)?;
    let committed = market.client().committed(transaction).await?.ok_or(MarketError::NotFound("transaction"))?;
    Ok(Answer::ok(json!({
        "transaction": transaction,
        "height": committed.height,
        "time_ms": committed.time_ms,
        "index": committed.index,
        "outcome": committed.outcome,
        "receipt": hex::encode(&committed.receipt),
    })))
}

/// Which agreements.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AgreementQuery {
    /// `bought` (default) or `sold`.
    side: Option<String>,
    /// Where the page starts: the `next` of the page before.
    cursor: Option<String>,
    /// Rows on the page, 1 to 200; 50 where it is left out.
    limit: Option<usize>,
}

/// The caller's agreements, newest first.
#[utoipa::path(get, path = "/api/v1/agreements", tag = "agreements", params(AgreementQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of agreements", body = shape::AgreementPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn agreements(
    State(market): State<Market>,
    Asked(query): Asked<AgreementQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let side = match query.side.as_deref() {
        None | Some("bought") => AgreementSide::Buyer(caller.party),
        Some("sold") => AgreementSide::Provider(caller.party),
        Some(_) => return Err(MarketError::invalid("side", "bought or sold")),
    };
    let page_query = PageQuery { cursor: query.cursor, limit: query.limit };
    let page = market.rows().agreements(side, page_query.start()?.as_ref(), page_query.limit()?)?;
    let items: Vec<Value> = page.items.iter().map(|(id, agreement)| view(&market, id, agreement)).collect();
    let next = page.next.as_ref().map(ToString::to_string);
    Ok(page::list(&items, next, market.tip().height, &uri, &asked))
}

fn view(market: &Market, id: &AgreementId, agreement: &Agreement) -> Value {
    json!({ "id": id, "agreement": agreement, "in_force": market.in_force(agreement) })
}

/// One agreement: for its buyer and its provider.
#[utoipa::path(get, path = "/api/v1/agreements/{agreement}", tag = "agreements", params(("agreement" = String, Path, description = "64 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "the agreement with its terms and its newest 50 deliveries; `more_deliveries` is the cursor for the list of the rest", body = shape::AgreementView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn agreement(
    State(market): State<Market>,
    At(agreement): At<String>,
    caller: Caller,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let (id, held) = own(&market, &caller, &agreement)?;
    let revision = market.rows().offer_revision(&held.offer, held.revision)?;
    let deliveries = market.rows().deliveries_of(&id, None, crate::limits::PAGE_ROWS_DEFAULT)?;
    let more_deliveries = deliveries.next.as_ref().map(ToString::to_string);
    let deliveries: Vec<Value> =
        deliveries.items.iter().map(|(id, delivery)| json!({ "id": id, "delivery": delivery })).collect();
    let answer = json!({
        "id": id,
        "agreement": held,
        "in_force": market.in_force(&held),
        "revision": revision,
        "terms_text": revision.as_ref().map(|revision| revision.terms.render()),
        "deliveries": deliveries,
        "more_deliveries": more_deliveries,
    });
    Ok(Answer::ok(answer).tagged(&asked))
}

/// An agreement of which the caller is a side.
fn own(market: &Market, caller: &Caller, agreement: &str) -> Result<(AgreementId, Agreement), MarketError> {
    let id: AgreementId = id("agreement", agreement)?;
    let held = market.rows().agreement(&id)?;
    let held = held.filter(|held| held.buyer == caller.party || held.provider == caller.party);
    Ok((id, held.ok_or(MarketError::NotFound("agreement"))?))
}

/// Deliveries under an agreement, newest first: for its buyer and its provider.
#[utoipa::path(get, path = "/api/v1/agreements/{agreement}/deliveries", tag = "agreements", params(("agreement" = String, Path, description = "64 hexadecimal digits"), PageQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of deliveries", body = shape::DeliveryPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn deliveries(
    State(market): State<Market>,
    At(agreement): At<String>,
    Asked(query): Asked<PageQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let (id, _) = own(&market, &caller, &agreement)?;
    let page = market.rows().deliveries_of(&id, query.start()?.as_ref(), query.limit()?)?;
    let next = page.next.as_ref().map(ToString::to_string);
    let items: Vec<Value> = page.items.iter().map(|(id, delivery)| json!({ "id": id, "delivery": delivery })).collect();
    Ok(page::list(&items, next, market.tip().height, &uri, &asked))
}

/// How many periods more.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RenewalQuery {
    /// Periods; 1 where it is left out.
    periods: Option<u32>,
}

/// What prolonging a subscription costs, and until when it runs then. Nothing is reserved by it.
#[utoipa::path(get, path = "/api/v1/agreements/{agreement}/renewal", tag = "agreements", params(("agreement" = String, Path, description = "64 hexadecimal digits"), RenewalQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "amount, currency, present and new end, balance", body = shape::RenewalView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn renewal(
    State(market): State<Market>,
    At(agreement): At<String>,
    Asked(query): Asked<RenewalQuery>,
    caller: Caller,
) -> Result<Answer, MarketError> {
    let id = id("agreement", &agreement)?;
    Ok(Answer::ok(market.renewal(&caller.party, &id, query.periods.unwrap_or(1))?))
}

/// Further periods.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// How many.
    pub periods: u32,
    /// What the caller expects to pay, in minor units, as a string; another price is an error.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub amount: Option<Amount>,
}

/// Prolongs a subscription. `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/v1/agreements/{agreement}/renew", tag = "agreements", params(("agreement" = String, Path, description = "64 hexadecimal digits"), ("Idempotency-Key" = String, Header, description = "1 to 255 visible characters")), request_body = RenewRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "prolonged", body = shape::Done), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn renew(
    State(market): State<Market>,
    At(agreement): At<String>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<RenewRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once_required(&headers, digest)?;
    let order = market.renew(&caller.party, &id("agreement", &agreement)?, body.periods, body.amount, &once).await?;
    Ok(Answer::created(json!({ "order": order })))
}

/// Why an agreement is ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// `by-buyer`, `breach`, `legal` or `quality`.
    #[schema(value_type = shape::RevocationReason)]
    pub reason: RevocationReason,
}

/// Ends an agreement before its time: by its provider, or by its buyer who gives it back.
#[utoipa::path(post, path = "/api/v1/agreements/{agreement}/revoke", tag = "agreements", params(("agreement" = String, Path, description = "64 hexadecimal digits")), request_body = RevokeRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "ended", body = shape::Done), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn revoke(
    State(market): State<Market>,
    At(agreement): At<String>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<RevokeRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    let order = market.revoke(&caller.party, &id("agreement", &agreement)?, body.reason, once.as_ref()).await?;
    Ok(Answer::created(json!({ "order": order })))
}
