//! Backups of a network's directory, made while its services run, and directories made from them again.
//!
//! # The order is the argument
//! Marketplace, ledger and files are of different moments, and each refers to another. So they are copied in the order
//! in which what is missing would hurt: the marketplace's own store first, with the keys of its subjects; then the
//! ledger, which therefore has every transaction that the store knows to be committed; then files that never change
//! once they have their name (side bodies, contents, archived transactions), among which is every one that the ledger
//! names. What a copy has too much of, a start or a sweep removes or leaves alone.
//!
//! # What is in no backup
//! The ledger's high-water file: an old one, put back, would hide that a newer block was signed ([`mark`] makes the
//! one of a restored directory). The record of votes of the height at work, which would be of another height. The
//! passphrase, and files that open a bucket: beside sealed keys they would open them. Snapshots, read models,
//! sockets, and the demonstration's journal: they are made again.
//!
//! # What was erased
//! A backup holds what was erased after it was made. Whoever restores it is told to repeat those erasures.

mod copying;
mod lay;
mod manifest;
pub mod mark;
mod places;
mod room;
mod take;

pub use lay::{Laid, lay_out};
pub use manifest::{Manifest, Stand};
pub use take::take;

use crate::problem::Problem;
use ledger::store::Kv;
use std::path::{Path, PathBuf};

/// Copies the store of a ledger into the new folder `to`, which may then be the folder of a node that has lost the rest.
///
/// # Errors
/// What went wrong, for people.
pub fn of_ledger(store: &Kv, to: &Path) -> Result<(), String> {
    std::fs::create_dir(to).map_err(|error| format!("cannot create {}: {error}", to.display()))?;
    store.checkpoint(&to.join("db")).map_err(|error| error.to_string())
}

/// A path from the root on, without a slash at its end: names are put behind it.
///
/// # Errors
/// When there is no working directory that it could go on from.
pub fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    let whole = std::path::absolute(path).map_err(copying::failed("find", path))?;
    Ok(whole.components().collect())
}
