//! `lonja restore`: a directory from a backup.

use crate::{
    backup::{
        self, Lacking, Laid, Stand,
        mark::{Said, Standing},
    },
    context::Context,
    output,
    problem::Problem,
};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Make the directory --dir from a backup, once every byte of that is checked.
#[derive(Args)]
pub struct Restore {
    /// The folder of the backup
    backup: PathBuf,
    /// For the only validator of a network: give up whatever it signed after the backup. Receipts of
    /// later blocks then contradict the new history, and whoever holds one can prove it
    #[arg(long)]
    accept_loss: bool,
    /// The file `highwater` of the node's folder, where that survived: shows what was signed after the backup
    #[arg(long, value_name = "FILE", conflicts_with = "accept_loss")]
    highwater: Option<PathBuf>,
}

#[derive(Serialize)]
struct Shown<'a> {
    directory: &'a Path,
    network: contracts::id::NetworkId,
    ledger: Option<&'a Stand>,
    standing: Option<Standing>,
    #[serde(skip_serializing_if = "Lacking::is_empty")]
    transactions_lacking: &'a Lacking,
    files: usize,
    bytes: u64,
    notes: Vec<String>,
}

impl Restore {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let (backup, root) = (backup::absolute(&self.backup)?, backup::absolute(context.layout().root())?);
        let said = Said { accept_loss: self.accept_loss, highwater: self.highwater };
        let layout = genesis::Layout::at(&root);
        let laid = tokio::task::spawn_blocking(move || backup::lay_out(&backup, &layout, &said)).await;
        let laid = laid.map_err(|error| Problem::new("restoring broke down").because(error.to_string()))??;
        let manifest = &laid.manifest;
        let shown = Shown {
            directory: &root,
            network: manifest.network,
            ledger: manifest.ledger.as_ref(),
            standing: laid.standing,
            transactions_lacking: &laid.lacking,
            files: manifest.files.len(),
            bytes: manifest.bytes(),
            notes: notes(&laid),
        };
        context.print(&shown, || {
            let mut lines = vec![("directory", root.display().to_string()), ("network", shown.network.to_string())];
            lines.extend(shown.ledger.map(Stand::lines).into_iter().flatten());
            lines.push(("files", format!("{}, {}", shown.files, output::size(shown.bytes))));
            [&[output::lines(&lines)], &shown.notes[..]].concat().join("\n")
        });
        Ok(())
    }
}

/// What is left to do, in plain words.
fn notes(laid: &Laid) -> Vec<String> {
    let mut notes = Vec::new();
    if laid.manifest.has("market") {
        let stand = laid.manifest.ledger.as_ref();
        let since = stand.map_or_else(|| "the backup".into(), |stand| output::time(stand.time_ms));
        notes.push(format!(
            "The backup holds what was erased after it was made: repeat every erasure that was asked for since {since} \
             with `lonja consent erase`, before anybody reads."
        ));
    }
    match laid.standing {
        Some(Standing::OneOfSeveral) => notes.push(
            "This validator observes until the others have given it what it signed since; never start it while the \
             same keys run elsewhere."
                .into(),
        ),
        Some(Standing::Alone) => notes.push("Never start it while the same keys run elsewhere.".into()),
        _ => {}
    }
    if let Some(bucket) = &laid.manifest.contents_in_bucket {
        notes.push(format!("Contents are in the bucket {bucket}, as before."));
    }
    if let Some(bucket) = &laid.manifest.archive_in_bucket {
        notes.push(format!("Transactions of old blocks are in the bucket {bucket}, as before."));
    }
    if !laid.lacking.is_empty() {
        notes.push(format!(
            "Transactions of blocks {} are not in the backup: they were archived, and the archive was not there. Put \
             its files back where [retention] of lonja.toml says, or has to say; `lonja audit` takes them from a node \
             that --blocks names.",
            laid.lacking
        ));
    }
    if !laid.moved.is_empty() {
        notes.push(format!(
            "lonja.toml was written anew, since these lay outside of the directory: {}.",
            laid.moved.join(", ")
        ));
    }
    if !laid.missing.is_empty() {
        notes.push(format!("lonja.toml names files that are not in the backup: put back {}.", laid.missing.join(", ")));
    }
    if laid.manifest.has("keys") {
        notes.push("The passphrase is in no backup: put it back, or type it.".into());
    }
    notes
}
