//! Segments in a folder of this machine.

use super::{
    ArchiveError,
    segment::{self, Bodies, PLACE_BYTES, Segment},
};
use crate::{room, whole};
use contracts::id::Height;
use std::{
    fmt,
    fs::{self, File},
    io::{self, BufWriter, Write},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

fn failed<E: fmt::Display>(path: &Path) -> impl Fn(E) -> ArchiveError {
    let path = path.display().to_string();
    move |error| ArchiveError::File { path: path.clone(), reason: error.to_string() }
}

fn damaged(path: &Path, reason: &'static str) -> ArchiveError {
    ArchiveError::Damaged { path: path.display().to_string(), reason }
}

impl Folder {
    /// The folder at `path`, which need not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The file of a segment.
    pub fn file(&self, segment: Segment) -> PathBuf {
        self.path.join(segment.name())
    }

    /// Is there anything of the block at `height`?
    pub fn has(&self, segment: Segment, height: Height) -> Result<bool, ArchiveError> {
        Ok(self.place(segment, height)?.is_some())
    }

    /// The transactions of the block at `height`.
    pub fn bodies(&self, segment: Segment, height: Height) -> Result<Bodies, ArchiveError> {
        let Some((file, place)) = self.place(segment, height)? else { return Ok(None) };
        let path = self.file(segment);
        let mut bytes = vec![0; (place.end - place.start) as usize];
        file.read_exact_at(&mut bytes, place.start).map_err(failed(&path))?;
        segment::decode(&bytes).map(Some).map_err(|reason| damaged(&path, reason))
    }

    /// The file with the block at `height`, and where in it that lies.
    fn place(&self, segment: Segment, height: Height) -> Result<Option<(File, Range<u64>)>, ArchiveError> {
        let path = self.file(segment);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed(&path))?,
        };
        let length = file.metadata().map_err(failed(&path))?.len();
        let end = length.checked_sub(segment.table_bytes()).ok_or_else(|| damaged(&path, "it is too short"))?;
        let mut neighbours = [0; 2 * PLACE_BYTES as usize];
        let at = end + (height - segment.first) * PLACE_BYTES;
        file.read_exact_at(&mut neighbours, at).map_err(failed(&path))?;
        let place = segment::place(&neighbours, end).map_err(|reason| damaged(&path, reason))?;
        Ok(place.map(|place| (file, place)))
    }

    /// Writes a segment, and reads it back. Durable when this returns. Nothing is written where there is no room for all
    /// of it, and of one that failed half-way nothing stays: on a full disk every byte counts.
    pub fn write<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
    ) -> Result<(), E> {
        let path = self.file(segment);
        let work = path.with_extension("new");
        whole::make_folder(&self.path).map_err(|error| failed(error.path())(error.said()))?;
        // What a crash left of an earlier attempt takes room as well.
        let _removed = fs::remove_file(&work);
        self.has_room(segment, &bodies)?;
        let written = put(&work, segment, &bodies).and_then(|()| Ok(fs::rename(&work, &path).map_err(failed(&path))?));
        if written.is_err() {
            let _removed = fs::remove_file(&work);
        }
        written?;
        let synced = File::open(&self.path).and_then(|folder| folder.sync_all());
        synced.map_err(failed(&self.path))?;
        for height in segment.first..=segment.last() {
            if self.bodies(segment, height)? != bodies(height)? {
                return Err(ArchiveError::Differs { path: path.display().to_string(), height }.into());
            }
        }
        Ok(())
    }

    /// Refuses a segment for which there is no room.
    fn has_room<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
    ) -> Result<(), E> {
        let mut needed = 0;
        segment.encode(bodies, |_, bytes| {
            needed += bytes.len() as u64;
            Ok::<_, E>(())
        })?;
        match room::missing(&self.path, needed).map_err(failed(&self.path))? {
            None => Ok(()),
            Some(missing) => Err(ArchiveError::Room { path: self.file(segment).display().to_string(), missing }.into()),
        }
    }
}

/// Writes the bytes of a segment into the file at `path`, and syncs them.
fn put<E: From<ArchiveError>>(
    path: &Path,
    segment: Segment,
    bodies: impl Fn(Height) -> Result<Bodies, E>,
) -> Result<(), E> {
    let mut file = BufWriter::new(File::create(path).map_err(failed(path))?);
    segment.encode(bodies, |_, bytes| Ok(file.write_all(bytes).map_err(failed(path))?))?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error);
    Ok(file.and_then(|file| file.sync_all()).map_err(failed(path))?)
}
