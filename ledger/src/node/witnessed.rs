//! The newest checkpoint that enough witnesses cosigned, kept for whoever asks, over restarts too.
//!
//! It is no secret and proves itself: what a file holds is served as it is, and believed by nobody without a policy.

use crate::{
    log::{HashReader, LogError},
    note::{NOTE_BYTES_MAX, Note},
    store::Store,
};
use contracts::id::Digest;
use genesis::files::{self, Access, FileError};
use parking_lot::RwLock;
use std::path::PathBuf;

/// It, and its file.
pub struct Witnessed {
    path: PathBuf,
    note: RwLock<Option<Note>>,
}

impl Witnessed {
    /// What the file at `path` holds, if there is one.
    pub fn open(path: PathBuf) -> Self {
        let read = files::read(&path, NOTE_BYTES_MAX as u64).ok();
        let note = read.and_then(|bytes| match Note::parse(&bytes) {
            Ok(note) => Some(note),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the file holds no checkpoint; the next one takes its place");
                None
            }
        });
        Self { path, note: RwLock::new(note) }
    }

    /// Keeps `note` in the place of the one before. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, note: Note) -> Result<(), FileError> {
        files::replace(&self.path, note.to_string().as_bytes(), Access::Public)?;
        *self.note.write() = Some(note);
        Ok(())
    }

    /// It.
    pub fn newest(&self) -> Option<Note> {
        self.note.read().clone()
    }
}

/// The hashes of the log, each read by itself: whoever waits for a witness must not hold a view of the store.
pub struct Hashes(pub(super) Store);

impl HashReader for Hashes {
    fn hash(&self, level: u8, index: u64) -> Result<Digest, LogError> {
        self.0.reader().hash(level, index)
    }
}
