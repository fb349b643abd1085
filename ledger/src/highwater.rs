//! The high-water file: the newest height that a signer may have signed, kept outside RocksDB.
//!
//! RocksDB drops a damaged tail of its log without a word, and a backup is older than what was
//! signed since. So before anything is signed, (height, size, root) is written here and fsynced; a
//! store that is found below it is refused. This file is never restored from a backup.
//!
//! Two slots are written in turn, each with a checksum: a write that power loss or a full disk cut
//! short leaves the other slot whole, and nothing was signed for the one that was lost. Both slots
//! have their room from the first moment on, so that raising the mark asks for none.

use crate::whole::{self, Failed};
use contracts::id::{Digest, Height};
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

pub(crate) const SLOT_BYTES: usize = 128;
/// The last byte is the format.
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
    /// A slot has a later format.
    #[error(
        "{path} was written by a newer release of lonja: install that release again, or a later one. Keep the file: it \
         says what was signed"
    )]
    Newer {
        /// Where it is.
        path: PathBuf,
    },
    /// Neither slot can be read.
    #[error("{path} is damaged in both slots: start a node with a new data directory, or repair the disk")]
    Damaged {
        /// Where it is.
        path: PathBuf,
    },
    /// The file system said no.
    #[error(transparent)]
    File(#[from] Failed),
}

impl HighWater {
    /// Makes the file for a new ledger whose log is empty. It is there whole or not at all: half of one
    /// would say that the directory is damaged, where only its making failed.
    ///
    /// # Errors
    /// [`HighWaterError`], also where the file is there already.
    pub fn create(path: &Path) -> Result<Self, HighWaterError> {
        if path.exists() {
            return Err(Failed::to("create", path)(io::ErrorKind::AlreadyExists.into()).into());
        }
        let mark = Mark { height: 0, size: 0, root: contracts::merkle::empty_root() };
        whole::put(&path.with_extension("new"), path, &[encode(0, &mark), encode(1, &mark)].concat())?;
        Self::open(path)
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
            opened => opened.map_err(Failed::to("open", path))?,
        };
        let (sequence, mark) = newest(&file, path)?;
        Ok(Self { file, path: path.to_path_buf(), mark, next_slot: sequence + 1 })
    }

    /// The newest mark in a file that may lie where nobody can write.
    ///
    /// # Errors
    /// [`HighWaterError`].
    pub fn read(path: &Path) -> Result<Mark, HighWaterError> {
        let file = File::open(path).map_err(Failed::to("open", path))?;
        newest(&file, path).map(|(_, mark)| mark)
    }

    /// The newest mark that is durable.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a higher mark. When this returns, it is durable and `mark` may be signed.
    ///
    /// # Errors
    /// [`HighWaterError`]; nothing may be signed then, and the same mark may be raised again.
    ///
    /// # Panics
    /// When `mark` is lower than the last: whoever signs heights does so in order.
    pub fn raise(&mut self, mark: Mark) -> Result<(), HighWaterError> {
        assert!(mark.height > self.mark.height, "a signer goes up, one height after the other");
        self.write(mark)
    }

    fn write(&mut self, mark: Mark) -> Result<(), HighWaterError> {
        let bytes = encode(self.next_slot, &mark);
        let at = (self.next_slot % 2) * SLOT_BYTES as u64;
        self.file.write_all_at(&bytes, at).map_err(Failed::to("write", &self.path))?;
        self.file.sync_data().map_err(Failed::to("sync", &self.path))?;
        self.mark = mark;
        self.next_slot += 1;
        Ok(())
    }
}

/// A file that opens and takes nothing: every write finds the disk full.
#[cfg(test)]
pub(crate) fn on_a_full_disk(mut file: HighWater) -> HighWater {
    file.file = OpenOptions::new().read(true).write(true).open("/dev/full").expect("Linux has /dev/full");
    file
}

