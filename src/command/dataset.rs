//! `lonja dataset`: contents and their versions.

use crate::{
    context::{Context, Done},
    output,
    problem::{Exit, Problem, file},
    progress,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    dataset::Dataset as Record,
    id::{Blake3, ConsentId, DatasetId, Digest, VersionId},
    version::{AddVersion, Content, Version},
};
use serde::Serialize;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// Upload contents and show versions.
#[derive(Subcommand)]
pub enum Dataset {
    /// Hand a file to the marketplace and anchor it as the next version
    Upload(UploadArgs),
    /// Show all versions of a dataset, proven from the ledger
    Versions {
        /// The dataset's id
        dataset: DatasetId,
    },
}

/// Hand a file to the marketplace.
#[derive(Args)]
pub struct UploadArgs {
    /// The dataset's id
    dataset: DatasetId,
    /// The content: any file
    file: PathBuf,
    /// What it is, such as text/csv; told from the file's name where it is left out
    #[arg(long)]
    media_type: Option<String>,
    /// A version's id that it was made from; may be given again. Those of others need a licence in
    /// force that lets results be passed on
    #[arg(long = "parent", value_name = "VERSION")]
    parents: Vec<VersionId>,
    /// A consent whose subject it leaves out; may be given again
    #[arg(long = "exclude", value_name = "CONSENT")]
    excludes: Vec<ConsentId>,
}

#[derive(Serialize)]
struct Uploaded {
    dataset: DatasetId,
    version: VersionId,
    number: u32,
    content: Content,
}

#[derive(Serialize)]
struct Shown {
    id: VersionId,
    #[serde(flatten)]
    version: Version,
}

impl Dataset {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Upload(upload) => upload.run(context).await,
            Self::Versions { dataset } => versions(context, dataset).await,
        }
    }
}

impl UploadArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let identity = context.identity(None)?;
        let content = digest(&self.file, self.media_type)?;
        let dataset: Record = context.known(&Record::key(&self.dataset), &self.dataset).await?;
        // Handed over first: a version on the ledger whose content nobody has could not be delivered.
        let stored = context.session(None).await?.upload(&self.file, content.bytes).await?;
        if stored["blake3"].as_str() != Some(&content.blake3.to_string()) {
            return Err(Problem::new("the marketplace stored other bytes than were sent")
                .help("upload again; nothing is on the ledger yet")
                .exits(Exit::Untrue));
        }
        let number = dataset.versions + 1;
        let (mut parents, mut excludes) = (self.parents, self.excludes);
        parents.sort();
        parents.dedup();
        excludes.sort();
        excludes.dedup();
        let action = AddVersion { dataset: self.dataset, number, content: content.clone(), parents, excludes };
        let committed = context.act_as(&identity, Action::AddVersion(action), None).await?;
        let version = VersionId::of(&self.dataset, number);
        let uploaded = Uploaded { dataset: self.dataset, version, number, content };
        context.print(&Done::new(&committed, uploaded), || {
            format!("version {version}\nnumber {number}, anchored in block {}", committed.height)
        });
        Ok(())
    }
}

/// Both digests and the length, in one pass over the file.
pub fn digest(path: &Path, media_type: Option<String>) -> Result<Content, Problem> {
    use sha2::Digest as _;
    let mut input = std::fs::File::open(path).map_err(file("open", path))?;
    let total = input.metadata().map_err(file("look at", path))?.len();
    let bar = progress::bar("hashing", total);
    let (mut blake3, mut sha256, mut bytes) = (blake3::Hasher::new(), sha2::Sha256::new(), 0u64);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = input.read(&mut buffer).map_err(file("read", path))?;
        if read == 0 {
            break;
        }
        blake3.update(&buffer[..read]);
        sha256.update(&buffer[..read]);
        bytes += read as u64;
        bar.inc(read as u64);
    }
    bar.finish_and_clear();
    let media_type = media_type.unwrap_or_else(|| guess(path).into());
    let (blake3, sha256) = (Blake3(*blake3.finalize().as_bytes()), Digest(sha256.finalize().into()));
    Ok(Content { blake3, sha256, bytes, media_type })
}

/// By the file's ending; what is not known is bytes.
fn guess(path: &Path) -> &'static str {
    let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.as_deref() {
        Some("csv") => "text/csv",
        Some("json") => "application/json",
        Some("geojson") => "application/geo+json",
        Some("txt") => "text/plain",
        Some("xml") => "application/xml",
        Some("zip") => "application/zip",
        Some("parquet") => "application/vnd.apache.parquet",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}

async fn versions(context: &Context, id: DatasetId) -> Result<(), Problem> {
    let dataset: Record = context.known(&Record::key(&id), &id).await?;
    let mut versions = Vec::new();
    for number in 1..=dataset.versions {
        let version = VersionId::of(&id, number);
        versions.push(Shown { id: version, version: context.known(&Version::key(&version), &version).await? });
    }
    context.print(&versions, || {
        let rows = versions.iter().map(|shown| {
            let content = &shown.version.content;
            let facts = [content.bytes.to_string(), content.media_type.clone(), content.sha256.to_string()];
            let [bytes, media_type, sha256] = facts;
            [shown.version.number.to_string(), shown.id.to_string(), bytes, media_type, sha256]
        });
        output::table(["number", "version", "bytes", "type", "SHA-256"], rows)
    });
    Ok(())
}
