//! What of a market cannot be built again, copied into a folder at one moment: managed keys, orders, requests, consent
//! records, and the keys of their subjects.
//!
//! Read models are left out, since they follow from the ledger, and contents, whose files never change once they have
//! their name: whoever copies those after this finds all that the ledger names.

use crate::{
    Market,
    own::{Found, OwnError},
    vault::{self, VaultError},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The private store.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// The keys of subjects.
    #[error("the keys of subjects")]
    Vault(#[from] VaultError),
    /// The folder of the copy.
    #[error("cannot make {0}")]
    Folder(PathBuf, #[source] io::Error),
}

/// A stopped market whose copy was made. While this is held, none can be started on its folder.
pub struct Stopped(#[expect(dead_code, reason = "it holds the store's lock")] Found);

impl Market {
    /// Copies what is its own into the new folder `to`, which may then be the folder of a market. Consents wait for as
    /// long as the keys of subjects are copied, all else no longer than a batch takes.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn copy(&self, to: &Path) -> Result<(), BackupError> {
        make(to)?;
        self.0.vault.copy(to)
    }
}

/// Is there anything of a market's own in its folder `dir`?
pub fn is_in(dir: &Path) -> bool {
    crate::own::is_in(dir)
}

/// As [`Market::copy`], of the market in folder `dir` that does not run.
///
/// # Errors
/// [`BackupError`], also where it does run, and where its store is behind its mark: that is no state to come back to.
pub fn stopped(dir: &Path, to: &Path) -> Result<Stopped, BackupError> {
    let found = Found::open(dir)?;
    found.check()?;
    make(to)?;
    found.copy(to)?;
    vault::copy_subjects(dir, to)?;
    Ok(Stopped(found))
}

/// Is what lies in `to` a store that a market would start with?
///
/// # Errors
/// [`OwnError`].
pub fn check(to: &Path) -> Result<(), OwnError> {
    crate::own::check_copy(to)
}

fn make(to: &Path) -> Result<(), BackupError> {
    std::fs::create_dir(to).map_err(|error| BackupError::Folder(to.to_path_buf(), error))
}
