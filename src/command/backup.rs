//! `lonja backup`: a copy of the whole directory, while its services run.

use crate::{
    backup::{self, Lacking, Taken},
    context::Context,
    output,
    problem::Problem,
};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Copy the directory while its services run: ledger, vault, contents and sealed keys, of moments that fit together.
///
/// The passphrase is not in it: keep that elsewhere. The folder may have second names of the store's files, so copy it
/// to another disk.
#[derive(Args)]
pub struct Backup {
    /// The new folder of the backup
    #[arg(long, value_name = "BACKUP")]
    to: PathBuf,
}

#[derive(Serialize)]
struct Shown<'a> {
    backup: &'a Path,
    network: contracts::id::NetworkId,
    ledger: Option<&'a backup::Stand>,
    contents_in_bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive_in_bucket: Option<&'a str>,
    /// First and last of blocks whose transactions are in no part of it.
    #[serde(skip_serializing_if = "Lacking::is_empty")]
    transactions_lacking: &'a Lacking,
    files: usize,
    bytes: u64,
}

impl Backup {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        // The services make their copies there, and have another working directory.
        let to = backup::absolute(&self.to)?;
        let taken = backup::take(&context.layout(), &to).await?;
        show(context, &to, &taken);
        Ok(())
    }
}

fn show(context: &Context, to: &Path, Taken { manifest, lacking }: &Taken) {
    let shown = Shown {
        backup: to,
        network: manifest.network,
        ledger: manifest.ledger.as_ref(),
        contents_in_bucket: manifest.contents_in_bucket.as_deref(),
        archive_in_bucket: manifest.archive_in_bucket.as_deref(),
        transactions_lacking: lacking,
        files: manifest.files.len(),
        bytes: manifest.bytes(),
    };
    context.print(&shown, || {
        let mut lines = vec![("backup", to.display().to_string()), ("network", shown.network.to_string())];
        match shown.ledger {
            Some(stand) => lines.extend(stand.lines()),
            None => lines.push(("ledger", "none in this directory".into())),
        }
        if let Some(bucket) = shown.contents_in_bucket {
            lines.push(("contents", format!("not copied: they are in the bucket {bucket}")));
        }
        if let Some(bucket) = shown.archive_in_bucket {
            lines.push(("archive", format!("not copied: old transactions are in the bucket {bucket}")));
        }
        lines.push(("files", format!("{}, {}", shown.files, output::size(shown.bytes))));
        if !lacking.is_empty() {
            let why = "they were archived, and are not where lonja.toml names an archive, if it names one";
            lines.push(("not in it", format!("transactions of blocks {lacking}: {why}")));
        }
        if manifest.has("keys") {
            lines.push(("not in it", "the passphrase: keep it elsewhere".into()));
        }
        output::lines(&lines)
    });
}
