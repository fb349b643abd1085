//! The queue of spans, and the task that empties it.

use super::{http::Http, settings::Settings};
use crate::problem::Problem;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanExporter as _, SpanProcessor},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// How often the log is told at most that spans do not arrive: a collector that comes and goes is one thing to mend.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What is known of the process besides its name.
pub type Known = BTreeMap<&'static str, String>;

/// Where finished spans go. It never waits.
#[derive(Debug)]
pub struct Queue {
    spans: Sender<SpanData>,
    dropped: Arc<AtomicU64>,
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.spans.try_send(span).is_err() {
            count(&self.dropped, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        // The task does it when it is asked to stop; nobody else may be made to wait for a collector.
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn count(dropped: &AtomicU64, spans: u64) {
    dropped.fetch_add(spans, Ordering::Relaxed);
    ledger::api::trace::dropped().inc_by(spans);
}

/// Takes spans out of the queue and sends them.
pub struct Delivery {
    spans: Receiver<SpanData>,
    dropped: Arc<AtomicU64>,
    exporter: SpanExporter,
    http: Http,
    resource: Resource,
    known: &'static Mutex<Known>,
    /// How much of what is known the exporter was told.
    told: Known,
    batch_max: usize,
    pause: Duration,
    health: Health,
}

impl Delivery {
    /// A queue, and what empties it.
    ///
    /// # Errors
    /// Where the settings make no exporter.
    pub fn new(
        settings: &Settings,
        resource: Resource,
        known: &'static Mutex<Known>,
    ) -> Result<(Queue, Self), Problem> {
        let http = Http::new(settings.time_max)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(http.clone())
            .with_endpoint(settings.endpoint.clone())
            .with_timeout(settings.time_max)
            .with_retry_policy(RetryPolicy::recommended())
            .build();
        // Its text may tell the endpoint, which is not for everybody.
        let mut exporter = exporter.map_err(|_| {
            Problem::usage("traces cannot be sent as the OTEL_ variables say", "see operations/watch.md, `Traces`")
        })?;
        exporter.set_resource(&resource);
        let (sender, spans) = channel(settings.queue_max);
        let dropped = Arc::new(AtomicU64::new(0));
        let health = Health::new(settings.shown.clone());
        let queue = Queue { spans: sender, dropped: dropped.clone() };
        let (batch_max, pause, told) = (settings.batch_max, settings.pause, Known::new());
        Ok((queue, Self { spans, dropped, exporter, http, resource, known, told, batch_max, pause, health }))
    }

    /// Sends spans until `stop`, and then what is in the queue.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let batch = self.batch(&stop).await;
            if batch.is_empty() {
                return;
            }
            self.describe();
            let spans = batch.len() as u64;
            let sent = self.exporter.export(batch).await;
            let reason = sent.err().map(|error| self.http.reason().unwrap_or_else(|| said(error)));
            if reason.is_some() {
                count(&self.dropped, spans);
            }
            self.health.after(reason, self.dropped.load(Ordering::Relaxed), Instant::now());
        }
    }

    /// As many spans as one request takes, or those that came in a while. Empty when there will be no more.
    async fn batch(&mut self, stop: &CancellationToken) -> Vec<SpanData> {
        let mut batch = Vec::with_capacity(self.batch_max);
        let mut due: Option<Instant> = None;
        while batch.len() < self.batch_max {
            let room = self.batch_max - batch.len();
            if stop.is_cancelled() {
                self.spans.close();
                if self.spans.recv_many(&mut batch, room).await == 0 {
                    break;
                }
                continue;
            }
            let waited = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                came = self.spans.recv_many(&mut batch, room) => if came == 0 { break },
                () = waited => break,
                () = stop.cancelled() => {}
            }
            due = due.or_else(|| Some(Instant::now() + self.pause));
        }
        batch
    }

    /// Tells the exporter what has become known of the process since.
    fn describe(&mut self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known == self.told {
            return;
        }
        let attributes = known.iter().map(|(what, value)| KeyValue::new(*what, value.clone()));
        let of_variables = self.resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        // Whoever runs it has the last word.
        let resource = Resource::builder_empty().with_attributes(attributes).with_attributes(of_variables).build();
        self.exporter.set_resource(&resource);
        self.told = known;
    }
}

/// What the exporter says, without what it puts before everything.
fn said(error: OTelSdkError) -> String {
    match error {
        OTelSdkError::InternalFailure(text) => text,
        other => other.to_string(),
    }
}

/// Whether traces arrive. The log hears of it when that changes and not of each span, and of a collector that comes and
/// goes once in [`WARN_EVERY`]: with how many spans were lost meanwhile without a word.
struct Health {
    to: String,
    /// Since when they do not arrive.
    outage: Option<Outage>,
    warned: Option<Instant>,
    /// How many had been dropped at the last look.
    seen: u64,
    /// How many of them the log was told, or will be when the outage that it knows of is over.
    told: u64,
}

