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

#[cfg(test)]
mod tests {
    use crate::config::{Config, Observe, Ports, Retention};
    use std::path::Path;

    fn read(section: &str) -> Result<Config, String> {
        let text = toml::to_string(&Config::local(Ports::default())).unwrap() + section;
        Config::parse(Path::new("lonja.toml"), &text).map_err(|error| format!("{error} -- {}", error.remedy()))
    }

    #[test]
    fn what_a_node_keeps_and_begins_with_is_read_and_errors_name_key_and_remedy() {
        let kept = read("[retention]\nkeep_blocks = 100000\narchive = \"archive\"\n").unwrap().retention;
        assert_eq!(kept, Some(Retention { keep_blocks: 100_000, archive: "archive".into() }));
        let from = "[observe]\nfrom = [\"http://127.0.0.1:7100\"]\n";
        let observe = |snapshot| Some(Observe { from: vec!["http://127.0.0.1:7100".into()], snapshot });
        assert_eq!(read(from).unwrap().observe, observe(false));
        assert_eq!(read(&format!("{from}snapshot = true\n")).unwrap().observe, observe(true));
        for (section, key, remedy) in [
            ("keep_blocks = 2047\narchive = \"a\"", "retention.keep_blocks", "newest 2048 blocks"),
            ("keep_blocks = 2048\narchive = \"\"", "retention.archive", "name a directory"),
            ("keep_blocks = 2048\narchive = \"node/old\"", "retention.archive", "a directory of its own"),
            ("keep_block = 2048\narchive = \"a\"", "retention.keep_block", "`retention.keep_blocks`"),
        ] {
            let said = read(&format!("[retention]\n{section}\n")).unwrap_err();
            assert!(said.contains(key) && said.contains(remedy), "{said}");
        }
    }
}
