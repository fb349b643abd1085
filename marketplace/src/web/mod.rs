//! The market's pages: drawn on the server, complete without script, by keyboard.
//!
//! `desk` holds the handlers, `page` what they draw, `form` and `show` how fields and values look,
//! `visit` who asks. Templates and the style sheet are in the binary. Pages go through the same
//! [`Market`] as the API and decide nothing. They are served only to browsers of the market's own
//! site: a form carries its session's token, and nothing runs that is not ours.

mod assets;
mod describe;
mod desk;
mod form;
mod frame;
mod jacket;
mod multipart;
mod page;
mod show;
mod visit;

use crate::{error::MarketError, market::Market};
use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use desk::{account, beside, browse, consent, entry, licence, listing, operate, orders, provide, renew, trade};
use std::sync::Arc;
pub use visit::{Shared, Visit};

/// A form without a file, in bytes. The longest carries an outline of 32 KiB and a jacket of 40 KiB,
/// three times as long in percent-encoding.
const FORM_BYTES_MAX: usize = 256 * 1024;

/// What all pages share. `explorer` is the explorer's address.
pub fn shared(explorer: Option<&str>) -> Arc<Shared> {
    let explorer = explorer.map(|address| address.trim_end_matches('/').to_string());
    Arc::new(Shared { explorer, sheet: assets::address("market.css") })
}

/// Pages that answer at once.
pub fn pages(shared: &Arc<Shared>) -> Router<Market> {
    Router::new()
        .route("/", get(browse::home))
        .route("/search", get(browse::search))
        .route("/help", get(browse::help))
        .route("/datasets/{dataset}", get(browse::dataset))
        .route("/parties/{party}", get(browse::party))
        .route("/apply", get(entry::apply))
        .route("/applied/{party}", get(entry::after))
        .route("/sign-in", get(entry::sign_in))
        .route("/sign-out", post(entry::sign_out))
        .route("/account", get(account::account))
        .route("/account/take-down", post(beside::account))
        .route("/orders", get(orders::orders))
        .route("/offers/{offer}/confirm", get(trade::confirm))
        .route("/offers/{offer}/buy", post(trade::buy))
        .route("/agreements", get(licence::agreements))
        .route("/agreements/{agreement}", get(licence::licence))
        .route("/agreements/{agreement}/receipt", get(licence::receipt))
        .route("/agreements/{agreement}/renew", get(renew::price).post(renew::renew))
        .route("/agreements/{agreement}/end", post(licence::end))
        .route("/agreements/{agreement}/take-down", post(beside::licence))
        .route("/provide", get(provide::provide))
        .route("/provide/new", get(provide::publish).post(provide::published))
        .route("/provide/{dataset}", get(listing::listing))
        .route("/provide/{dataset}/revise", get(provide::revise).post(provide::revised))
        .route("/provide/{dataset}/offer", get(provide::offer).post(provide::offered))
        .route("/provide/{dataset}/basis", post(listing::basis))
        .route("/provide/{dataset}/standing", post(listing::standing))
        .route("/provide/{dataset}/take-down", post(beside::listing))
        .route("/provide/offers/{offer}/withdraw", post(listing::withdraw))
        .route("/consents", get(consent::consents).post(consent::give))
        .route("/consents/erase", post(consent::erase))
        .route("/consents/{consent}/withdraw", post(consent::withdraw))
        .route("/operate", get(operate::operate))
        .route("/operate/{party}/admit", post(operate::admit))
        .route("/operate/{party}/suspend", post(operate::suspend))
        .route("/operate/{party}/link", post(operate::link))
        .route("/operate/{party}/take-down", post(beside::party))
        .route("/operate/{party}/decide/{act}", get(operate::change))
        .route("/assets/{name}", get(assets::serve))
        .route("/favicon.ico", get(|| async { Redirect::permanent("/assets/mark.svg") }))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(shared.clone()))
}

/// Ways in: their attempts are limited.
pub fn entries(shared: &Arc<Shared>) -> Router<Market> {
    Router::new()
        .route("/apply", post(entry::applied))
        .route("/sign-in", post(entry::signed_in))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(Extension(shared.clone()))
}

/// Files in and out: they take as long as they take.
pub fn transfers(shared: &Arc<Shared>) -> Router<Market> {
    Router::new()
        .route("/provide/{dataset}/upload", post(listing::upload))
        .route("/agreements/{agreement}/download", post(licence::download))
        .layer(DefaultBodyLimit::disable())
        .layer(Extension(shared.clone()))
}

/// The page for an address at which there is nothing.
pub async fn nothing_here(visit: Visit) -> Response {
    visit.error(&MarketError::NotFound("page")).into_response()
}
