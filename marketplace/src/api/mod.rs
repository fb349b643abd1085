//! skeleton
use crate::market::Market;
use axum::Router;

/// Everything that the market serves.
pub fn router(market: Market, _behind_proxy: bool) -> Router {
    Router::new().with_state(market)
}
