//! `lonja fetch`: download what an agreement covers, and check every byte against the ledger.

use crate::{
    context::Context,
    market::{Delivery, Session},
    output,
    problem::{Exit, Problem, file},
    progress,
};
use clap::Args;
use contracts::{
    agreement::Agreement,
    id::{AgreementId, Blake3, VersionId},
    version::{Content, Version},
};
use marketplace::objects::{Slice, verify_slice};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Download what an agreement covers, and check it.
#[derive(Args)]
pub struct Fetch {
    /// The agreement's id, as `lonja buy` printed it
    agreement: AgreementId,
    /// Where to (a new file)
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Which version; the newest where it is left out
    #[arg(long)]
    version_id: Option<VersionId>,
    /// Only these bytes, as START+LENGTH: a slice is checked against the same digest
    #[arg(long, value_name = "START+LENGTH", value_parser = range)]
    slice: Option<(u64, u64)>,
}

#[derive(Serialize)]
struct Fetched {
    agreement: AgreementId,
    version: VersionId,
    delivery: String,
    output: PathBuf,
    bytes: u64,
    blake3: Blake3,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let parsed = text.split_once('+').and_then(|(start, length)| Some((start.parse().ok()?, length.parse().ok()?)));
    parsed.ok_or_else(|| "write START+LENGTH in bytes, such as 1048576+65536".into())
}

impl Fetch {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        if self.output.exists() {
            return Err(Problem::usage(format!("{} exists already", self.output.display()), "name a new file"));
        }
        let agreement: Agreement = context.known(&Agreement::key(&self.agreement), &self.agreement).await?;
        let session = context.session(None).await?;
        let delivery = session.deliver(&self.agreement, self.version_id.as_ref(), context.once()).await?;
        // What the bytes have to be is the ledger's word, proven here; the marketplace only carries them.
        let version: Version = context.known(&Version::key(&delivery.version), &delivery.version).await?;
        if version.dataset != agreement.dataset || self.version_id.is_some_and(|asked| asked != delivery.version) {
            return Err(Problem::new("the marketplace delivers another version than was asked for").exits(Exit::Untrue));
        }
        let bytes = match self.slice {
            None => self.whole(&session, &delivery, &version.content).await?,
            Some(slice) => self.slice(&session, &delivery, &version.content, slice).await?,
        };
        let fetched = Fetched {
            agreement: self.agreement,
            version: delivery.version,
            delivery: delivery.id,
            output: self.output,
            bytes,
            blake3: version.content.blake3,
        };
        context.print(&fetched, || {
            output::lines(&[
                ("file", fetched.output.display().to_string()),
                ("bytes", fetched.bytes.to_string()),
                ("checked against BLAKE3", fetched.blake3.to_string()),
                ("version", fetched.version.to_string()),
                ("delivery", fetched.delivery.clone()),
            ])
        });
        Ok(())
    }

    /// All bytes: beside the place first, and put there only when they are the right ones.
    async fn whole(&self, session: &Session, delivery: &Delivery, content: &Content) -> Result<u64, Problem> {
        let mut beside = self.output.clone().into_os_string();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let mut part = tokio::fs::File::create(&beside).await.map_err(file("create", &beside))?;
        let bar = progress::bar("downloading", content.bytes);
        let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0u64);
        let got = session
            .content(delivery, &mut part, |piece| {
                hasher.update(piece);
                bytes += piece.len() as u64;
                bar.set_position(bytes);
                if bytes > content.bytes { Err(untrue("it is longer than the ledger says")) } else { Ok(()) }
            })
            .await;
        bar.finish_and_clear();
        let got = match got {
            Ok(()) if bytes == content.bytes && *hasher.finalize().as_bytes() == content.blake3.0 => {
                finish(part, &beside).await
            }
            Ok(()) => Err(untrue("its digest is not the one on the ledger")),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = got {
            drop(std::fs::remove_file(&beside));
            return Err(problem);
        }
        std::fs::rename(&beside, &self.output).map_err(file("put in place", &self.output))?;
        Ok(bytes)
    }

    async fn slice(
        &self,
        session: &Session,
        delivery: &Delivery,
        content: &Content,
        (start, length): (u64, u64),
    ) -> Result<u64, Problem> {
        let encoded = session.slice(delivery, start, length).await?;
        let slice = Slice { start, length, total: content.bytes, encoded };
        let bytes = verify_slice(&content.blake3, &slice).map_err(|error| untrue(&error))?;
        std::fs::write(&self.output, &bytes).map_err(file("write", &self.output))?;
        Ok(bytes.len() as u64)
    }
}

async fn finish(part: tokio::fs::File, path: &Path) -> Result<(), Problem> {
    part.sync_all().await.map_err(file("write", path))
}

fn untrue(why: &str) -> Problem {
    Problem::new("what the marketplace sent is not what the ledger names")
        .because(why.to_owned())
        .help("nothing was kept; tell the provider, the ledger proves what it promised")
        .exits(Exit::Untrue)
}
