//! The whole path through the binary: real processes, real ports, real files.
//!
//! Nothing here reaches into a crate to make something so; what the ledger holds afterwards is asked
//! through the verifying client.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "command/demo.rs"]
mod demo;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/kills.rs"]
mod kills;
#[path = "command/readme.rs"]
mod readme;
#[path = "command/refusals.rs"]
mod refusals;
#[path = "command/reports.rs"]
mod reports;
#[path = "command/running.rs"]
mod running;
