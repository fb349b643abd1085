//! The whole path through the binary: real processes, real ports, real files.
//!
//! Nothing here reaches into a crate to make something so; what the ledger holds afterwards is asked
//! through the verifying client.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

#[path = "command/apart.rs"]
mod apart;
#[path = "command/archives.rs"]
mod archives;
#[path = "command/away.rs"]
mod away;
#[path = "command/backup.rs"]
mod backup;
#[path = "command/certificates.rs"]
mod certificates;
#[path = "command/collector.rs"]
mod collector;
#[path = "command/contacts.rs"]
mod contacts;
#[path = "command/damaged_files.rs"]
mod damaged_files;
#[path = "command/demo.rs"]
mod demo;
#[path = "command/desk.rs"]
mod desk;
#[path = "command/erasure.rs"]
mod erasure;
#[path = "command/evidence.rs"]
mod evidence;
#[path = "command/flips.rs"]
mod flips;
#[path = "command/founding.rs"]
mod founding;
#[path = "command/full_disk.rs"]
mod full_disk;
#[path = "command/full_market.rs"]
mod full_market;
#[path = "command/full_validator.rs"]
mod full_validator;
#[path = "command/growing.rs"]
mod growing;
#[path = "command/harness.rs"]
mod harness;
#[path = "command/kills.rs"]
mod kills;
#[path = "command/laid.rs"]
mod laid;
#[path = "command/lost_keys.rs"]
mod lost_keys;
#[path = "command/machines.rs"]
mod machines;
#[path = "command/market_kills.rs"]
mod market_kills;
#[path = "command/minting.rs"]
mod minting;
#[path = "command/namespaces.rs"]
mod namespaces;
#[path = "command/new_directory.rs"]
mod new_directory;
#[path = "command/node_backups.rs"]
mod node_backups;
#[path = "command/offices.rs"]
mod offices;
#[path = "command/operations.rs"]
mod operations;
#[path = "command/outside.rs"]
mod outside;
#[path = "command/ports.rs"]
mod ports;
#[path = "command/readme.rs"]
mod readme;
#[path = "command/refusals.rs"]
mod refusals;
#[path = "command/reports.rs"]
mod reports;
#[path = "command/running.rs"]
mod running;
#[path = "command/snapshots.rs"]
mod snapshots;
#[path = "command/taken_down.rs"]
mod taken_down;
#[path = "command/tokens.rs"]
mod tokens;
#[path = "command/town.rs"]
mod town;
#[path = "command/traces.rs"]
mod traces;
#[path = "command/validators.rs"]
mod validators;
#[path = "command/wire.rs"]
mod wire;
#[path = "command/witnesses.rs"]
mod witnesses;
