//! `[retention]`: what a node keeps of old blocks in its store. Without the section it keeps everything.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The fewest blocks whose signed transactions a store keeps: whoever joins by a snapshot needs the newest 1,200 of
/// them, and some hundreds may pass meanwhile.
const KEEP_BLOCKS_MIN: u64 = 2_048;

/// How signed transactions of old blocks leave the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Those of so many of the newest blocks stay.
    pub keep_blocks: u64,
    /// Directory that older ones are moved to, relative to the configuration.
    pub archive: PathBuf,
}

/// Keys of the section.
pub(super) const KEYS: [&str; 2] = ["keep_blocks", "archive"];

impl Retention {
    /// Checks what the types do not: the key, what is wrong, and a remedy.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str, &'static str)> {
        if self.keep_blocks < KEEP_BLOCKS_MIN {
            return Err(("keep_blocks", "is less than 2048", "nodes that join need those of the newest 2048 blocks"));
        }
        if self.archive.as_os_str().is_empty() {
            return Err(("archive", "is empty", "name a directory"));
        }
        Ok(())
    }
}
