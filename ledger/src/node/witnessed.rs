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
    /// What the file at `path` holds, if there is one. One that cannot be read, or holds no checkpoint, is told of in
    /// the log: the next checkpoint takes its place.
    pub fn open(path: PathBuf) -> Self {
        let note = match files::read(&path, NOTE_BYTES_MAX as u64) {
            Ok(bytes) => Note::parse(&bytes).map_err(|error| error.to_string()),
            Err(FileError::Missing { .. }) => return Self { path, note: RwLock::default() },
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = &note {
            tracing::warn!(reason, path = %path.display(), "the file holds no checkpoint; the next one takes its place");
        }
        Self { path, note: RwLock::new(note.ok()) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::NoteSignature;
    use std::fs;

    #[test]
    fn a_file_that_holds_no_checkpoint_is_passed_over_and_the_next_takes_its_place() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("witnessed");
        let signature = NoteSignature { name: "log.example".into(), id: [1; 4], bytes: vec![2; 64] };
        let note = Note::new("log.example\n1\nAAAA\n", vec![signature]).unwrap();
        assert_eq!(Witnessed::open(path.clone()).newest(), None, "there is none yet");
        for bytes in [&b""[..], b"no note", &[0xff; 100], &[b'a'; NOTE_BYTES_MAX + 1]] {
            fs::write(&path, bytes).unwrap();
            let witnessed = Witnessed::open(path.clone());
            assert_eq!(witnessed.newest(), None, "{} bytes", bytes.len());
            witnessed.keep(note.clone()).unwrap();
            assert_eq!(witnessed.newest().as_ref(), Some(&note));
            assert_eq!(Witnessed::open(path.clone()).newest().as_ref(), Some(&note));
        }
        // A folder is no file that could be read or replaced.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let witnessed = Witnessed::open(path);
        assert!(witnessed.newest().is_none() && witnessed.keep(note).is_err());
    }
}
