//! Asking witnesses to cosign a running node's checkpoints, again and again.

mod logs;

pub use logs::Logs;

use crate::{
    problem::{Exit, Problem},
    service::said,
};
use genesis::{Layout, config, files};
use ledger::{
    api::checkpoint,
    limits::POLICY_BYTES_MAX,
    node::Handle,
    note,
    witness::{
        Policy,
        client::{RemoteWitness, collect},
    },
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often witnesses are asked while the log grows: what they cosign is as old as this at most, and a public
/// witness is not asked more often than it bears.
const EVERY: Duration = Duration::from_secs(10);

/// Witnesses, and when they are enough.
pub struct Witnesses {
    /// The file of the policy, and what it held when it was read.
    path: PathBuf,
    bytes: Vec<u8>,
    policy: Policy,
    remote: Vec<RemoteWitness>,
}

/// Reads a policy from a file.
///
/// # Errors
/// When it cannot be read, or a line of it is wrong.
pub fn policy(path: &Path) -> Result<Policy, Problem> {
    parse(path, &files::read(path, POLICY_BYTES_MAX as u64)?)
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Policy, Problem> {
    Policy::parse(bytes).map_err(|error| {
        Problem::new(format!("{} is no trust policy", path.display()))
            .because(error)
            .help("https://c2sp.org/tlog-policy has the form; `lonja witness policy` writes one to begin with")
            .exits(Exit::File)
    })
}

impl Witnesses {
    /// Those that the configuration names, if it names any.
    ///
    /// # Errors
    /// When the policy cannot be used.
    pub fn of(layout: &Layout, config: Option<&config::Witnesses>) -> Result<Option<Self>, Problem> {
        let Some(config) = config else { return Ok(None) };
        let path = layout.data_path(&config.policy);
        let bytes = files::read(&path, POLICY_BYTES_MAX as u64)?;
        Self::new(path, bytes).map(Some)
    }

    /// Those of the policy `bytes`, which is what `path` holds.
    fn new(path: PathBuf, bytes: Vec<u8>) -> Result<Self, Problem> {
        let policy = parse(&path, &bytes)?;
        let asked = policy.witnesses().iter().filter(|witness| witness.url.is_some());
        let remote = asked.map(RemoteWitness::of).collect::<Result<Vec<_>, _>>().map_err(|error| {
            Problem::new(format!("a witness of {} cannot be asked", path.display())).because(error).exits(Exit::File)
        })?;
        if remote.is_empty() {
            return Err(Problem::new(format!("{} has no witness with an address", path.display()))
                .help(
                    "write `witness NAME KEY URL` for each that is to be asked, or take [witnesses] out of lonja.toml",
                )
                .exits(Exit::File));
        }
        Ok(Self { path, bytes, policy, remote })
    }

    /// Asks them until `stop`. After a change of its file the policy is another one: validators that change are others
    /// in its lines too, and a node that is stopped for that is one less.
    pub async fn keep(mut self, handle: Handle, stop: CancellationToken) {
        let (mut witnessed, mut said) = (String::new(), BTreeMap::new());
        let mut unusable = None;
        handle.note_witnessed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let (of_thread, path) = (handle.clone(), self.path.clone());
            let looked = tokio::task::spawn_blocking(move || {
                (files::read(&path, POLICY_BYTES_MAX as u64), checkpoint::newest(&of_thread))
            });
            let newest = match looked.await {
                Ok((read, newest)) => {
                    if self.takes_up(read.map_err(Problem::from), &mut unusable) {
                        (witnessed, said) = (String::new(), BTreeMap::new());
                    }
                    Ok(newest)
                }
                Err(error) => Err(error),
            };
            let note = match newest {
                Ok(Ok(note)) if note.text() != witnessed => note,
                Ok(Ok(_)) => {
                    handle.note_witnessed();
                    continue;
                }
                Ok(Err(problem)) => {
                    tracing::warn!(problem = problem.detail, "there is no checkpoint for witnesses");
                    continue;
                }
                Err(error) => {
                    tracing::error!(%error, "reading the newest checkpoint broke down");
                    continue;
                }
            };
            // A witness that hangs must not hold the node up that stops.
            let met = tokio::select! {
                () = stop.cancelled() => return,
                met = self.ask(&handle, &note, &mut said) => met,
            };
            if met {
                handle.note_witnessed();
                witnessed = note.text().to_owned();
            }
        }
    }

    /// Takes up what the policy's file holds now. Is it another policy than before? One that cannot be used is told of
    /// once for each reason, and the one before counts on.
    fn takes_up(&mut self, read: Result<Vec<u8>, Problem>, unusable: &mut Option<String>) -> bool {
        let newer = match read {
            Ok(bytes) if bytes == self.bytes => {
                *unusable = None;
                return false;
            }
            read => read.and_then(|bytes| Self::new(self.path.clone(), bytes)),
        };
        match newer {
            Ok(newer) => {
                tracing::info!(path = %self.path.display(), "the policy of witnesses is another one now");
                (*self, *unusable) = (newer, None);
                true
            }
            Err(problem) => {
                let reason = said(&problem);
                if unusable.as_ref() != Some(&reason) {
                    tracing::warn!(reason, "the policy of witnesses cannot be used; the one before counts on");
                    *unusable = Some(reason);
                }
                false
            }
        }
    }

    /// Asks for one checkpoint. Is it witnessed?
    async fn ask(&self, handle: &Handle, note: &note::Note, said: &mut BTreeMap<String, String>) -> bool {
        let collected = match collect(&self.remote, note, &handle.hashes()).await {
            Ok(collected) => collected,
            Err(error) => {
                tracing::error!(%error, "the cosignatures find no room in the checkpoint");
                return false;
            }
        };
        let now: BTreeMap<String, String> = collected
            .failed
            .iter()
            .map(|(number, error)| (self.remote[*number].key().name().to_owned(), error.to_string()))
            .collect();
        // The same reason is told once.
        for (witness, reason) in now.iter().filter(|(witness, reason)| said.get(*witness) != Some(*reason)) {
            tracing::warn!(witness, reason, "a witness does not cosign");
        }
        let unmet = said.remove("");
        *said = now;
        said.extend(unmet.map(|unmet| (String::new(), unmet)));
        if let Err(unmet) = self.policy.check(&collected.note) {
            let reason = unmet.to_string();
            if said.insert(String::new(), reason.clone()) != Some(reason) {
                tracing::warn!(%unmet, "the newest checkpoint is not witnessed");
            }
            return false;
        }
        said.remove("");
        match handle.keep_witnessed(collected.note) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "what witnesses cosigned cannot be kept");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::note::{KeyKind, VerifierKey};

    #[test]
    fn a_policy_that_is_written_anew_is_taken_up_and_one_that_cannot_be_used_is_not() {
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".parse().unwrap();
        let key = VerifierKey::new("watcher.example", KeyKind::Cosignature, public).unwrap();
        let text = |url: &str| format!("witness one {key} {url}\nquorum one\n").into_bytes();
        let (path, unusable) = (PathBuf::from("witnesses.policy"), &mut None);
        let mut witnesses = Witnesses::new(path, text("http://127.0.0.1:1")).unwrap();
        assert!(!witnesses.takes_up(Ok(text("http://127.0.0.1:1")), unusable), "nothing has changed");
        assert!(witnesses.takes_up(Ok(text("http://127.0.0.1:2")), unusable));
        let newest = witnesses.bytes.clone();
        for wrong in [Ok(b"quorum none\n".to_vec()), Ok(b"half a li".to_vec()), Err(Problem::new("it is away"))] {
            assert!(!witnesses.takes_up(wrong, unusable));
            assert!(unusable.is_some() && witnesses.bytes == newest && witnesses.remote.len() == 1);
        }
        assert!(!witnesses.takes_up(Ok(newest), unusable));
        assert_eq!(*unusable, None);
    }
}
