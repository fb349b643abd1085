//! Asking witnesses to cosign a running node's checkpoints, again and again.

use crate::problem::{Exit, Problem};
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
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often witnesses are asked while the log grows: what they cosign is as old as this at most, and a public
/// witness is not asked more often than it bears.
const EVERY: Duration = Duration::from_secs(10);

/// Witnesses, and when they are enough.
pub struct Witnesses {
    policy: Policy,
    remote: Vec<RemoteWitness>,
}

/// Reads a policy from a file.
///
/// # Errors
/// When it cannot be read, or a line of it is wrong.
pub fn policy(path: &Path) -> Result<Policy, Problem> {
    let bytes = files::read(path, POLICY_BYTES_MAX as u64)?;
    Policy::parse(&bytes).map_err(|error| {
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
        let policy = policy(&path)?;
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
        Ok(Some(Self { policy, remote }))
    }

    /// Asks them until `stop`.
    pub async fn keep(self, handle: Handle, stop: CancellationToken) {
        let (mut witnessed, mut said) = (String::new(), BTreeMap::new());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
            let of_thread = handle.clone();
            let newest = tokio::task::spawn_blocking(move || checkpoint::newest(&of_thread)).await;
            let note = match newest {
                Ok(Ok(note)) if note.text() != witnessed => note,
                Ok(Ok(_)) => continue,
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
                witnessed = note.text().to_owned();
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
            if said.insert(String::new(), unmet.to_string()).is_none() {
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
