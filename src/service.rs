//! Starting the three services from a directory, alone or together.
//!
//! They share nothing in memory: marketplace and explorer reach the node by its URL, in one process
//! as on three machines.

use crate::{
    backup, begun, buckets, contents,
    context::Context,
    control::{self, Checkpoint, Door},
    ending, joining,
    links::{self, Linker},
    problem::{Exit, Problem},
    running::{self, Announced},
    stop::StopRequests,
    traces,
    validator::{self, Ring},
    witnessing::Witnesses,
};
use genesis::{
    Keyring,
    config::{self, Config, Service},
};
use ledger::{
    api::{
        client::{Client, ClientError, Keeping},
        observe,
        tls::Tls,
    },
    archive::Retention,
    limits::DRAIN,
    node::{self, Keys, Node, NodeError, Shown, Sources},
};
use marketplace::keys::MasterKey;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// How long a service may take until it is healthy.
pub const HEALTHY_WAIT: Duration = Duration::from_secs(120);

/// Within this a service that finds all it needs is healthy: until then nobody is told what it waits for.
const WELL_SOON: Duration = Duration::from_secs(2);
/// How often it is said after that.
const SAY_EVERY: Duration = Duration::from_secs(30);

/// The node's server closes by itself within [`DRAIN`]; one that does not is ended after this.
const DRAIN_AT_MOST: Duration = Duration::from_secs(DRAIN.as_secs() + 2);

/// A running service.
pub struct Running {
    /// What it is called.
    pub name: &'static str,
    /// Where people reach it.
    pub url: String,
    /// Where this process does.
    local: String,
    task: JoinHandle<Result<(), Problem>>,
    over: bool,
    /// Why it was not well when it was asked last, where it said so.
    reason: Option<String>,
    /// By which `lonja backup` asks for a copy of its store. Before the announcement, whose lock it needs.
    door: Option<Door>,
    /// By which commands on the same directory find it.
    announced: Option<Announced>,
}

impl Running {
    /// Of the service that `task` runs and that is reached at `url`.
    pub fn new(context: &Context, name: &'static str, url: String, task: JoinHandle<Result<(), Problem>>) -> Self {
        let announced = running::announce(&context.layout(), name, &url);
        Self { name, local: url.clone(), url, task, over: false, reason: None, door: None, announced }
    }

    /// Says at which address it listens, where people reach it by a name: what leads there may not stand yet.
    fn at(self, listen: SocketAddr, service: &Service) -> Self {
        Self { local: Service { listen, ..service.clone() }.url(), ..self }
    }

    /// Lets commands on the same directory ask for copies of its store in folder `store`. That they cannot is no reason
    /// not to run: a backup is made then while it is stopped.
    fn copied_by(mut self, context: &Context, store: PathBuf, copy: Checkpoint) -> Self {
        if self.announced.is_some() {
            // Whoever asks may see other mounts than this process, and not know what the copy takes.
            let checkpoint: Checkpoint = Arc::new(move |to| {
                backup::room::check_checkpoint(&store, to).map_err(|problem| said(&problem)).and_then(|()| copy(to))
            });
            match control::open(&context.layout(), self.name, checkpoint) {
                Ok(door) => self.door = Some(door),
                Err(error) => tracing::warn!("`lonja backup` will not reach the {} while it runs: {error}", self.name),
            }
        }
        self
    }

    /// Waits until it answers that it is healthy.
    ///
    /// # Errors
    /// When it stops, or takes too long.
    pub async fn healthy(&mut self) -> Result<(), Problem> {
        if self.is_well_within(HEALTHY_WAIT).await? || self.over {
            return Ok(());
        }
        let problem = Problem::new(format!("the {} does not become healthy", self.name));
        let problem = match self.reason.take() {
            Some(reason) => problem.because(reason),
            None => problem.help(format!("see its log above, and {}/health", self.url)),
        };
        Err(problem.exits(Exit::Unreachable))
    }

