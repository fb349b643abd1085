//! Keeps the read model in step with the node, and says how that goes.
//!
//! It owns one task. What fails for a while (the node is away) is tried again with longer pauses;
//! what must not be passed over (the ledger and the rules disagree, the store fails) stops the read
//! model where it is, for everybody to see.

use crate::{
    index::{Index, IndexError},
    limits::{FOLLOW_WAIT, RETRY_FIRST, RETRY_MAX, STATUS_EVERY},
};
use contracts::id::Height;
use ledger::api::{
    client::Client,
    follow::{Follower, Said},
};
use parking_lot::RwLock;
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How following goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How far the node says that it is.
    pub node_height: Option<Height>,
    /// Why the node was not reached or not believed, the last time that it was asked.
    pub node_error: Option<String>,
    /// Why the read model stopped for good.
    pub stopped: Option<String>,
}

impl State {
    /// How far the node is, by what it said when it was last asked and by the `read` blocks that it has
    /// given us since.
    pub fn node_height(&self, read: Height) -> Option<Height> {
        self.node_height.map(|said| said.max(read))
    }
}

/// Shared by the task that follows and the pages that tell of it.
pub type Shared = Arc<RwLock<State>>;

/// Follows until `shutdown`, or until the read model must stop.
pub async fn follow(client: Client, index: Arc<Index>, shared: Shared, shutdown: CancellationToken) {
    let watch = tokio::spawn(watch(client.clone(), shared.clone(), shutdown.clone()));
    let ended = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        ended = take_all(client, index, &shared) => ended,
    };
    if let Err(error) = ended {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        tracing::error!(error = text, "the explorer's read model stopped");
        shared.write().stopped = Some(text);
        shutdown.cancelled().await;
    }
    watch.abort();
}

async fn take_all(client: Client, index: Arc<Index>, shared: &Shared) -> Result<(), IndexError> {
    let mut follower = Follower::new(client, index.cursor()?);
    let (mut pause, mut said) = (RETRY_FIRST, Said::default());
    loop {
        match follower.next(FOLLOW_WAIT).await {
            Ok(blocks) => {
                pause = RETRY_FIRST;
                if said.is_over() {
                    tracing::info!("the explorer follows the node again");
                }
                shared.write().node_error = None;
                let index = index.clone();
                // Writing waits for the disk, so it has a thread of its own.
                let taken = tokio::task::spawn_blocking(move || blocks.iter().try_for_each(|block| index.take(block)));
                taken.await.unwrap_or(Err(IndexError::Damaged("block (taking it up panicked)")))?;
            }
            Err(error) => {
                if said.is_news(&error) {
                    tracing::warn!(%error, "the explorer cannot follow the node");
                }
                shared.write().node_error = Some(error.to_string());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }
}

/// Asks the node how far it is, so that pages say how far behind they are.
async fn watch(client: Client, shared: Shared, shutdown: CancellationToken) {
    loop {
        if let Ok(status) = client.status().await {
            shared.write().node_height = Some(status.height);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(STATUS_EVERY) => {}
        }
    }
}

/// Our own clock, in milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
