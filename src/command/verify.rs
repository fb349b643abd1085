//! `lonja verify`: a receipt or an evidence bundle, offline, from the trust anchor alone.

use crate::{
    command::network::trusting,
    context::Context,
    output,
    problem::{Exit, Problem, file},
    witnessing,
};
use clap::Args;
use contracts::{id::Digest, outcome::Entry, transaction::Transaction};
use ledger::{
    note::checkpoint,
    receipt::{RECEIPT_BYTES_MAX, Receipt, Trust, Verified},
    witness::{Policy, policy::Witnessed},
};
use serde::Serialize;
use std::path::PathBuf;

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
    /// A trust policy (C2SP tlog-policy) that the receipts' checkpoints must meet: by their own signatures, or by a
    /// later checkpoint that witnesses cosigned, which the node serves and proves
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
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
    },
}

impl Verify {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let anchor = context.anchor()?;
        let mut trust = Trust::new(anchor.network, anchor.set)
            .map_err(|error| Problem::new("the trust anchor names no usable validator set").because(error))?;
        trusting::follow(context, self.trust.as_deref(), &mut trust)?;
        let policy = self.policy.as_deref().map(witnessing::policy).transpose()?;
        let mut shown = Vec::new();
        for path in &self.files {
            let (mut one, receipt) = self.one(path, &trust)?;
            if let Some(policy) = &policy {
                let receipt = receipt.ok_or_else(|| {
                    Problem::usage(format!("{} is a bundle", path.display()), "--policy is for receipts")
                })?;
                let mut by = witnessed(context, policy, path, &receipt, &trust).await?;
                if by.is_empty() {
                    by.push("nobody: the policy asks for none".into());
                }
                if let Shown::Receipt { witnessed_by, .. } = &mut one {
                    *witnessed_by = by;
                }
            }
            shown.push(one);
        }
        context.print(&shown, || shown.iter().map(people).collect());
        Ok(())
    }

    fn one(&self, path: &PathBuf, trust: &Trust) -> Result<(Shown, Option<Receipt>), Problem> {
        let bytes = std::fs::read(path).map_err(file("read", path))?;
        // A bundle is JSON; a receipt begins with a zero byte.
        if bytes.first() == Some(&b'{') {
            return Ok((bundle(path, &bytes, trust)?, None));
        }
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(untrue(path, "it is longer than any receipt, and no bundle"));
        }
        let receipt = Receipt::decode(&bytes).map_err(|error| untrue(path, error))?;
        let verified = receipt.verify(trust).map_err(|error| untrue(path, error))?;
        if let Some(body) = &self.body {
            check_body(body, path, &verified)?;
        }
        let shown = Shown::Receipt {
            file: path.clone(),
            index: verified.index,
            entry: Box::new(verified.entry),
            checkpoint_size: verified.checkpoint.size,
            checkpoint_root: verified.checkpoint.root,
            signers: verified.signers,
            sealed: output::time(verified.sealed_s.saturating_mul(1_000)),
            witnessed_by: Vec::new(),
        };
        Ok((shown, Some(receipt)))
    }
}

/// Who cosigned so that `policy` holds for the checkpoint of `receipt`, or for one that its log grew to.
async fn witnessed(
    context: &Context,
    policy: &Policy,
    path: &std::path::Path,
    receipt: &Receipt,
    trust: &Trust,
) -> Result<Vec<String>, Problem> {
    let old = receipt.statement.checkpoint;
    let own = receipt.seal.note(&trust.network(), trust.era(old.size), &old).map_err(|error| untrue(path, error))?;
    let names = |met: Witnessed| met.by.iter().map(|(name, _)| name.to_string()).collect();
    if let Ok(met) = policy.check(&own) {
        return Ok(names(met));
    }
    let client = context.client()?;
    let note = client.witnessed().await?;
    let met = policy.check(&note).map_err(|error| untrue(path, format!("the node's witnessed checkpoint: {error}")))?;
    let (origin, new) = checkpoint::parse(note.text()).map_err(|error| untrue(path, error))?;
    if origin != checkpoint::origin(&trust.network()) {
        return Err(untrue(path, format!("the node's witnessed checkpoint is of `{origin}`")));
    }
    // One validator alone signs whatever it likes; the policy asks for one of the log's keys.
    let set = trust.era(new.size);
    let keys = set.validators.iter().map(|validator| checkpoint::log_key(&trust.network(), validator));
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| untrue(path, error))?;
    let signed = note.verify(&keys).map_err(|error| untrue(path, error))?.len();
    if signed < set.quorum() {
        let why = format!("{signed} validators signed the witnessed checkpoint, {} are needed", set.quorum());
        return Err(untrue(path, why));
    }
    if new.size < old.size {
        return Err(Problem::new(format!("{} is newer than what witnesses have cosigned", path.display()))
            .because(format!("they cosigned a log of {} entries, the receipt's has {}", new.size, old.size))
            .help("ask again in half a minute; if it stays so, see `lonja node` and its witnesses")
            .exits(Exit::Unreachable));
    }
    client.check_growth(&old, &new).await?;
    Ok(names(met))
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

fn bundle(path: &std::path::Path, bytes: &[u8], trust: &Trust) -> Result<Shown, Problem> {
    let report = ledger::bundle::verify(bytes, trust).map_err(|error| untrue(path, error))?;
    Ok(Shown::Bundle {
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
    })
}

fn people(shown: &Shown) -> String {
    match shown {
        Shown::Receipt { file, index, entry, checkpoint_size, signers, sealed, witnessed_by, .. } => {
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
            if !witnessed_by.is_empty() {
                lines.push(("witnessed by", witnessed_by.join(", ")));
            }
            output::lines(&lines)
        }
        Shown::Bundle { file, subject_kind, subject, exists, height, time, records, events, receipts, signers } => {
            output::lines(&[
                ("holds", file.display().to_string()),
                ("about", format!("{subject_kind} {subject}{}", if *exists { "" } else { ": there is none" })),
                ("true at", format!("block {height}, {time}")),
                ("holds", format!("{records} records, {events} events, {receipts} receipts")),
                ("signed by", signers.join(", ")),
            ])
        }
    }
}
