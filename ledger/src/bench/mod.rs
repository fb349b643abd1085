//! The bench: committed signed transactions per second of a real node over its real API, beside the
//! limits of the machine measured in the same run, so that results are ratios.
//!
//! A solo node with its keys, files and fsyncs serves on the loopback in threads of its own; the
//! load generator signs and sends from others, on the same machine, and verifies no receipt (a
//! client would; it is not the node's cost). What is measured ends with an audit.

mod cpu;
mod load;
mod machine;
mod setup;

use crate::{
    api::{client::Client, server},
    audit,
    node::{Config, Node, ValidatorKeys},
    testing,
};
use contracts::key::{Signer, TestSigner};
pub use load::Measured;
use serde::Serialize;
use std::{path::PathBuf, sync::Arc, time::Duration};

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder for the ledger; filled, and left to the caller.
    pub folder: PathBuf,
    /// Records in the state before the measurement.
    pub base_keys: u64,
    /// Parties that sign.
    pub signers: u16,
    /// Which loads run, as in [`LOADS`].
    pub loads: Vec<(Mix, usize)>,
    /// How long each of them runs.
    pub duration: Duration,
    /// Whether to audit the ledger afterwards.
    pub audit: bool,
}

/// The loads in their order: what is sent, and how many in one post.
pub const LOADS: [(Mix, usize); 4] = [(Mix::Mixed, 100), (Mix::Light, 100), (Mix::Mixed, 1), (Mix::Light, 1)];

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
    /// Each load.
    pub loads: Vec<Measured>,
    /// Transactions in the ledger at the end.
    pub transactions: u64,
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
    let signer = |seed| Arc::new(TestSigner::of(seed)) as Arc<dyn Signer>;
    let document = testing::document();
    let node = Node::start(Config {
        folder: plan.folder.join("node"),
        document: document.clone(),
        keys: ValidatorKeys { consensus: signer(1), log: signer(2), cosigner: signer(3) },
        confirm_time: true,
    })
    .map_err(|error| BenchError::new("start a node", error))?;
    let listener = serving
        .block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))
        .map_err(|error| BenchError::new("bind a port", error))?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| BenchError::new("bind a port", error))?);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serving.spawn(server::serve(listener, node.handle(), async move { drop(stopped.await) }));
    let client = Client::new(&url, document.anchor()).map_err(|error| BenchError::new("make a client", error))?;

    let begun = std::time::Instant::now();
    let world = loading.block_on(setup::world(&client, plan, progress))?;
    let base_seconds = begun.elapsed().as_secs_f64();
    let mut loads = Vec::new();
    for &(mix, batch) in &plan.loads {
        progress(format!("{mix:?} load in posts of {batch} for {} s", plan.duration.as_secs()));
        let load = load::run(&loading, &client, &node, &world, plan, mix, batch)?;
        watch.measured(&load);
        loads.push(load);
    }
    drop(stop);
    let transactions = client_transactions(&node);
    drop(serving.block_on(async { tokio::time::timeout(Duration::from_secs(10), server).await }));
    node.stop();
    let (audit_clean, findings) = if plan.audit { audited(plan, &document, progress)? } else { (None, Vec::new()) };
    let setting = format!(
        "one machine of {} cores; node, HTTP server and load generator in one process, in threads of their own",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    Ok(Outcome {
        setting,
        machine,
        base_keys: world.base_keys,
        base_seconds,
        loads,
        transactions,
        audit_clean,
        findings,
    })
}

fn client_transactions(node: &Node) -> u64 {
    let status = node.handle().status();
    status.log_size - status.height
}

fn audited(
    plan: &Plan,
    document: &genesis::SignedDocument,
    progress: &(dyn Fn(String) + Sync),
) -> Result<(Option<bool>, Vec<String>), BenchError> {
    let scratch = plan.folder.join("audit");
    let told = |height, tip| progress(format!("auditing the ledger: block {height} of {tip}"));
    let report = audit::folder(&plan.folder.join("node"), document, &document.anchor(), &scratch, &told)
        .map_err(|error| BenchError::new("audit", error))?;
    let findings = report.findings.iter().map(|finding| format!("{}: {}", finding.place, finding.what)).collect();
    Ok((Some(report.is_clean()), findings))
}
