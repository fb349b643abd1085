//! How a service ends that did not start, for whoever supervises it: the units of `operations/systemd` start it again
//! after 1 and 5, and after 2 and 6 never.
//!
//! So only what stays as it is until a person does something may be [`Exit::File`]: of a machine that was short of room,
//! threads or open files for a moment, or had the last process still running, no service may stay away for good.

use crate::problem::Exit;
use ledger::{Passing, node::NodeError};

/// The exit of a start that failed for a reason that is `passing`, if it is, or for want of room on a disk, if that is
/// `full`.
pub fn of(full: bool, passing: Option<Passing>) -> Exit {
    match passing {
        _ if full => Exit::Failed,
        Some(Passing::Failing) => Exit::Failed,
        Some(Passing::InUse) => Exit::Unreachable,
        None => Exit::File,
    }
}

/// The exit of a node that did not start.
pub fn of_node(error: &NodeError) -> Exit {
    match error {
        NodeError::NobodyShows => Exit::Unreachable,
        error => of(error.is_disk_full(), error.passing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{
        chain::OpenError,
        highwater::HighWaterError,
        store::{KvError, StoreError},
    };
    use std::{io, path::PathBuf};

    fn path() -> PathBuf {
        "node/db".into()
    }

    fn folder(said: io::Error) -> NodeError {
        NodeError::Folder { path: path(), source: said }
    }

    /// As Linux numbers them.
    fn system(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    fn store(error: KvError) -> NodeError {
        NodeError::Open(OpenError::Store(StoreError::Kv(error)))
    }

    fn rocks(reason: &str) -> NodeError {
        store(KvError::Other { doing: "open", path: path(), reason: reason.into() })
    }

    #[test]
    fn only_what_needs_a_person_ends_as_a_file_that_cannot_be_used() {
        let [eio, eagain, enomem, eacces, enotdir, emfile, enospc, erofs] = [5, 11, 12, 13, 20, 24, 28, 30];
        for (error, exit) in [
            (NodeError::Thread(system(eagain)), Exit::Failed),
            (folder(system(eio)), Exit::Failed),
            (folder(system(enomem)), Exit::Failed),
            (folder(system(emfile)), Exit::Failed),
            (folder(system(enospc)), Exit::Failed),
            (store(KvError::DiskFull { path: path() }), Exit::Failed),
            (rocks("IO error: While pread offset 0 len 53: /node/db/000009.sst: Input/output error"), Exit::Failed),
            (
                rocks("IO error: While open a file for appending: /node/db/000009.log: Too many open files"),
                Exit::Failed,
            ),
            (store(KvError::InUse { path: path() }), Exit::Unreachable),
            (NodeError::Store(StoreError::Kv(KvError::InUse { path: path() })), Exit::Unreachable),
            (NodeError::NobodyShows, Exit::Unreachable),
            (folder(system(eacces)), Exit::File),
            (folder(system(enotdir)), Exit::File),
            (folder(system(erofs)), Exit::File),
            (folder(io::ErrorKind::NotFound.into()), Exit::File),
            (
                rocks(
                    "IO error: No such file or directory: While open a file for random read: /node/db/9.sst: No such file or directory",
                ),
                Exit::File,
            ),
            (rocks("IO error: While open a file for lock: /node/db/LOCK: Permission denied"), Exit::File),
            (rocks("Invalid argument: /node/db: does not exist (create_if_missing is false)"), Exit::File),
            (store(KvError::Damaged { path: path(), reason: "Corruption: IO error: bad block".into() }), Exit::File),
            (store(KvError::Newer { path: path(), families: "more".into() }), Exit::File),
            (NodeError::HighWater(HighWaterError::Missing { path: path() }), Exit::File),
            (NodeError::RolledBack { path: path(), found: 1, signed: 2 }, Exit::File),
            (NodeError::WrongKey("consensus"), Exit::File),
        ] {
            assert_eq!(of_node(&error), exit, "{error:?}");
        }
    }
}
