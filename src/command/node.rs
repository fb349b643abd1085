//! `lonja node`: the machine that keeps the ledger, alone.

use crate::{context::Context, problem::Problem, service, stop::StopRequests};
use clap::Subcommand;
use tokio::sync::oneshot;
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
        /// Stop when standard input ends, as it does when the process that started this one is gone
        #[arg(long, hide = true)]
        with_parent: bool,
    },
}

impl Node {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let Self::Run { confirm_time, node_port, with_parent } = self;
        let mut config = context.config()?;
        if let Some(port) = node_port {
            config.node.listen.set_port(port);
        }
        let stop = CancellationToken::new();
        let mut node = service::node(context, &config, confirm_time, stop.clone()).await?;
        // One that catches up, or whose network is still coming together, is not to be started over and over.
        let well = node.is_well_within(service::HEALTHY_WAIT).await?;
        if node.is_over() {
            return Ok(());
        }
        if !well {
            tracing::warn!("the node makes no blocks yet and goes on trying; {}/health says why", node.url);
        }
        let mut requests = StopRequests::listen()?;
        context.print(&serde_json::json!({ "node": node.url }), || format!("node  {}", node.url));
        let parent_gone = async move { if with_parent { end_of_input().await } else { std::future::pending().await } };
        tokio::select! {
            () = parent_gone => {
                stop.cancel();
                node.ended().await
            }
            () = requests.asked() => {
                stop.cancel();
                node.ended().await
            }
            ended = node.ended() => ended,
        }
    }
}

/// Waits until standard input ends. What comes before means nothing.
async fn end_of_input() {
    let (ended, end) = oneshot::channel();
    // A thread of its own, which nobody waits for: reading cannot be called off.
    std::thread::spawn(move || {
        let read = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(ended.send(read));
    });
    if let Ok(Err(error)) = end.await {
        tracing::warn!(%error, "standard input cannot be read; stopping as if it had ended");
    }
}
