//! `lonja audit`: everything again from the founding, with nothing believed but the trust anchor.

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem, file},
    progress,
    scratch::Scratch,
};
use clap::Args;
use contracts::money::{Amount, Currency};
use genesis::{Layout, SignedDocument, TrustAnchor, config::Contents};
use ledger::{
    api::client::Client,
    audit::{self, AuditError, Report},
};
use marketplace::objects;
use serde::Serialize;
use std::path::PathBuf;

/// Verify a whole ledger again, from its founding. Exits 0 only when everything holds.
#[derive(Args)]
pub struct Audit {
    /// A network's directory (its node stopped), or the URL of a running node; --dir where it is left out
    target: Option<String>,
    /// Where to build the ledger anew; it needs as much room as the ledger itself
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
}

impl Audit {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let scratch = Scratch::new(self.scratch.as_deref(), "audit")?;
        let target = self.target.unwrap_or_else(|| context.layout().root().display().to_string());
        let mut contents = None;
        let report = if target.starts_with("http://") || target.starts_with("https://") {
            let client = Client::new(&target, context.anchor()?)?;
            by_url(client, context.anchor()?, scratch).await?
        } else {
            let layout = Layout::at(&target);
            let anchor = if context.has_anchor() { context.anchor()? } else { layout.anchor()? };
            contents = contents_of(&layout).await?;
            by_folder(&layout, anchor, scratch).await?
        };
        let audited = Audited { ledger: &report, contents: contents.as_ref() };
        context.print(&audited, || people(&target, &audited));
        let damaged = contents.as_ref().map_or(0, |contents| contents.findings.len() as u64);
        let count = report.findings.len() as u64 + report.more_findings + damaged;
        if count == 0 {
            return Ok(());
        }
        Err(Problem::new(format!("{target} does not hold: {count} findings"))
            .help("each finding above says where; restore that part from a copy, never the high-water file")
            .exits(Exit::Untrue))
    }
}

/// What was audited: the ledger, and the contents where a directory holds them.
#[derive(Serialize)]
struct Audited<'a> {
    #[serde(flatten)]
    ledger: &'a Report,
    contents: Option<&'a objects::Audited>,
}

/// The marketplace's contents in the directory: each is read again and compared with its name.
async fn contents_of(layout: &Layout) -> Result<Option<objects::Audited>, Problem> {
    let market = layout.config()?.market;
    let folder = match &market.objects {
        None => layout.data_path(&market.data).join("objects"),
        Some(Contents::Local { folder }) => layout.data_path(folder),
        Some(Contents::S3(bucket)) => {
            tracing::warn!(bucket = %bucket.bucket, "contents in a bucket are not audited; each is checked when it is read");
            return Ok(None);
        }
    };
    let at = folder.clone();
    let done = tokio::task::spawn_blocking(move || objects::audit(&at)).await;
    let done = done.map_err(|error| Problem::new("the audit broke down").because(error.to_string()))?;
    Ok(Some(done.map_err(file("list", &folder))?))
}

async fn by_url(client: Client, anchor: TrustAnchor, scratch: Scratch) -> Result<Report, Problem> {
    let document = client.document().await?;
    let runtime = tokio::runtime::Handle::current();
    aside(move |progress| audit::url(client, &document, &anchor, scratch.path(), &runtime, progress)).await
}

async fn by_folder(layout: &Layout, anchor: TrustAnchor, scratch: Scratch) -> Result<Report, Problem> {
    let document: SignedDocument = layout.document()?;
    let folder = layout.data_path(&layout.config()?.node.data);
    aside(move |progress| audit::folder(&folder, &document, &anchor, scratch.path(), progress)).await
}

/// Runs an audit on a thread of its own, since it computes for minutes.
async fn aside(
    work: impl FnOnce(&dyn Fn(u64, u64)) -> Result<Report, AuditError> + Send + 'static,
) -> Result<Report, Problem> {
    let done = tokio::task::spawn_blocking(move || {
        let bar = progress::bar("verifying blocks", 0);
        let outcome = work(&|height, last| {
            bar.set_length(last);
            bar.set_position(height);
        });
        bar.finish_and_clear();
        outcome
    });
    match done.await {
        Ok(Ok(report)) => Ok(report),
        Ok(Err(error)) => Err(problem(&error)),
        Err(error) => Err(Problem::new("the audit broke down").because(error.to_string())),
    }
}

fn problem(error: &AuditError) -> Problem {
    let (help, exit) = match error {
        AuditError::Scratch(_) => ("choose another --scratch with enough room", Exit::File),
        AuditError::Anchor(_) => ("check the trust anchor", Exit::File),
        AuditError::InUse(_) => ("stop its node first, or audit the node's URL", Exit::File),
        AuditError::Unreachable(_) => ("is the node running?", Exit::Unreachable),
    };
    Problem::new(format!("cannot audit: {error}")).help(help).exits(exit)
}

fn people(target: &str, audited: &Audited) -> String {
    let report = audited.ledger;
    let damaged = audited.contents.map_or(&[][..], |contents| &contents.findings);
    let clean = report.is_clean() && damaged.is_empty();
    let contents = match audited.contents {
        Some(contents) => format!("{} of {} bytes", contents.contents, contents.bytes),
        None => "not audited by URL".into(),
    };
    let amount = |(code, minor): (&String, &u64)| match (code.parse::<Currency>(), Amount::new(*minor)) {
        (Ok(currency), Ok(amount)) => amount.display(currency),
        _ => format!("{minor} minor units of {code}"),
    };
    let money: Vec<String> = report.money.iter().map(amount).collect();
    let head = output::lines(&[
        ("audited", target.to_owned()),
        ("network", report.network.to_string()),
        ("blocks", report.height.to_string()),
        ("log", format!("{} entries, root {}", report.log_size, report.log_root)),
        ("state root", report.state_root.to_string()),
        ("transactions", format!("{} applied, {} refused", report.applied, report.refused)),
        ("money", if money.is_empty() { "none".into() } else { money.join(", ") }),
        ("records", report.rows.to_string()),
        ("side bodies", report.sides.to_string()),
        ("contents", contents),
        ("audit digest", report.digest.to_string()),
        ("verdict", if clean { "everything holds".into() } else { "does not hold".into() }),
    ]);
    let rows = report.findings.iter().map(|finding| [finding.place.clone(), finding.what.clone()]);
    let rows = rows.chain(damaged.iter().map(|(path, what)| [path.display().to_string(), what.clone()]));
    if clean { head } else { format!("{head}\n{}", output::table(["where", "what"], rows)) }
}
