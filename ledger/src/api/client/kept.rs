//! What a client knows of validator sets, and the files in which it keeps that: whoever has seen a set take over believes
//! the one before it no more, also after a restart.
//!
//! A file has all records from the first on, as JSON, as `lonja network trust` writes them. There are as many as the
//! rules allow changes ([`CHANGES_MAX`](crate::receipt::CHANGES_MAX)).

use super::{Client, ClientError};
use crate::receipt::{SetChange, Trust, TrustError};
use genesis::files::{self, Access, FileError};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes of such a file at most: more than all changes that the rules allow come to.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What happens where a file cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// The client goes no further: what is made of the blocks must not be durable without it.
    Must,
    /// It is said, and the client goes on.
    IfPossible,
}

/// Why records of validator sets are not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeptError {
    /// What the file has does not follow from the trust anchor.
    #[error("{} does not lead on from the trust anchor: {reason}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file cannot be read or written.
    #[error("records of validator sets cannot be kept in {}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The sets that a client knows, and where it keeps their records.
pub(super) struct Known {
    trust: Arc<Trust>,
    /// The records that lead to it from the anchor.
    changes: Arc<Vec<SetChange>>,
    /// How many of them each file has at least.
    kept: usize,
}

/// Where records are kept.
pub(super) struct KeptIn {
    path: PathBuf,
    keeping: Keeping,
}

impl Known {
    pub fn new(anchor: Trust) -> Self {
        Self { trust: Arc::new(anchor), changes: Arc::default(), kept: 0 }
    }

    pub fn trust(&self) -> Arc<Trust> {
        self.trust.clone()
    }

    /// Follows records that are not known yet.
    pub fn learn(&mut self, changes: &[SetChange]) -> Result<(), TrustError> {
        let mut trust = (*self.trust).clone();
        let fresh: Vec<_> = changes.iter().filter(|change| change.number as usize > self.changes.len()).collect();
        fresh.iter().try_for_each(|change| trust.extend(change))?;
        if !fresh.is_empty() {
            self.changes = Arc::new(self.changes.iter().chain(fresh).cloned().collect());
            self.trust = Arc::new(trust);
        }
        Ok(())
    }
}

impl Client {
    /// Follows the records that the file `path` has, where it is there, and keeps there what the client learns from now
    /// on. A client keeps them in every file that it was told of.
    ///
    /// # Errors
    /// [`KeptError`] where the file cannot be read, or does not lead on from the anchor.
    pub fn keeping(self, path: PathBuf, keeping: Keeping) -> Result<Self, KeptError> {
        let changes = read(&path)?;
        let mut files = self.files.lock();
        let mut known = self.known.write();
        known.learn(&changes).map_err(|error| KeptError::Damaged { path: path.clone(), reason: error.to_string() })?;
        known.kept = if files.is_empty() { changes.len() } else { known.kept.min(changes.len()) };
        files.push(KeptIn { path, keeping });
        drop((known, files));
        Ok(self)
    }

    /// Keeps what is known and not kept yet. When this returns it is durable.
    ///
    /// # Errors
    /// [`ClientError::Kept`].
    pub async fn keep(&self) -> Result<(), ClientError> {
        let is_kept = |known: &Known| known.kept >= known.changes.len();
        if is_kept(&self.known.read()) {
            return Ok(());
        }
        let client = self.clone();
        // Whoever waits for the disk must not hold up others.
        let kept = tokio::task::spawn_blocking(move || client.keep_now()).await;
        Ok(kept.map_err(|error| ClientError::Setup(error.to_string()))??)
    }

    fn keep_now(&self) -> Result<(), KeptError> {
        // Whoever comes meanwhile waits until it is durable.
        let files = self.files.lock();
        let changes = self.known.read().changes.clone();
        files.iter().try_for_each(|file| file.keep(&changes))?;
        self.known.write().kept = changes.len();
        Ok(())
    }
}

impl KeptIn {
    fn keep(&self, changes: &[SetChange]) -> Result<(), KeptError> {
        match (write(&self.path, changes), self.keeping) {
            (Err(error), Keeping::Must) => return Err(error),
            (Err(error), Keeping::IfPossible) => {
                tracing::warn!(%error, "what starts next may believe keys of an older set");
            }
            (Ok(()), _) => {}
        }
        Ok(())
    }
}

fn failed(path: &Path, error: &FileError) -> KeptError {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    KeptError::File { path: path.to_path_buf(), reason: format!("{error}{}", cause.unwrap_or_default()) }
}

/// The records in the file `path`; none where there is none.
fn read(path: &Path) -> Result<Vec<SetChange>, KeptError> {
    match files::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| KeptError::Damaged { path: path.to_path_buf(), reason: error.to_string() }),
        Err(FileError::Missing { .. }) => Ok(Vec::new()),
        Err(error) => Err(failed(path, &error)),
    }
}

fn write(path: &Path, changes: &[SetChange]) -> Result<(), KeptError> {
    // Another process may have seen more meanwhile.
    if read(path).is_ok_and(|there| there.len() >= changes.len()) {
        return Ok(());
    }
    let text = serde_json::to_vec_pretty(changes).expect("records have a JSON form");
    files::replace_among(path, &text, Access::Public).map_err(|error| failed(path, &error))
}

#[cfg(test)]
mod tests;
