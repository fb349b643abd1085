//! The marketplace: catalogue, search, prices, orders, vault, delivery, its API and pages.

pub mod import;
pub mod search;

mod web;
