//! The archive: signed transactions of old blocks, in files or objects outside the store, so that the store need not
//! keep them.
//!
//! Everything else of a block stays in the store: header, entries, events, certificate, seal, and every hash of the
//! log, so all proofs go on as before. Whoever asks for old transactions is given them from the archive, as long as
//! its files are there; they may be moved to slower disks, or deleted when nobody has to keep them any longer. What
//! is gone is answered so (410), and an audit takes it from a node that has it. A bucket that cannot be reached is
//! another matter: nobody can say then that something is gone (503).
//!
//! # The files
//! One for each segment of heights, `00000000000000001025.bodies` by its first height: the magic
//! `lonja/bodies/v1` with a line feed; for each height the borsh list of its signed transactions, or nothing where
//! the node never had them; then where each of them begins, and where the last ends (8 bytes each, big-endian). What it
//! holds is proven by the headers, so it has no checksum of its own.
//!
//! # Where they lie
//! In a folder, where a file is written and synced under another name, renamed, and read back before anything is
//! deleted; or in a bucket that speaks S3 ([`Bucket`]), with the same names and bytes, where an object is written and
//! read back before anything is deleted. Without the bucket a node makes its blocks as ever, and moves nothing.

mod folder;
mod objects;
mod prune;
mod recent;
mod segment;

pub use prune::{Pruner, Retention, step};

use crate::{
    bucket::Bucket,
    limits::ARCHIVE_SEGMENT_BLOCKS,
    room::NoRoom,
    store::{Reader, StoreError},
};
use contracts::id::Height;
use folder::Folder;
use objects::Objects;
use segment::{Bodies, Segment};
use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Segments of old transactions.
///
/// Its calls block, those on a bucket for [`ARCHIVE_READ_TIME_MAX`](crate::limits::ARCHIVE_READ_TIME_MAX) where that
/// does not answer: no thread that drives the runtime may make them, nor the one that makes blocks.
#[derive(Clone, Debug)]
pub struct Archive {
    place: Place,
    blocks: u64,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    Bucket(Arc<Objects>),
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
    /// The disk of the folder has no room for a segment. Nothing of it was written.
    #[error("the archive file {path} was not begun: {missing}")]
    Room {
        /// Which file.
        path: String,
        /// How much.
        missing: NoRoom,
    },
    /// A file is not what it must be.
    #[error("the archive file {path} is damaged: {reason}")]
    Damaged {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The bucket cannot be reached, or refuses. That says nothing about what is in it.
    #[error("the archive's bucket cannot be reached, or refuses, for {object}: {reason}")]
    Bucket {
        /// Which object, or which place in the bucket.
        object: String,
        /// What the bucket says, or the way there.
        reason: String,
    },
    /// Too many read from the bucket at once.
    #[error("too many old blocks are being read from the archive's bucket")]
    Busy,
    /// Something else is in the place of an object.
    #[error(
        "{object} is in the bucket already and differs from block {height} on: another network writes there, this one \
         was begun anew, or it is damaged; name a prefix of its own"
    )]
    Taken {
        /// Which object.
        object: String,
        /// The first height that is another.
        height: Height,
    },
    /// What was written is not what is read.
    #[error("the archive file {path} does not hold what was written into it, at block {height}; the store keeps it")]
    Differs {
        /// Which file.
        path: String,
        /// At which height.
        height: Height,
    },
    /// The node stops meanwhile.
    #[error("the node stops")]
    Stopped,
}

impl ArchiveError {
    /// Is nothing said about what the archive holds, since it could not be asked? Then it may be asked again.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Bucket { .. } | Self::Busy | Self::Stopped)
    }
}

