//! The bench: committed signed transactions per second of a real node over its real API, beside the
//! limits of the machine measured in the same run, so that results are ratios.
//!
//! A node with its keys, files and fsyncs serves on the loopback in threads of its own; the load
//! generator signs and sends from others, on the same machine, and verifies no receipt (a client would;
//! it is not the node's cost). With several validators, all their nodes run in the process, linked over
//! TLS as anywhere, and each gets its share of what is sent. What is measured ends with an audit.

mod afterwards;
mod back;
mod cluster;
mod cpu;
mod load;
mod machine;
mod setup;

use crate::{archive::Archive, audit};
pub use afterwards::{Bodies, JoinedIn};
pub use back::Back;
use cluster::Cluster;
pub use load::Measured;
use serde::Serialize;
use std::{path::PathBuf, time::Duration};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder for the ledger; filled, and left to the caller.
    pub folder: PathBuf,
    /// Records in the state before the measurement.
    pub base_keys: u64,
    /// Parties that sign.
    pub signers: u16,
    /// Validators that order; one is a solo network.
    pub validators: u16,
    /// How many of them are stopped before the loads.
    pub away: u16,
    /// Whether one of them is started again afterwards, while the first of the loads goes on.
    pub back: bool,
    /// Transactions a second that are sent, spread evenly; as many as go through where it is none.
    pub rate: Option<u64>,
    /// Signed transactions of so many of the newest blocks stay in the store; all of them where it is none.
    pub keep_blocks: Option<u64>,
    /// Whether a node joins by a snapshot afterwards.
    pub join: bool,
    /// Which loads run, as in [`LOADS`].
    pub loads: Vec<(Mix, usize)>,
    /// How long each of them runs.
    pub duration: Duration,
    /// Whether to audit the ledger afterwards.
    pub audit: bool,
}

/// The loads in their order: what is sent, and how many in one post.
pub const LOADS: [(Mix, usize); 4] = [(Mix::Mixed, 100), (Mix::Light, 100), (Mix::Mixed, 1), (Mix::Light, 1)];

/// Heights after which a network has found out who is away: until then some turns of those are waited for.
pub const SETTLED_AFTER: u64 = 100;

/// The mix of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mix {
    /// 60 % light actions (provenance steps) and 40 % purchases.
    Mixed,
    /// Light actions alone.
    Light,
}

/// What a run measured.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Where everything ran.
    pub setting: String,
    /// What the machine can do, in the same run.
    pub machine: machine::Machine,
    /// Records in the state before the loads.
    pub base_keys: u64,
    /// Seconds that laying them down took.
    pub base_seconds: f64,
    /// Each load. Where somebody is away, the first heights without it are not in them ([`SETTLED_AFTER`]).
    pub loads: Vec<Measured>,
    /// How one that was away came back.
    pub back: Option<Back>,
    /// Transactions in the ledger at the end.
    pub transactions: u64,
    /// What they take on the disk.
    pub bodies: Bodies,
    /// A node that joined by a snapshot, where one was to.
    pub joined: Option<JoinedIn>,
    /// Seconds until the first node, stopped and started again, was healthy.
    pub restart_seconds: f64,
    /// Did the audit find everything in order? `None` where it was not asked for.
    pub audit_clean: Option<bool>,
    /// What the audit found, if anything.
    pub findings: Vec<String>,
}

/// Why a bench could not be run.
#[derive(Debug, thiserror::Error)]
#[error("the bench could not {doing}: {reason}")]
pub struct BenchError {
    doing: &'static str,
    reason: String,
}

impl BenchError {
    fn new(doing: &'static str, reason: impl ToString) -> Self {
        Self { doing, reason: reason.to_string() }
    }
}

/// What happens in a run, for whoever waits for it.
pub trait Watch: Sync {
    /// This is being done.
    fn doing(&self, what: String);
    /// A load has ended; what it measured stands, whatever comes later.
    fn measured(&self, load: &Measured);
}

