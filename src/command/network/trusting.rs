//! The trust chain as a file: every change of the validator set since the founding, each signed by a quorum of
//! the set before it. Who has it, and the trust anchor, can verify receipts of all sets offline.

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use clap::Args;
use genesis::{
    TrustAnchor,
    files::{self, Access},
};
use ledger::{
    api::client::{Client, ClientError, Keeping},
    receipt::{SetChange, Trust},
};
use std::path::{Path, PathBuf};

/// Bytes of such a file at most: more changes than a network makes in twenty years.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Its name in a network's directory.
const FILE: &str = "trust.json";

/// Keep the records of all changes of the validator set.
#[derive(Args)]
pub struct Keep {
    /// The file; trust.json of the directory where it is left out
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Keep {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        // What was seen before is not given up for a shorter chain, or another.
        let client = context.client()?;
        let changes = client.changes().await?;
        let path = self.output.unwrap_or_else(|| context.layout().root().join(FILE));
        let text = serde_json::to_vec_pretty(&changes).expect("records have a JSON form");
        files::replace(&path, &text, Access::Public)?;
        let trust = client.trust();
        let shown = serde_json::json!({ "file": path, "changes": changes.len(), "set": trust.newest() });
        context.print(&shown, || {
            let names: Vec<_> = trust.newest().validators.iter().map(|validator| validator.name.as_str()).collect();
            output::lines(&[
                ("file", path.display().to_string()),
                ("changes", changes.len().to_string()),
                ("validators", names.join(", ")),
            ])
        });
        Ok(())
    }
}

/// `client` with all that is known of validator sets in the directory, which it keeps there from now on; as it is where
/// the directory is none of the network that `anchor` names.
pub fn known(context: &Context, anchor: &TrustAnchor, client: Client) -> Result<Client, Problem> {
    let layout = context.layout();
    if !layout.anchor().is_ok_and(|own| own == *anchor) {
        return Ok(client);
    }
    Ok(client.keeping(layout.root().join(FILE), Keeping::IfPossible).map_err(ClientError::from)?)
}

/// Follows the records of `named`, or of the directory where none is named and there are any.
pub fn follow(context: &Context, named: Option<&Path>, trust: &mut Trust) -> Result<(), Problem> {
    let own = context.layout().root().join(FILE);
    let Some(path) = named.or_else(|| (!context.has_anchor() && own.exists()).then_some(own.as_path())) else {
        return Ok(());
    };
    read(path)?.iter().try_for_each(|change| trust.extend(change)).map_err(|error| damaged(path, error))
}

fn read(path: &Path) -> Result<Vec<SetChange>, Problem> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| damaged(path, error))
}

fn damaged(path: &Path, why: impl ToString) -> Problem {
    Problem::new(format!("{} does not lead on from the trust anchor", path.display()))
        .because(why.to_string())
        .help("get it again with `lonja network trust`, and compare the trust anchor")
        .exits(Exit::Untrue)
}
