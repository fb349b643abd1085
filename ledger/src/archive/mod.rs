//! The archive: signed transactions of old blocks, in files outside the store, so that the store need not keep them.
//!
//! Everything else of a block stays in the store: header, entries, events, certificate, seal, and every hash of the
//! log, so all proofs go on as before. Whoever asks for old transactions is given them from the archive, as long as
//! its files are there; they may be moved to slower disks, or deleted when nobody has to keep them any longer. What
//! is gone is answered so (410), and an audit takes it from a node that has it.
//!
//! # The files
//! One for each segment of heights, `00000000000000001025.bodies` by its first height: the magic
//! `lonja/bodies/v1` with a line feed; for each height the borsh list of its signed transactions, or nothing where
//! the node never had them; then where each of them begins, and where the last ends (8 bytes each, big-endian). A file
//! is written and synced under another name, renamed, and read back before anything is deleted. What it holds is
//! proven by the headers, so it has no checksum of its own.

mod prune;

pub use prune::{Pruner, Retention, step};

use crate::limits::ARCHIVE_SEGMENT_BLOCKS;
use borsh::BorshDeserialize;
use contracts::id::Height;
use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const MAGIC: &[u8; 16] = b"lonja/bodies/v1\n";
/// Bytes of one place in the table at the end of a file.
const PLACE_BYTES: u64 = 8;
/// Bytes of one block's transactions that are read at most: far more than a block may have.
const BODIES_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A folder of segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    folder: PathBuf,
    segment: u64,
}

/// Why an archive could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The system said no.
    #[error("the archive file {path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// A file is not what it must be.
    #[error("the archive file {path} is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

fn failed(path: &Path) -> impl Fn(io::Error) -> ArchiveError {
    let path = path.display().to_string();
    move |error| ArchiveError::File { path: path.clone(), reason: error.to_string() }
}

impl Archive {
    /// The archive in `folder`, which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self::with_segments(folder, ARCHIVE_SEGMENT_BLOCKS)
    }

    /// As [`Archive::new`], with so many heights in a segment; an archive always keeps the number that it began with.
    pub fn with_segments(folder: PathBuf, segment: u64) -> Self {
        Self { folder, segment }
    }

    /// The first height of the segment that `height` is in.
    fn first(&self, height: Height) -> Height {
        height - (height - 1) % self.segment
    }

    fn path(&self, first: Height) -> PathBuf {
        self.folder.join(format!("{first:020}.bodies"))
    }

    /// The signed transactions of the block at `height`, in order; `None` where no file has them.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn bodies(&self, height: Height) -> Result<Option<Vec<Vec<u8>>>, ArchiveError> {
        if height == 0 {
            return Ok(None);
        }
        let first = self.first(height);
        let path = self.path(first);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed(&path))?,
        };
        let damaged = |reason| ArchiveError::Damaged { path: path.display().to_string(), reason };
        let length = file.metadata().map_err(failed(&path))?.len();
        let table = (self.segment + 1) * PLACE_BYTES;
        let at = length.checked_sub(table).ok_or_else(|| damaged("it is too short"))? + (height - first) * PLACE_BYTES;
        let mut places = [0; 2 * PLACE_BYTES as usize];
        file.read_exact_at(&mut places, at).map_err(failed(&path))?;
        let place = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes of sixteen"));
        let (from, to) = (place(&places[..8]), place(&places[8..]));
        if from < MAGIC.len() as u64 || to < from || to > length - table || to - from > BODIES_BYTES_MAX {
            return Err(damaged("its table points outside"));
        }
        if from == to {
            return Ok(None);
        }
        let mut bytes = vec![0; (to - from) as usize];
        file.read_exact_at(&mut bytes, from).map_err(failed(&path))?;
        Vec::try_from_slice(&bytes).map(Some).map_err(|_| damaged("what it has of a block is no list of transactions"))
    }

    /// Writes the segment that begins at `first`. `bodies` gives the transactions of each height. Durable when this
    /// returns.
    ///
    /// # Errors
    /// [`ArchiveError`], or what `bodies` says.
    fn write<E: From<ArchiveError>>(
        &self,
        first: Height,
        bodies: impl Fn(Height) -> Result<Option<Vec<Vec<u8>>>, E>,
    ) -> Result<(), E> {
        let (path, work) = (self.path(first), self.path(first).with_extension("new"));
        fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        let file = File::create(&work).map_err(failed(&work))?;
        let mut file = BufWriter::new(file);
        let mut places = Vec::with_capacity(self.segment as usize + 1);
        file.write_all(MAGIC).map_err(failed(&work))?;
        for height in first..first + self.segment {
            places.push(file.stream_position().map_err(failed(&work))?);
            if let Some(bodies) = bodies(height)? {
                let bytes = borsh::to_vec(&bodies).expect("writing to memory does not fail");
                file.write_all(&bytes).map_err(failed(&work))?;
            }
        }
        places.push(file.stream_position().map_err(failed(&work))?);
        let finish = |mut file: BufWriter<File>| {
            places.iter().try_for_each(|place| file.write_all(&place.to_be_bytes()))?;
            file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
        };
        finish(file).map_err(failed(&work))?;
        fs::rename(&work, &path).map_err(failed(&path))?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        Ok(synced.map_err(failed(&self.folder))?)
    }
}

#[cfg(test)]
mod tests;
