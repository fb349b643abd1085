//! `lonja bench`: what this machine can do, and what a node on it does.

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
    progress,
    scratch::Scratch,
};
use clap::{Args, builder::PossibleValuesParser};
use indicatif::ProgressBar;
use ledger::bench::{self, JoinedIn, Measured, Mix, Outcome, Plan};
use std::{path::PathBuf, time::Duration};

/// Measure this machine and a node on it: committed transactions per second over the real API.
#[derive(Args)]
pub struct Bench {
    /// Records in the state before the measurement
    #[arg(long, default_value_t = 1_000_000, value_name = "N")]
    base_keys: u64,
    /// Parties that sign
    #[arg(long, default_value_t = 300, value_name = "N")]
    signers: u16,
    /// Validators that order, all on this machine
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=16))]
    validators: u16,
    /// How many of the validators are stopped before the loads; the first hundred heights without them are not
    /// in the figures
    #[arg(long, default_value_t = 0, value_name = "N")]
    away: u16,
    /// Start one of them again afterwards, while the first load goes on, and measure how it catches up
    #[arg(long, requires = "away")]
    back: bool,
    /// Send so many transactions a second, spread evenly, instead of as many as go through
    #[arg(long, value_name = "N")]
    rate: Option<u64>,
    /// How long each load runs, in seconds
    #[arg(long, default_value_t = 60, value_name = "N")]
    seconds: u64,
    /// Run this load alone, or several, each named once: how many transactions are in a post (all four)
    #[arg(long = "load", value_name = "LOAD", value_parser = PossibleValuesParser::new(names()))]
    loads: Vec<String>,
    /// Keep the signed transactions of so many blocks in the store, and move older ones into an archive meanwhile
    #[arg(long, value_name = "N")]
    keep_blocks: Option<u64>,
    /// Let a node join by a snapshot afterwards, and measure that
    #[arg(long)]
    join: bool,
    /// Do not audit the ledger afterwards
    #[arg(long)]
    no_audit: bool,
    /// Where the ledger is built; the disk that is measured
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// What a load is called.
fn name((mix, batch): &(Mix, usize)) -> String {
    format!("{mix:?}-{batch}").to_lowercase()
}

fn names() -> [&'static str; 4] {
    ["mixed-100", "light-100", "mixed-1", "light-1"]
}

impl Bench {
    fn runs(&self, load: &(Mix, usize)) -> bool {
        self.loads.is_empty() || self.loads.contains(&name(load))
    }

    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        if self.away >= self.validators {
            return Err(Problem::usage("nobody would be left", "fewer validators are away than there are"));
        }
        let scratch = Scratch::new(self.folder.as_deref(), "bench")?;
        let plan = Plan {
            folder: scratch.path().to_path_buf(),
            base_keys: self.base_keys,
            signers: self.signers,
            validators: self.validators,
            away: self.away,
            back: self.back,
            rate: self.rate,
            keep_blocks: self.keep_blocks,
            join: self.join,
            loads: bench::LOADS.into_iter().filter(|load| self.runs(load)).collect(),
            duration: Duration::from_secs(self.seconds),
            audit: !self.no_audit,
        };
        // A thread of its own: the bench makes runtimes, which may not be done inside of one.
        let (tell, told) = tokio::sync::oneshot::channel();
        let started = std::thread::Builder::new().name("bench".into()).spawn(move || {
            let wheel = Wheel(progress::wheel("bench"));
            let outcome = bench::run(&plan, &wheel);
            wheel.0.finish_and_clear();
            // Nobody waits any more where the command was interrupted.
            drop(tell.send(outcome));
        });
        started.map_err(|error| Problem::new("cannot start a thread").because(error))?;
        let outcome = told.await.map_err(|_| Problem::new("the bench broke down"))?;
        drop(scratch);
        let outcome = outcome.map_err(|error| Problem::new(error.to_string()).help("is there room on the disk?"))?;
        context.print(&outcome, || people(&outcome));
        if outcome.audit_clean == Some(false) {
            let text = format!("the ledger of the bench does not hold: {}", outcome.findings.join("; "));
            return Err(Problem::new(text).exits(Exit::Untrue));
        }
        let loads = outcome.loads.iter().chain(outcome.back.iter().map(|back| &back.load));
        let failed: u64 = loads.map(|load| load.failed).sum();
        if failed > 0 {
            let text =
                format!("{failed} transactions of the loads were refused or lost: the figures are not to be used");
            return Err(Problem::new(text).exits(Exit::Untrue));
        }
        Ok(())
    }
}