/// Runs the bench. Blocks for minutes; `watch` is told what happens.
///
/// # Errors
/// [`BenchError`].
pub fn run(plan: &Plan, watch: &dyn Watch) -> Result<Outcome, BenchError> {
    let progress = &|what| watch.doing(what);
    progress("measuring what the machine can do".into());
    let machine = machine::measure(&plan.folder)?;
    let runtime = |name: &str, threads: usize| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder
            .worker_threads(threads)
            .thread_name(name)
            .enable_all()
            .build()
            .map_err(|error| BenchError::new("start threads", error))
    };
    let (serving, loading) = (runtime("node-http", 2)?, runtime("bench-load", 2)?);
    let mut cluster = Cluster::start(&serving, &plan.folder, plan.validators, plan.keep_blocks)?;

    let begun = std::time::Instant::now();
    let world = loading.block_on(setup::world(&cluster.clients[0], plan, progress))?;
    let base_seconds = begun.elapsed().as_secs_f64();
    if plan.away > 0 {
        cluster.stop_some(&serving, plan.away);
        progress(format!("{SETTLED_AFTER} heights without those who are away"));
        load::settle(&loading, &cluster, &world, plan)?;
    }
    let mut loads = Vec::new();
    for &(mix, batch) in &plan.loads {
        progress(format!("{mix:?} load in posts of {batch} for {} s", plan.duration.as_secs()));
        let load = load::run(&loading, &cluster, &world, plan, mix, batch)?;
        watch.measured(&load);
        loads.push(load);
    }
    let back = match plan.loads.first() {
        Some(&load) if plan.back => {
            progress("waiting for a validator that comes back under load".into());
            Some(back::measure((&serving, &loading), &mut cluster, &world, plan, load)?)
        }
        _ => None,
    };
    let transactions = cluster.transactions();
    progress("looking at the disk".into());
    let bodies = afterwards::bodies(&cluster.nodes[0].handle(), plan.keep_blocks, &cluster::archive(&plan.folder, 0))?;
    let joined = plan.join.then(|| {
        progress("a node joins by a snapshot".into());
        afterwards::joined(&loading, &cluster, &plan.folder.join("joined"))
    });
    let joined = joined.transpose()?;
    let document = cluster.stop(&serving)?;
    progress("starting a node again".into());
    let restart_seconds =
        afterwards::restart(cluster::config(&plan.folder, 0, plan.validators, &document, plan.keep_blocks))?;
    let (audit_clean, findings) = if plan.audit { audited(plan, &document, progress)? } else { (None, Vec::new()) };
    let setting = format!(
        "one machine of {} cores; {} with HTTP server, and load generator in one process, in threads of their own",
        std::thread::available_parallelism().map_or(0, usize::from),
        match (plan.validators, plan.away) {
            (1, _) => "a node".into(),
            (count, 0) => format!("{count} validators, each"),
            (count, away) => format!("{count} validators of which {away} are away, each"),
        }
    );
    Ok(Outcome {
        setting,
        machine,
        base_keys: world.base_keys,
        base_seconds,
        loads,
        back,
        transactions,
        bodies,
        joined,
        restart_seconds,
        audit_clean,
        findings,
    })
}

fn audited(
    plan: &Plan,
    document: &genesis::SignedDocument,
    progress: &(dyn Fn(String) + Sync),
) -> Result<(Option<bool>, Vec<String>), BenchError> {
    let told = |height, tip| progress(format!("auditing the ledger: block {height} of {tip}"));
    let mut findings = Vec::new();
    for number in 0..plan.validators {
        let (folder, scratch) = (cluster::folder(&plan.folder, number), plan.folder.join(format!("audit-{number}")));
        let archive = plan.keep_blocks.map(|_| Archive::new(cluster::archive(&plan.folder, number)));
        let elsewhere = audit::Elsewhere { archive, node: None };
        let (report, _) = audit::folder_and_ledger(&folder, document, &document.anchor(), &scratch, elsewhere, &told)
            .map_err(|error| BenchError::new("audit", error))?;
        findings.extend(report.findings.iter().map(|finding| format!("{}: {}", finding.place, finding.what)));
    }
    Ok((Some(findings.is_empty()), findings))
}
