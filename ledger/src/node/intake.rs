//! Submissions with side bodies that other validators hand on. Keeping a body waits for the disk, which the thread that
//! votes must not do for what anybody hands in: they wait here, bounded for each validator, for threads of their own.

use super::{Handle, Shared, inbox::Inbox};
use crate::{
    limits::{INTAKE_BYTES_PER_PEER_MAX, INTAKE_SUBMISSIONS_PER_PEER_MAX, SIDES_AT_ONCE},
    submission::Submission,
};
use parking_lot::{Condvar, Mutex};
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{Builder, JoinHandle},
};

/// What waits.
pub(crate) struct Intake {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    /// Each with the number of the era in which its sender has this number.
    waiting: Inbox<(u32, Submission)>,
    over: bool,
}

impl Default for Intake {
    fn default() -> Self {
        let waiting = Inbox::of(INTAKE_SUBMISSIONS_PER_PEER_MAX, INTAKE_BYTES_PER_PEER_MAX);
        Self { state: Mutex::new(State { waiting, over: false }), wake: Condvar::new() }
    }
}

impl Intake {
    /// Puts a submission of `bytes` in, which validator `from` of era `era` handed on. False where its sender has as
    /// much waiting as it may have.
    pub fn put(&self, (era, from): (u32, u16), bytes: usize, submission: Submission) -> bool {
        let taken = self.state.lock().waiting.put(from, bytes, (era, submission));
        self.wake.notify_one();
        taken
    }

    /// Waits for the next. `None` when it is over.
    fn next(&self) -> Option<(u16, (u32, Submission))> {
        let mut state = self.state.lock();
        loop {
            if state.over {
                return None;
            }
            if let Some(next) = state.waiting.take() {
                return Some(next);
            }
            self.wake.wait(&mut state);
        }
    }
}

/// The threads that take them in, until this is dropped. What still waits is lost then, as a frame is.
pub(super) struct Keepers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Keepers {
    /// Starts them.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let mut keepers = Self { shared: shared.clone(), threads: Vec::new() };
        for _ in 0..SIDES_AT_ONCE {
            let handle = Handle::new(shared.clone());
            keepers.threads.push(Builder::new().name("lonja-sides".into()).spawn(move || keep(&handle))?);
        }
        Ok(keepers)
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        self.shared.intake.state.lock().over = true;
        self.shared.intake.wake.notify_all();
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn keep(handle: &Handle) {
    while let Some((from, (era, submission))) = handle.shared.intake.next() {
        // Of an earlier era, it is the number of somebody else now, and its body may be the only copy on its way.
        let from = (era == handle.shared.era().era.number).then_some(from);
        // A panic is our fault and was reported by its hook; what others hand on is taken in all the same.
        drop(catch_unwind(AssertUnwindSafe(|| handle.take_forwarded(from, submission))));
    }
}
