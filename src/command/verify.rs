//! `lonja verify`: a receipt or an evidence bundle, offline, from the trust anchor alone. A node is asked only for what
//! came later: what witnesses cosigned, and a checkpoint where a key was lost.

mod later;
mod witnessed;

use crate::{
    command::network::trusting,
    context::Context,
    output,
    problem::{Exit, Problem, file},
    witnessing,
};
use clap::Args;
use contracts::{id::Digest, outcome::Entry, transaction::Transaction};
use later::Laters;
use ledger::{
    api::client::Client,
    bundle::Bundle,
    receipt::{RECEIPT_BYTES_MAX, Receipt, Trust, Verified},
};
use serde::Serialize;
use std::path::PathBuf;
use witnessed::Proofs;

/// Verify a receipt or an evidence bundle. Exits 0 only when everything holds.
#[derive(Args)]
pub struct Verify {
    /// Files with receipts or bundles
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A signed transaction that the receipt must be of
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Records of changes of the validator set, as `lonja network trust` wrote them; the directory's trust.json
    /// where it is left out and there is one
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// A trust policy (C2SP tlog-policy) that all checkpoints of the files must meet: by their own signatures, or by
    /// a later checkpoint that witnesses cosigned, which the node serves and proves
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    later: later::Sources,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Shown {
    Receipt {
        file: PathBuf,
        index: u64,
        entry: Box<Entry>,
        checkpoint_size: u64,
        checkpoint_root: Digest,
        /// Entries of the log under the later checkpoint that vouches for it, where its own seal counts no more.
        later_checkpoint_size: Option<u64>,
        signers: Vec<String>,
        sealed: String,
        witnessed_by: Vec<String>,
    },
    Bundle {
        file: PathBuf,
        subject_kind: &'static str,
        subject: contracts::state::Key,
        exists: bool,
        height: u64,
        time: String,
        records: usize,
        events: usize,
        receipts: usize,
        signers: Vec<String>,
        witnessed_by: Vec<String>,
    },
}

impl Verify {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let anchor = context.anchor()?;
        let mut trust = Trust::new(anchor.network, anchor.set)
            .map_err(|error| Problem::new("the trust anchor names no usable validator set").because(error))?;
        trusting::follow(context, self.trust.as_deref(), &mut trust)?;
        let mut laters = Laters::new(&self.later, &mut trust)?;
        let policy = self.policy.as_deref().map(witnessing::policy).transpose()?;
        let mut shown = Vec::new();
        for path in &self.files {
            let (mut one, proofs) = self.one(context, path, &trust, &mut laters).await?;
            if let Some(policy) = &policy {
                let (Shown::Receipt { witnessed_by, .. } | Shown::Bundle { witnessed_by, .. }) = &mut one;
                *witnessed_by = witnessed::by(context, policy, path, &proofs).await?;
            }
            shown.push(one);
        }
        laters.keep().await?;
        context.print(&shown, || shown.iter().map(people).collect());
        Ok(())
    }

    async fn one(
        &self,
        context: &Context,
        path: &PathBuf,
        trust: &Trust,
        laters: &mut Laters<'_>,
    ) -> Result<(Shown, Proofs), Problem> {
        let bytes = std::fs::read(path).map_err(file("read", path))?;
        // A bundle is JSON; a receipt begins with a zero byte.
        if bytes.first() == Some(&b'{') {
            return bundle(path, &bytes, trust);
        }
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(untrue(path, "it is longer than any receipt, and no bundle"));
        }
        let receipt = Receipt::decode(&bytes).map_err(|error| untrue(path, error))?;
        let (verified, later_checkpoint_size) = laters.verify(context, path, &receipt, trust).await?;
        if let Some(body) = &self.body {
            check_body(body, path, &verified)?;
        }
        let shown = Shown::Receipt {
            file: path.clone(),
            index: verified.index,
            entry: Box::new(verified.entry),
            checkpoint_size: verified.checkpoint.size,
            checkpoint_root: verified.checkpoint.root,
            later_checkpoint_size,
            signers: verified.signers,
            sealed: output::time(verified.sealed_s.saturating_mul(1_000)),
            witnessed_by: Vec::new(),
        };
        Ok((shown, Proofs { trust: trust.clone(), receipts: vec![receipt] }))
    }
}

