//! The high-water file: the newest height that a signer may have signed, kept outside RocksDB.
//!
//! RocksDB drops a damaged tail of its log without a word, and a backup is older than what was
//! signed since. So before anything is signed, (height, size, root) is written here and fsynced; a
//! store that is found below it is refused. This file is never restored from a backup.
//!
//! Two slots are written in turn, each with a checksum: a write that power loss cut short leaves
//! the other slot whole, and nothing was signed for the one that was lost.

use contracts::id::{Digest, Height};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const SLOT_BYTES: usize = 128;
const MAGIC: &[u8; 16] = b"lonja/highwater0";

/// A height and the log's head there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The height.
    pub height: Height,
    /// Entries of the log.
    pub size: u64,
    /// Its root.
    pub root: Digest,
}

/// The open file.
#[derive(Debug)]
pub struct HighWater {
    file: File,
    path: PathBuf,
    mark: Mark,
    next_slot: u64,
}

/// Why the high-water file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HighWaterError {
    /// It is not there.
    #[error(
        "{path} is missing: without it nobody can tell whether this directory was rolled back. Restore the file, or start a node with a new data directory"
    )]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Neither slot can be read.
    #[error("{path} is damaged in both slots: start a node with a new data directory, or repair the disk")]
    Damaged {
        /// Where it is.
        path: PathBuf,
    },
    /// The file system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

impl HighWater {
    /// Makes the file for a new ledger whose log is empty.
    ///
    /// # Errors
    /// [`HighWaterError::Io`], also where the file is there already.
    pub fn create(path: &Path) -> Result<Self, HighWaterError> {
        let io = |doing| {
            let path = path.to_path_buf();
            move |source| HighWaterError::Io { doing, path, source }
        };
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path).map_err(io("create"))?;
        let mark = Mark { height: 0, size: 0, root: contracts::merkle::empty_root() };
        let mut made = Self { file, path: path.to_path_buf(), mark, next_slot: 0 };
        made.write(mark)?;
        made.write(mark)?;
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder of"))?;
        }
        Ok(made)
    }

    /// Opens the file of a ledger that exists.
    ///
    /// # Errors
    /// [`HighWaterError`].
    pub fn open(path: &Path) -> Result<Self, HighWaterError> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HighWaterError::Missing { path: path.to_path_buf() });
            }
            opened => {
                opened.map_err(|source| HighWaterError::Io { doing: "open", path: path.to_path_buf(), source })?
            }
        };
        let slots = [0, 1].map(|slot| read_slot(&file, slot));
        let newest = slots.iter().flatten().max_by_key(|(sequence, _)| *sequence);
        let (sequence, mark) = *newest.ok_or_else(|| HighWaterError::Damaged { path: path.to_path_buf() })?;
        Ok(Self { file, path: path.to_path_buf(), mark, next_slot: sequence + 1 })
    }

    /// The newest mark that is durable.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Writes a higher mark. When this returns, it is durable and `mark` may be signed.
    ///
    /// # Errors
    /// [`HighWaterError::Io`]; nothing may be signed then.
    ///
    /// # Panics
    /// When `mark` is lower than the last: whoever signs heights does so in order.
    pub fn raise(&mut self, mark: Mark) -> Result<(), HighWaterError> {
        assert!(mark.height > self.mark.height, "a signer goes up, one height after the other");
        self.write(mark)
    }

    fn write(&mut self, mark: Mark) -> Result<(), HighWaterError> {
        let bytes = encode(self.next_slot, &mark);
        let io = |doing| {
            let path = self.path.clone();
            move |source| HighWaterError::Io { doing, path, source }
        };
        self.file.write_all_at(&bytes, (self.next_slot % 2) * SLOT_BYTES as u64).map_err(io("write"))?;
        self.file.sync_data().map_err(io("sync"))?;
        self.mark = mark;
        self.next_slot += 1;
        Ok(())
    }
}

fn encode(sequence: u64, mark: &Mark) -> [u8; SLOT_BYTES] {
    let mut bytes = [0; SLOT_BYTES];
    bytes[..16].copy_from_slice(MAGIC);
    bytes[16..24].copy_from_slice(&sequence.to_be_bytes());
    bytes[24..32].copy_from_slice(&mark.height.to_be_bytes());
    bytes[32..40].copy_from_slice(&mark.size.to_be_bytes());
    bytes[40..72].copy_from_slice(&mark.root.0);
    let sum = Digest::of(&[&bytes[..72]]);
    bytes[72..104].copy_from_slice(&sum.0);
    bytes
}

fn read_slot(file: &File, slot: u64) -> Option<(u64, Mark)> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).ok();
    let root = Digest(bytes[40..72].try_into().ok()?);
    let mark = Mark { height: number(24)?, size: number(32)?, root };
    let sequence = number(16)?;
    (encode(sequence, &mark) == bytes && sequence % 2 == slot).then_some((sequence, mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(height: Height) -> Mark {
        Mark { height, size: 2 * height, root: Digest([height as u8; 32]) }
    }

    #[test]
    fn the_highest_mark_survives_and_one_flip_costs_at_most_one_height() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highwater");
        assert!(matches!(HighWater::open(&path), Err(HighWaterError::Missing { .. })));
        let mut file = HighWater::create(&path).unwrap();
        assert!(HighWater::create(&path).is_err());
        (1..=5).for_each(|height| file.raise(mark(height)).unwrap());
        drop(file);
        assert_eq!(HighWater::open(&path).unwrap().mark(), mark(5));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            let found = HighWater::open(&path).unwrap().mark();
            assert!(found == mark(5) || found == mark(4), "byte {at}: {found:?}");
        }
        std::fs::write(&path, vec![0; whole.len()]).unwrap();
        assert!(matches!(HighWater::open(&path), Err(HighWaterError::Damaged { .. })));
    }
}