    /// Waits until it answers that it is healthy, at most `time`. Did it? What it waits for is logged once it takes
    /// long.
    ///
    /// # Errors
    /// Why it stopped, when it does.
    pub async fn is_well_within(&mut self, time: Duration) -> Result<bool, Problem> {
        let http = own()?;
        let (begun, mut say_after) = (tokio::time::Instant::now(), WELL_SOON);
        loop {
            let asked = http.get(format!("{}/health", self.local)).send().await;
            if asked.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                self.reason = None;
                return Ok(true);
            }
            if let Ok(answer) = asked
                && let Some(reason) = reason_of(answer).await
            {
                // It may count seconds, so it is another one each time.
                if begun.elapsed() > say_after {
                    tracing::warn!("the {} is not well yet: {reason}", self.name);
                    say_after = begun.elapsed() + SAY_EVERY;
                }
                self.reason = Some(reason);
            }
            if self.task.is_finished() {
                return self.ended().await.map(|()| false);
            }
            if begun.elapsed() > time {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Has it been seen to stop?
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Waits until it has stopped, if it has not; what it says is told elsewhere.
    pub async fn ended_quietly(&mut self) {
        if !self.over
            && let Err(problem) = self.ended().await
        {
            tracing::warn!("{problem}");
        }
    }

    /// Waits until it has stopped. To be called once.
    ///
    /// # Errors
    /// Why it stopped, when nobody asked it to.
    pub async fn ended(&mut self) -> Result<(), Problem> {
        let outcome = (&mut self.task).await;
        self.over = true;
        drop(self.door.take());
        drop(self.announced.take());
        match outcome {
            Ok(outcome) => outcome,
            Err(error) => Err(Problem::new(format!("the {} broke down", self.name)).because(error.to_string())),
        }
    }
}

/// Takes the address of a service, or says which flag chooses another.
pub async fn bind(service: &Service, flag: &str, key: &str) -> Result<TcpListener, Problem> {
    TcpListener::bind(service.listen).await.map_err(|error| occupied(error, service, flag, key))
}

/// An address that cannot be had, and what to do about it.
pub fn occupied(error: std::io::Error, service: &Service, flag: &str, key: &str) -> Problem {
    let port = service.listen.port();
    let text = match error.kind() {
        std::io::ErrorKind::AddrInUse => format!("port {port} is occupied"),
        _ => format!("cannot listen on {}", service.listen),
    };
    Problem::new(text)
        .because(error)
        .help(format!("choose another with {flag} N, or `listen` of [{key}] in lonja.toml"))
        .exits(Exit::Unreachable)
}

/// Starts the node.
///
/// # Errors
/// When keys, files or port cannot be used.
pub async fn node(
    context: &Context,
    config: &Config,
    confirm_time: bool,
    stop: CancellationToken,
) -> Result<Running, Problem> {
    if config.node.tls_cert.is_some() {
        return Err(Problem::new("the node does not speak TLS itself")
            .help("put a proxy in front of it: remove tls_cert and tls_key of [node] and set behind_proxy = true")
            .exits(Exit::File));
    }
    // Before the store is opened: whoever has the port has the directory too.
    let listener = bind(&config.node, "--node-port", "node").await?;
    let address = listener.local_addr().map_err(|error| Problem::new("the socket has no address").because(error))?;
    let layout = context.layout();
    // A founding document of another network would only show as keys that do not fit it.
    let anchor = layout.anchor()?;
    let document = layout.document()?;
    let names = validator::held(context)?;
    traces::describe("lonja.network", anchor.network);
    if !names.is_empty() {
        traces::describe("lonja.validator", names.join(","));
    }
    let sources = links::sources(context, config.observe.as_ref())?;
    if names.is_empty() && sources.is_empty() {
        return Err(validator::none_held(context, &document.document.founding.validators));
    }
    // A node that only observes has none, and asks for no passphrase.
    let keys: Arc<dyn Keys> =
        if names.is_empty() { Arc::new(Vec::new()) } else { Arc::new(Ring::open(context, &names)?) };
    let witnesses = Witnesses::of(&layout, config.witnesses.as_ref())?;
    let folder = layout.data_path(&config.node.data);
    let store = folder.join("db");
    if config.observe.as_ref().is_some_and(|observe| observe.snapshot) {
        joining::join(&sources, &folder).await?;
    }
    let kept = |retention: &config::Retention| -> Result<Retention, Problem> {
        Ok(Retention { keep_blocks: retention.keep_blocks, archive: buckets::archive(&layout, retention)? })
    };
    let retention = config.retention.as_ref().map(kept).transpose()?;
    let follows = !sources.is_empty();
    // One of several learns from the others what it signed, and one with sources from them.
    if !names.is_empty() && !follows && document.document.founding.validators.validators.len() == 1 {
        begun::check(&layout, &folder)?;
    }
    // Who holds no key is no validator, and need not know how far the others are.
    let only_observes = names.is_empty() && follows;
    let shown = if only_observes { Sources::Show(Shown::default()) } else { Sources::ask(&sources).await };
    let settings = node::Config { folder, document, keys: keys.clone(), sources: shown, confirm_time, retention };
    let started = tokio::task::spawn_blocking(move || Node::start(settings)).await;
    let node = match started {
        Ok(Ok(node)) => node,
        Ok(Err(error)) => return Err(node_problem(&error, &layout.keyring(), &names)),
        Err(error) => return Err(Problem::new("the node broke down while it started").because(error.to_string())),
    };
    begun::note(&layout);
    let linker = Linker { handle: node.handle(), layout, keys, follows };
    let links = linker.link().await?;
    let ending = CancellationToken::new();
    let mut linked = JoinSet::new();
    linked.spawn(linker.keep(links, ending.clone()));
    if !sources.is_empty() {
        linked.spawn(observe::observe(node.handle(), sources, ending.clone()));
    }
    if let Some(witnesses) = witnesses {
        linked.spawn(witnesses.keep(node.handle(), ending.clone()));
    }
    let handle = node.handle();
    let checkpoint: Checkpoint = Arc::new(move |to| {
        tracing::info_span!("backup", lonja.service = "node").in_scope(|| backup::of_ledger(handle.store(), to))
    });
    let task = tokio::spawn(async move {
        let served = serve_node(node, listener, stop).await;
        ending.cancel();
        linked.join_all().await;
        served
    });
    let reached = Service { listen: address, ..config.node.clone() };
    Ok(Running::new(context, "node", reached.url(), task).copied_by(context, store, checkpoint))
}

/// Serves a node until `stop`, or until it stops by itself: a node that makes no blocks and answers all
/// the same would be taken for one that works.
async fn serve_node(node: Node, listener: TcpListener, stop: CancellationToken) -> Result<(), Problem> {
    let handle = node.handle();
    let over = async move {
        tokio::select! {
            () = stop.cancelled() => None,
            reason = handle.ended() => Some(reason),
        }
    };
    let (closed, closing) = oneshot::channel::<()>();
    let server = ledger::api::server::serve(listener, node.handle(), async move { drop(closing.await) });
    let mut server = tokio::spawn(server);
    let ended = tokio::select! {
        reason = over => reason.map_or(Ok(()), |reason| Err(node_stopped(reason))),
        served = &mut server => Err(Problem::new("the node's server failed").because(format!("{served:?}"))),
    };
    drop(closed);
    // Those who wait get their answer; a connection that never ends holds nothing up.
    if !server.is_finished() && tokio::time::timeout(DRAIN_AT_MOST, &mut server).await.is_err() {
        server.abort();
    }
    // After the last answer: the block at work is finished.
    let stopped = tokio::task::spawn_blocking(move || node.stop()).await;
    ended.and(stopped.map_err(|error| Problem::new("the node broke down").because(error.to_string())))
}

fn node_stopped(reason: String) -> Problem {
    Problem::new("the node stopped").because(reason).help(
        "what it acknowledged is durable: set right what is named above and start it again, then it finishes its \
         newest block",
    )
}

fn node_problem(error: &NodeError, keys: &Keyring, names: &[String]) -> Problem {
    let help = match error {
        NodeError::WrongKey(what) => match names.first().map(|name| format!("{name}.{what}").parse()) {
            Some(Ok(name)) => format!("{} holds another key: put it back from a copy", keys.path(&name).display()),
            _ => "put the validator's keys back from a copy".into(),
        },
        error if error.is_disk_full() => "nothing was lost: enlarge the disk, delete what does not belong to the \
             network, or copy the directory to a larger disk; then start again"
            .into(),
        NodeError::NobodyShows => "nothing was changed; where nobody follows the network, nobody need be named".into(),
        error if error.is_newer() => "nothing was changed; operations/recover.md says how to go on without it".into(),
        _ => "nothing was changed; `lonja audit DIR` says more about a directory that was damaged".into(),
    };
    chain("the node does not start", error).help(help).exits(ending::of_node(error))
}

/// Starts the marketplace on the node that `client` speaks to.
///
/// # Errors
/// When keys, files or port cannot be used.
pub async fn market(
    context: &Context,
    config: &Config,
    client: Client,
    stop: CancellationToken,
) -> Result<Running, Problem> {
    let gateway = context.identity_of("market")?;
    traces::describe("lonja.network", client.network());
    traces::describe("lonja.party", gateway.party);
    let master = context.open_secret(&"market.vault".parse()?)?.derive("marketplace");
    let dir = context.layout().data_path(&config.market.data);
    let store = dir.join("own");
    let client = keeping(client, &dir)?;
    let mut settings = marketplace::Config::new(client, gateway, MasterKey::new(*master), dir, config.market.listen);
    settings.behind_proxy = config.market.behind_proxy;
    settings.objects = contents::place(&context.layout(), config.market.objects.as_ref())?;
    // Where the system gives it a port, only the next run on this directory could name it: rather no link than a wrong one.
    let is_known = config.explorer.listen.port() != 0 || config.explorer.public_url.is_some();
    settings.explorer_url = is_known.then(|| config.explorer.reached());
    settings.base_url = config.market.public_url.as_ref().map(|_| config.market.reached());
    settings.tls = tls(context, &config.market);
    let running = marketplace::start(settings, stop).await.map_err(|error| match error {
        marketplace::service::ServiceError::Listen { source, .. } => {
            occupied(source, &config.market, "--market-port", "market")
        }
        error => {
            let exit = match error.is_disk_full() {
                false if error.may_pass() => Exit::Unreachable,
                full => ending::of(full, ledger::passing(&error)),
            };
            chain("the marketplace does not start", &error).exits(exit)
        }
    })?;
    let market = running.market.clone();
    let checkpoint: Checkpoint = Arc::new(move |to| {
        let span = tracing::info_span!("backup", lonja.service = "marketplace");
        span.in_scope(|| market.copy(to).map_err(|error| said(&error)))
    });
    let task = tokio::spawn(async move {
        match running.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(chain("the marketplace stopped", &error)),
            Err(error) => Err(Problem::new("the marketplace broke down").because(error.to_string())),
        }
    });
    let started = Running::new(context, "marketplace", running.url, task).at(running.addr, &config.market);
    Ok(started.copied_by(context, store, checkpoint))
}

/// `client`, which keeps in the service's own folder what it sees of validator sets: the directory may not be ours to
/// write.
fn keeping(client: Client, folder: &Path) -> Result<Client, Problem> {
    // Whoever asks a service is told at once what passes with the next block.
    let client = client.patient(Duration::ZERO);
    Ok(client.keeping(folder.join("trust.json"), Keeping::Must).map_err(ClientError::from)?)
}

/// Starts the explorer on the node that `client` speaks to. It gets no key.
///
/// # Errors
/// When files or port cannot be used.
pub async fn explorer(
    context: &Context,
    config: &Config,
    client: Client,
    stop: CancellationToken,
) -> Result<Running, Problem> {
    traces::describe("lonja.network", client.network());
    let dir = context.layout().data_path(&config.explorer.data);
    let client = keeping(client, &dir)?;
    let mut settings = explorer::Config::new(client, dir, config.explorer.listen);
    settings.behind_proxy = config.explorer.behind_proxy;
    settings.tls = tls(context, &config.explorer);
    let running = explorer::start(settings, stop).await.map_err(|error| match error {
        explorer::ServiceError::Listen { source, .. } => {
            occupied(source, &config.explorer, "--explorer-port", "explorer")
        }
        error => {
            let exit = ending::of(ledger::found_full(&error), ledger::passing(&error));
            chain("the explorer does not start", &error).exits(exit)
        }
    })?;
    let task = tokio::spawn(async move {
        match running.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(chain("the explorer stopped", &error)),
            Err(error) => Err(Problem::new("the explorer broke down").because(error.to_string())),
        }
    });
    let url = if config.explorer.public_url.is_some() { config.explorer.reached() } else { running.url };
    Ok(Running::new(context, "explorer", url, task).at(running.addr, &config.explorer))
}

