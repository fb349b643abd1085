//! Segments as objects of a bucket.
//!
//! # An object is there whole or not at all
//! One of up to a part ([`ARCHIVE_PART_BYTES`]) is written by one request, a larger one by an upload in parts, which
//! has its name once it is completed. What of an upload broke off has no name that leads to it: a rule of the bucket
//! removes it.
//!
//! # Several may write into one place
//! Every object has the transactions of all of its heights: what a node does not have whole, it does not write (see
//! [`step`](super::step)). The ledger commits to each byte of them, so whoever writes a segment writes the same bytes,
//! and it does not matter who was first. Where something else is there already, nothing is written and nothing deleted.
//!
//! # Requests
//! To archive a segment of N parts: one to see that it is not there, one to write it (N + 2 where N > 1), N to read it
//! back. To read a block: one for the table of its segment and one for a window of [`ARCHIVE_AHEAD_BYTES`] from its
//! beginning, in which the next blocks are; either only where it was not read in the last seconds.
//!
//! Callers block until the answer is there: they may be threads of their own or those for blocking work, never those
//! that drive the runtime, and never the one that makes blocks.

mod writing;

use super::{
    ArchiveError,
    recent::Recent,
    segment::{self, Bodies, MAGIC, PLACE_BYTES, Segment},
};
use crate::limits::*;
use bytes::Bytes;
use contracts::id::Height;
use futures_util::TryStreamExt;
use object_store::{Error, GetOptions, GetRange, ObjectStore, path::Path};
use parking_lot::Mutex;
use std::{
    fmt,
    future::Future,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{runtime::Handle, sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

/// Letters of what went wrong with a request that are repeated in an error; its address is among them.
const REASON_LETTERS_MAX: usize = 400;
/// Letters of the code that a bucket gives.
const CODE_LETTERS_MAX: usize = 64;

/// Segments in a bucket.
pub(super) struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What the place is called in errors.
    place: String,
    runtime: Handle,
    reading: Semaphore,
    tables: Mutex<Recent<Arc<Table>>>,
    windows: Mutex<Recent<Window>>,
    /// Did the last one who read get an answer?
    answers: AtomicBool,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objects({})", self.place)
    }
}

/// Where the blocks of an object lie.
struct Table {
    first: Height,
    bytes: Bytes,
    /// Where it begins.
    begins: u64,
}

/// A piece of an object.
#[derive(Clone)]
struct Window {
    first: Height,
    /// Where it begins in the object.
    from: u64,
    bytes: Bytes,
}

impl Window {
    fn piece(&self, place: &Range<u64>) -> Option<Bytes> {
        let from = place.start.checked_sub(self.from)? as usize;
        let to = (place.end - self.from) as usize;
        (to <= self.bytes.len()).then(|| self.bytes.slice(from..to))
    }
}

impl Objects {
    /// Segments in `store`, which is called `place`, and is asked by means of `runtime`.
    pub fn new(store: Arc<dyn ObjectStore>, place: String, runtime: Handle) -> Self {
        Self {
            store,
            place,
            runtime,
            reading: Semaphore::new(ARCHIVE_READS_MAX),
            tables: Mutex::new(Recent::new(ARCHIVE_RECENT_TABLES)),
            windows: Mutex::new(Recent::new(ARCHIVE_RECENT_WINDOWS)),
            answers: AtomicBool::new(true),
        }
    }

    fn name(&self, segment: Segment) -> String {
        format!("{}/{}", self.place, segment.name())
    }

    fn damaged(&self, segment: Segment, reason: &'static str) -> ArchiveError {
        ArchiveError::Damaged { path: self.name(segment), reason }
    }

    fn failed(&self, segment: Segment, error: &Error) -> ArchiveError {
        if is_outside(error) {
            return self.damaged(segment, "it is too short");
        }
        ArchiveError::Bucket { object: self.name(segment), reason: reason(error) }
    }

