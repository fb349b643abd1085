//! The command: one small file for each thing it can do, and no rules of its own.
//!
//! What is true is decided in `contracts`, kept by `ledger`, sold by `marketplace` and shown by
//! `explorer`; this package reads arguments, asks those, and prints the answer for people or as JSON.

mod backup;
mod begun;
mod buckets;
mod cli;
mod command;
mod contents;
mod context;
mod control;
mod demo;
mod ending;
mod joining;
mod links;
mod log;
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
mod traces;
mod validator;
mod witnessing;

use clap::Parser as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // One TLS provider for the process; a second attempt to install one is harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
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

/// Runs the command, with its log from the beginning and its traces to the end.
async fn run(cli: cli::Cli) -> Result<(), problem::Problem> {
    let traces = log::start(&cli)?;
    let outcome = command::run(cli).await;
    if let Some(traces) = traces {
        traces.stop().await;
    }
    outcome
}