/// The certificate and key that a service shows, if it speaks TLS itself.
fn tls(context: &Context, service: &Service) -> Option<Tls> {
    let path = |file: &Path| context.layout().data_path(file);
    Some(Tls::new(path(service.tls_cert.as_deref()?), path(service.tls_key.as_deref()?)))
}

/// Asks our own service whether it is well. Where that speaks TLS, its certificate has the name by which others reach it
/// and not this address, and nothing is told here that anybody could not hear.
fn own() -> Result<reqwest::Client, Problem> {
    let made = crate::market::client().tls_danger_accept_invalid_certs(true).build();
    made.map_err(|error| Problem::new("cannot make an HTTP client").because(error))
}

/// Why a service says that it is not well.
async fn reason_of(answer: reqwest::Response) -> Option<String> {
    let health: serde_json::Value = answer.json().await.ok()?;
    health["reason"].as_str().map(str::to_owned)
}

/// Runs one service until it is asked to stop.
///
/// # Errors
/// Why it stopped by itself.
pub async fn alone(context: &Context, mut running: Running, stop: CancellationToken) -> Result<(), Problem> {
    running.healthy().await?;
    let mut requests = StopRequests::listen()?;
    let shown = serde_json::Map::from_iter([(running.name.to_owned(), running.url.clone().into())]);
    context.print(&shown, || format!("{}  {}", running.name, running.url));
    tokio::select! {
        () = requests.asked() => {}
        ended = running.ended() => return ended,
    }
    stop.cancel();
    running.ended().await
}

/// An error with everything below it in one line.
pub fn chain(text: &str, error: &dyn std::error::Error) -> Problem {
    Problem::new(text).because(said(error))
}

/// What an error says, and everything below it.
pub fn said(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        said = format!("{said}: {next}");
        cause = next.source();
    }
    said
}
