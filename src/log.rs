//! What a process says of itself while it runs: its log, and its traces where they are wanted.

use crate::{
    cli::{Cli, Command},
    command::network,
    problem::Problem,
    traces::{self, Traces},
};
use std::io::IsTerminal as _;
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Begins both. Logs go to stderr, so that stdout holds answers only. Services tell more than single commands, and
/// they alone send traces.
///
/// # Errors
/// A variable for traces with a value that cannot be meant.
pub fn start(cli: &Cli) -> Result<Option<Traces>, Problem> {
    let service = service(&cli.command);
    let level =
        if cli.command.is_service() { "info,tantivy=warn,arc_malachitebft=warn,object_store=warn" } else { "warn" };
    let filter = EnvFilter::try_from_env("LONJA_LOG").unwrap_or_else(|_| level.into());
    let (traces, tracer) = service.map(traces::start).transpose()?.flatten().unzip();
    // Each has a filter of its own: spans for traces do not stand in the log's lines, nor does the log's level decide
    // which of them there are. Where none are sent, nobody wants them, and they are not made.
    let logged = filter_fn(is_logged).with_max_level_hint(LevelFilter::TRACE);
    let log = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(filter.and(logged));
    let sent = tracer.map(|tracer| {
        tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(traces::is_sent).with_max_level_hint(LevelFilter::INFO))
    });
    tracing_subscriber::registry().with(sent).with(log).init();
    if let Some(traces) = &traces {
        tracing::info!(to = traces.to, "traces are sent");
        if traces.is_open {
            tracing::warn!(to = traces.to, "traces go over the network unencrypted; https would hide them");
        }
    }
    Ok(traces)
}

/// May it stand in the log, if its level says so?
fn is_logged(metadata: &Metadata<'_>) -> bool {
    // What verifies certificates cries out at every attempt, and what speaks to tokens at each mechanism that it does not
    // know; whoever asked them tells the same when it matters.
    let loud = ["rustls_platform_verifier", "cryptoki"].iter().any(|loud| metadata.target().starts_with(loud));
    !traces::is_sent(metadata) && !loud
}

/// What the process is called in traces, if it is a service.
fn service(command: &Command) -> Option<&'static str> {
    match command {
        Command::Node(_) => Some("lonja-node"),
        Command::Market(_) => Some("lonja-market"),
        Command::Explorer(_) => Some("lonja-explorer"),
        Command::Up(_) | Command::Network(network::Network::Up) => Some("lonja-up"),
        _ if command.is_service() => Some("lonja-witness"),
        _ => None,
    }
}
