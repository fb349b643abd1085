//! What a witness tells Prometheus. Labels are reasons from a list, and logs that it knows: both are bounded.

use super::server::Refusal;
use crate::limits::WITNESS_LOG_KEYS_MAX;
use contracts::id::Digest;
use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Why a checkpoint was refused, as a label has it.
const REASONS: [&str; 7] =
    ["malformed", "unknown-origin", "bad-signature", "few-signatures", "other-size", "inconsistent", "failed"];

fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Malformed(_) | Refusal::Shrinking { .. } => "malformed",
        Refusal::Origin(_) => "unknown-origin",
        Refusal::Signature(_) => "bad-signature",
        Refusal::Few { .. } => "few-signatures",
        Refusal::Conflict { .. } => "other-size",
        Refusal::Inconsistent(_) => "inconsistent",
        Refusal::Clock(_) | Refusal::Sign(_) | Refusal::Record(_) => "failed",
    }
}

/// One label and its value.
type Label<V> = [(&'static str, V); 1];

/// Counters of one witness.
pub(super) struct Counts {
    registry: Registry,
    cosigned: Counter,
    refused: Family<Label<&'static str>, Counter>,
    newest_s: Gauge,
    logs: Gauge,
    sizes: Family<Label<String>, Gauge>,
    healthy: Gauge,
    /// Held while they are written: sizes are taken away and put back then.
    writing: Mutex<()>,
}

impl Default for Counts {
    fn default() -> Self {
        let mut made = Self {
            registry: Registry::with_prefix("lonja_witness"),
            cosigned: Counter::default(),
            refused: Family::default(),
            newest_s: Gauge::default(),
            logs: Gauge::default(),
            sizes: Family::default(),
            healthy: Gauge::default(),
            writing: Mutex::default(),
        };
        // What never happened is 0, and not absent: an alert counts from there.
        REASONS.iter().for_each(|reason| drop(made.refused.get_or_create(&[("reason", *reason)])));
        let registry = &mut made.registry;
        registry.register("cosigned", "Checkpoints that were cosigned", made.cosigned.clone());
        registry.register("refused", "Checkpoints that were not cosigned, by the reason", made.refused.clone());
        registry.register(
            "cosigned_seconds",
            "When the last one was cosigned, in seconds since 1970; 0 if none since the start",
            made.newest_s.clone(),
        );
        registry.register("logs", "Logs that are known", made.logs.clone());
        registry.register(
            "size",
            "Entries of the newest checkpoint that was cosigned of a known log, by the SHA-256 of its origin",
            made.sizes.clone(),
        );
        registry.register("healthy", "1 while it can sign and record", made.healthy.clone());
        registry.register(
            "trace_spans_dropped",
            "Spans of traces that were not delivered, of the whole process",
            crate::api::trace::dropped(),
        );
        made
    }
}

impl Counts {
    /// Takes note of an answer that was given at `now_s`, in seconds since 1970.
    pub fn note(&self, answer: Result<(), &Refusal>, now_s: u64) {
        match answer {
            Ok(()) => {
                self.cosigned.inc();
                self.newest_s.set(whole(now_s));
            }
            Err(refusal) => {
                self.refused.get_or_create(&[("reason", reason(refusal))]).inc();
            }
        }
    }

    /// The text that Prometheus reads, of a witness that knows `logs`: of each the hash of its origin, and the newest
    /// size, where one was cosigned.
    pub fn render(&self, healthy: bool, logs: &[(Digest, Option<u64>)]) -> String {
        let _writing = self.writing.lock();
        self.healthy.set(i64::from(healthy));
        self.logs.set(logs.len() as i64);
        self.sizes.clear();
        for (origin, size) in logs.iter().take(WITNESS_LOG_KEYS_MAX) {
            if let Some(size) = size {
                self.sizes.get_or_create(&[("origin", origin.to_string())]).set(whole(*size));
            }
        }
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::from("# the metrics could not be written\n"),
        }
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
