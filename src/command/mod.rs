//! One small file for each command: read the arguments, ask the crates, print the answer.

pub mod up;

pub mod explorer;
pub mod market;
pub mod network;
pub mod node;

pub mod governance;
pub mod key;
pub mod party;

pub mod account;

pub mod dataset;
pub mod listing;
pub mod offer;

pub mod agreement;
pub mod buy;
pub mod consent;
pub mod fetch;
pub mod provenance;
pub mod take_down;

pub mod backup;
pub mod restore;

pub mod audit;
pub mod bench;
pub mod verify;
pub mod witness;

pub mod completions;

use crate::{
    cli::{Cli, Command},
    context::Context,
    problem::Problem,
};

/// Runs one command.
///
/// # Errors
/// What went wrong, and what to try next.
pub async fn run(cli: Cli) -> Result<(), Problem> {
    let context = Context::new(cli.global);
    let outcome = run_in(&context, cli.command).await;
    context.sign_out().await;
    outcome
}

/// Runs one command where everything that commands share is there already.
///
/// # Errors
/// As [`run`].
pub async fn run_in(context: &Context, command: Command) -> Result<(), Problem> {
    match command {
        Command::Up(command) => command.run(context).await,
        Command::Network(command) => command.run(context).await,
        Command::Node(command) => command.run(context).await,
        Command::Market(command) => command.run(context).await,
        Command::Explorer(command) => command.run(context).await,
        Command::Governance(command) => command.run(context).await,
        Command::Key(command) => command.run(context).await,
        Command::Party(command) => command.run(context).await,
        Command::Account(command) => command.run(context).await,
        Command::Listing(command) => command.run(context).await,
        Command::Dataset(command) => command.run(context).await,
        Command::Offer(command) => command.run(context).await,
        Command::Buy(command) => command.run(context).await,
        Command::Agreement(command) => command.run(context).await,
        Command::Consent(command) => command.run(context).await,
        Command::Provenance(command) => command.run(context).await,
        Command::Fetch(command) => command.run(context).await,
        Command::TakeDown(command) => command.run(context).await,
        Command::Verify(command) => command.run(context).await,
        Command::Witness(command) => command.run(context).await,
        Command::Backup(command) => command.run(context).await,
        Command::Restore(command) => command.run(context).await,
        Command::Audit(command) => command.run(context).await,
        Command::Bench(command) => command.run(context).await,
        Command::Completions(command) => command.run(),
    }
}
