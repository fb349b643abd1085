//! Requests to stop: Ctrl-C, or the signal that a service manager sends.

use crate::problem::Problem;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Requests to stop, from the moment on that this was made.
///
/// Made before anybody is told that something runs: a signal that nobody listens to ends the process
/// at once, and one between two listeners would be lost.
pub struct StopRequests {
    interrupt: Signal,
    terminate: Signal,
}

impl StopRequests {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the system lets nobody listen.
    pub fn listen() -> Result<Self, Problem> {
        let listen = |kind| signal(kind).map_err(|error| Problem::new("cannot listen to signals").because(error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits until somebody asks to stop, or has asked since this was last waited for.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
