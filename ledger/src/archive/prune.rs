//! Moving the transactions of old blocks from the store into the archive, a segment at a time, while blocks go on.

use super::{Archive, ArchiveError};
use crate::{
    limits::{PRUNE_LOOK_EVERY, RECLAIM_AFTER_BLOCKS},
    spans,
    store::{Store, StoreError, Tip},
};
use contracts::id::Height;
use parking_lot::Mutex;
use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
};
use tokio::sync::watch;

/// What a node keeps in its store of signed transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// What was written is not what is read.
    #[error("the archive file does not hold what was written into it, at block {0}; the store keeps it")]
    Differs(Height),
}

/// Moves one segment, if there is one that is older than the newest `keep_blocks`. Was there one?
///
/// # Errors
/// [`PruneError`]; the store has then what it had.
pub fn step(store: &Store, archive: &Archive, keep_blocks: u64) -> Result<bool, PruneError> {
    let (tip, base, pruned) = {
        let reader = store.reader();
        (reader.tip()?.map_or(0, |tip| tip.height), reader.base()?, reader.pruned()?)
    };
    let first = archive.first(pruned.max(base) + 1);
    let last = first + archive.segment - 1;
    if last + keep_blocks > tip {
        return Ok(false);
    }
    let _span =
        tracing::info_span!("archive", lonja.first = spans::number(first), lonja.last = spans::number(last)).entered();
    let kept = |height| match store.reader().kept_bodies(height)? {
        // Of a segment that was begun, the archive has the rest.
        None if height <= pruned => Ok::<_, PruneError>(archive.bodies(height)?),
        bodies => Ok(bodies),
    };
    archive.write(first, kept)?;
    for height in first.max(pruned + 1)..=last {
        if archive.bodies(height)? != store.reader().kept_bodies(height)? {
            return Err(PruneError::Differs(height));
        }
    }
    store.prune_bodies(first, last)?;
    Ok(true)
}

/// Prunes a node's store, on a thread of its own.
pub struct Pruner {
    stop: Mutex<Option<Sender<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Pruner {
    /// Begins.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(store: Store, archive: Archive, keep_blocks: u64, tip: watch::Receiver<Tip>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("lonja-prune".into())
            .spawn(move || run(&store, &archive, keep_blocks, &tip, &stopped))?;
        Ok(Self { stop: Mutex::new(Some(stop)), thread: Mutex::new(Some(thread)) })
    }

    /// Ends it after the segment at work.
    pub fn stop(&self) {
        drop(self.stop.lock().take());
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

fn run(store: &Store, archive: &Archive, keep_blocks: u64, tip: &watch::Receiver<Tip>, stopped: &Receiver<()>) {
    let mut seen = None;
    // Where the tip was when something was pruned whose room a view of the store may have kept.
    let mut owed: Option<Height> = None;
    while matches!(stopped.recv_timeout(PRUNE_LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
        let height = tip.borrow().height;
        if seen.replace(height) == Some(height) {
            continue;
        }
        loop {
            match step(store, archive, keep_blocks) {
                Ok(true) => owed = Some(height),
                Ok(false) => break,
                Err(error) => {
                    // The store grows meanwhile, and nothing is lost.
                    tracing::error!(%error, "old transactions cannot be archived; they stay in the store");
                    break;
                }
            }
            if !matches!(stopped.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
                return;
            }
        }
        if owed.is_some_and(|since| height >= since + RECLAIM_AFTER_BLOCKS) {
            owed = None;
            if let Err(error) = reclaim(store) {
                tracing::warn!(%error, "the room of archived transactions is not given back to the disk yet");
            }
        }
    }
}

/// Gives back the room of everything that was pruned.
fn reclaim(store: &Store) -> Result<(), StoreError> {
    let pruned = store.reader().pruned()?;
    store.reclaim_bodies(1, pruned)
}
