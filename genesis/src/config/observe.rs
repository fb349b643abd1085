//! `[observe]`: where a node gets blocks while it is no validator. It verifies and executes each of them, so
//! whoever serves them need not be trusted.

use serde::{Deserialize, Serialize};

/// Nodes that may be named.
const FROM_MAX: usize = 16;

/// Sources of blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// URLs of nodes, such as `https://node.example.org`. The next is asked where one does not answer.
    pub from: Vec<String>,
    /// Does a node that has no blocks yet begin with a snapshot of the state, proven by the newest blocks? Otherwise
    /// it fetches and executes all blocks.
    #[serde(default)]
    pub snapshot: bool,
}

/// Keys of the section.
pub(super) const KEYS: [&str; 2] = ["from", "snapshot"];

impl Observe {
    /// Checks what the types do not: what is wrong, and a remedy.
    pub(super) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        const REMEDY: &str = "write URLs of nodes, as from = [\"https://node.example.org\"]";
        if self.from.is_empty() || self.from.len() > FROM_MAX {
            return Err(("names no node, or more than sixteen", REMEDY));
        }
        let url = |text: &String| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace))
        };
        if self.from.iter().all(url) { Ok(()) } else { Err(("has something that is no URL", REMEDY)) }
    }
}