impl Archive {
    /// The archive in `folder`, which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self::with_segments(folder, ARCHIVE_SEGMENT_BLOCKS)
    }

    /// As [`Archive::new`], with so many heights in a segment; an archive always keeps the number that it began with.
    pub fn with_segments(folder: PathBuf, segment: u64) -> Self {
        Self { place: Place::Folder(Folder::new(folder)), blocks: segment }
    }

    /// The archive in `bucket`, which is asked by means of `runtime`; nothing is asked yet.
    ///
    /// # Errors
    /// When no request to it could be made, whatever it answers.
    pub fn in_bucket(bucket: &Bucket, runtime: Handle) -> Result<Self, ArchiveError> {
        let store = bucket
            .open()
            .map_err(|error| ArchiveError::Bucket { object: bucket.place(), reason: objects::reason(&error) })?;
        let objects = Objects::new(store, bucket.place(), runtime);
        Ok(Self { place: Place::Bucket(Arc::new(objects)), blocks: ARCHIVE_SEGMENT_BLOCKS })
    }

    /// The segment that `height` is in.
    fn segment(&self, height: Height) -> Segment {
        Segment { first: height - (height - 1) % self.blocks, blocks: self.blocks }
    }

    /// The segment to be moved next by a node that has moved everything up to `pruned`, and has no blocks up to
    /// `base`. Where only a part of a segment is there, a folder gets that part. A bucket gets none: what is in it is
    /// the same whoever wrote it, so that several nodes may write into one place. The part stays in the store.
    fn next(&self, pruned: Height, base: Height) -> Segment {
        let segment = self.segment(pruned.max(base) + 1);
        match self.place {
            Place::Bucket(_) if segment.first <= base => self.segment(segment.last() + 1),
            _ => segment,
        }
    }

    /// Can it be asked for a segment?
    fn answers(&self, segment: Segment, stop: &CancellationToken) -> Result<(), ArchiveError> {
        match &self.place {
            Place::Folder(_) => Ok(()),
            Place::Bucket(objects) => objects.answers(segment, stop),
        }
    }

    /// Does reading it take no more than a disk of this machine?
    pub fn is_at_hand(&self) -> bool {
        matches!(self.place, Place::Folder(_))
    }

    /// Is there anything of the block at `height`? Only the table of its segment is read.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn has(&self, height: Height) -> Result<bool, ArchiveError> {
        let segment = match height {
            0 => return Ok(false),
            height => self.segment(height),
        };
        match &self.place {
            Place::Folder(folder) => folder.has(segment, height),
            Place::Bucket(objects) => objects.has(segment, height),
        }
    }

    /// The signed transactions of the block at `height`, in order; `None` where no file has them.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn bodies(&self, height: Height) -> Result<Option<Vec<Vec<u8>>>, ArchiveError> {
        let segment = match height {
            0 => return Ok(None),
            height => self.segment(height),
        };
        match &self.place {
            Place::Folder(folder) => folder.bodies(segment, height),
            Place::Bucket(objects) => objects.bodies(segment, height),
        }
    }

    /// Blocks of which neither the store that `reader` reads nor this archive has the transactions, though the node once
    /// had them, in runs. One block of each segment is looked for. What is damaged is there: whoever reads it names it.
    ///
    /// # Errors
    /// [`StoreError`], also where a bucket cannot be asked.
    pub fn lacking(&self, reader: &Reader) -> Result<Vec<RangeInclusive<Height>>, StoreError> {
        let (mut first, pruned) = (reader.base()? + 1, reader.pruned()?);
        let mut runs: Vec<RangeInclusive<Height>> = Vec::new();
        while first <= pruned {
            let last = self.segment(first).last().min(pruned);
            let is_here = match self.has(last) {
                Err(error) if error.is_away() => return Err(error.into()),
                found => found.unwrap_or(true) || reader.kept_bodies(last)?.is_some(),
            };
            match runs.last_mut() {
                _ if is_here => {}
                Some(run) if *run.end() + 1 == first => *run = *run.start()..=last,
                _ => runs.push(first..=last),
            }
            first = last + 1;
        }
        Ok(runs)
    }

    /// Writes a segment, and reads it back. `bodies` gives the transactions of each height, more than once. Durable
    /// when this returns.
    ///
    /// # Errors
    /// [`ArchiveError`], or what `bodies` says.
    fn write<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
        stop: &CancellationToken,
    ) -> Result<(), E> {
        match &self.place {
            Place::Folder(folder) => folder.write(segment, bodies),
            Place::Bucket(objects) => objects.write(segment, bodies, stop),
        }
    }
}

#[cfg(test)]
mod tests;
