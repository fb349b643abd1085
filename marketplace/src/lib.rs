//! The marketplace: catalogue, search, prices, orders, vault, delivery, its API and pages.

pub mod keys;
pub mod limits;
pub mod rows;
