//! Keeping the newest station in view, and handing it on to whoever asks for it.

use super::{
    Manifest, base_of, is_station,
    make::{self, chunk_path},
};
use crate::{
    limits::{SNAPSHOT_IDLE_AFTER, SNAPSHOT_OFFERED_FOR, STATION_EVERY},
    spans,
    store::{Reader, Store},
};
use contracts::id::{Height, NetworkId};
use parking_lot::Mutex;
use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// Stations that a node may have passed while it kept its thread busy, before the one in view is let go.
const STATIONS_BEHIND_MAX: Height = 4;
/// Questions that wait for the thread. One more is not asked: whoever wants the answer comes again.
const ASKS_MAX: usize = 8;
/// How long the block after a station may wait for the thread to have it in view. A thread that is free takes some
/// microseconds; on a machine that is busy it may have to wait for its turn.
const PIN_WAIT_MAX: Duration = Duration::from_secs(1);

/// The stations of one node, kept by a thread of their own: a view of the store cannot leave the thread that has it.
pub struct Stations {
    asks: SyncSender<Ask>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

enum Ask {
    /// The station, and whom to tell that it is in view, or cannot be.
    Pin(Height, SyncSender<()>),
    Make(Height),
}

struct Shared {
    network: NetworkId,
    folder: PathBuf,
    stopping: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The station in view.
    pinned: Option<Height>,
    /// The one that is being written.
    making: Option<Height>,
    made: Option<Made>,
    /// Why the last one could not be written.
    failed: Option<(Height, String)>,
}

struct Made {
    manifest: Arc<Manifest>,
    since: Instant,
    read: Instant,
}

impl Made {
    /// Is it still to be had, so that no other takes its place?
    fn is_offered(&self) -> bool {
        self.since.elapsed() < SNAPSHOT_OFFERED_FOR || self.read.elapsed() < SNAPSHOT_IDLE_AFTER
    }
}

/// Why a station is not handed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StationError {
    /// It is not in view, or is gone.
    #[error("there is no snapshot of height {height} here{}", .offered.map(|height| format!("; there is one of {height}")).unwrap_or_default())]
    NotHere {
        /// What was asked for.
        height: Height,
        /// What could be asked for.
        offered: Option<Height>,
    },
    /// It could not be made.
    #[error("the snapshot of height {0} could not be made: {1}")]
    Failed(Height, String),
}

impl Stations {
    /// Begins to keep them for a node on `store`, with files in `folder`, which is emptied.
    ///
    /// # Errors
    /// When the folder cannot be emptied, or there is no thread to be had.
    pub fn start(store: Store, network: NetworkId, folder: PathBuf) -> io::Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let (asks, asked) = sync_channel(ASKS_MAX);
        let (stopping, state) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { network, folder, stopping, state });
        let of_thread = shared.clone();
        let thread =
            std::thread::Builder::new().name("lonja-snapshot".into()).spawn(move || of_thread.keep(&store, &asked))?;
        Ok(Self { asks, shared, thread: Mutex::new(Some(thread)) })
    }

    /// Tells of each block that has just become durable, before the next one does. Returns when it is in view: the view
    /// cannot be taken here and handed over, and a thread that came later than the next block would miss the station.
    /// On a network under load that could happen to one after the other, and nobody could join.
    pub fn committed(&self, height: Height) {
        if !is_station(height) {
            return;
        }
        let (tell, told) = sync_channel(1);
        let state = self.shared.state.lock();
        let is_asked = self.asks.try_send(Ask::Pin(height, tell)).is_ok();
        // No block waits for a snapshot that is being written; while that is handed on, nobody misses a station.
        let is_free = state.making.is_none();
        drop(state);
        if is_asked && is_free && told.recv_timeout(PIN_WAIT_MAX) == Err(RecvTimeoutError::Timeout) {
            tracing::debug!(height, "the thread that keeps stations has no turn, and may miss this one");
        }
    }

    /// The height of which a snapshot can be had now.
    pub fn offered(&self) -> Option<Height> {
        let state = self.shared.state.lock();
        let made = state.made.as_ref().filter(|made| made.is_offered()).map(|made| made.manifest.height);
        made.or(state.making).or(state.pinned)
    }

    /// The manifest of the snapshot of `height`; `None` while it is being made, which the first who asks begins.
    ///
    /// # Errors
    /// [`StationError`].
    pub fn manifest(&self, height: Height) -> Result<Option<Arc<Manifest>>, StationError> {
        let mut state = self.shared.state.lock();
        if let Some(made) = state.made.as_mut().filter(|made| made.manifest.height == height) {
            made.read = Instant::now();
            return Ok(Some(made.manifest.clone()));
        }
        if state.making == Some(height) {
            return Ok(None);
        }
        if let Some((_, reason)) = state.failed.as_ref().filter(|(failed, _)| *failed == height) {
            return Err(StationError::Failed(height, reason.clone()));
        }
        let is_free = state.making.is_none() && !state.made.as_ref().is_some_and(Made::is_offered);
        if is_free && state.pinned == Some(height) && self.asks.try_send(Ask::Make(height)).is_ok() {
            state.making = Some(height);
            return Ok(None);
        }
        drop(state);
        Err(StationError::NotHere { height, offered: self.offered() })
    }

    /// The file of chunk `number` of the snapshot of `height`, and how many bytes it has. It can be read to its end though
    /// another snapshot takes the place of this one.
    ///
    /// # Errors
    /// [`StationError`].
    pub fn chunk(&self, height: Height, number: u8) -> Result<(File, u64), StationError> {
        let offered = self.offered();
        let mut state = self.shared.state.lock();
        let made = state.made.as_mut().filter(|made| made.manifest.height == height);
        made.ok_or(StationError::NotHere { height, offered })?.read = Instant::now();
        drop(state);
        let path = chunk_path(&self.shared.of(height), number);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) =
            opened.map_err(|error| StationError::Failed(height, format!("{}: {error}", path.display())))?;
        Ok((file, length))
    }

    /// Ends the thread, and with it the last hold on the store.
    pub fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        // Wakes it; where the queue is full it is awake.
        let _asked = self.asks.try_send(Ask::Pin(0, sync_channel(1).0));
        if let Some(thread) = self.thread.lock().take() {
            // A panic of the thread was reported by its hook.
            drop(thread.join());
        }
    }
}

