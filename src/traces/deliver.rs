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
        let health = Health { to: settings.shown.clone(), since: None, seen: 0 };
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
            self.health.after(reason, self.dropped.load(Ordering::Relaxed));
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

/// Whether traces arrive. The log hears of it when that changes, and not of each span.
struct Health {
    to: String,
    /// How many spans had been dropped when they began not to arrive.
    since: Option<u64>,
    /// How many had been dropped at the last look.
    seen: u64,
}

impl Health {
    fn after(&mut self, reason: Option<String>, dropped: u64) {
        let (before, to) = (std::mem::replace(&mut self.seen, dropped), &self.to);
        match (self.since, reason) {
            (None, Some(reason)) => {
                self.since = Some(before);
                tracing::warn!(%to, reason, "traces are not delivered; spans are dropped until they are");
            }
            (None, None) if dropped > before => {
                self.since = Some(before);
                tracing::warn!(%to, "more spans come than the collector takes; some are dropped");
            }
            (Some(since), None) if dropped == before => {
                self.since = None;
                tracing::info!(%to, dropped = dropped - since, "traces are delivered again");
            }
            _ => {}
        }
    }
}
