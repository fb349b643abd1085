//! The whole path through the binary: real processes, real ports, real files.
//!
//! Nothing here reaches into a crate to make something so; what the ledger holds afterwards is asked
//! through the verifying client.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "command/desk.rs"]
mod desk;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/kills.rs"]
mod kills;
#[path = "command/market_kills.rs"]
mod market_kills;
#[path = "command/readme.rs"]
mod readme;
#[path = "command/refusals.rs"]
mod refusals;
#[path = "command/wire.rs"]
mod wire;
