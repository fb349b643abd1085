//! The command: one small file for each thing it can do, and no rules of its own.
//!
//! What is true is decided in `contracts`, kept by `ledger`, sold by `marketplace` and shown by
//! `explorer`; this package reads arguments, asks those, and prints the answer for people or as JSON.

mod backup;
mod buckets;
mod cli;
mod command;
mod contents;
mod context;
mod control;
mod demo;
mod joining;
mod links;
mod market;
mod output;
mod parse;
mod problem;
mod progress;
mod running;
mod scratch;
mod service;
mod side;
mod stop;
mod validator;
mod witnessing;

use clap::Parser as _;
use std::{io::IsTerminal as _, process::ExitCode};

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    start_log(&cli);
    // One TLS provider for the process; a second attempt to install one is harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command::run(cli)),
        Err(error) => Err(problem::Problem::new("cannot start the runtime").because(error)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let code = problem.exit();
            eprintln!("{:?}", miette::Report::new(problem));
            ExitCode::from(code as u8)
        }
    }
}

/// Logs go to stderr, so that stdout holds answers only. Services tell more than single commands.
fn start_log(cli: &cli::Cli) {
    let level =
        if cli.command.is_service() { "info,tantivy=warn,arc_malachitebft=warn,object_store=warn" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_env("LONJA_LOG").unwrap_or_else(|_| level.into());
    let coloured = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(coloured).with_target(false).init();
}
