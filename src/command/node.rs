//! `lonja node`: the machine that keeps the ledger, alone.

use crate::{
    context::Context,
    problem::Problem,
    service::{self, Running},
    stop::StopRequests,
};
use clap::Subcommand;
use std::time::Duration;
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
        let node = service::node(context, &config, confirm_time, stop.clone()).await?;
        let parent_gone = async move { if with_parent { end_of_input().await } else { std::future::pending().await } };
        serve(context, node, stop, service::HEALTHY_WAIT, parent_gone).await
    }
}

/// Runs `node` until its parent is gone, somebody asks for a stop, or it ends by itself. Where it is, is told when it is
/// well, and after `patience` all the same: one that catches up, or whose network is still coming together, is not to be
/// started over and over.
async fn serve(
    context: &Context,
    mut node: Running,
    stop: CancellationToken,
    patience: Duration,
    parent_gone: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let mut requests = StopRequests::listen()?;
    let asked = async {
        tokio::select! {
            () = parent_gone => {}
            () = requests.asked() => {}
        }
    };
    tokio::pin!(asked);
    let well = tokio::select! {
        well = node.is_well_within(patience) => Some(well?),
        () = &mut asked => None,
    };
    if node.is_over() {
        return Ok(());
    }
    if let Some(well) = well {
        if !well {
            tracing::warn!("the node makes no blocks yet and goes on trying; {}/health says why", node.url);
        }
        context.print(&serde_json::json!({ "node": node.url }), || format!("node  {}", node.url));
        tokio::select! {
            () = asked => {}
            ended = node.ended() => return ended,
        }
    }
    stop.cancel();
    node.ended().await
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Global, context::Intent};
    use std::path::Path;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
        sync::Notify,
    };

    /// A command's context on the directory `dir` that keeps what it is told, in a process that can speak TLS, as the
    /// command's own: without that no client can be made.
    fn context(dir: &Path) -> Context {
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = dir.to_path_buf();
        let intent = Intent { step: "run".into(), path: dir.join("intent") };
        let global =
            Global { dir, anchor: None, node_url: None, market_url: None, signer: None, receipt: None, json: true };
        Context::new(global.clone()).inside(global, intent)
    }

    /// A node that says `status` of its health, until `stop`.
    async fn node(context: &Context, status: &'static str, stop: &CancellationToken) -> Running {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (url, stopped) = (format!("http://{}", listener.local_addr().unwrap()), stop.clone().cancelled_owned());
        let task = tokio::spawn(async move {
            tokio::select! {
                () = stopped => {}
                () = answer(listener, status) => {}
            }
            Ok(())
        });
        Running::new(context, "node", url, task)
    }

    async fn answer(listener: TcpListener, status: &str) {
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    const WELL: &str = "200 OK";
    const AWAY: &str = "503 Service Unavailable";
    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(600);
    /// How long a busy machine may take for what comes at once: far from [`LONG`].
    const AT_ONCE: Duration = Duration::from_secs(60);

    /// Waits until somebody is told where the node is.
    async fn told(context: &Context) {
        while context.answer().is_null() {
            tokio::time::sleep(SHORT / 20).await;
        }
    }

    #[tokio::test]
    async fn a_node_that_is_not_well_for_a_long_time_is_told_of_and_not_given_up() {
        let place = tempfile::tempdir().unwrap();
        let (context, stop, leave) = (context(place.path()), CancellationToken::new(), Notify::new());
        let node = node(&context, AWAY, &stop).await;
        let url = node.url.clone();
        {
            let serving = serve(&context, node, stop.clone(), SHORT, leave.notified());
            tokio::pin!(serving);
            tokio::select! {
                ended = &mut serving => panic!("given up: {ended:?}"),
                told = tokio::time::timeout(AT_ONCE, told(&context)) => told.expect("it is told of"),
            }
            let ended = tokio::time::timeout(5 * SHORT, &mut serving).await;
            assert!(ended.is_err() && !stop.is_cancelled(), "its peers may come yet: {ended:?}");
            leave.notify_one();
            serving.await.unwrap();
        }
        assert!(stop.is_cancelled());
        assert_eq!(context.answer(), serde_json::json!({ "node": url }));
    }

    #[tokio::test]
    async fn a_node_that_is_well_is_told_of_at_once() {
        let place = tempfile::tempdir().unwrap();
        let (context, stop) = (context(place.path()), CancellationToken::new());
        let node = node(&context, WELL, &stop).await;
        let served = serve(&context, node, stop, LONG, told(&context));
        tokio::time::timeout(AT_ONCE, served).await.expect("it is told of").unwrap();
        assert!(context.answer()["node"].is_string());
    }

    /// As of a trial that is ended before its validators have found each other.
    #[tokio::test]
    async fn who_asks_for_a_stop_need_not_wait_until_the_node_is_well() {
        let place = tempfile::tempdir().unwrap();
        let (context, stop) = (context(place.path()), CancellationToken::new());
        let node = node(&context, AWAY, &stop).await;
        let served = serve(&context, node, stop, LONG, tokio::time::sleep(SHORT));
        tokio::time::timeout(AT_ONCE, served).await.expect("it stops").unwrap();
        assert!(context.answer().is_null());
    }

    #[tokio::test]
    async fn a_node_that_ends_by_itself_says_why() {
        let place = tempfile::tempdir().unwrap();
        let context = context(place.path());
        let task = tokio::spawn(async { Err(Problem::new("the disk is full")) });
        let node = Running::new(&context, "node", "http://127.0.0.1:1".into(), task);
        let served = serve(&context, node, CancellationToken::new(), LONG, std::future::pending()).await;
        assert_eq!(served.unwrap_err().to_string(), "the disk is full");
    }
}