/// A time in which spans do not arrive.
#[derive(Clone, Copy)]
struct Outage {
    /// How many had been dropped before it.
    before: u64,
    is_told: bool,
}

impl Health {
    fn new(to: String) -> Self {
        Self { to, outage: None, warned: None, seen: 0, told: 0 }
    }

    /// After a request at `now`, that failed for `reason`; `dropped` spans are lost until then, of the whole time.
    fn after(&mut self, reason: Option<String>, dropped: u64, now: Instant) {
        let before = std::mem::replace(&mut self.seen, dropped);
        if reason.is_none() && dropped == before {
            return self.is_over(dropped);
        }
        let outage = self.outage.unwrap_or(Outage { before, is_told: false });
        let is_early = self.warned.is_some_and(|warned| now.duration_since(warned) < WARN_EVERY);
        self.outage = Some(Outage { is_told: outage.is_told || !is_early, ..outage });
        if outage.is_told || is_early {
            return;
        }
        self.warned = Some(now);
        let untold = outage.before - std::mem::replace(&mut self.told, outage.before);
        let (to, dropped_before) = (&self.to, (untold > 0).then_some(untold));
        match reason {
            Some(reason) => {
                tracing::warn!(%to, reason, dropped_before, "traces are not delivered; spans are dropped until they are");
            }
            None => tracing::warn!(%to, dropped_before, "more spans come than the collector takes; some are dropped"),
        }
    }

    /// They arrive.
    fn is_over(&mut self, dropped: u64) {
        if let Some(Outage { before, is_told: true }) = self.outage.take() {
            self.told = dropped;
            tracing::info!(to = %self.to, dropped = dropped - before, "traces are delivered again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::testing::log::Log;
    use tracing::Level;

    /// What the log is told of requests: after how many seconds, whether it failed, and how many spans are lost by then.
    fn told(requests: &[(u64, bool, u64)]) -> Vec<String> {
        let (log, _guard) = Log::begin();
        let (begun, mut health) = (Instant::now(), Health::new("c".into()));
        for (after_s, failed, dropped) in requests {
            health.after(failed.then(|| "away".into()), *dropped, begun + Duration::from_secs(*after_s));
        }
        log.lines(Level::INFO)
    }

    fn check(requests: &[(u64, bool, u64)], expected: &[&str]) {
        let told = told(requests);
        let fits = |(line, parts): (&String, &&str)| parts.split(' ').all(|part| line.contains(part));
        assert!(told.len() == expected.len() && told.iter().zip(expected).all(fits), "{requests:?}: {told:#?}");
    }

    #[test]
    fn an_outage_is_told_when_it_begins_and_when_it_is_over() {
        check(&[(0, false, 0), (5, false, 0)], &[]);
        let one = [(0, false, 0), (5, true, 10), (10, true, 20), (500, true, 30), (505, false, 30), (510, false, 30)];
        check(&one, &["WARN away not delivered", "INFO again dropped=30"]);
        // The queue was full, and is not any longer.
        check(&[(0, false, 7), (5, false, 9), (10, false, 9)], &["WARN more spans", "INFO again dropped=9"]);
    }

    #[test]
    fn a_collector_that_comes_and_goes_is_told_once_a_minute_with_what_was_lost_meanwhile() {
        // Each second time it is there: for two minutes.
        let flaps: Vec<_> = (0..24).map(|number| (number * 5, number % 2 == 0, number / 2 + 1)).collect();
        let expected = ["WARN", "INFO again dropped=1", "WARN dropped_before=5", "INFO again dropped=1"];
        check(&flaps, &expected);
        assert!(!told(&flaps)[0].contains("dropped_before"), "nothing was lost before the first");
    }

    #[test]
    fn an_outage_that_began_within_the_minute_is_told_after_it_if_it_goes_on() {
        let begun = [(0, true, 1), (5, false, 1), (10, true, 2), (59, true, 3)];
        check(&begun, &["WARN", "INFO dropped=1"]);
        let goes_on = [&begun[..], &[(61, true, 4), (65, true, 5), (70, false, 5)]].concat();
        check(&goes_on, &["WARN", "INFO dropped=1", "WARN away", "INFO dropped=4"]);
        let ends = [&begun[..], &[(61, false, 3), (300, false, 3)]].concat();
        check(&ends, &["WARN", "INFO dropped=1"]);
        check(&[&ends[..], &[(400, true, 4)]].concat(), &["WARN", "INFO", "WARN dropped_before=2"]);
    }
}
