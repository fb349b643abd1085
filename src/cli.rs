//! The tree of commands. What each does is in its own file under `command`.

use crate::{command::*, problem::EXIT_CODES};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A data market whose every promise can be checked.
#[derive(Parser)]
#[command(name = "lonja", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Directory of a network, as `up` or `network create` laid it out
    #[arg(long, global = true, env = "LONJA_DIR", default_value = ".lonja", value_name = "DIR")]
    pub dir: PathBuf,
    /// Trust anchor file, for those who have only that
    #[arg(long, global = true, value_name = "FILE")]
    pub anchor: Option<PathBuf>,
    /// The node's URL, when it neither runs on the directory nor is the one in its lonja.toml
    #[arg(long, global = true, value_name = "URL")]
    pub node_url: Option<String>,
    /// The marketplace's URL, likewise
    #[arg(long, global = true, value_name = "URL")]
    pub market_url: Option<String>,
    /// Which key signs: its name, as `lonja key list` shows it, such as `harbour` or `harbour.second`
    #[arg(long = "as", global = true, value_name = "KEY")]
    pub signer: Option<String>,
    /// Keep the binary receipt of what is done in this new file; `lonja verify` checks it
    #[arg(long, global = true, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
    /// Answer with JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Start node, marketplace and explorer in one process
    Up(up::Up),
    /// Create, inspect or try a network
    #[command(subcommand)]
    Network(network::Network),
    /// Run a node alone
    #[command(subcommand)]
    Node(node::Node),
    /// Run a marketplace alone
    #[command(subcommand, name = "market")]
    Market(market::Market),
    /// Run an explorer alone
    #[command(subcommand)]
    Explorer(explorer::Explorer),
    /// Propose and approve what a quorum of the validators decides
    #[command(subcommand)]
    Governance(governance::Governance),
    /// Make, show, add and revoke keys
    #[command(subcommand)]
    Key(key::Key),
    /// Apply, admit, suspend and show parties
    #[command(subcommand)]
    Party(party::Party),
    /// Balances, statements, money in and out
    #[command(subcommand)]
    Account(account::Account),
    /// Publish, import, find and show listings
    #[command(subcommand)]
    Listing(listing::Listing),
    /// Upload contents and show versions
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    /// Make, change, withdraw and show offers
    #[command(subcommand)]
    Offer(offer::Offer),
    /// Buy a licence
    Buy(buy::Buy),
    /// List, show and revoke agreements
    #[command(subcommand)]
    Agreement(agreement::Agreement),
    /// Record, end and show consents and other legal bases
    #[command(subcommand)]
    Consent(consent::Consent),
    /// Show what a version was made from, or record a step
    #[command(subcommand)]
    Provenance(provenance::Provenance),
    /// Download what an agreement covers, and check it
    Fetch(fetch::Fetch),
    /// Take prose down that lies beside the ledger
    ///
    /// An outline, contacts, why somebody needs personal data: every node deletes it, and it does not come back. What
    /// binds it stays on the ledger, and every proof holds. By whoever wrote it, or an operator. Backups and copies of
    /// others are not reached; whoever has the secret of an import can still test a guess.
    TakeDown(take_down::TakeDown),
    /// Verify a receipt or an evidence bundle
    Verify(verify::Verify),
    /// Cosign checkpoints of logs, and say who must cosign
    #[command(subcommand)]
    Witness(witness::Witness),
    /// Copy the directory while its services run
    Backup(backup::Backup),
    /// Make the directory from a backup
    Restore(restore::Restore),
    /// Verify a whole ledger again, from its founding
    Audit(audit::Audit),
    /// Measure this machine and the node on it
    Bench(bench::Bench),
    /// Print completions for a shell
    Completions(completions::Completions),
}

impl Command {
    /// Does it run until it is stopped?
    pub fn is_service(&self) -> bool {
        matches!(
            self,
            Self::Up(_)
                | Self::Node(_)
                | Self::Market(_)
                | Self::Explorer(_)
                | Self::Network(network::Network::Up)
                | Self::Witness(witness::Witness::Run(_))
        )
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_sound() {
        use clap::CommandFactory as _;
        super::Cli::command().debug_assert();
    }
}
