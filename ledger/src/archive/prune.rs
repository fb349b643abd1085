//! Moving the transactions of old blocks from the store into the archive, a segment at a time, while blocks go on.

use super::{Archive, ArchiveError, Segment};
use crate::{
    limits::{PRUNE_AGAIN_AFTER, PRUNE_LOOK_EVERY, RECLAIM_AFTER_BLOCKS},
    spans,
    store::{Store, StoreError, Tip},
};
use contracts::id::Height;
use parking_lot::Mutex;
use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel},
    thread::JoinHandle,
    time::Instant,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What a node keeps in its store of signed transactions.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Those of so many of the newest blocks.
    pub keep_blocks: u64,
    /// Where older ones go.
    pub archive: Archive,
}

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive said no.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

impl PruneError {
    /// The same without names of places, for everybody.
    fn brief(&self) -> &'static str {
        match self {
            Self::Archive(error) | Self::Store(StoreError::Archive(error)) => match error {
                ArchiveError::File { .. } => "the archive's folder cannot be read or written",
                ArchiveError::Room { .. } => "the archive's disk has no room",
                ArchiveError::Bucket { .. } | ArchiveError::Busy | ArchiveError::Stopped => {
                    "the archive's bucket cannot be reached, or refuses"
                }
                ArchiveError::Damaged { .. } => "a file of the archive is damaged",
                ArchiveError::Taken { .. } => {
                    "the archive's bucket has something else in the place of old transactions"
                }
                ArchiveError::Differs { .. } => "the archive does not hold what was written into it",
            },
            Self::Store(_) => "the store cannot be read or written",
        }
    }
}

/// Moves one segment, if there is one that is older than the newest `keep_blocks`. Was there one?
///
/// # Errors
/// [`PruneError`]; the store has then what it had.
pub fn step(store: &Store, archive: &Archive, keep_blocks: u64) -> Result<bool, PruneError> {
    step_until(store, archive, keep_blocks, &CancellationToken::new())
}

/// As [`step`]; what a bucket keeps waiting is given up when the node stops.
fn step_until(
    store: &Store,
    archive: &Archive,
    keep_blocks: u64,
    stop: &CancellationToken,
) -> Result<bool, PruneError> {
    let (segment, tip) = next(store, archive)?;
    if segment.last() + keep_blocks > tip {
        return Ok(false);
    }
    let (first, last) = (spans::number(segment.first), spans::number(segment.last()));
    let _span = tracing::info_span!("archive", lonja.first = first, lonja.last = last).entered();
    let kept = |height| match store.reader().kept_bodies(height)? {
        // Of a segment that was begun, or that was whole before the store was begun anew by a snapshot, the archive has
        // the rest.
        None => Ok::<_, PruneError>(archive.bodies(height)?),
        bodies => Ok(bodies),
    };
    archive.write(segment, kept, stop)?;
    store.prune_bodies(segment.first, segment.last())?;
    Ok(true)
}

/// The segment to be moved next, and the newest height.
fn next(store: &Store, archive: &Archive) -> Result<(Segment, Height), StoreError> {
    let reader = store.reader();
    let (tip, pruned) = (reader.tip()?.map_or(0, |tip| tip.height), reader.pruned()?);
    Ok((archive.next(pruned, reader.base()?), tip))
}

/// Prunes a node's store, on a thread of its own.
pub struct Pruner {
    stop: Mutex<Option<Sender<()>>>,
    give_up: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Pruner {
    /// Begins. `tell` is told why nothing can be moved, and when it can be again.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(
        store: Store,
        retention: Retention,
        tip: watch::Receiver<Tip>,
        tell: impl Fn(Option<&'static str>) + Send + 'static,
    ) -> io::Result<Self> {
        let ((stop, stopped), give_up) = (channel(), CancellationToken::new());
        let work = Work { store, retention, stopped, give_up: give_up.clone() };
        let thread = std::thread::Builder::new().name("lonja-prune".into()).spawn(move || work.run(&tip, &tell))?;
        Ok(Self { stop: Mutex::new(Some(stop)), give_up, thread: Mutex::new(Some(thread)) })
    }

    /// Ends it after the segment at work, or in the midst of it where that is on its way to a bucket.
    pub fn stop(&self) {
        drop(self.stop.lock().take());
        self.give_up.cancel();
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was reported by its hook.
            drop(thread.join());
        }
    }
}

impl Drop for Pruner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the thread works with.
struct Work {
    store: Store,
    retention: Retention,
    stopped: Receiver<()>,
    give_up: CancellationToken,
}

impl Work {
    fn run(&self, tip: &watch::Receiver<Tip>, tell: &dyn Fn(Option<&'static str>)) {
        let mut seen = None;
        // Where the tip was when something was pruned whose room a view of the store may have kept.
        let mut owed: Option<Height> = None;
        // Why nothing could be moved the last time, and when that was.
        let mut failed: Option<(&'static str, Instant)> = None;
        while matches!(self.stopped.recv_timeout(PRUNE_LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
            let height = tip.borrow().height;
            let is_due = failed.map_or(seen != Some(height), |(_, since)| since.elapsed() >= PRUNE_AGAIN_AFTER);
            if !is_due {
                continue;
            }
            let is_asked_first = seen.replace(height).is_none() || failed.is_some();
            match self.all(is_asked_first, || owed = Some(height)) {
                Ok(()) => {
                    if failed.take().is_some() {
                        tracing::info!("old transactions are archived again");
                        tell(None);
                    }
                }
                Err(_) if self.give_up.is_cancelled() => return,
                Err(error) => {
                    let brief = error.brief();
                    // The store grows meanwhile, and nothing is lost.
                    if failed.replace((brief, Instant::now())).is_none_or(|(before, _)| before != brief) {
                        tracing::error!(%error, "old transactions cannot be archived; they stay in the store");
                        tell(Some(brief));
                    }
                }
            }
            if owed.is_some_and(|since| height >= since + RECLAIM_AFTER_BLOCKS) {
                owed = None;
                if let Err(error) = reclaim(&self.store) {
                    tracing::warn!(%error, "the room of archived transactions is not given back to the disk yet");
                }
            }
        }
    }

    /// Moves everything that is due, and says so of each segment. Where there may be none, the archive `is_asked_first`:
    /// whoever set it up learns at once whether it can be reached, and not when the first segment is full.
    fn all(&self, is_asked_first: bool, mut moved: impl FnMut()) -> Result<(), PruneError> {
        let Retention { keep_blocks, archive } = &self.retention;
        if is_asked_first {
            archive.answers(next(&self.store, archive)?.0, &self.give_up)?;
        }
        while step_until(&self.store, archive, *keep_blocks, &self.give_up)? {
            moved();
            if !matches!(self.stopped.try_recv(), Err(TryRecvError::Empty)) {
                break;
            }
        }
        Ok(())
    }
}

/// Gives back the room of everything that was pruned.
fn reclaim(store: &Store) -> Result<(), StoreError> {
    let pruned = store.reader().pruned()?;
    store.reclaim_bodies(1, pruned)
}
