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
mod lacking;
mod lay;
mod manifest;
pub mod mark;
mod places;
pub mod room;
mod take;

pub use lacking::Lacking;
pub use lay::{Laid, lay_out};
pub use manifest::Stand;
pub use take::{Taken, take};

use crate::problem::Problem;
use ledger::store::{Store, StoreError};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long a block that was copied before it was sealed may take to get its seal. Alone it is milliseconds, among
/// several validators as long as the others' signatures are on their way.
const SEAL_WAIT: Duration = Duration::from_secs(5);
/// Blocks at the end of a ledger that may have no seal yet.
const UNSEALED_MAX: u64 = 16;

/// Copies the store of a ledger into the new folder `to`, which may then be the folder of a node that has lost the rest.
/// Where the newest block is not sealed yet, its seal is waited for and put into the copy; without one, the node that
/// starts with the copy seals the block, and an audit before that says that the seal is missing.
///
/// # Errors
/// What went wrong, for people.
pub fn of_ledger(store: &Store, to: &Path) -> Result<(), String> {
    std::fs::create_dir(to).map_err(|error| format!("cannot create {}: {error}", to.display()))?;
    let copy = to.join("db");
    store.kv().checkpoint(&copy).map_err(|error| error.to_string())?;
    seal(store, &copy).map_err(|error| error.to_string())
}

fn seal(store: &Store, copy: &Path) -> Result<(), StoreError> {
    let copied = Store::open_read_only(copy)?;
    let height = copied.tip()?.map_or(0, |tip| tip.height);
    let mut unsealed = Vec::new();
    for height in (height.saturating_sub(UNSEALED_MAX) + 1..=height).rev() {
        if copied.reader().seal(height)?.is_some() {
            break;
        }
        unsealed.push(height);
    }
    drop(copied);
    let (begun, mut seals) = (Instant::now(), Vec::new());
    while let Some(height) = unsealed.last() {
        match store.reader().seal(*height)? {
            Some(seal) => {
                seals.push((*height, seal));
                unsealed.pop();
            }
            None if begun.elapsed() > SEAL_WAIT => break,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    if seals.is_empty() {
        return Ok(());
    }
    let copied = Store::open(copy)?;
    seals.into_iter().try_for_each(|(height, seal)| copied.keep_seal(height, seal))
}

/// A path from the root on, without a slash at its end: names are put behind it.
///
/// # Errors
/// When there is no working directory that it could go on from.
pub fn absolute(path: &Path) -> Result<PathBuf, Problem> {
    let whole = std::path::absolute(path).map_err(copying::failed("find", path))?;
    Ok(whole.components().collect())
}