    /// Says whether the bucket can be reached and lets us in, by asking for the beginning of `segment`, which need not
    /// be there.
    pub fn answers(&self, segment: Segment, stop: &CancellationToken) -> Result<(), ArchiveError> {
        let asked = self.get(segment, GetRange::Bounded(0..MAGIC.len() as u64), MAGIC.len() as u64);
        match self.until(stop, asked) {
            Ok(_) | Err(ArchiveError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Is there anything of the block at `height`?
    pub fn has(&self, segment: Segment, height: Height) -> Result<bool, ArchiveError> {
        self.in_time(segment, async {
            let Some(table) = self.table(segment).await? else { return Ok(false) };
            Ok(self.place_in(&table, segment, height)?.is_some())
        })
    }

    /// The transactions of the block at `height`.
    pub fn bodies(&self, segment: Segment, height: Height) -> Result<Bodies, ArchiveError> {
        self.in_time(segment, async {
            let Some(table) = self.table(segment).await? else { return Ok(None) };
            let Some(place) = self.place_in(&table, segment, height)? else { return Ok(None) };
            let Some(bytes) = self.piece(segment, place, table.begins).await? else { return Ok(None) };
            segment::decode(&bytes).map(Some).map_err(|reason| self.damaged(segment, reason))
        })
    }

    /// Reads, within the time and among the number of those who may read at once.
    fn in_time<T>(
        &self,
        segment: Segment,
        work: impl Future<Output = Result<T, ArchiveError>>,
    ) -> Result<T, ArchiveError> {
        let done = self.runtime.block_on(async {
            let Ok(turn) = timeout(ARCHIVE_TURN_WAIT_MAX, self.reading.acquire()).await else {
                return Err(ArchiveError::Busy);
            };
            let _turn = turn.map_err(|_| ArchiveError::Stopped)?;
            timeout(ARCHIVE_READ_TIME_MAX, work).await.unwrap_or_else(|_| {
                let reason = format!("it does not answer within {} seconds", ARCHIVE_READ_TIME_MAX.as_secs());
                Err(ArchiveError::Bucket { object: self.name(segment), reason })
            })
        });
        self.tell(&done);
        done
    }

    /// Logs when the bucket stops answering those who read, and when it answers again.
    fn tell<T>(&self, done: &Result<T, ArchiveError>) {
        match done {
            Err(error @ ArchiveError::Bucket { .. }) if self.answers.swap(false, Ordering::Relaxed) => {
                tracing::warn!(%error, "old transactions cannot be read from the archive; who asks for them is told to come again");
            }
            Ok(_) if !self.answers.swap(true, Ordering::Relaxed) => {
                tracing::info!("old transactions can be read from the archive again");
            }
            _ => {}
        }
    }

    /// The table of a segment; nothing where there is no such object.
    async fn table(&self, segment: Segment) -> Result<Option<Arc<Table>>, ArchiveError> {
        if let Some(table) = self.tables.lock().find(|table| table.first == segment.first) {
            return Ok(Some(table));
        }
        let length = segment.table_bytes();
        let Some((size, bytes)) = self.get(segment, GetRange::Suffix(length), length).await? else { return Ok(None) };
        let begins = size.checked_sub(length).ok_or_else(|| self.damaged(segment, "it is too short"))?;
        if bytes.len() as u64 != length {
            return Err(self.damaged(segment, "it is too short"));
        }
        let table = Arc::new(Table { first: segment.first, bytes, begins });
        self.tables.lock().keep(table.clone());
        Ok(Some(table))
    }

    fn place_in(&self, table: &Table, segment: Segment, height: Height) -> Result<Option<Range<u64>>, ArchiveError> {
        let at = ((height - segment.first) * PLACE_BYTES) as usize;
        let neighbours = &table.bytes[at..at + 2 * PLACE_BYTES as usize];
        segment::place(neighbours, table.begins).map_err(|reason| self.damaged(segment, reason))
    }

    /// A piece of an object whose table begins at `end`; nothing where the object is gone.
    async fn piece(&self, segment: Segment, place: Range<u64>, end: u64) -> Result<Option<Bytes>, ArchiveError> {
        let has = |window: &Window| window.first == segment.first && window.piece(&place).is_some();
        if let Some(window) = self.windows.lock().find(has) {
            return Ok(window.piece(&place));
        }
        let to = place.end.max(end.min(place.start + ARCHIVE_AHEAD_BYTES));
        let length = to - place.start;
        let Some((_, bytes)) = self.get(segment, GetRange::Bounded(place.start..to), length).await? else {
            return Ok(None);
        };
        let window = Window { first: segment.first, from: place.start, bytes };
        let piece = window.piece(&place).ok_or_else(|| self.damaged(segment, "it is too short"))?;
        // A larger one is one block alone: nobody needs it twice, and the memory is bounded.
        if length <= ARCHIVE_AHEAD_BYTES {
            self.windows.lock().keep(window);
        }
        Ok(Some(piece))
    }

    /// At most `most` bytes of an object, and how many the whole has; nothing where there is no such object.
    async fn get(&self, segment: Segment, range: GetRange, most: u64) -> Result<Option<(u64, Bytes)>, ArchiveError> {
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let got = match self.store.get_opts(&Path::from(segment.name()), options).await {
            Err(error) if is_gone(&error) => return Ok(None),
            got => got.map_err(|error| self.failed(segment, &error))?,
        };
        let size = got.meta.size;
        let (mut pieces, mut bytes) = (got.into_stream(), Vec::new());
        while let Some(piece) = pieces.try_next().await.map_err(|error| self.failed(segment, &error))? {
            if (bytes.len() + piece.len()) as u64 > most {
                return Err(self.damaged(segment, "more of it comes than was asked for"));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Some((size, bytes.into())))
    }

    /// Waits for `work`, or until the node stops.
    fn until<T>(
        &self,
        stop: &CancellationToken,
        work: impl Future<Output = Result<T, ArchiveError>>,
    ) -> Result<T, ArchiveError> {
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(ArchiveError::Stopped),
                done = work => done,
            }
        })
    }
}

/// Is there no such object? A bucket that is not there has none either, and that says nothing about the object.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && !error.to_string().contains("NoSuchBucket")
}

