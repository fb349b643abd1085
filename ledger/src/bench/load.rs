//! One load: tasks that sign and send without pause, counted minute by minute.

use super::{BenchError, Mix, Plan, SETTLED_AFTER, cluster::Cluster, cpu, setup::World};
use crate::{
    api::{
        Answer, Problem,
        client::{Client, ClientError},
    },
    node::Handle,
    submission::Submission,
};
use borsh::BorshDeserialize;
use contracts::{
    action::Action,
    agreement::Buy,
    id::Height,
    money::Amount,
    provenance::{Activity, RecordStep},
    vocabulary::Purpose,
};
use parking_lot::Mutex;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// Requests at work at once, for batches and for single posts.
const TASKS: [(usize, usize); 2] = [(100, 24), (1, 256)];
/// How long those who are away may take to be found out.
const SETTLED_MAX: Duration = Duration::from_secs(600);
/// How long what may succeed later is handed in again: longer than a machine stands still that a bench says anything of.
pub(super) const AGAIN_FOR: Duration = Duration::from_secs(60);
/// How often.
pub(super) const AGAIN_EVERY: Duration = Duration::from_millis(50);
/// How often a load looks whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Light actions of ten in the mixed load.
const LIGHT_OF_TEN: u64 = 6;
/// Latencies that are kept. Of more, every second one is dropped and every second one taken on, so
/// that all moments of the load count alike.
const LATENCIES_MAX: usize = 1_000_000;

/// What one load measured.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// Its mix.
    pub mix: Mix,
    /// Transactions in a post.
    pub batch: usize,
    /// Committed and acknowledged transactions per second, over all.
    pub per_second: f64,
    /// The same for each fifth of the time.
    pub fifths: Vec<f64>,
    /// Refused or failed, which should be none. What a node could not take in for a moment, and did later, waited longer.
    pub failed: u64,
    /// Bytes of a signed transaction, on average.
    pub transaction_bytes: f64,
    /// Records written for each transaction, on average.
    pub keys_per_transaction: f64,
    /// Transactions in a block, on average.
    pub per_block: f64,
    /// From sending to the receipt, in milliseconds.
    pub p50_ms: f64,
    /// From sending to the receipt, in milliseconds.
    pub p99_ms: f64,
    /// CPU of the whole process for each transaction, in microseconds, generator included.
    pub cpu_us: f64,
    /// CPU for each transaction by name of thread, in microseconds: the profile.
    pub cpu_us_by_thread: BTreeMap<String, f64>,
    /// Bytes that the store grew for each transaction, after its own compression, log included.
    pub disk_bytes: f64,
}

struct Counters {
    committed: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    height: AtomicU64,
    latencies: Mutex<Latencies>,
}

/// Latencies in microseconds, one of each `step`, [`LATENCIES_MAX`] at most.
struct Latencies {
    step: u64,
    seen: u64,
    kept_us: Vec<u32>,
}

impl Latencies {
    fn add(&mut self, latency: Duration) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.step) {
            return;
        }
        self.kept_us.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
        if self.kept_us.len() >= LATENCIES_MAX {
            // The second, the fourth, and so on: those that the doubled step would have kept.
            self.kept_us = self.kept_us.iter().skip(1).step_by(2).copied().collect();
            self.step *= 2;
        }
    }

    /// Milliseconds below which `shares` of all lie.
    fn quantiles_ms<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        let mut sorted = self.kept_us.clone();
        sorted.sort_unstable();
        shares
            .map(|share| sorted.get((sorted.len() as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1_000.0))
    }
}

/// Runs a load as long as the plan says.
pub(super) fn run(
    runtime: &Runtime,
    cluster: &Cluster,
    world: &World,
    plan: &Plan,
    mix: Mix,
    batch: usize,
) -> Result<Measured, BenchError> {
    let to = To { node: &cluster.nodes[0].handle(), clients: &cluster.clients };
    run_until(runtime, to, world, plan, (mix, batch), plan.duration, &AtomicBool::new(false))
}

/// Runs the first load until those who are away have been found out. Nothing of it is measured.
pub(super) fn settle(runtime: &Runtime, cluster: &Cluster, world: &World, plan: &Plan) -> Result<(), BenchError> {
    let Some(&load) = plan.loads.first() else { return Ok(()) };
    let handle = cluster.nodes[0].handle();
    let (goal, begun, over) = (handle.status().height + SETTLED_AFTER, Instant::now(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while handle.status().height < goal && begun.elapsed() < SETTLED_MAX {
                std::thread::sleep(Duration::from_millis(20));
            }
            over.store(true, Ordering::Relaxed);
        });
        let to = To { node: &handle, clients: &cluster.clients };
        run_until(runtime, to, world, plan, load, SETTLED_MAX, &over)
    })?;
    if handle.status().height < goal {
        return Err(BenchError::new("go on without those who are away", format!("{:?}", handle.status().reason)));
    }
    Ok(())
}