pub(crate) fn encode(sequence: u64, mark: &Mark) -> [u8; SLOT_BYTES] {
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

/// The newest mark in the slots, and its number. One slot of a later format is enough to know nothing: what was signed
/// last may be in it.
fn newest(file: &File, path: &Path) -> Result<(u64, Mark), HighWaterError> {
    let bytes = [0, 1].map(|slot| read_slot(file, slot));
    if bytes.iter().flatten().any(is_later) {
        return Err(HighWaterError::Newer { path: path.to_path_buf() });
    }
    let slots = [0, 1].map(|slot| decode(bytes[slot].as_ref()?, slot as u64));
    let newest = slots.into_iter().flatten().max_by_key(|(sequence, _)| *sequence);
    newest.ok_or_else(|| HighWaterError::Damaged { path: path.to_path_buf() })
}

fn read_slot(file: &File, slot: u64) -> Option<[u8; SLOT_BYTES]> {
    let mut bytes = [0; SLOT_BYTES];
    file.read_exact_at(&mut bytes, slot * SLOT_BYTES as u64).ok()?;
    Some(bytes)
}

/// Is a slot of a later format? Not where that byte alone is damaged, and the rest is one of ours.
fn is_later(bytes: &[u8; SLOT_BYTES]) -> bool {
    let (name, ours) = (MAGIC.len() - 1, [MAGIC.as_slice(), &bytes[MAGIC.len()..]].concat());
    let has_name = bytes[..name] == MAGIC[..name] && bytes[name] != MAGIC[name] && bytes[name].is_ascii_alphanumeric();
    let ours: Option<[u8; SLOT_BYTES]> = ours.try_into().ok();
    has_name && ours.is_none_or(|ours| [0, 1].iter().all(|slot| decode(&ours, *slot).is_none()))
}

/// The sequence number and mark that a slot's bytes hold, if they are whole and of this slot.
pub(crate) fn decode(bytes: &[u8; SLOT_BYTES], slot: u64) -> Option<(u64, Mark)> {
    let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_be_bytes).ok();
    let root = Digest(bytes[40..72].try_into().ok()?);
    let mark = Mark { height: number(24)?, size: number(32)?, root };
    let sequence = number(16)?;
    (encode(sequence, &mark) == *bytes && sequence % 2 == slot).then_some((sequence, mark))
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
        assert_eq!(HighWater::read(&path).unwrap(), mark(5));
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

    #[test]
    fn a_slot_of_a_later_format_is_told_from_a_damaged_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highwater");
        let mut file = HighWater::create(&path).unwrap();
        file.raise(mark(1)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for slot in [0, SLOT_BYTES] {
            let mut later = whole.clone();
            later[slot + 15] = b'1';
            later[slot + 80] ^= 0xff;
            std::fs::write(&path, &later).unwrap();
            for found in [HighWater::open(&path).map(|file| file.mark()), HighWater::read(&path)] {
                assert!(matches!(found, Err(HighWaterError::Newer { .. })), "slot at {slot}: {found:?}");
            }
            assert_eq!(std::fs::read(&path).unwrap(), later);
        }
    }

    #[test]
    fn a_write_cut_short_at_any_byte_leaves_the_mark_before_or_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highwater");
        let mut file = HighWater::create(&path).unwrap();
        (1..=4).for_each(|height| file.raise(mark(height)).unwrap());
        let before = std::fs::read(&path).unwrap();
        file.raise(mark(5)).unwrap();
        let after = std::fs::read(&path).unwrap();
        let changed: Vec<_> = (0..after.len()).filter(|&at| before[at] != after[at]).collect();
        let slot = changed[0] / SLOT_BYTES * SLOT_BYTES..(changed[0] / SLOT_BYTES + 1) * SLOT_BYTES;
        assert!(changed.iter().all(|at| slot.contains(at)), "the other slot is never touched");
        for cut in slot.clone() {
            let torn = [&after[..cut], &before[cut..]].concat();
            std::fs::write(&path, &torn).unwrap();
            let found = HighWater::open(&path).unwrap().mark();
            assert!(found == mark(4) || (found == mark(5) && torn == after), "cut at {cut}: {found:?}");
            // What a disk that lost the rest may give back instead of the old bytes.
            std::fs::write(&path, [&after[..cut], &vec![0; slot.end - cut], &after[slot.end..]].concat()).unwrap();
            let found = HighWater::open(&path).unwrap().mark();
            assert!(found == mark(4) || found == mark(5), "zeros from {cut}: {found:?}");
        }
    }

    #[test]
    fn a_full_disk_leaves_the_mark_as_it_was_and_no_half_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("highwater");
        let mut file = HighWater::create(&path).unwrap();
        file.raise(mark(1)).unwrap();
        let mut full = on_a_full_disk(file);
        for _ in 0..2 {
            let error = full.raise(mark(2)).unwrap_err();
            assert!(matches!(&error, HighWaterError::File(failed) if failed.is_full()), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
            assert_eq!(full.mark(), mark(1));
        }
        let mut file = HighWater::open(&path).unwrap();
        assert_eq!(file.mark(), mark(1));
        file.raise(mark(2)).unwrap();
        assert_eq!(HighWater::open(&path).unwrap().mark(), mark(2));
    }
}