/// Shows on stderr what is being done, and each load as soon as it has ended: an audit of millions of
/// transactions comes after them.
struct Wheel(ProgressBar);

impl bench::Watch for Wheel {
    fn doing(&self, what: String) {
        self.0.set_message(what);
    }

    fn measured(&self, load: &Measured) {
        let [name, rate, steady, latency, .., failed] = row(load);
        let text =
            format!("{name}: {rate} tx/s, last to first fifth {steady}, p50 / p99 {latency} ms, {failed} failed");
        self.0.suspend(|| eprintln!("{text}"));
    }
}

fn row(load: &Measured) -> [String; 9] {
    let (first, last) = (load.fifths.first().copied().unwrap_or(0.0), load.fifths.last().copied().unwrap_or(0.0));
    [
        format!("{:?}, {} a post", load.mix, load.batch).to_lowercase(),
        format!("{:.0}", load.per_second),
        format!("{:.2}", if first > 0.0 { last / first } else { 0.0 }),
        format!("{:.1} / {:.1}", load.p50_ms, load.p99_ms),
        format!("{:.0}", load.transaction_bytes),
        format!("{:.1}", load.keys_per_transaction),
        format!("{:.0}", load.cpu_us),
        format!("{:.0}", load.disk_bytes),
        load.failed.to_string(),
    ]
}

fn disk(outcome: &Outcome) -> String {
    let bodies = &outcome.bodies;
    format!(
        "{} MB, of which {} MB are signed transactions of blocks {} to {}; {} MB in the archive, pruned {:.1} s after \
         the load",
        bodies.all_bytes / 1_000_000,
        bodies.store_bytes / 1_000_000,
        bodies.pruned + 1,
        bodies.height,
        bodies.archive_bytes / 1_000_000,
        bodies.behind_seconds
    )
}

fn joined(outcome: &Outcome) -> String {
    outcome.joined.as_ref().map_or("not asked for".into(), |joined| {
        let JoinedIn { records, seconds, seconds_per_million } = joined;
        format!("{records} records in {seconds:.1} s: {seconds_per_million:.1} s for a million")
    })
}

fn people(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    let audit = match outcome.audit_clean {
        Some(true) => "everything holds".to_owned(),
        Some(false) => outcome.findings.join("; "),
        None => "not asked for".to_owned(),
    };
    let head = output::lines(&[
        ("where", outcome.setting.clone()),
        ("Ed25519 verifications/s, one thread", format!("{:.0}", machine.ed25519_per_second)),
        ("SHA-256 of 600 bytes/s, one thread", format!("{:.0}", machine.sha256_per_second)),
        ("fdatasync", format!("{:.3} ms", machine.fsync_ms)),
        ("bare GET, server's CPU", format!("{:.1} µs", machine.get_us)),
        ("base", format!("{} records in {:.1} s", outcome.base_keys, outcome.base_seconds)),
        ("transactions in the ledger", outcome.transactions.to_string()),
        ("on disk", disk(outcome)),
        ("started again", format!("in {:.2} s", outcome.restart_seconds)),
        ("joined by a snapshot", joined(outcome)),
        ("audit", audit),
    ]);
    let back = outcome.back.as_ref().map(|back| {
        format!(
            "\nA validator that was {} heights behind, and {} more that came meanwhile, was there after {:.1} s: {:.0} \
             heights/s, while {:.0} tx/s went on, p50 / p99 {:.1} / {:.1} ms, {} failed.\n",
            back.behind,
            back.meanwhile,
            back.seconds,
            back.heights_per_second,
            back.load.per_second,
            back.load.p50_ms,
            back.load.p99_ms,
            back.load.failed
        )
    });
    let head_row =
        ["load", "tx/s", "last/first fifth", "p50 / p99 ms", "bytes/tx", "keys/tx", "CPU µs/tx", "disk B/tx", "failed"];
    let loads = output::table(head_row, outcome.loads.iter().map(row));
    let threads = outcome.loads.iter().map(|load| {
        let mut threads: Vec<_> = load.cpu_us_by_thread.iter().collect();
        threads.sort_by(|a, b| b.1.total_cmp(a.1));
        let threads: Vec<String> = threads.iter().take(8).map(|(name, us)| format!("{name} {us:.0}")).collect();
        format!("{:?}, {} a post: {}\n", load.mix, load.batch, threads.join(", ")).to_lowercase()
    });
    let threads = threads.collect::<String>();
    format!("{head}\n{loads}{}\nCPU µs/tx by thread:\n{threads}", back.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_load_has_the_name_that_the_option_takes() {
        assert_eq!(bench::LOADS.each_ref().map(name), names());
    }
}