/// Does the object end before the range that was asked for begins? The library has no variant for it.
fn is_outside(error: &Error) -> bool {
    error.to_string().contains("416 Range Not Satisfiable")
}

/// What a bucket says, for people: the code of a longer answer alone, which has the name of a key in it.
pub(super) fn reason(error: &Error) -> String {
    let mut said = error.to_string();
    let innermost = std::iter::successors(std::error::Error::source(error), |cause| cause.source()).last();
    if let Some(innermost) = innermost.map(ToString::to_string).filter(|innermost| !said.contains(innermost)) {
        said += &format!(": {innermost}");
    }
    let (text, answer) = said.split_once('<').unwrap_or((&said, ""));
    let code = answer.split_once("Code>").and_then(|(_, rest)| rest.split_once('<')).map_or("", |(code, _)| code);
    let said: String = text.chars().take(REASON_LETTERS_MAX).chain(code.chars().take(CODE_LETTERS_MAX)).collect();
    contracts::text::visible(&said).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_finds_all_turns_taken_is_told_to_come_again() {
        let memory = Arc::new(object_store::memory::InMemory::new());
        let objects = Arc::new(Objects::new(memory, "memory".into(), Handle::current()));
        let read = async || {
            let objects = objects.clone();
            tokio::task::spawn_blocking(move || objects.bodies(Segment { first: 1, blocks: 2 }, 1)).await.unwrap()
        };
        let turns = objects.reading.acquire_many(ARCHIVE_READS_MAX as u32).await.unwrap();
        assert_eq!(read().await, Err(ArchiveError::Busy));
        drop(turns);
        assert_eq!(read().await, Ok(None));
    }
}