impl Drop for Stations {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Says that a station could not be made where making it broke down, so that nobody waits for it for ever.
struct Told<'s>(&'s Shared, Height);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        if state.making == Some(self.1) {
            state.making = None;
            state.failed = Some((self.1, "the thread that makes it broke down".into()));
        }
    }
}

impl Shared {
    fn of(&self, height: Height) -> PathBuf {
        self.folder.join(height.to_string())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn keep(&self, store: &Store, asked: &Receiver<Ask>) {
        let mut view: Option<(Height, Reader)> = None;
        for ask in asked {
            if self.is_stopping() {
                return;
            }
            match ask {
                Ask::Pin(height, tell) => {
                    let reader = store.reader();
                    // The next block may have come in between: then this one cannot be seen any more. And who joined
                    // by a snapshot has first to have the blocks that go with one.
                    let is_seen = matches!(reader.tip(), Ok(Some(tip)) if tip.height == height);
                    if is_seen && reader.base().is_ok_and(|base| base == 0 || base < base_of(height)) {
                        view = Some((height, reader));
                    }
                    view = view.filter(|(seen, _)| height - *seen <= STATIONS_BEHIND_MAX * STATION_EVERY);
                    self.state.lock().pinned = view.as_ref().map(|(height, _)| *height);
                    // Whoever has waited long enough does not listen any more.
                    let _told = tell.try_send(());
                }
                Ask::Make(height) => {
                    let reader = view.as_ref().filter(|(seen, _)| *seen == height).map(|(_, reader)| reader);
                    self.make(height, reader);
                }
            }
        }
    }

    #[tracing::instrument(name = "snapshot", skip_all, fields(lonja.height = spans::number(height)))]
    fn make(&self, height: Height, reader: Option<&Reader>) {
        let _told = Told(self, height);
        let before = self.state.lock().made.take();
        if let Some(before) = before {
            let folder = self.of(before.manifest.height);
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "a snapshot that is over stays on the disk");
            }
        }
        let folder = self.of(height);
        let made = match reader {
            Some(reader) => make::make(reader, &self.network, height, &folder, &|| self.is_stopping())
                .map_err(|error| error.to_string()),
            None => Err("it went out of view".to_owned()),
        };
        if made.is_err() {
            // What is there of it is worth nothing, and the next one begins by removing it. Whoever hears that it failed
            // finds nothing of it any more.
            let _removed = fs::remove_dir_all(&folder);
        }
        let mut state = self.state.lock();
        state.making = None;
        match made {
            Ok(manifest) => {
                let now = Instant::now();
                tracing::info!(height, bytes = manifest.bytes, "a snapshot is there for whoever joins");
                state.made = Some(Made { manifest: Arc::new(manifest), since: now, read: now });
            }
            Err(reason) => {
                tracing::warn!(height, reason, "a snapshot could not be made");
                state.failed = Some((height, reason));
            }
        }
    }
}
