//! What a node tells Prometheus: a registry for each node, so that several run in one process.

use crate::{
    chain::Committed,
    node::{Status, Wanted},
    replica::Judged,
    time::Ahead,
};
use contracts::{id::TimeMs, outcome::Outcome};
use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::time::{Duration, Instant};

/// Counters of one node.
pub struct Metrics {
    registry: Registry,
    applied: Counter,
    refused: Counter,
    blocks: Counter,
    keys: Counter,
    commit_seconds: Histogram,
    height: Gauge,
    waiting: Gauge,
    healthy: Gauge,
    observes: Gauge,
    links: Gauge,
    connected: Gauge,
    base: Gauge,
    pruned: Gauge,
    unarchived: Gauge,
    set_changes: Gauge,
    accusations: Gauge,
    accusations_gone: Gauge,
    open: Gauge,
    unanswered: Gauge,
    set_until: Gauge,
    protocol: Gauge,
    protocol_unknown_from: Gauge,
    blocks_ahead: Counter,
    clock_behind: Gauge,
    unwitnessed_seconds: Gauge,
    /// When witnesses had last cosigned the newest checkpoint, on a node that asks any.
    witnessed: Mutex<Option<Instant>>,
    /// Where the gauge of the clock is taken from, and since when its times count.
    ahead: Mutex<Ahead>,
    started: Instant,
}

/// What is seen when somebody looks.
pub struct Seen {
    /// How the node is.
    pub status: Status,
    /// Validators in force that it caught.
    pub accusations: usize,
    /// Keys of former validators, against which it has evidence that the ledger has not.
    pub gone: usize,
    /// What waits for ballots.
    pub wanted: Wanted,
}

impl Metrics {
    /// Those of a node that started at `started_ms`, in milliseconds since 1970, and keeps the transactions of the newest
    /// `keep_blocks` blocks out of its archive; none where it has no archive.
    pub fn new(started_ms: TimeMs, keep_blocks: Option<u64>) -> Self {
        let mut made = Self::counting_nothing();
        made.registry.register(
            "started_seconds",
            "When this node started, in seconds since 1970",
            standing(started_ms / 1_000),
        );
        if let Some(keep_blocks) = keep_blocks {
            made.registry.register(
                "keep_blocks",
                "Newest blocks whose transactions are not archived; absent where nothing is archived",
                standing(keep_blocks),
            );
        }
        made
    }

