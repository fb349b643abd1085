//! How answers and requests look as JSON, for the API's document alone.
//!
//! What is on the ledger is written by `contracts`, which knows nothing of documents; so its forms
//! are described here once more. The tests of the HTTP path hold every answer that they receive
//! against these descriptions, and a field that is not described is a failure.

#![allow(dead_code, reason = "these types are never made: they describe what others write")]

mod action;
mod catalogue;
mod member;
mod refusal;
mod trade;
mod word;

pub use action::*;
pub use catalogue::*;
pub use member::*;
pub use refusal::Rejection;
pub use trade::*;
pub use word::*;
