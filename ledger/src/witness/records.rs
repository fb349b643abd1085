//! What a witness has cosigned, on disk: of each log the newest checkpoint, in a file of its own.
//!
//! A record is the checkpoint itself, with the signatures of the log and of the witness. So it can be served
//! as it is, and damage shows, since the witness' own cosignature no longer verifies. A record is on disk
//! before its cosignature leaves the witness: after a crash there may be a record that nobody was told of,
//! never the other way round. One process holds the folder at a time.
//!
//! The folder is never restored from a backup: a witness that forgot what it cosigned would cosign a fork.

use crate::{
    log::proof::TreeHead,
    note::{NOTE_BYTES_MAX, Note, NoteError, VerifierKey, checkpoint},
    whole::{self, Failed},
};
use contracts::id::Digest;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// The checkpoints that a witness has cosigned last.
#[derive(Debug)]
pub(super) struct Records {
    folder: PathBuf,
    of: BTreeMap<OriginHash, Record>,
    /// Held while they are open. The system lets go of it however the process ends.
    _lock: File,
}

/// The newest checkpoint of a log. It was verified before it became one.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub head: TreeHead,
    /// Signed by the log and the witness.
    pub note: Note,
}

/// SHA-256 of an origin: an origin may hold any characters, a file name and a path may not.
pub(super) type OriginHash = Digest;

pub(super) fn origin_hash(origin: &str) -> OriginHash {
    Digest::of(&[origin.as_bytes()])
}

/// Why a witness cannot use its folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Another process has it.
    #[error("{path} is held by another process: one witness, one process")]
    Held {
        /// The lock.
        path: PathBuf,
    },
    /// A record is not what this witness wrote.
    #[error(
        "{path} is no checkpoint of `{origin}` cosigned by {key}: with another key begin a new folder; if the file is damaged, do not remove it, since this key would then cosign a fork, but begin anew with a new key"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The log.
        origin: String,
        /// The key of this witness.
        key: String,
        /// What does not hold.
        #[source]
        source: NoteError,
    },
    /// The file system said no.
    #[error(transparent)]
    File(#[from] Failed),
}

impl Records {
    /// Opens the records of the witness with `key` in `folder`, making the folder where there is none.
    pub fn open<'a>(
        folder: &Path,
        key: &VerifierKey,
        origins: impl Iterator<Item = &'a str>,
    ) -> Result<Self, RecordError> {
        fs::create_dir_all(folder).map_err(Failed::to("make", folder))?;
        let lock = lock(&folder.join("lock"))?;
        let mut records = Self { folder: folder.to_path_buf(), of: BTreeMap::new(), _lock: lock };
        records.read(key, origins)?;
        Ok(records)
    }

    /// Reads what was cosigned by `key` of the logs with these `origins`, where that is not known. What is known stays:
    /// it is as new as the file, or newer.
    ///
    /// # Errors
    /// [`RecordError`]; some may be read then.
    pub fn read<'a>(&mut self, key: &VerifierKey, origins: impl Iterator<Item = &'a str>) -> Result<(), RecordError> {
        for origin in origins {
            let hash = origin_hash(origin);
            let path = path(&self.folder, &hash);
            if self.of.contains_key(&hash) {
                continue;
            }
            let Some(bytes) = read(&path)? else { continue };
            let record = parse(&bytes, key, origin).map_err(|source| {
                let (path, origin, key) = (path, origin.to_owned(), key.to_string());
                RecordError::Foreign { path, origin, key, source }
            })?;
            self.of.insert(hash, record);
        }
        Ok(())
    }

    /// The newest checkpoint of a log.
    pub fn get(&self, origin: &OriginHash) -> Option<&Record> {
        self.of.get(origin)
    }

    /// Puts a newer checkpoint in the place of the last. When this returns, it is durable.
    ///
    /// # Errors
    /// [`RecordError`]; the last one stands then, here at least. On disk the newer one may stand already,
    /// which does no harm: nobody was given its cosignature, and it is replaced by the next.
    pub fn put(&mut self, origin: OriginHash, record: Record) -> Result<(), RecordError> {
        let path = path(&self.folder, &origin);
        whole::put(&path.with_extension("new"), &path, record.note.to_string().as_bytes())?;
        self.of.insert(origin, record);
        Ok(())
    }

    /// Shows the same tree with a newer cosignature. The disk need not hear of it, since it says as much by the
    /// older one; so whoever sends one checkpoint again and again keeps no disk busy.
    pub fn renew(&mut self, origin: OriginHash, record: Record) {
        let older = self.of.insert(origin, record);
        debug_assert!(older.is_some_and(|older| Some(older.head) == self.of.get(&origin).map(|record| record.head)));
    }
}

pub(super) fn path(folder: &Path, origin: &OriginHash) -> PathBuf {
    folder.join(format!("{origin}.checkpoint"))
}

fn lock(path: &Path) -> Result<File, RecordError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let file = opened.map_err(Failed::to("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RecordError::Held { path: path.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(Failed::to("lock", path)(error).into()),
    }
}

/// The bytes of a file, if there is one; of a longer one than any record, one byte too many.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Failed> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(Failed::to("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(Failed::to("read", path))?;
    Ok(Some(bytes))
}

/// Log keys come and go, so it is the witness' own cosignature that makes a record one.
fn parse(bytes: &[u8], key: &VerifierKey, origin: &str) -> Result<Record, NoteError> {
    let note = Note::parse(bytes)?;
    note.verify(std::slice::from_ref(key))?;
    let (found, head) = checkpoint::parse_extended(note.text())?;
    if found != origin {
        return Err(NoteError::Form("the checkpoint is of another log"));
    }
    Ok(Record { head, note })
}
