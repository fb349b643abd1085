//! `lonja market`: the marketplace, alone.

use crate::{context::Context, problem::Problem, service};
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

/// Run a marketplace alone.
#[derive(Subcommand)]
pub enum Market {
    /// Run it until Ctrl-C, on the node that --node-url names
    Run {
        /// Another port than the one in lonja.toml
        #[arg(long, value_name = "N")]
        market_port: Option<u16>,
    },
}

impl Market {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let Self::Run { market_port } = self;
        let mut config = context.config()?;
        if let Some(port) = market_port {
            config.market.listen.set_port(port);
        }
        let stop = CancellationToken::new();
        let client = context.client()?;
        let running = service::market(context, &config, client, stop.clone()).await?;
        service::alone(context, running, stop).await
    }
}
