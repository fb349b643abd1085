//! Beginning with a snapshot, with a bar that says how far it is.

use crate::{
    ending,
    problem::{Exit, Problem},
    progress,
};
use indicatif::ProgressBar;
use ledger::{
    api::client::Client,
    snapshot::{self, JoinError, Progress},
};
use std::{path::Path, sync::Mutex};

/// Makes the ledger in `folder`, where there is none yet, of a snapshot that `sources` serve.
///
/// # Errors
/// When no source has one that holds.
pub async fn join(sources: &[Client], folder: &Path) -> Result<(), Problem> {
    if folder.join("db").exists() {
        return Ok(());
    }
    let bar = Mutex::new(Shown { stage: "", bar: None });
    let told = |progress| {
        let mut shown = bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match progress {
            Progress::Making => shown.wheel("the sources write a snapshot"),
            Progress::Blocks(done, of) => shown.at("the newest blocks", done, of),
            Progress::Log(done, of) => shown.at("the log", done, of),
            Progress::State(done, of) => shown.at("the state", done, of),
        }
    };
    let joined = snapshot::join(sources, folder, &told).await.map_err(problem)?;
    tracing::info!(height = joined.height, base = joined.base, records = joined.records, "joined by a snapshot");
    Ok(())
}

/// The bar of the stage at work.
struct Shown {
    stage: &'static str,
    bar: Option<ProgressBar>,
}

impl Shown {
    fn wheel(&mut self, stage: &'static str) {
        *self = Self { stage, bar: Some(progress::wheel(stage)) };
    }

    fn at(&mut self, stage: &'static str, done: u64, of: u64) {
        if self.stage != stage {
            if let Some(before) = self.bar.take() {
                before.finish_and_clear();
            }
            *self = Self { stage, bar: Some(progress::bar(stage, of)) };
        }
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            if done == of {
                bar.finish_and_clear();
            }
        }
    }
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