    fn counting_nothing() -> Self {
        let buckets = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0];
        let mut made = Self {
            registry: Registry::with_prefix("lonja"),
            applied: Counter::default(),
            refused: Counter::default(),
            blocks: Counter::default(),
            keys: Counter::default(),
            commit_seconds: Histogram::new(buckets),
            height: Gauge::default(),
            waiting: Gauge::default(),
            healthy: Gauge::default(),
            observes: Gauge::default(),
            links: Gauge::default(),
            connected: Gauge::default(),
            base: Gauge::default(),
            pruned: Gauge::default(),
            unarchived: Gauge::default(),
            set_changes: Gauge::default(),
            accusations: Gauge::default(),
            accusations_gone: Gauge::default(),
            open: Gauge::default(),
            unanswered: Gauge::default(),
            set_until: Gauge::default(),
            protocol: Gauge::default(),
            protocol_unknown_from: Gauge::default(),
            blocks_ahead: Counter::default(),
            clock_behind: Gauge::default(),
            unwitnessed_seconds: Gauge::default(),
            witnessed: Mutex::default(),
            ahead: Mutex::default(),
            started: Instant::now(),
        };
        made.registry.register(
            "transactions_applied",
            "Transactions that did what they asked for",
            made.applied.clone(),
        );
        made.registry.register("transactions_refused", "Transactions that a policy refused", made.refused.clone());
        made.registry.register("blocks", "Blocks committed since the start", made.blocks.clone());
        made.registry.register("records_written", "Records that blocks wrote", made.keys.clone());
        made.registry.register(
            "commit_seconds",
            "From ordering a block to its seal, all durable",
            made.commit_seconds.clone(),
        );
        made.registry.register("height", "Height of the newest block", made.height.clone());
        made.registry.register("mempool_transactions", "Transactions that wait for a block", made.waiting.clone());
        made.registry.register("healthy", "1 while the node makes blocks", made.healthy.clone());
        made.registry.register("observes", "1 while the node is no validator", made.observes.clone());
        made.registry.register("links", "Other validators", made.links.clone());
        made.registry.register("links_connected", "Other validators that it is linked with", made.connected.clone());
        made.registry.register(
            "base_height",
            "Height up to which the node has no blocks, since it joined by a snapshot; 0 where it has all",
            made.base.clone(),
        );
        made.registry.register("pruned_height", "Height up to which transactions are archived", made.pruned.clone());
        made.registry.register(
            "archive_failing",
            "1 while old transactions cannot be archived",
            made.unarchived.clone(),
        );
        made.registry.register("set_changes", "Changes of the set of validators", made.set_changes.clone());
        made.registry.register(
            "accusations",
            "Validators in force that this node caught at what no honest one does: at two statements which exclude each other, or at a proposal that breaks the rules",
            made.accusations.clone(),
        );
        made.registry.register(
            "accusations_gone",
            "Keys that have left the set of validators, against which this node has evidence that the ledger has not and does not take any more",
            made.accusations_gone.clone(),
        );
        made.registry.register(
            "proposals_open",
            "Proposals that the validators in force may approve",
            made.open.clone(),
        );
        made.registry.register(
            "proposals_unanswered",
            "Open proposals that this validator has not approved; 0 where the node is none",
            made.unanswered.clone(),
        );
        made.registry.register(
            "set_passed_until_seconds",
            "When the time is over of a set of validators that a quorum decided and whose readiness is awaited, in seconds since 1970; 0 if none",
            made.set_until.clone(),
        );
        made.registry.register("protocol", "Version of the rules of the next block", made.protocol.clone());
        made.registry.register(
            "protocol_unknown_from",
            "Height at which this node stops, since its release does not know the rules decided for it; 0 if none",
            made.protocol_unknown_from.clone(),
        );
        made.registry.register(
            "blocks_ahead",
            "Proposed blocks that this validator did not vote for, since they are too far ahead of its clock",
            made.blocks_ahead.clone(),
        );
        made.registry.register(
            "clock_behind_ms",
            "How far blocks that other validators proposed in the last minute or two were ahead of this node's clock at most",
            made.clock_behind.clone(),
        );
        made.registry.register(
            "unwitnessed_seconds",
            "How long ago witnesses had cosigned the checkpoint that was the newest; 0 where none are asked",
            made.unwitnessed_seconds.clone(),
        );
        made.registry.register(
            "trace_spans_dropped",
            "Spans of traces that were not delivered, of the whole process",
            crate::api::trace::dropped(),
        );
        made
    }

    /// Takes note of a block.
    pub fn committed(&self, block: &Committed, took: Duration) {
        let applied = block.results.iter().filter(|result| result.entry.outcome == Outcome::Applied).count() as u64;
        self.applied.inc_by(applied);
        self.refused.inc_by(block.results.len() as u64 - applied);
        self.blocks.inc();
        self.keys.inc_by(block.keys);
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Takes note of what the clock said of proposed blocks.
    pub fn judged(&self, judged: Judged) {
        self.blocks_ahead.inc_by(judged.unfit);
        self.ahead.lock().note(judged.ahead_ms, self.running_ms());
    }

    /// Takes note that the newest checkpoint is witnessed as of now, or that witnesses are asked from now on.
    pub fn note_witnessed(&self) {
        *self.witnessed.lock() = Some(Instant::now());
    }

    fn running_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Records that blocks wrote since the start.
    pub fn keys_written(&self) -> u64 {
        self.keys.get()
    }

    /// The text that Prometheus reads.
    pub fn render(&self, Seen { status, accusations, gone, wanted }: &Seen) -> String {
        self.height.set(status.height as i64);
        self.waiting.set(status.waiting as i64);
        self.healthy.set(i64::from(status.healthy));
        self.observes.set(i64::from(status.observes));
        self.links.set(status.links.len() as i64);
        self.connected.set(status.links.iter().filter(|link| link.connected).count() as i64);
        self.base.set(status.base as i64);
        self.pruned.set(status.pruned as i64);
        self.unarchived.set(i64::from(status.unarchived.is_some()));
        self.set_changes.set(i64::from(status.era));
        self.accusations.set(*accusations as i64);
        self.accusations_gone.set(*gone as i64);
        self.open.set(wanted.open as i64);
        self.unanswered.set(wanted.unanswered as i64);
        self.set_until.set(wanted.set_until_ms.map_or(0, |until_ms| until_ms / 1_000) as i64);
        self.protocol.set(i64::from(status.protocol));
        let unknown = status.protocol_next.filter(|next| !next.known).map_or(0, |next| next.from);
        self.protocol_unknown_from.set(unknown as i64);
        let behind_ms = self.ahead.lock().most_ms(self.running_ms());
        self.clock_behind.set(i64::try_from(behind_ms).unwrap_or(i64::MAX));
        let witnessed = *self.witnessed.lock();
        self.unwitnessed_seconds.set(witnessed.map_or(0, |at| at.elapsed().as_secs() as i64));
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::from("# the metrics could not be written\n"),
        }
    }
}

/// A number that stays.
fn standing(number: u64) -> Gauge {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_from_the_start_is_told_and_no_archive_where_there_is_none() {
        let told = |keep_blocks| {
            let mut text = String::new();
            encode(&mut text, &Metrics::new(1_700_000_000_999, keep_blocks).registry).unwrap();
            text
        };
        let text = told(Some(2_048));
        assert!(text.contains("\nlonja_started_seconds 1700000000\n"), "{text}");
        assert!(text.contains("\nlonja_keep_blocks 2048\n"), "{text}");
        assert!(!told(None).contains("keep_blocks"));
    }
}
