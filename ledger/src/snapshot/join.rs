//! Joining: fetching a snapshot and what belongs to it, and believing none of it.

use super::{
    Manifest, base_of,
    fetch::{Joining, fetch},
};
use crate::{
    api::client::{Client, ClientError},
    highwater::{HighWater, HighWaterError},
    store::{Store, StoreError},
    whole,
};
use contracts::id::Height;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long is waited until a source is asked again for a snapshot that it is making, and how often.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const MAKING_TRIES: usize = 60;
/// How often another station is tried where one went out of view.
const STATION_TRIES: usize = 3;

/// What is being done, for a progress bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The sources write the snapshot.
    Making,
    /// The last blocks, and how many there are.
    Blocks(u64, u64),
    /// Tiles of the log, and how many there are.
    Log(u64, u64),
    /// Chunks of the state, and how many there are.
    State(u64, u64),
}

/// What was joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// After the block of this height.
    pub height: Height,
    /// Blocks up to this height are not here.
    pub base: Height,
    /// Records of the state.
    pub records: u64,
}

/// Why nothing was joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// There is a ledger already.
    #[error("{0} is there already: a node joins by a snapshot before it has any block")]
    NotEmpty(PathBuf),
    /// No source has a snapshot.
    #[error(
        "no snapshot is to be had: {0}. A node has one from the first height on that is a multiple of 64 and came since it started; \
         a young network is joined by its blocks"
    )]
    NoneOffered(String),
    /// No source has this piece as the ledger has it.
    #[error("{what} cannot be had: {reasons}")]
    Nowhere {
        /// Which piece.
        what: String,
        /// What each source said.
        reasons: String,
    },
    /// What was fetched cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file that keeps the node from signing twice.
    #[error(transparent)]
    HighWater(#[from] HighWaterError),
    /// A folder.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl JoinError {
    /// Is it only that the disk has no room?
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Store(error) => whole::found_full(error),
            other => whole::found_full(other),
        }
    }
}

/// Makes the ledger of a node in `folder`, which has none, of a snapshot that `sources` serve. All of them are clients
/// of one network with the same anchor. Nothing is left where it fails, but for a folder that the next try empties.
///
/// # Errors
/// [`JoinError`], naming the piece and what each source said of it.
#[tracing::instrument(name = "join", skip_all)]
pub async fn join(
    sources: &[Client],
    folder: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Joined, JoinError> {
    let (db, work) = (folder.join("db"), folder.join("db.joining"));
    if db.exists() {
        return Err(JoinError::NotEmpty(db));
    }
    let on = |path: &Path| {
        let path = path.to_path_buf();
        move |source| JoinError::Folder { path, source }
    };
    fs::create_dir_all(folder).map_err(on(folder))?;
    progress(Progress::Making);
    tell_each_other(sources).await;
    let joined = at_the_highest(sources, &work, progress).await?;
    let mark = folder.join("highwater");
    if !mark.exists() {
        // Nothing was signed here.
        HighWater::create(&mark)?;
    }
    fs::rename(&work, &db).map_err(on(&db))?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(on(folder))?;
    Ok(joined)
}

/// Tells each source's client of all changes of the validator set that any source can prove: keys that gave way go on
/// making blocks for whoever has not heard of it, and the source that such blocks come from does not say so.
async fn tell_each_other(sources: &[Client]) {
    let asked = futures_util::future::join_all(sources.iter().map(Client::changes)).await;
    for (client, changes) in sources.iter().zip(asked) {
        match changes {
            Ok(changes) => sources.iter().for_each(|other| {
                if let Err(error) = other.learn(&changes) {
                    tracing::warn!(%error, "{} and {} follow different validators", client.url(), other.url());
                }
            }),
            Err(error) => tracing::warn!(%error, "its changes of the validator set are not known"),
        }
    }
}

/// Fetches into the folder `work` the highest snapshot that is offered and holds: nobody alone says how far the network
/// is, be it too low or too high. Under load a station may go out of view before it was asked for; then there is a newer
/// one.
async fn at_the_highest(
    sources: &[Client],
    work: &Path,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Joined, JoinError> {
    let (mut reasons, mut nowhere) = (Vec::new(), None);
    for _ in 0..STATION_TRIES {
        let heights = offered(sources, &mut reasons).await;
        let has_none = heights.is_empty();
        for height in heights {
            let offers = offers(sources, height, &mut reasons).await;
            if offers.is_empty() {
                continue;
            }
            if work.exists() {
                let path = work.to_path_buf();
                fs::remove_dir_all(work).map_err(|source| JoinError::Folder { path, source })?;
            }
            match (Joining { sources: offers, store: Store::open(work)?, progress }).all().await {
                Err(error @ JoinError::Nowhere { .. }) => {
                    tracing::warn!(height, %error, "this snapshot is not joined; a lower one is tried");
                    nowhere.get_or_insert(error);
                }
                done => return done,
            }
        }
        if has_none || nowhere.is_some() {
            break;
        }
    }
    Err(nowhere.unwrap_or_else(|| JoinError::NoneOffered(reasons.join("; "))))
}

/// The heights of the snapshots that are offered, the highest first.
async fn offered(sources: &[Client], reasons: &mut Vec<String>) -> Vec<Height> {
    let asked = sources.iter().map(|client| fetch::<Option<Height>>(client, "/v1/snapshots"));
    let mut heights = BTreeSet::new();
    for (client, offered) in sources.iter().zip(futures_util::future::join_all(asked).await) {
        match offered {
            Ok(Some(height)) => {
                heights.insert(height);
            }
            Ok(None) => reasons.push(format!("{} has none", client.url())),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    heights.into_iter().rev().collect()
}

/// Those who serve the snapshot of `height`, with the manifest that each gives.
async fn offers(sources: &[Client], height: Height, reasons: &mut Vec<String>) -> Vec<(Client, Manifest)> {
    // At once, since each keeps the station in view until the next one only.
    let asked = sources.iter().map(|client| async move { (client, manifest(client, height).await) });
    let mut offers = Vec::new();
    for (client, manifest) in futures_util::future::join_all(asked).await {
        match manifest {
            Ok(manifest) => offers.push((client.clone(), manifest)),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    offers
}

async fn manifest(client: &Client, height: Height) -> Result<Manifest, ClientError> {
    let mut tries = 0;
    let manifest: Manifest = loop {
        match fetch(client, &format!("/v1/snapshots/{height}")).await {
            Err(ClientError::Problem(problem)) if problem.retryable && tries < MAKING_TRIES => {
                tries += 1;
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            answered => break answered?,
        }
    };
    if manifest.height != height || manifest.base.height != base_of(height) {
        return Err(client.untrue(format!("its snapshot of height {height} is of another height")));
    }
    Ok(manifest)
}
