//! A thread for handshakes alone.
//!
//! A handshake signs with the consensus key, and where that lies on a token this takes its time, or never ends. Here it
//! keeps nobody waiting but other handshakes: the threads of the runtime go on, with the API and all links that there are.

use crate::limits::PEER_HANDSHAKES_UNENDED_MAX;
use std::{io, sync::Arc};
use tokio::{
    runtime::{Builder, Handle},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// The thread.
pub struct Aside {
    thread: Handle,
    room: Arc<Semaphore>,
}

impl Aside {
    /// Begins it; it ends with `stop`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(stop: CancellationToken) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let thread = runtime.handle().clone();
        let run = move || runtime.block_on(stop.cancelled());
        std::thread::Builder::new().name("lonja-handshake".into()).spawn(run)?;
        Ok(Self { thread, room: Arc::new(Semaphore::new(PEER_HANDSHAKES_UNENDED_MAX)) })
    }

    /// Does a handshake there. What is no longer waited for is given up.
    ///
    /// # Errors
    /// Those of `handshake`, or when too many have not ended.
    pub async fn run<T: Send + 'static>(
        &self,
        handshake: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let full =
            |_| io::Error::new(io::ErrorKind::WouldBlock, "too many handshakes have not ended: the key may be away");
        let place = self.room.clone().try_acquire_owned().map_err(full)?;
        let task = self.thread.spawn(async move {
            let done = handshake.await;
            drop(place);
            done
        });
        AbortOnDropHandle::new(task).await.map_err(io::Error::other)?
    }
}
