//! Reading: a Bao slice that its reader can check, or plain bytes that were checked here.

use super::{BLOCK, Objects, ObjectsError, data_path};
use crate::limits::{SLICE_BYTES_MAX, WINDOW_BYTES};
use bao_tree::{
    BaoTree, ByteRanges, ChunkRanges,
    io::{
        outboard::{EmptyOutboard, PreOrderOutboard},
        round_up_to_chunks,
        sync::{ReadAt, WriteAt, decode_ranges, encode_ranges_validated},
    },
};
use bytes::Bytes;
use contracts::id::Blake3;
use futures_util::Stream;
use object_store::ObjectStoreExt;
use std::{io, ops::Range};

/// A slice of a content as Bao encodes it: hash pairs and bytes, in pre-order, groups of 16 KiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// Where it starts in the content.
    pub start: u64,
    /// How many bytes were asked for.
    pub length: u64,
    /// Length of the whole content.
    pub total: u64,
    /// The encoding. Carries no length of its own: `total` is on the ledger.
    pub encoded: Vec<u8>,
}

/// Bytes of a content, as if they lay at their place in it.
#[derive(Clone)]
pub(super) struct Window {
    pub start: u64,
    pub bytes: Bytes,
}

impl ReadAt for Window {
    fn read_at(&self, pos: u64, buf: &mut [u8]) -> io::Result<usize> {
        let from = pos.checked_sub(self.start).map(|from| from as usize).filter(|from| *from <= self.bytes.len());
        let from = from.ok_or_else(|| io::Error::other("outside of the window"))?;
        let count = buf.len().min(self.bytes.len() - from);
        buf[..count].copy_from_slice(&self.bytes[from..from + count]);
        Ok(count)
    }
}

impl Objects {
    /// The slice of `length` bytes from `start` on, checked while it is encoded.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub async fn slice(&self, blake3: &Blake3, start: u64, length: u64) -> Result<Slice, ObjectsError> {
        let outboard = self.outboard(blake3).await?;
        let total = outboard.tree.size();
        let end = start.checked_add(length).filter(|end| *end <= total);
        let empty = total == 0 && length == 0;
        let Some(end) = end.filter(|_| empty || (1..=SLICE_BYTES_MAX).contains(&length)) else {
            return Err(ObjectsError::Range { most: SLICE_BYTES_MAX, bytes: total });
        };
        let encoded = self.encode(blake3, outboard, start..end).await?;
        Ok(Slice { start, length, total, encoded })
    }

    /// The bytes of `range`, each window of them checked before it is passed on.
    ///
    /// # Errors
    /// [`ObjectsError`], also within the stream, which then ends.
    pub async fn stream(
        &self,
        blake3: &Blake3,
        range: Range<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, ObjectsError>> + use<>, ObjectsError> {
        let outboard = self.outboard(blake3).await?;
        let total = outboard.tree.size();
        if range.start > range.end || range.end > total {
            return Err(ObjectsError::Range { most: total, bytes: total });
        }
        let state = (self.clone(), *blake3, outboard, range);
        Ok(futures_util::stream::try_unfold(state, |(objects, blake3, outboard, range)| async move {
            if range.start >= range.end {
                return Ok(None);
            }
            // Windows end where groups end, so no group is read twice.
            let window_end = (range.start / WINDOW_BYTES + 1) * WINDOW_BYTES;
            let window = range.start..window_end.min(range.end);
            let bytes = objects.checked(&blake3, outboard.clone(), window.clone()).await?;
            Ok(Some((bytes, (objects, blake3, outboard, window.end..range.end))))
        }))
    }

    async fn encode(
        &self,
        blake3: &Blake3,
        outboard: PreOrderOutboard<Window>,
        range: Range<u64>,
    ) -> Result<Vec<u8>, ObjectsError> {
        let window = self.read(blake3, outboard.tree.size(), &range).await?;
        self.check(blake3, window, outboard, range, Vec::new()).await.map(|(encoded, _)| encoded)
    }

    async fn checked(
        &self,
        blake3: &Blake3,
        outboard: PreOrderOutboard<Window>,
        range: Range<u64>,
    ) -> Result<Bytes, ObjectsError> {
        let window = self.read(blake3, outboard.tree.size(), &range).await?;
        let (_, window) = self.check(blake3, window, outboard, range.clone(), io::sink()).await?;
        let from = (range.start - window.start) as usize;
        Ok(window.bytes.slice(from..from + (range.end - range.start) as usize))
    }

    /// Whole groups around `range`.
    async fn read(&self, blake3: &Blake3, total: u64, range: &Range<u64>) -> Result<Window, ObjectsError> {
        let group = BLOCK.bytes() as u64;
        let start = range.start / group * group;
        let end = range.end.div_ceil(group).max(start / group + 1) * group;
        let end = end.min(total);
        if start >= end {
            return Ok(Window { start, bytes: Bytes::new() });
        }
        let bytes = self.store.get_range(&data_path(blake3), start..end).await?;
        if bytes.len() as u64 != end - start {
            return Err(ObjectsError::Damaged {
                blake3: *blake3,
                reason: "it is shorter than its outboard says".into(),
            });
        }
        Ok(Window { start, bytes })
    }

    async fn check<W: io::Write + Send + 'static>(
        &self,
        blake3: &Blake3,
        window: Window,
        outboard: PreOrderOutboard<Window>,
        range: Range<u64>,
        mut target: W,
    ) -> Result<(W, Window), ObjectsError> {
        let ranges = chunks(&range);
        let checking = tokio::task::spawn_blocking(move || {
            encode_ranges_validated(&window, &outboard, &ranges, &mut target).map(|()| (target, window))
        });
        let damaged = |reason: String| ObjectsError::Damaged { blake3: *blake3, reason };
        checking.await.map_err(|error| damaged(error.to_string()))?.map_err(|error| damaged(error.to_string()))
    }
}