/// Where a load is sent, and the node whose figures count.
#[derive(Clone, Copy)]
pub(super) struct To<'a> {
    pub node: &'a Handle,
    pub clients: &'a [Client],
}

/// Runs a load for `duration` at most, or until it is `over`.
pub(super) fn run_until(
    runtime: &Runtime,
    To { node, clients }: To,
    world: &World,
    plan: &Plan,
    (mix, batch): (Mix, usize),
    duration: Duration,
    over: &AtomicBool,
) -> Result<Measured, BenchError> {
    let ended = Arc::new(AtomicBool::new(false));
    let tasks = TASKS.iter().find(|(size, _)| *size == batch).map_or(32, |(_, tasks)| *tasks);
    let counters = Arc::new(Counters {
        committed: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        height: AtomicU64::new(node.status().height),
        latencies: Mutex::new(Latencies { step: 1, seen: 0, kept_us: Vec::new() }),
    });
    let (cpu_before, disk_before, height_before) = (cpu::by_thread(), disk(node), node.status().height);
    let keys_before = node.keys_written();
    let begun = Instant::now();
    let until = begun + duration;
    let fifths = runtime.block_on(async {
        let workers: Vec<_> = (0..tasks)
            .map(|task| {
                let pause = plan.rate.map(|rate| Duration::from_secs_f64((tasks * batch) as f64 / rate.max(1) as f64));
                let client = clients[task % clients.len()].clone();
                let actions = actions(world, mix, task);
                let end = (until, ended.clone());
                tokio::spawn(work(client, actions, counters.clone(), batch, (task, pause), end))
            })
            .collect();
        let mut fifths = Vec::new();
        let mut last = 0;
        'all: for fifth in 1..=5u32 {
            let end = begun + duration / 5 * fifth;
            while Instant::now() < end {
                if over.load(Ordering::Relaxed) {
                    break 'all;
                }
                tokio::time::sleep_until(end.min(Instant::now() + LOOK_EVERY).into()).await;
            }
            let now = counters.committed.load(Ordering::Relaxed);
            fifths.push((now - last) as f64 / (duration / 5).as_secs_f64());
            last = now;
        }
        ended.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.map_err(|error| BenchError::new("send", error))?;
        }
        Ok::<_, BenchError>(fifths)
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let count = counters.committed.load(Ordering::Relaxed).max(1) as f64;
    let used = cpu::between(&cpu_before, &cpu::by_thread());
    let [p50_ms, p99_ms] = counters.latencies.lock().quantiles_ms([0.5, 0.99]);
    Ok(Measured {
        mix,
        batch,
        per_second: count / seconds,
        fifths,
        failed: counters.failed.load(Ordering::Relaxed),
        transaction_bytes: counters.bytes.load(Ordering::Relaxed) as f64 / count,
        keys_per_transaction: (node.keys_written() - keys_before) as f64 / count,
        per_block: count / (node.status().height - height_before).max(1) as f64,
        p50_ms,
        p99_ms,
        cpu_us: used.values().sum::<f64>() / count * 1e6,
        cpu_us_by_thread: used.into_iter().map(|(name, seconds)| (name, seconds / count * 1e6)).collect(),
        disk_bytes: disk(node).saturating_sub(disk_before) as f64 / count,
    })
}

/// Bytes in the store's folder.
fn disk(node: &Handle) -> u64 {
    let folder = std::fs::read_dir(node.store().kv().path());
    folder
        .map(|files| files.flatten().filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum())
        .unwrap_or(0)
}

/// What a light action says, so long that a transaction of the load has some 600 bytes on average:
/// purchases have 236, so the light actions beside them say more.
fn note(mix: Mix) -> String {
    let day = "All detectors of the district reported; gaps shorter than two bins were left as they are, longer ones \
               are marked in the quality column and counted in the daily summary of the publisher. No value was \
               changed by hand.";
    let repair = " Detector 17 was exchanged in the morning: its first two bins are left out, since the new loop was \
                  not calibrated yet; the protocol of the calibration lies with the maintenance contract. The street \
                  beside it was closed in the afternoon, so its counts are low and right.";
    match mix {
        Mix::Light => format!("{day} Street by street."),
        Mix::Mixed => format!("{day}{repair}"),
    }
}

