//! The rules of the market: one pure function from state and transactions to changes and events.
//!
//! This crate owns what the market allows: values and their limits, transactions and their
//! signatures, one file per subject, the loop that executes a block, the events it tells the world,
//! log entries, and the permanent codes of refusals. It never touches a file, a clock, a socket, a
//! thread, chance or floating point: whoever replays the same bytes gets the same answer, on any
//! machine, for ever. `clippy.toml` beside this crate and `tests/layers.rs` hold that fence.
//!
//! Read in this order: [`id`], [`key`], [`limits`], [`transaction`], [`action`] (the table of
//! everything a transaction can do), [`state`], [`execute`], then any subject.

#![deny(clippy::float_arithmetic, clippy::disallowed_types, clippy::disallowed_methods)]
// Naive models and property tests may use what the rules may not.
#![cfg_attr(test, allow(clippy::disallowed_types, clippy::disallowed_methods))]

pub mod commitment;
pub mod id;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod money;
pub mod text;

pub mod action;
pub mod event;
pub mod execute;
pub mod founding;
pub mod outcome;
pub mod rejection;
pub mod state;
pub mod transaction;

pub mod agreement;
pub mod basis;
pub mod consent;
pub mod dataset;
pub mod delivery;
pub mod governance;
pub mod group;
pub mod jacket;
pub mod offer;
pub mod party;
pub mod provenance;
pub mod quota;
pub mod quote;
pub mod settlement;
pub mod side;
pub mod statement;
pub mod takedown;
pub mod terms;
pub mod validators;
pub mod version;
pub mod vocabulary;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
