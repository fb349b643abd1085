//! Writing a segment into a bucket: look whether it is there, write it, and read it back.

use super::Objects;
use crate::{
    archive::{
        ArchiveError,
        segment::{Bodies, Segment},
    },
    limits::{ARCHIVE_ABORT_TIME_MAX, ARCHIVE_PART_BYTES},
};
use contracts::id::Height;
use object_store::{GetRange, MultipartUpload, ObjectStoreExt, path::Path};
use std::future::Future;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What is in the place of a segment.
enum Found {
    Nothing,
    Same,
    /// Something else, from this height on.
    Other(Height),
}

/// Why comparing came to an end before the last byte.
enum Ended<E> {
    Other(Height),
    Failed(E),
}

impl Objects {
    /// Writes a segment unless it is there, and reads it back. Durable when this returns.
    pub fn write<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
        stop: &CancellationToken,
    ) -> Result<(), E> {
        match self.compare(segment, &bodies, stop)? {
            Found::Same => return Ok(()),
            Found::Other(height) => return Err(ArchiveError::Taken { object: self.name(segment), height }.into()),
            Found::Nothing => {}
        }
        self.upload(segment, &bodies, stop)?;
        let differs = |height| Err(ArchiveError::Differs { path: self.name(segment), height }.into());
        match self.compare(segment, &bodies, stop)? {
            Found::Same => Ok(()),
            Found::Other(height) => differs(height),
            Found::Nothing => differs(segment.first),
        }
    }

    /// Compares the object in the place of a segment, part by part, with what it is to be.
    fn compare<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
        stop: &CancellationToken,
    ) -> Result<Found, E> {
        let part = |from| {
            let range = GetRange::Bounded(from..from + ARCHIVE_PART_BYTES as u64);
            self.until(stop, self.get(segment, range, ARCHIVE_PART_BYTES as u64))
        };
        let Some((size, mut there)) = part(0)? else { return Ok(Found::Nothing) };
        let mut at = there.len() as u64;
        let compared = segment.encode(
            |height| bodies(height).map_err(Ended::Failed),
            |height, mut expected| {
                while !expected.is_empty() {
                    if there.is_empty() && at < size {
                        let next = part(at).map_err(|error| Ended::Failed(error.into()))?;
                        there = next.map(|(_, bytes)| bytes).unwrap_or_default();
                        at += there.len() as u64;
                    }
                    let length = there.len().min(expected.len());
                    if length == 0 || there.split_to(length) != expected[..length] {
                        return Err(Ended::Other(height));
                    }
                    expected = &expected[length..];
                }
                Ok(())
            },
        );
        match compared {
            Ok(()) if there.is_empty() && at == size => Ok(Found::Same),
            Ok(()) => Ok(Found::Other(segment.last())),
            Err(Ended::Other(height)) => Ok(Found::Other(height)),
            Err(Ended::Failed(error)) => Err(error),
        }
    }

    /// Writes a segment by one request, or in parts where it is larger than one of them.
    fn upload<E: From<ArchiveError>>(
        &self,
        segment: Segment,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
        stop: &CancellationToken,
    ) -> Result<(), E> {
        let mut upload = Upload { objects: self, segment, stop, parts: None, rest: Vec::new() };
        let sent = segment.encode(bodies, |_, bytes| Ok(upload.take(bytes)?));
        let done = sent.and_then(|()| Ok(upload.finish()?));
        if done.is_err() {
            upload.give_up();
        }
        done
    }
}

/// A segment on its way.
struct Upload<'a> {
    objects: &'a Objects,
    segment: Segment,
    stop: &'a CancellationToken,
    /// The upload in parts, where it has more than one.
    parts: Option<Box<dyn MultipartUpload>>,
    rest: Vec<u8>,
}

impl Upload<'_> {
    fn wait<T>(&self, work: impl Future<Output = object_store::Result<T>>) -> Result<T, ArchiveError> {
        let work = async { work.await.map_err(|error| self.objects.failed(self.segment, &error)) };
        self.objects.until(self.stop, work)
    }

    /// Takes more bytes. All parts but the last have the same length, as some providers want it.
    fn take(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.rest.extend_from_slice(bytes);
        while self.rest.len() > ARCHIVE_PART_BYTES {
            let rest = self.rest.split_off(ARCHIVE_PART_BYTES);
            let part = std::mem::replace(&mut self.rest, rest);
            self.send(part)?;
        }
        Ok(())
    }

    fn send(&mut self, part: Vec<u8>) -> Result<(), ArchiveError> {
        if self.parts.is_none() {
            let path = Path::from(self.segment.name());
            self.parts = Some(self.wait(self.objects.store.put_multipart(&path))?);
        }
        let sent = self.parts.as_mut().expect("it was begun above").put_part(part.into());
        self.wait(sent)
    }

    /// Sends what is left, and gives the object its name.
    fn finish(&mut self) -> Result<(), ArchiveError> {
        let rest = std::mem::take(&mut self.rest);
        if self.parts.is_none() {
            let path = Path::from(self.segment.name());
            return self.wait(self.objects.store.put(&path, rest.into())).map(drop);
        }
        self.send(rest)?;
        let mut parts = self.parts.take().expect("it was begun above");
        let completed = self.wait(parts.complete());
        self.parts = Some(parts);
        completed.map(drop)
    }

    /// Tells the bucket that nothing more comes. Where that fails too, its rule for what broke off has to do.
    fn give_up(&mut self) {
        let Some(mut parts) = self.parts.take() else { return };
        let gave_up = self.objects.runtime.block_on(async { timeout(ARCHIVE_ABORT_TIME_MAX, parts.abort()).await });
        if !matches!(gave_up, Ok(Ok(()))) {
            tracing::debug!(object = self.objects.name(self.segment), "parts of an upload that broke off are left");
        }
    }
}
