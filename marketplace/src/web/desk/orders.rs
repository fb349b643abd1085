//! Orders of who is signed in.

use super::{Asked, ROWS, asked};
use crate::{
    api::page,
    error::MarketError,
    orders::Orders,
    web::{
        form::Sent,
        page::{OrderRow, OrdersPage, Pager},
        visit::Visit,
    },
};
use axum::response::Response;

/// The page.
pub async fn orders(visit: Visit, query: Asked) -> Response {
    visit.answer(draw(&visit, asked(query)))
}

fn draw(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    let party = visit.viewer()?.party;
    let cursor = asked.some("cursor");
    let list = Orders::list_of(&party);
    let before = cursor.as_deref().map(|cursor| page::open(&list, cursor)).transpose()?;
    let (orders, next) = visit.market.orders().of(&party, before.as_deref(), ROWS)?;
    let frame = visit.frame("orders");
    let page = OrdersPage {
        rows: orders.iter().map(|order| OrderRow::of(order, &frame)).collect(),
        pager: Pager::of(
            "/orders",
            "cursor",
            cursor.as_deref(),
            next.map(|next| page::seal(&list, &next)),
            "Older orders",
        ),
        frame,
    };
    Ok(visit.show(&page))
}
