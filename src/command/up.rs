//! `lonja up`: everything in one process, on a network that it creates at the first run.

use crate::{
    command::network::{PortArgs, random_passphrase, spec},
    context::Context,
    demo, output,
    problem::Problem,
    service::{self, Running},
    stop::StopRequests,
};
use clap::Args;
use contracts::party::Country;
use tokio_util::sync::CancellationToken;

/// Start node, marketplace and explorer in one process.
#[derive(Args)]
pub struct Up {
    /// At the first run, make a random passphrase and a demonstration market
    #[arg(long)]
    demo: bool,
    /// Confirm that the clock is right, however far it is ahead of the last block
    #[arg(long)]
    confirm_time: bool,
    #[command(flatten)]
    ports: PortArgs,
}

impl Up {
    /// On a network that is there, without a demonstration.
    pub fn new(ports: PortArgs) -> Self {
        Self { demo: false, confirm_time: false, ports }
    }

    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        self.found(context)?;
        let mut config = context.config()?;
        let ports = [
            (self.ports.node_port, &mut config.node),
            (self.ports.market_port, &mut config.market),
            (self.ports.explorer_port, &mut config.explorer),
        ];
        for (port, service) in ports {
            if let Some(port) = port {
                service.listen.set_port(port);
            }
        }
        config.check(&context.layout().config_path())?;

        let stop = CancellationToken::new();
        // The services that read the ledger stop first, so that none of them loses its node.
        let stop_node = CancellationToken::new();
        let mut node = service::node(context, &config, self.confirm_time, stop_node.clone()).await?;
        let started = self.start(context, &config, &mut node, &stop).await;
        let mut outcome = match started {
            Ok((mut services, requests)) => {
                let ended = watch(&mut node, &mut services, requests).await;
                stop.cancel();
                for service in &mut services {
                    service.ended_quietly().await;
                }
                ended
            }
            Err(problem) => Err(problem),
        };
        stop.cancel();
        stop_node.cancel();
        if !node.is_over() {
            outcome = outcome.and(node.ended().await);
        }
        outcome
    }

    /// Creates the network where there is none.
    fn found(&self, context: &Context) -> Result<(), Problem> {
        let layout = context.layout();
        if layout.exists() {
            return Ok(());
        }
        let passphrase = if self.demo { random_passphrase()? } else { context.new_passphrase()? };
        let spec = spec("lonja", Country(*b"ES"), self.ports.or_usual());
        layout.create(&spec, &passphrase, self.demo)?;
        if self.demo {
            eprintln!(
                "Created a network in {}. Its keys open with the random passphrase in {} (mode 600).",
                layout.root().display(),
                layout.passphrase_path().display()
            );
        }
        Ok(())
    }

    async fn start(
        &self,
        context: &Context,
        config: &genesis::config::Config,
        node: &mut Running,
        stop: &CancellationToken,
    ) -> Result<(Vec<Running>, StopRequests), Problem> {
        node.healthy().await?;
        let client = || context.client_at(&node.url);
        let mut services = vec![
            service::market(context, config, client()?, stop.clone()).await?,
            service::explorer(context, config, client()?, stop.clone()).await?,
        ];
        for service in &mut services {
            service.healthy().await?;
        }
        let mut requests = StopRequests::listen()?;
        if self.demo {
            tokio::select! {
                made = demo::make(context, &node.url, &services[0].url) => made?,
                () = requests.asked() => {
                    return Err(Problem::new("stopped while the demonstration market was made").help("run it again: it goes on where it was"));
                }
            }
        }
        let urls: Vec<(&str, String)> = services
            .iter()
            .map(|service| (service.name, service.url.clone()))
            .chain([("node", node.url.clone())])
            .collect();
        let json: serde_json::Map<_, _> =
            urls.iter().map(|(name, url)| ((*name).to_owned(), url.clone().into())).collect();
        context.print(&json, || format!("{}\nCtrl-C stops it; the next run goes on from here.", output::lines(&urls)));
        Ok((services, requests))
    }
}

/// Until somebody asks to stop, or a service ends by itself.
async fn watch(node: &mut Running, services: &mut [Running], mut requests: StopRequests) -> Result<(), Problem> {
    let any = futures_util::future::select_all(services.iter_mut().map(|service| Box::pin(service.ended())));
    tokio::select! {
        () = requests.asked() => {
            eprintln!("Stopping.");
            Ok(())
        }
        ended = node.ended() => ended,
        (ended, _, _) = any => ended,
    }
}
