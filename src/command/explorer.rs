//! `lonja explorer`: the explorer, alone. It needs the trust anchor and no key.

use crate::{context::Context, problem::Problem, service};
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

/// Run an explorer alone.
#[derive(Subcommand)]
pub enum Explorer {
    /// Run it until Ctrl-C, on the node that --node-url names
    Run {
        /// Another port than the one in lonja.toml
        #[arg(long, value_name = "N")]
        explorer_port: Option<u16>,
    },
}

impl Explorer {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let Self::Run { explorer_port } = self;
        let mut config = context.config()?;
        if let Some(port) = explorer_port {
            config.explorer.listen.set_port(port);
        }
        let stop = CancellationToken::new();
        let client = context.client()?;
        let running = service::explorer(context, &config, client, stop.clone()).await?;
        service::alone(context, running, stop).await
    }
}
