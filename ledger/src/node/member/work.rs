//! What the thread of a validator does next.
//!
//! Frames go first: one of them may be what a timer waits for. But whoever sends without end must not keep us from
//! proposing, from giving up a round, and from saying how far we are, so whatever else is due waits for frames for
//! a moment only, [`DUE_WAIT_MAX`].

use super::Member;
use crate::{
    api::BlockPage,
    limits::{DUE_WAIT_MAX, IDLE_BLOCK_MS},
    node::{NodeError, Queue},
    ordering::Timer,
    replica::Ledger,
};
use std::time::{Duration, Instant};

/// What there is to do.
pub(super) enum Work {
    Stop,
    Frame(u16, Vec<u8>),
    Page(Box<BlockPage>),
    Wake,
    Timer(Timer, u64),
    Status,
}

impl Member {
    /// Waits for something to do.
    pub(super) fn wait(&mut self) -> Result<Work, NodeError> {
        let shared = self.shared.clone();
        let mut queue = shared.queue.lock();
        loop {
            if let Some(error) = queue.halt.take() {
                return Err(error.into());
            }
            if queue.shutdown {
                return Ok(Work::Stop);
            }
            let now = Instant::now();
            let due_at = self.due_at(&queue);
            // Since it could be done, which may be later than when it was due.
            self.due_since = self.due_since.filter(|_| due_at <= now).or((due_at <= now).then_some(now));
            if self.due_since.is_none_or(|since| now.duration_since(since) < DUE_WAIT_MAX) {
                if let Some((from, bytes)) = queue.inbox.take() {
                    return Ok(Work::Frame(from, bytes));
                }
                if let Some(page) = queue.pages.pop_front() {
                    return Ok(Work::Page(Box::new(page)));
                }
            }
            if due_at <= now {
                self.due_since = None;
                return Ok(self.due(&queue, now));
            }
            shared.wake.wait_until(&mut queue, due_at);
        }
    }

    /// When there is something to do besides what others send.
    fn due_at(&self, queue: &Queue) -> Instant {
        let timer = self.timers.keys().next().map_or(self.status_at, |(due, _)| *due);
        timer.min(self.status_at).min(self.wake_at(queue).unwrap_or(self.status_at))
    }

    /// When the next height is to be begun, if none is.
    fn wake_at(&self, queue: &Queue) -> Option<Instant> {
        let at_once = !queue.mempool.is_empty() || self.replica.ledger().height() == 0;
        let idle_at = self.last_block + Duration::from_millis(IDLE_BLOCK_MS);
        self.resting.then_some(if at_once { self.last_block } else { idle_at })
    }

    /// What is due, of which there is something.
    fn due(&mut self, queue: &Queue, now: Instant) -> Work {
        if self.wake_at(queue).is_some_and(|at| at <= now) {
            return Work::Wake;
        }
        match self.timers.first_key_value() {
            Some((&(due, start), &timer)) if due <= now => {
                self.timers.pop_first();
                Work::Timer(timer, start)
            }
            _ => Work::Status,
        }
    }
}
