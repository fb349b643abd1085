//! One peer: what waits to be sent to it, and what is known of its link.

use super::{PeerStatus, faults::Faults};
use crate::limits::{PEER_QUEUE_BYTES_MAX, PEER_QUEUE_FRAMES_MAX, PEER_SPARE_BYTES_MAX, PEER_SPARE_FRAMES_MAX};
use parking_lot::Mutex;
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// One peer.
pub struct PeerState {
    /// Its number in the validator set.
    pub number: u16,
    inner: Mutex<Inner>,
    waits: Notify,
}

struct Inner {
    /// Host and port where it listens, if that is known.
    address: Option<Arc<str>>,
    status: PeerStatus,
    line: Line,
    /// What goes only when nothing else waits.
    spare: Line,
    /// Ends the link that there is; the number tells it from later ones.
    link: Option<(u64, CancellationToken)>,
    links: u64,
    faults: Faults,
}

/// Frames that wait for their turn, in order.
struct Line {
    frames_max: usize,
    bytes_max: usize,
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

impl Line {
    fn of(frames_max: usize, bytes_max: usize) -> Self {
        Self { frames_max, bytes_max, frames: VecDeque::new(), bytes: 0 }
    }

    /// False where too much waits.
    fn put(&mut self, frame: Arc<[u8]>) -> bool {
        if self.frames.len() >= self.frames_max || self.bytes + frame.len() > self.bytes_max {
            return false;
        }
        self.bytes += frame.len();
        self.frames.push_back(frame);
        true
    }

    fn take(&mut self) -> Option<Arc<[u8]>> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Returns how many there were.
    fn clear(&mut self) -> u64 {
        self.bytes = 0;
        self.frames.drain(..).count() as u64
    }
}

/// A link's hold on its peer, as long as no newer one has taken it.
pub struct Held {
    number: u64,
    /// A newer link has come, or all are to end.
    pub over: CancellationToken,
}

impl PeerState {
    /// Without a link.
    pub fn new(number: u16, address: Option<String>) -> Self {
        let status = PeerStatus {
            number,
            connected: false,
            received: 0,
            refused: 0,
            sent: 0,
            lost: 0,
            faults: 0,
            fault: None,
            reason: None,
        };
        let faults = Faults::none(Instant::now());
        let inner = Inner {
            address: address.map(Arc::from),
            status,
            line: Line::of(PEER_QUEUE_FRAMES_MAX, PEER_QUEUE_BYTES_MAX),
            spare: Line::of(PEER_SPARE_FRAMES_MAX, PEER_SPARE_BYTES_MAX),
            link: None,
            links: 0,
            faults,
        };
        Self { number, inner: Mutex::new(inner), waits: Notify::new() }
    }

    /// Host and port where it listens, if that is known.
    pub fn address(&self) -> Option<Arc<str>> {
        self.inner.lock().address.clone()
    }

    /// From now on it is looked for at `address`. A link that there is stays. Returns whether it was another.
    pub fn move_to(&self, address: &str) -> bool {
        let mut inner = self.inner.lock();
        let moved = inner.address.as_deref() != Some(address);
        if moved {
            inner.address = Some(address.into());
        }
        moved
    }

    /// Puts a frame into the queue. False where there is no link, or too much waits.
    pub fn queue(&self, frame: Arc<[u8]>) -> bool {
        self.put(frame, |inner| &mut inner.line)
    }

    /// The same with a frame that goes when no other waits, and takes no room of the others.
    pub fn queue_spare(&self, frame: Arc<[u8]>) -> bool {
        self.put(frame, |inner| &mut inner.spare)
    }

    fn put(&self, frame: Arc<[u8]>, line: impl FnOnce(&mut Inner) -> &mut Line) -> bool {
        let mut inner = self.inner.lock();
        let taken = inner.status.connected && line(&mut inner).put(frame);
        if taken {
            drop(inner);
            self.waits.notify_one();
        } else {
            inner.status.lost += 1;
        }
        taken
    }

    /// Waits for the next frame and takes it out.
    pub async fn next(&self) -> Arc<[u8]> {
        loop {
            let waiting = self.waits.notified();
            if let Some(frame) = self.try_next() {
                return frame;
            }
            waiting.await;
        }
    }

    /// Takes the next frame out, if one waits.
    pub fn try_next(&self) -> Option<Arc<[u8]>> {
        let mut inner = self.inner.lock();
        inner.line.take().or_else(|| inner.spare.take())
    }

    /// A new link takes the place of the one that there may be.
    pub fn hold(&self, stop: &CancellationToken) -> Held {
        let mut inner = self.inner.lock();
        let over = stop.child_token();
        inner.links += 1;
        let number = inner.links;
        if let Some((_, older)) = inner.link.replace((number, over.clone())) {
            older.cancel();
        }
        inner.status.connected = true;
        inner.status.reason = None;
        Held { number, over }
    }

    /// A link has ended. What waits for it is lost, unless a newer link has taken its place.
    pub fn release(&self, held: &Held, reason: String) {
        let mut inner = self.inner.lock();
        if inner.link.as_ref().is_none_or(|(number, _)| *number != held.number) {
            return;
        }
        inner.link = None;
        inner.status.connected = false;
        inner.status.lost += inner.line.clear() + inner.spare.clear();
        inner.status.reason = Some(reason);
    }

    /// It did what no honest validator does. Where that is one too many, its link ends, and it is held off for
    /// `time`.
    pub fn blame(&self, fault: &str, time: Duration) {
        let mut inner = self.inner.lock();
        inner.status.faults += 1;
        inner.status.fault = Some(fault.to_owned());
        tracing::debug!(validator = self.number, fault, "a validator did what no honest one does");
        if inner.faults.one_more(Instant::now(), time) {
            tracing::error!(
                validator = self.number,
                faults = inner.status.faults,
                fault,
                seconds = time.as_secs(),
                "a validator that does wrong again and again is held off"
            );
            if let Some((_, link)) = &inner.link {
                link.cancel();
            }
        }
    }

    /// Refuses a link while the peer is held off.
    ///
    /// # Errors
    /// With the reason, for people.
    pub fn admit(&self) -> io::Result<()> {
        let inner = self.inner.lock();
        if inner.faults.held_off(Instant::now()).is_none() {
            return Ok(());
        }
        let fault = inner.status.fault.as_deref().unwrap_or_default();
        let reason = format!("it is held off after {} faults, the last: {fault}", inner.status.faults);
        Err(io::Error::new(io::ErrorKind::PermissionDenied, reason))
    }

    /// Why no link came about. Returns whether that was not known before.
    pub fn failed(&self, reason: String) -> bool {
        let mut inner = self.inner.lock();
        if inner.status.connected || inner.status.reason.as_ref() == Some(&reason) {
            return false;
        }
        inner.status.reason = Some(reason);
        true
    }

    /// A frame was taken in, or there was no room for it.
    pub fn received(&self, taken: bool) {
        let mut inner = self.inner.lock();
        let count = if taken { &mut inner.status.received } else { &mut inner.status.refused };
        *count += 1;
    }

    /// A frame was written.
    pub fn sent(&self) {
        self.inner.lock().status.sent += 1;
    }

    /// How its link is.
    pub fn status(&self) -> PeerStatus {
        self.inner.lock().status.clone()
    }
}
