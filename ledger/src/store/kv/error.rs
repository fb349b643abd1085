//! What RocksDB says, sorted by what somebody can do about it.

use std::path::{Path, PathBuf};

/// Why the store could not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KvError {
    /// Another process has it open.
    #[error("{path} is in use by another process: stop that one first, or choose another directory")]
    InUse {
        /// Which store.
        path: PathBuf,
    },
    /// It has families that this release does not know.
    #[error(
        "{path} was written by a newer release of lonja, which keeps {families} in it: install that release again, or a \
         later one; nothing was changed"
    )]
    Newer {
        /// Which store.
        path: PathBuf,
        /// What is unknown of it.
        families: String,
    },
    /// Its files do not fit together or cannot be read.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which store.
        path: PathBuf,
        /// What RocksDB says.
        reason: String,
    },
    /// No space is left.
    #[error("the disk of {path} is full: make room and start again; nothing that was acknowledged is lost")]
    DiskFull {
        /// Which store.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot {doing} {path}: {reason}")]
    Other {
        /// What was tried.
        doing: &'static str,
        /// Which store.
        path: PathBuf,
        /// What RocksDB says.
        reason: String,
    },
}

/// Sorts an error of RocksDB, which tells kinds apart by words only.
pub(super) fn explain(doing: &'static str, path: &Path, error: &rocksdb::Error) -> KvError {
    sort(doing, path, error.kind() == rocksdb::ErrorKind::Corruption, error.to_string())
}

/// The words come with the path of a file, which may hold any word: only whole phrases are looked for,
/// and a full disk first, since making the lock file needs room too.
fn sort(doing: &'static str, path: &Path, corrupt: bool, reason: String) -> KvError {
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| reason.contains(phrase));
    let path = path.to_path_buf();
    if says(&["No space left on device", "Disk quota exceeded"]) {
        KvError::DiskFull { path }
    } else if says(&["While lock file: ", "lock hold by current process"]) {
        KvError::InUse { path }
    } else if corrupt {
        KvError::Damaged { path, reason }
    } else {
        KvError::Other { doing, path, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_a_store_in_use_whatever_the_path_is_called() {
        let kind = |corrupt, reason: &str| match sort("open", Path::new("/data/db"), corrupt, reason.into()) {
            KvError::InUse { .. } => "in use",
            KvError::Damaged { .. } => "damaged",
            KvError::DiskFull { .. } => "full",
            KvError::Newer { .. } => "newer",
            KvError::Other { .. } => "other",
        };
        for (corrupt, reason, expected) in [
            (
                false,
                "IO error: No space left on device: While appending to file: /blocks/db/000004.log: No space left on device",
                "full",
            ),
            (
                false,
                "IO error: No space left on device: while open a file for lock: /data/db/LOCK: No space left on device",
                "full",
            ),
            (false, "IO error: While appending to file: /data/db/000004.log: Disk quota exceeded", "full"),
            (false, "IO error: While lock file: /data/db/LOCK: Resource temporarily unavailable", "in use"),
            (
                false,
                "IO error: lock hold by current process, acquire time 1 acquiring thread 2: /data/db/LOCK: No locks available",
                "in use",
            ),
            (
                false,
                "IO error: While open a file for random read: /blocks/db/000009.sst: No such file or directory",
                "other",
            ),
            (true, "Corruption: block checksum mismatch in /clock/db/000009.sst", "damaged"),
        ] {
            assert_eq!(kind(corrupt, reason), expected, "{reason}");
        }
    }
}
