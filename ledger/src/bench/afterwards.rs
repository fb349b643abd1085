//! What a ledger costs once it is there: disk, starting again, and joining by a snapshot.

use super::{BenchError, cluster::Cluster};
use crate::{
    limits::ARCHIVE_SEGMENT_BLOCKS,
    node::{Handle, Node},
    snapshot,
};
use serde::Serialize;
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// How long pruning may take to catch up with the load.
const PRUNED_WITHIN: Duration = Duration::from_secs(120);

/// Signed transactions on disk.
#[derive(Clone, Debug, Serialize)]
pub struct Bodies {
    /// Height of the ledger.
    pub height: u64,
    /// The height up to which they were moved into the archive.
    pub pruned: u64,
    /// Bytes of the store's files that hold them.
    pub store_bytes: u64,
    /// Bytes of all of the store's files.
    pub all_bytes: u64,
    /// Bytes of the archive, which is not compressed.
    pub archive_bytes: u64,
    /// Seconds until pruning had caught up with the load, after its end.
    pub behind_seconds: f64,
}

/// A node that joined by a snapshot.
#[derive(Clone, Debug, Serialize)]
pub struct JoinedIn {
    /// Records of the state.
    pub records: u64,
    /// Seconds until it had everything.
    pub seconds: f64,
    /// Seconds for a million records at the same rate.
    pub seconds_per_million: f64,
}

/// Measures what signed transactions take on the disk of a node, once those are pruned that are to be.
pub(super) fn bodies(handle: &Handle, keep_blocks: Option<u64>, archive: &Path) -> Result<Bodies, BenchError> {
    let begun = Instant::now();
    let due = |handle: &Handle| {
        let status = handle.status();
        keep_blocks.is_some_and(|keep| status.pruned + ARCHIVE_SEGMENT_BLOCKS + keep <= status.height)
    };
    while due(handle) && begun.elapsed() < PRUNED_WITHIN {
        std::thread::sleep(Duration::from_millis(20));
    }
    let behind_seconds = begun.elapsed().as_secs_f64();
    let (kv, status) = (handle.store().kv(), handle.status());
    // What is in memory still has no size on the disk.
    kv.scrub(&[]).map_err(|error| BenchError::new("flush the store", error))?;
    let archive_bytes = std::fs::read_dir(archive).map_or(0, |files| {
        files.flatten().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
    });
    Ok(Bodies {
        height: status.height,
        pruned: status.pruned,
        store_bytes: kv.family_bytes("bodies"),
        all_bytes: kv.disk_bytes(),
        archive_bytes,
        behind_seconds,
    })
}

/// Lets a node join by a snapshot, in `folder`.
pub(super) fn joined(runtime: &Runtime, cluster: &Cluster, folder: &Path) -> Result<JoinedIn, BenchError> {
    let begun = Instant::now();
    let joined = runtime.block_on(snapshot::join(&cluster.clients, folder, &|_| {}));
    let joined = joined.map_err(|error| BenchError::new("join by a snapshot", error))?;
    let seconds = begun.elapsed().as_secs_f64();
    let seconds_per_million = seconds * 1_000_000.0 / joined.records.max(1) as f64;
    Ok(JoinedIn { records: joined.records, seconds, seconds_per_million })
}

/// Seconds until a node that was stopped is healthy again.
pub(super) fn restart(config: crate::node::Config) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let node = Node::start(config).map_err(|error| BenchError::new("start a node again", error))?;
    while !node.handle().status().healthy {
        if begun.elapsed() > PRUNED_WITHIN {
            return Err(BenchError::new("start a node again", "it does not become healthy"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let seconds = begun.elapsed().as_secs_f64();
    node.stop();
    Ok(seconds)
}
