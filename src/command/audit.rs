//! `lonja audit`: everything again from the founding, with nothing believed but the trust anchor.

mod directory;

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
    progress::Stages,
    scratch::Scratch,
};
use clap::Args;
use contracts::money::{Amount, Currency};
use directory::Services;
use genesis::{Layout, TrustAnchor};
use ledger::{
    api::client::Client,
    audit::{self, AuditError, Report},
};
use serde::Serialize;
use std::path::PathBuf;

/// What an audit shows that it is doing most of the time.
const VERIFYING: &str = "verifying blocks";

/// Verify a whole ledger again, from its founding; of a directory, also its key files, and all that
/// marketplace and explorer hold. Exits 0 only when everything holds.
///
/// What the marketplace keeps sealed is opened as well where the passphrase lies in a file
/// (LONJA_PASSPHRASE_FILE, or DIR/passphrase); nobody is asked for it.
#[derive(Args)]
pub struct Audit {
    /// A network's directory (its services stopped), or the URL of a running node; --dir where it is left out
    target: Option<String>,
    /// Where to build the ledger anew; it needs as much room as what is audited
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// URL of a node that has all blocks, where the directory joined by a snapshot or
    /// lost its archive; it need not be trusted
    #[arg(long, value_name = "URL")]
    blocks: Option<String>,
}

impl Audit {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let target = self.target.unwrap_or_else(|| context.layout().root().display().to_string());
        let is_node = target.starts_with("http://") || target.starts_with("https://");
        if let (true, Some(url)) = (is_node, &self.blocks) {
            return Err(Problem::usage(
                format!("--blocks completes a directory, and {target} is a node"),
                format!("audit the other node by itself: lonja audit {url}"),
            ));
        }
        let scratch = Scratch::new(self.scratch.as_deref(), "audit")?;
        let (report, services) = if is_node {
            let client = context.client_at(&target)?;
            (by_url(client, context.anchor()?, scratch).await?, None)
        } else {
            let layout = Layout::at(&target);
            let anchor = if context.has_anchor() { context.anchor()? } else { layout.anchor()? };
            let blocks = self.blocks.map(|url| Client::new(&url, anchor.clone())).transpose()?;
            let (report, services) = directory::audit(context, &layout, anchor, blocks, scratch.path()).await?;
            (report, Some(services))
        };
        let audited = Audited { ledger: &report, services: services.as_ref() };
        context.print(&audited, || people(&target, &audited));
        if report.is_clean() {
            return match (&report.unexecuted, &report.unserved) {
                (None, None) => Ok(()),
                (Some(reason), _) => Err(Problem::new(format!("no block of {target} was executed again"))
                    .because(reason.clone())
                    .help("name a node that has all blocks with --blocks URL; it need not be trusted")
                    .exits(Exit::Partly)),
                (None, Some(reason)) => Err(Problem::new(format!("{target} does not serve all blocks"))
                    .because(reason.clone())
                    .help("audit a node that has them, or the directory of this one with --blocks URL")
                    .exits(Exit::Partly)),
            };
        }
        let count = report.findings.len() as u64 + report.more_findings;
        Err(Problem::new(format!("{target} does not hold: {count} findings"))
            .help("each finding above says where; restore that part from a copy, never the high-water file")
            .exits(Exit::Untrue))
    }
}

/// What was audited: the ledger, and what else a directory holds.
#[derive(Serialize)]
struct Audited<'a> {
    #[serde(flatten)]
    ledger: &'a Report,
    #[serde(flatten)]
    services: Option<&'a Services>,
}

