//! The logs that a witness knows: read from a file at its start, and again whenever that is another one. Validators that
//! change have other keys, and while a witness is stopped for that, nothing is witnessed.

use super::{EVERY, parse};
use crate::{
    problem::{Exit, Problem},
    service::said,
};
use genesis::files;
use ledger::{limits::POLICY_BYTES_MAX, note::VerifierKey, witness::Witness};
use std::{convert::Infallible, path::PathBuf, sync::Arc};

/// The file, and what it held when it was read.
pub struct Logs {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Logs {
    /// Reads the file `path`. Returns the keys as well that it names, each with its log's origin as its name.
    ///
    /// # Errors
    /// When it cannot be read, is no policy, or names no log.
    pub fn read(path: PathBuf) -> Result<(Self, Vec<VerifierKey>), Problem> {
        let mut logs = Self { path, bytes: Vec::new() };
        logs.bytes = files::read(&logs.path, POLICY_BYTES_MAX as u64)?;
        let keys = logs.keys(&logs.bytes)?;
        Ok((logs, keys))
    }

    fn keys(&self, bytes: &[u8]) -> Result<Vec<VerifierKey>, Problem> {
        let keys: Vec<_> = parse(&self.path, bytes)?.logs().iter().map(|log| log.key.clone()).collect();
        if keys.is_empty() {
            return Err(Problem::new(format!("{} names no log", self.path.display()))
                .help("write `log KEY` for each; `lonja witness policy` prints those of a network")
                .exits(Exit::Usage));
        }
        Ok(keys)
    }

    /// Has `witness` know what the file holds, again and again.
    pub async fn keep_up(mut self, witness: Arc<Witness>) -> Infallible {
        let mut unusable = None;
        loop {
            tokio::time::sleep(EVERY).await;
            let path = self.path.clone();
            let read = tokio::task::spawn_blocking(move || files::read(&path, POLICY_BYTES_MAX as u64)).await;
            let read = match read {
                Ok(read) => read.map_err(Problem::from),
                Err(error) => Err(Problem::new("reading the logs broke down").because(error)),
            };
            self.takes_up(read, &witness, &mut unusable);
        }
    }

    /// Has `witness` know what was `read`, where that is something else than before. What cannot be used is told of once
    /// for each reason, and the keys of before count on.
    fn takes_up(&mut self, read: Result<Vec<u8>, Problem>, witness: &Witness, unusable: &mut Option<String>) {
        let taken = read.and_then(|bytes| {
            if bytes != self.bytes {
                let known = witness.know(self.keys(&bytes)?);
                known.map_err(|error| Problem::new("the logs cannot be taken up").because(error))?;
                tracing::info!(path = %self.path.display(), "other logs are cosigned now");
                self.bytes = bytes;
            }
            Ok(())
        });
        let reason = taken.err().map(|problem| said(&problem));
        if let Some(reason) = reason.as_ref().filter(|reason| unusable.as_ref() != Some(reason)) {
            tracing::warn!(reason, "the file of logs cannot be used; the logs of before are cosigned on");
        }
        *unusable = reason;
    }
}
