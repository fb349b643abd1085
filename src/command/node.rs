//! `lonja node`: the machine that keeps the ledger, alone.

use crate::{context::Context, problem::Problem, service, stop::StopRequests};
use clap::Subcommand;
use tokio_util::sync::CancellationToken;

/// Run a node alone.
#[derive(Subcommand)]
pub enum Node {
    /// Run it until Ctrl-C
    Run {
        /// Confirm that the clock is right, however far it is ahead of the last block
        #[arg(long)]
        confirm_time: bool,
        /// Another port than the one in lonja.toml
        #[arg(long, value_name = "N")]
        node_port: Option<u16>,
    },
}

impl Node {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let Self::Run { confirm_time, node_port } = self;
        let mut config = context.config()?;
        if let Some(port) = node_port {
            config.node.listen.set_port(port);
        }
        let stop = CancellationToken::new();
        let mut node = service::node(context, &config, confirm_time, stop.clone()).await?;
        node.healthy().await?;
        let mut requests = StopRequests::listen()?;
        context.print(&serde_json::json!({ "node": node.url }), || format!("node  {}", node.url));
        tokio::select! {
            () = requests.asked() => {
                stop.cancel();
                node.ended().await
            }
            ended = node.ended() => ended,
        }
    }
}