fn check_body(body: &PathBuf, receipt: &std::path::Path, verified: &Verified) -> Result<(), Problem> {
    let bytes = std::fs::read(body).map_err(file("read the transaction", body))?;
    let transaction = Transaction::decode(&bytes).map_err(|error| untrue(body, error))?;
    let digest = Digest::of(&[b"lonja/signed/v1\0", &bytes]);
    match &verified.entry {
        Entry::Transaction(entry) if entry.digest == digest && entry.transaction == transaction.id() => Ok(()),
        _ => Err(untrue(body, format!("it is not the transaction of {}", receipt.display()))),
    }
}

fn untrue(path: &std::path::Path, why: impl ToString) -> Problem {
    Problem::new(format!("{} does not verify", path.display()))
        .because(why.to_string())
        .help("do not rely on it; ask whoever gave it to you, and compare the trust anchor")
        .exits(Exit::Untrue)
}

/// Has the node told `client` of everything that `trust` has followed?
fn knows(client: &Client, path: &std::path::Path, trust: &Trust) -> Result<(), Problem> {
    if client.trust().continues(trust) {
        return Ok(());
    }
    let why = format!("the node at {} does not know all changes of validators that are known here", client.url());
    Err(untrue(path, why))
}

fn bundle(path: &std::path::Path, bytes: &[u8], trust: &Trust) -> Result<(Shown, Proofs), Problem> {
    let bundle = Bundle::decode(bytes).map_err(|error| untrue(path, error))?;
    let report = bundle.verify(trust).map_err(|error| untrue(path, error))?;
    let trust = bundle.trust(trust).map_err(|error| untrue(path, error))?;
    let receipts = std::iter::once(bundle.height.receipt).chain(bundle.receipts).collect();
    let shown = Shown::Bundle {
        file: path.to_path_buf(),
        subject_kind: report.kind,
        subject: report.subject,
        exists: report.exists,
        height: report.height,
        time: output::time(report.time_ms),
        records: report.records,
        events: report.events,
        receipts: report.receipts,
        signers: report.signers,
        witnessed_by: Vec::new(),
    };
    Ok((shown, Proofs { trust, receipts }))
}

fn people(shown: &Shown) -> String {
    match shown {
        Shown::Receipt {
            file,
            index,
            entry,
            checkpoint_size,
            later_checkpoint_size: later,
            signers,
            sealed,
            witnessed_by,
            ..
        } => {
            let entry = match &**entry {
                Entry::Transaction(entry) => format!("transaction {} {:?}", entry.transaction, entry.outcome),
                Entry::Block(block) => format!("block {}", block.height),
            };
            let mut lines = vec![
                ("holds", file.display().to_string()),
                ("entry", format!("{index} in a log of {checkpoint_size}: {entry}")),
                ("signed by", signers.join(", ")),
                ("sealed", sealed.clone()),
            ];
            if let Some(size) = later {
                let why = "since a key under its own may be in other hands";
                lines.insert(2, ("holds by", format!("the later checkpoint of {size} entries, {why}")));
            }
            with_witnesses(lines, witnessed_by)
        }
        Shown::Bundle {
            file,
            subject_kind,
            subject,
            exists,
            height,
            time,
            records,
            events,
            receipts,
            signers,
            witnessed_by,
        } => {
            let lines = vec![
                ("holds", file.display().to_string()),
                ("about", format!("{subject_kind} {subject}{}", if *exists { "" } else { ": there is none" })),
                ("true at", format!("block {height}, {time}")),
                ("holds", format!("{records} records, {events} events, {receipts} receipts")),
                ("signed by", signers.join(", ")),
            ];
            with_witnesses(lines, witnessed_by)
        }
    }
}

fn with_witnesses(mut lines: Vec<(&'static str, String)>, by: &[String]) -> String {
    if !by.is_empty() {
        lines.push(("witnessed by", by.join(", ")));
    }
    output::lines(&lines)
}
