//! The whole path through the binary: real processes, real ports, real files.
//!
//! Nothing here reaches into a crate to make something so; what the ledger holds afterwards is asked
//! through the verifying client.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "command/erasure.rs"]
mod erasure;
#[path = "command/flips.rs"]
mod flips;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/kills.rs"]
mod kills;
#[path = "command/laid.rs"]
mod laid;
#[path = "command/readme.rs"]
mod readme;
#[path = "command/refusals.rs"]
mod refusals;
