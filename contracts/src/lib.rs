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

pub mod id;
pub mod key;
pub mod limits;
pub mod merkle;
pub mod commitment;
pub mod money;

pub mod state;
pub mod event;
pub mod rejection;
pub mod action;
pub mod transaction;
pub mod outcome;
pub mod execute;
pub mod founding;

pub mod party;
pub mod group;
pub mod vocabulary;
pub mod jacket;
pub mod dataset;
pub mod version;
pub mod terms;
pub mod offer;
pub mod quote;
pub mod agreement;
pub mod delivery;
pub mod consent;
pub mod basis;
pub mod settlement;
pub mod side;
pub mod quota;
pub mod validators;