/// An endless supply of actions, another signer each time.
fn actions(
    world: &World,
    mix: Mix,
    task: usize,
) -> impl FnMut() -> (crate::api::client::Identity, Action) + Send + 'static {
    let (signers, datasets, offers) = (world.signers.clone(), world.datasets.clone(), world.offers.clone());
    let mut number = task as u64 * 1_000_003;
    let note = note(mix);
    move || {
        number += 1;
        let at = number as usize % signers.len();
        let light = mix == Mix::Light || number % 10 < LIGHT_OF_TEN;
        let action = if light {
            Action::RecordStep(RecordStep {
                dataset: datasets[at],
                activity: Activity::Refresh,
                run: u128::from(number).to_be_bytes(),
                job: "ingest/counters/hourly".into(),
                tool: "counter-gateway 4.2 (loop detectors, 15-minute bins, clock of the controller)".into(),
                started_ms: number,
                ended_ms: number + 900_000,
                inputs: Vec::new(),
                note: note.clone(),
            })
        } else {
            // Never one's own, which the rules refuse.
            let away = 1 + number as usize / signers.len() % (offers.len() - 1);
            let offer = offers[(at + away) % offers.len()];
            Action::Buy(Buy {
                offer,
                revision: 1,
                purpose: Purpose::Planning,
                periods: 1,
                amount: Amount::new(1).expect("below the limit"),
                quote: None,
                justification: None,
            })
        };
        (signers[at].clone(), action)
    }
}

async fn work(
    client: Client,
    mut next: impl FnMut() -> (crate::api::client::Identity, Action),
    counters: Arc<Counters>,
    batch: usize,
    (task, pause): (usize, Option<Duration>),
    (until, ended): (Instant, Arc<AtomicBool>),
) {
    // Tasks do not begin together, or they would all send at once for ever.
    let mut next_at = Instant::now() + pause.map_or(Duration::ZERO, |pause| pause.mul_f64(task as f64 / 24.0 % 1.0));
    while Instant::now() < until && !ended.load(Ordering::Relaxed) {
        if let Some(pause) = pause {
            tokio::time::sleep_until(next_at.into()).await;
            next_at += pause;
        }
        let height: Height = counters.height.load(Ordering::Relaxed);
        let sign = |(who, action)| client.sign(&who, action, None, height);
        let Ok(part) = (0..batch).map(|_| sign(next())).collect::<Result<Vec<Submission>, _>>() else { return };
        hand_in(&client, part, &counters).await;
    }
}

/// Hands `part` in, and again what may succeed later, as a caller would: a node that makes no blocks for a moment says so
/// and loses nothing. The time counts on meanwhile.
async fn hand_in(client: &Client, mut part: Vec<Submission>, counters: &Counters) {
    let begun = Instant::now();
    while !part.is_empty() {
        let body = borsh::to_vec(&part).expect("writing to memory does not fail");
        let (count, bytes) = (part.len() as u64, body.len() as u64);
        let answer = client.post("/v1/submissions", body).await;
        let may_succeed = |problem: &Problem| problem.retryable && begun.elapsed() < AGAIN_FOR;
        match answer.map(|answer| Vec::<Answer>::try_from_slice(&answer)) {
            Ok(Ok(answers)) => {
                let (mut committed, mut failed, mut again) = (0, 0, Vec::new());
                for (submission, answer) in part.into_iter().zip(answers) {
                    match answer {
                        // What is signed next is valid from here on: a minute has more blocks than a validity.
                        Answer::Committed(one) if one.applied() => {
                            counters.height.fetch_max(one.height, Ordering::Relaxed);
                            committed += 1;
                        }
                        Answer::Problem(said) if serde_json::from_str(&said).is_ok_and(|said| may_succeed(&said)) => {
                            again.push(submission);
                        }
                        _ => failed += 1,
                    }
                }
                counters.failed.fetch_add(failed, Ordering::Relaxed);
                counters.committed.fetch_add(committed, Ordering::Relaxed);
                // As many as those that are done have on average.
                counters.bytes.fetch_add(bytes * (committed + failed) / count, Ordering::Relaxed);
                if again.is_empty() {
                    counters.latencies.lock().add(begun.elapsed());
                    return;
                }
                part = again;
            }
            Err(ClientError::Problem(problem)) if may_succeed(&problem) => {}
            _ => {
                counters.failed.fetch_add(count, Ordering::Relaxed);
                part.clear();
            }
        }
        tokio::time::sleep(AGAIN_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_thinned_out_evenly() {
        let mut latencies = Latencies { step: 1, seen: 0, kept_us: Vec::new() };
        let count = 3 * LATENCIES_MAX as u64;
        (1..=count).for_each(|us| latencies.add(Duration::from_micros(us)));
        assert_eq!(latencies.step, 4);
        assert!(latencies.kept_us.iter().enumerate().all(|(at, us)| u64::from(*us) == 4 * (at as u64 + 1)));
        let [p50, p99] = latencies.quantiles_ms([0.5, 0.99]);
        assert!((p50 - 1_500.0).abs() < 1.0 && (p99 - 2_970.0).abs() < 1.0, "{p50} {p99}");
    }
}
