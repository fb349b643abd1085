//! The marketplace: catalogue, search, prices, orders, vault, delivery, its API and pages.
//!
//! It follows the ledger and keeps rows that can be built anew at any time, and beside them what is
//! its own: managed keys, contents, consent records. Every fact that counts is on the ledger; what
//! the market does for somebody, it does by transactions that they signed or whose key they left
//! here. It never runs a node and never opens a key file.
//!
//! Read in this order: [`market`] (everything that can be asked of it), [`rows`] (the read model),
//! [`own`], [`orders`], [`repeats`], [`keys`], [`objects`], [`delivery`], [`vault`], then [`api`] and
//! [`service`], [`audit`] (what the folder of a stopped market holds, checked), and [`backup`].

pub mod import;
pub mod limits;
pub mod search;

pub mod error;
pub mod market;
pub mod rows;

pub mod delivery;
pub mod keys;
pub mod objects;
pub mod orders;
pub mod own;
pub mod repeats;
pub mod vault;

pub mod audit;
pub mod backup;

pub mod api;
pub mod service;
mod web;

pub use error::MarketError;
pub use market::Market;
pub use service::{Config, Running, run, start};
