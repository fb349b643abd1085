//! Beginning with a snapshot, with a bar that says how far it is.

use crate::{
    ending,
    problem::{Exit, Problem},
    progress::Stages,
};
use ledger::{
    api::client::Client,
    snapshot::{self, JoinError, Progress},
};
use std::path::Path;

/// The first stage.
const MAKING: &str = "the sources write a snapshot";

/// Makes the ledger in `folder`, where there is none yet, of a snapshot that `sources` serve.
///
/// # Errors
/// When no source has one that holds.
pub async fn join(sources: &[Client], folder: &Path) -> Result<(), Problem> {
    if folder.join("db").exists() {
        return Ok(());
    }
    let stages = Stages::new(MAKING);
    let told = |progress| match progress {
        Progress::Making => stages.wheel(MAKING),
        Progress::Blocks(done, of) => stages.at("the newest blocks", done, of),
        Progress::Log(done, of) => stages.at("the log", done, of),
        Progress::State(done, of) => stages.at("the state", done, of),
    };
    let joined = snapshot::join(sources, folder, &told).await.map_err(problem)?;
    tracing::info!(height = joined.height, base = joined.base, records = joined.records, "joined by a snapshot");
    Ok(())
}

fn problem(error: JoinError) -> Problem {
    let (exit, help) = match &error {
        JoinError::NoneOffered(_) | JoinError::Nowhere { .. } => (
            Exit::Unreachable,
            "name other nodes as `from` of [observe] in lonja.toml, or take `snapshot = true` out: then all blocks are \
             fetched and executed",
        ),
        error if error.is_disk_full() => (
            Exit::Failed,
            "enlarge the disk, or delete what does not belong to the network; the next start begins anew",
        ),
        JoinError::NotEmpty(_) => (Exit::File, "take `snapshot = true` out of [observe] in lonja.toml"),
        error => (
            ending::of(false, ledger::passing(error)),
            "set right what is named above, where it does not pass by itself; the next start begins anew",
        ),
    };
    Problem::new("the node could not join by a snapshot").because(error.to_string()).help(help).exits(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::store::{KvError, StoreError};

    #[test]
    fn a_full_disk_is_no_reason_never_to_try_again() {
        let path = || std::path::PathBuf::from("node");
        let folder = |kind: std::io::ErrorKind| JoinError::Folder { path: path(), source: kind.into() };
        let full = KvError::DiskFull { path: path() };
        for error in [folder(std::io::ErrorKind::StorageFull), JoinError::Store(StoreError::Kv(full))] {
            assert_eq!(problem(error).exit(), Exit::Failed);
        }
        let again = problem(folder(std::io::ErrorKind::ResourceBusy)).exit();
        assert_eq!(again, Exit::Failed, "nor is what else may pass");
        for error in [folder(std::io::ErrorKind::PermissionDenied), JoinError::NotEmpty(path())] {
            assert_eq!(problem(error).exit(), Exit::File);
        }
    }
}
