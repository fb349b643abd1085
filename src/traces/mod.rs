//! Traces: what services did, span by span, sent to a collector by OTLP over HTTP where a variable names one.
//!
//! The crates below make spans with `tracing` and know nothing of this; here they are filtered, numbered, queued and
//! sent. Nothing is sent, and no span is made, where no endpoint is set. A collector that is slow or away costs the
//! spans that find no room in a queue of fixed length, and nothing else.
//!
//! | file | what it does |
//! |---|---|
//! | [`settings`] | reads the standard variables, and refuses what cannot be meant |
//! | [`deliver`] | the queue, and the task that empties it |
//! | [`http`] | one request to the collector |
//! | [`headers`] | W3C Trace Context: how a trace goes on in another process |

mod deliver;
mod headers;
mod http;
mod settings;

use crate::problem::Problem;
use deliver::{Delivery, Known};
use opentelemetry::{InstrumentationScope, KeyValue, trace::TracerProvider as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use settings::Settings;
use std::{collections::BTreeMap, sync::Mutex, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Level, Metadata};

/// How long the last spans may take when the process ends.
const FLUSH_TIME_MAX: Duration = Duration::from_secs(2);
/// Crates whose spans are sent. Those of libraries are not: what they put into them is not ours to answer for.
const OURS: [&str; 4] = ["ledger", "marketplace", "explorer", "lonja"];
/// What is known of this process besides its name, for the collector.
static KNOWN: Mutex<Known> = Mutex::new(BTreeMap::new());

/// Traces that are being sent.
pub struct Traces {
    /// Makes spans of the tracer's for as long as it lives.
    _provider: SdkTracerProvider,
    task: JoinHandle<()>,
    stop: CancellationToken,
    /// Where to, without what may be secret.
    pub to: String,
    /// Does it go over the network without TLS?
    pub is_open: bool,
}

/// Begins to send traces of the service `service`, if the environment says where to.
///
/// # Errors
/// A variable with a value that cannot be meant.
pub fn start(service: &'static str) -> Result<Option<(Traces, SdkTracer)>, Problem> {
    let Some(settings) = settings::read(|name| std::env::var_os(name))? else { return Ok(None) };
    let Settings { shown, is_open, .. } = settings.clone();
    let stop = CancellationToken::new();
    let (queue, delivery) = Delivery::new(&settings, resource(service), &KNOWN)?;
    let provider = SdkTracerProvider::builder().with_span_processor(queue).build();
    let scope = InstrumentationScope::builder("lonja").with_version(env!("CARGO_PKG_VERSION")).build();
    let tracer = provider.tracer_with_scope(scope);
    let task = tokio::spawn(delivery.run(stop.clone()));
    ledger::api::trace::carry_by(Box::new(headers::TraceContext::new()));
    Ok(Some((Traces { _provider: provider, task, stop, to: shown, is_open }, tracer)))
}

impl Traces {
    /// Sends what is left, for a moment at most.
    pub async fn stop(self) {
        self.stop.cancel();
        if tokio::time::timeout(FLUSH_TIME_MAX, self.task).await.is_err() {
            tracing::warn!(to = self.to, "the last spans of the traces were not delivered in time");
        }
    }
}

/// Says something of this process, such as its network, that every span of it is sent with from now on.
pub fn describe(what: &'static str, value: impl ToString) {
    let mut known = KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    known.insert(what, value.to_string());
}

/// Is it a span that is sent? Logs are not: they stay where the operator has them.
pub fn is_sent(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next().unwrap_or_default();
    metadata.is_span() && *metadata.level() <= Level::INFO && OURS.contains(&krate)
}

/// What the process is, by the variables and, where they do not name it, by its command.
fn resource(service: &'static str) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let found = Resource::builder().with_attribute(version.clone()).build();
    let name = found.get(&"service.name".into()).map(|name| name.to_string()).unwrap_or_default();
    if name.is_empty() || name.starts_with("unknown_service") {
        return Resource::builder().with_attribute(version).with_service_name(service).build();
    }
    found
}
