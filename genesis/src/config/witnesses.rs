//! `[witnesses]`: who besides the validators is asked to cosign the node's checkpoints.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The witnesses of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnesses {
    /// A C2SP trust policy (tlog-policy), relative to the configuration: its witnesses are asked, and its quorum says
    /// when a checkpoint is witnessed.
    pub policy: PathBuf,
}

/// Keys of the section.
pub(super) const KEYS: [&str; 1] = ["policy"];

impl Witnesses {
    /// Checks what the types do not: the key, what is wrong, and a remedy.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str, &'static str)> {
        if self.policy.as_os_str().is_empty() {
            return Err(("policy", "is empty", "name a file, which `lonja witness policy` begins"));
        }
        Ok(())
    }
}