/// The chunks that hold a range; of an empty content, its one empty chunk.
fn chunks(range: &Range<u64>) -> ChunkRanges {
    if range.start == range.end { ChunkRanges::all() } else { round_up_to_chunks(&ByteRanges::from(range.clone())) }
}

/// Checks a slice against the content's root and gives its bytes. What a buyer runs.
///
/// # Errors
/// Says what does not fit; nothing of the slice is to be believed then.
pub fn verify_slice(blake3: &Blake3, slice: &Slice) -> Result<Vec<u8>, String> {
    let end = slice.start.checked_add(slice.length).filter(|end| *end <= slice.total);
    let end = end.ok_or("the slice lies outside of the content")?;
    if slice.length > SLICE_BYTES_MAX {
        return Err(format!("a slice has at most {SLICE_BYTES_MAX} bytes"));
    }
    let range = slice.start..end;
    let mut target = Target { start: slice.start / 1_024 * 1_024, bytes: Vec::new() };
    let outboard = EmptyOutboard { tree: BaoTree::new(slice.total, BLOCK), root: blake3::Hash::from_bytes(blake3.0) };
    let mut rest = slice.encoded.as_slice();
    decode_ranges(&mut rest, &chunks(&range), &mut target, outboard).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow after the slice", rest.len()));
    }
    let from = (slice.start - target.start) as usize;
    let bytes = target.bytes.get(from..from + slice.length as usize).ok_or("the slice is not whole")?;
    Ok(bytes.to_vec())
}

/// Takes decoded bytes from `start` on.
struct Target {
    start: u64,
    bytes: Vec<u8>,
}

impl WriteAt for Target {
    fn write_at(&mut self, pos: u64, buf: &[u8]) -> io::Result<usize> {
        let at = pos.checked_sub(self.start).ok_or_else(|| io::Error::other("before the slice"))? as usize;
        if at != self.bytes.len() {
            return Err(io::Error::other("a hole in the slice"));
        }
        self.bytes.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