/// Audits what a node serves, on a thread of its own, since it computes for minutes.
async fn by_url(client: Client, anchor: TrustAnchor, scratch: Scratch) -> Result<Report, Problem> {
    let document = client.document().await?;
    let runtime = tokio::runtime::Handle::current();
    let done = tokio::task::spawn_blocking(move || {
        let stages = Stages::new("asking the node");
        let told = |height, last| stages.at(VERIFYING, height, last);
        audit::url(client, &document, &anchor, scratch.path(), &runtime, &told)
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
        AuditError::DiskFull(_) => ("opening the ledger needs room; nothing was found to be wrong with it", Exit::File),
        AuditError::Newer(_) => ("nothing was audited, and nothing was found to be wrong with it", Exit::File),
        AuditError::InUse(_) => ("stop its node first, or audit the node's URL", Exit::File),
        AuditError::Away(_) => (
            "nothing was found to be wrong: try again when the node, or the bucket of [retention.archive], can be reached; \
             in the place of a node whose blocks do not hold, name another with --blocks",
            Exit::Unreachable,
        ),
    };
    Problem::new(format!("cannot audit: {error}")).help(help).exits(exit)
}

fn people(target: &str, audited: &Audited) -> String {
    let report = audited.ledger;
    let amount = |(code, minor): (&String, &u64)| match (code.parse::<Currency>(), Amount::new(*minor)) {
        (Ok(currency), Ok(amount)) => amount.display(currency),
        _ => format!("{minor} minor units of {code}"),
    };
    let money: Vec<String> = report.money.iter().map(amount).collect();
    let mut lines = vec![
        ("audited", target.to_owned()),
        ("network", report.network.to_string()),
        ("blocks", report.height.to_string()),
        ("newest block", if report.height == 0 { "none".into() } else { output::time(report.time_ms) }),
        ("log", format!("{} entries, root {}", report.log_size, report.log_root)),
        ("state root", report.state_root.to_string()),
        ("transactions", format!("{} applied, {} refused", report.applied, report.refused)),
        ("money", if money.is_empty() { "none".into() } else { money.join(", ") }),
        ("records", report.rows.to_string()),
        ("side bodies", report.sides.to_string()),
    ];
    lines.extend(audited.services.map(of_services).unwrap_or_else(|| vec![("services", "not audited by URL".into())]));
    lines.extend(report.not_audited.iter().map(|part| ("not audited", part.clone())));
    lines.push(("audit digest", report.digest.to_string()));
    lines.extend(audited.services.map(|services| ("directory digest", services.directory_digest.to_string())));
    lines.push(("verdict", verdict(report)));
    let head = output::lines(&lines);
    if report.is_clean() {
        return head;
    }
    let rows = report.findings.iter().map(|finding| [finding.place.clone(), finding.what.clone()]);
    format!("{head}\n{}", output::table(["where", "what"], rows))
}

fn verdict(report: &Report) -> String {
    let unsealed = match report.unsealed {
        0 => String::new(),
        1 => "; the newest block is decided, and its seal had not come when the node stopped".into(),
        count => format!("; the newest {count} blocks are decided, and their seals had not come when the node stopped"),
    };
    match (report.is_clean(), &report.unexecuted, &report.unserved) {
        (false, ..) => "does not hold".into(),
        (true, None, None) => format!("everything holds{unsealed}"),
        (true, Some(reason), _) => {
            format!("hashes and signatures hold; no block was executed again, since {reason}{unsealed}")
        }
        (true, None, Some(reason)) => match report.height {
            0 => format!("no block was audited, since {reason}"),
            height => format!("blocks up to {height} hold; none after them was audited, since {reason}"),
        },
    }
}

fn of_services(services: &Services) -> Vec<(&'static str, String)> {
    let mut lines = vec![("key files", services.keys.to_string())];
    if let Some(market) = &services.market {
        let sealed = if services.opened { "opened" } else { "not opened, for lack of the passphrase" };
        lines.extend([
            ("marketplace", format!("{} rows of its own; what is sealed was {sealed}", market.rows)),
            ("vault", format!("{} records, {} erasures", market.vault.records, market.vault.erasures)),
            ("orders", format!("{}, {} open", market.orders.orders, market.orders.open)),
            (
                "contents",
                match market.contents_elsewhere {
                    true => "in a bucket, not audited".into(),
                    false => format!("{} of {} bytes", market.contents, market.content_bytes),
                },
            ),
            ("its read models", format!("up to block {}, {} listings found", market.rows_height, market.listings)),
        ]);
    }
    if let Some(explorer) = &services.explorer {
        lines.push(("explorer", format!("up to block {}, {} rows", explorer.height, explorer.rows)));
    }
    lines
}
