//! The handlers: each reads what was sent, asks the market, and draws a page.

pub mod account;
pub mod beside;
pub mod browse;
pub mod consent;
pub mod entry;
pub mod licence;
pub mod listing;
pub mod operate;
pub mod orders;
pub mod provide;
pub mod renew;
pub mod trade;

use super::{form::Sent, page::Hit, visit::Visit};
use crate::{error::MarketError, market::Market, orders::Once, rows::PageStart};
use axum::{
    extract::Query,
    response::{IntoResponse, Redirect, Response},
};
use contracts::id::{DatasetId, Digest, PartyId};

/// Rows of a list on a page. Fewer than the API gives: people read them.
pub const ROWS: usize = 25;

/// The query of an address: names and values in order.
pub type Asked = Query<Vec<(String, String)>>;

/// The query as fields.
pub fn asked(query: Asked) -> Sent {
    Sent(query.0)
}

/// Where a list starts.
///
/// # Errors
/// [`MarketError::Invalid`].
pub fn start(asked: &Sent, name: &str) -> Result<Option<PageStart>, MarketError> {
    asked.some(name).as_deref().map(crate::api::page::parse).transpose()
}

/// An id in an address. Whoever mistypes one is told that there is no such thing.
///
/// # Errors
/// [`MarketError::NotFound`].
pub fn id<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, MarketError> {
    text.parse().map_err(|_| MarketError::NotFound(what))
}

/// Goes on to a page after something was done, so that reloading does not repeat it.
pub fn go(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// What makes a form that is sent twice one request.
///
/// # Errors
/// As [`Once::new`].
pub fn once(sent: &Sent) -> Result<Once, MarketError> {
    let fields = sent.0.iter().filter(|(name, _)| name != "csrf");
    let text: Vec<u8> =
        fields.flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()).collect();
    Ok(Once::new(sent.get("once"), Digest::of(&[b"lonja/form/v1\0", &text]))?)
}

/// A fresh value for the hidden field `once`.
pub fn fresh_once() -> String {
    ulid::Ulid::generate().to_string()
}

/// As [`Market::name_of`].
///
/// # Errors
/// [`MarketError`].
pub fn name_of(market: &Market, party: &PartyId) -> Result<String, MarketError> {
    market.name_of(party)
}

/// As [`Market::title_of`].
///
/// # Errors
/// [`MarketError`].
pub fn title_of(market: &Market, dataset: &DatasetId, viewer: Option<&PartyId>) -> Result<String, MarketError> {
    market.title_of(dataset, viewer)
}

/// Listings as they stand in a list, in the given order.
///
/// # Errors
/// [`MarketError`].
pub async fn hits(visit: &Visit, ids: &[DatasetId]) -> Result<Vec<Hit>, MarketError> {
    let rows = ids.iter().map(|id| hit(visit, id));
    let rows = futures_util::future::join_all(rows).await;
    rows.into_iter().filter_map(Result::transpose).collect()
}

async fn hit(visit: &Visit, id: &DatasetId) -> Result<Option<Hit>, MarketError> {
    let viewer = visit.party();
    let Some(view) = visit.market.dataset(id, viewer.as_ref()).await? else { return Ok(None) };
    let Some(jacket) = &view.jacket else { return Ok(Some(Hit::closed(*id, &view.publisher_name))) };
    // An outline that cannot be had now is left out: the rest of the list is worth showing.
    let prose = visit.market.prose(id, viewer.as_ref()).await.unwrap_or_default();
    let outline = prose.as_ref().and_then(|side| side.get("outline"));
    let price = view.offers.first().map(|row| {
        let (price, _) = super::page::price(&row.revision.price);
        match (view.offers.len() - 1, &view.more_offers) {
            (0, None) => price,
            (others, None) => format!("{price} and {} more", super::show::several(others, "offer", "offers")),
            (others, Some(_)) => format!("{price} and more than {others} other offers"),
        }
    });
    Ok(Some(Hit::of(*id, jacket, &view.publisher_name, outline, view.has_content, price)))
}
