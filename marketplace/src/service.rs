//! Starting and stopping the market as a service.

use crate::{
    api,
    error::{MarketError, found_full},
    keys::{KeysError, MasterKey},
    limits::{UPLOAD_BYTES_DEFAULT, UPLOAD_IDLE_MAX},
    market::{Clock, Market, Parts, clock_ms},
    objects::{Limits, ObjectsError, Place},
};
use axum_server::{Handle, tls_rustls::RustlsAcceptor};
use ledger::api::{
    client::{Client, Identity},
    connections::{self, Door},
    tls::{Certificate, Tls, TlsError},
};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long requests under way may go on when the market stops.
const DRAIN: Duration = Duration::from_secs(5);

/// What a market needs to run.
pub struct Config {
    /// Speaks to the node, from the trust anchor.
    pub client: Client,
    /// Signs deliveries: a party with the role `gateway`, and its key.
    pub gateway: Identity,
    /// The market's folder.
    pub dir: PathBuf,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where people reach it, as `https://market.example`; made from `listen` where it is left out.
    pub base_url: Option<String>,
    /// Certificate and key, to speak TLS itself.
    pub tls: Option<Tls>,
    /// A proxy in front speaks TLS.
    pub behind_proxy: bool,
    /// Address of an explorer that pages lead to.
    pub explorer_url: Option<String>,
    /// Seals managed keys. Kept outside of `dir`.
    pub master: MasterKey,
    /// Where contents are kept; in `dir` where it is left out.
    pub objects: Option<Place>,
    /// Most bytes of one content.
    pub upload_bytes_max: u64,
    /// How long the sender of a content may send nothing.
    pub upload_idle_max: Duration,
    /// Tells the time by which licences, quotes and deliveries end.
    pub clock: Clock,
}

impl Config {
    /// A market on a loopback address with everything else as it is by default.
    pub fn new(client: Client, gateway: Identity, master: MasterKey, dir: PathBuf, listen: SocketAddr) -> Self {
        let (base_url, tls) = (None, None);
        Self {
            client,
            gateway,
            dir,
            listen,
            base_url,
            tls,
            behind_proxy: false,
            explorer_url: None,
            master,
            objects: None,
            upload_bytes_max: UPLOAD_BYTES_DEFAULT,
            upload_idle_max: UPLOAD_IDLE_MAX,
            clock: clock_ms,
        }
    }
}

/// Why the market could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An open address without TLS.
    #[error(
        "{0} can be reached by others: set tls_cert and tls_key under [market] of lonja.toml, or behind_proxy = true where a proxy speaks TLS; or listen on 127.0.0.1"
    )]
    NotProtected(SocketAddr),
    /// The address is taken or not ours.
    #[error("the market cannot listen on {addr}: {source}; choose another port with --market-port")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate or its key.
    #[error("the market cannot speak TLS")]
    Tls(#[from] TlsError),
    /// The bucket of contents is out of reach, or does not let us in.
    #[error(
        "the bucket {bucket} at {endpoint} cannot be used: check [market.objects] in lonja.toml, the credentials, and whether the bucket is there"
    )]
    Contents {
        /// Which.
        bucket: String,
        /// Where.
        endpoint: String,
        /// Why.
        source: Box<ObjectsError>,
    },
    /// Opening, or following the ledger.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The server.
    #[error("the market's server stopped")]
    Server(#[source] std::io::Error),
}

impl ServiceError {
    /// Is it only that a disk has no room?
    pub fn is_disk_full(&self) -> bool {
        found_full(self)
    }

    /// May it pass by itself? A bucket that cannot be reached is such a case, one that does not let us in is none.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Contents { source, .. } => source.may_pass(),
            _ => false,
        }
    }
}

/// A market that runs.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Where people reach it.
    pub url: String,
    /// The market, for the process that holds it.
    pub market: Market,
    /// Ends when it has stopped.
    pub task: JoinHandle<Result<(), ServiceError>>,
}

/// Runs a market until `shutdown`.
///
/// # Errors
/// [`ServiceError`].
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), ServiceError> {
    let running = start(config, shutdown).await?;
    running.task.await.unwrap_or_else(|error| Err(ServiceError::Server(std::io::Error::other(error))))
}

/// Starts a market; it stops at `shutdown`.
///
/// # Errors
/// [`ServiceError`]; nothing runs then.
pub async fn start(config: Config, shutdown: CancellationToken) -> Result<Running, ServiceError> {
    if !config.listen.ip().is_loopback() && config.tls.is_none() && !config.behind_proxy {
        return Err(ServiceError::NotProtected(config.listen));
    }
    let listen = |source| ServiceError::Listen { addr: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let addr = listener.local_addr().map_err(listen)?;
    let certificate = config.tls.map(Certificate::open).transpose()?;
    let scheme = if certificate.is_some() { "https" } else { "http" };
    let url = config.base_url.clone().unwrap_or_else(|| format!("{scheme}://{addr}"));
    let url = url.trim_end_matches('/').to_string();
    let secure = url.starts_with("https://");
    let market = Market::open(Parts {
        client: config.client,
        gateway: config.gateway,
        dir: &config.dir,
        master: &config.master,
        objects: config.objects.as_ref(),
        uploads: Limits { idle_max: config.upload_idle_max, ..Limits::of(config.upload_bytes_max) },
        clock: config.clock,
        base_url: url.clone(),
        secure,
        tls_until: certificate.as_ref().map(Certificate::until).unwrap_or_default(),
    })?;
    if let Some(Place::Bucket(bucket)) = &config.objects {
        market.objects().answers().await.map_err(|error| ServiceError::Contents {
            bucket: bucket.bucket.clone(),
            endpoint: bucket.endpoint.clone(),
            source: Box::new(error),
        })?;
    }
    let router = api::router(market.clone(), config.behind_proxy, config.explorer_url.as_deref());
    let handle = Handle::new();
    let server = tokio::spawn({
        let handle = handle.clone();
        let tls = certificate.as_ref().map(Certificate::config);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        async move {
            match tls {
                Some(tls) => {
                    let mut server = axum_server::from_tcp(listener)?;
                    connections::bound(&mut server);
                    let server = server.map(|_| Door::new(RustlsAcceptor::new(tls)));
                    server.handle(handle).serve(service).await
                }
                None => {
                    let mut server = axum_server::from_tcp(listener)?;
                    connections::bound(&mut server);
                    server.map(Door::new).handle(handle).serve(service).await
                }
            }
        }
    });
    let task = tokio::spawn(supervise(market.clone(), certificate, server, handle, shutdown));
    Ok(Running { addr, url, market, task })
}

async fn supervise(
    market: Market,
    certificate: Option<Certificate>,
    server: JoinHandle<std::io::Result<()>>,
    handle: Handle<SocketAddr>,
    shutdown: CancellationToken,
) -> Result<(), ServiceError> {
    // One stops all: pages over rows that no longer move would look true.
    let stop = shutdown.child_token();
    let stopping = market.clone();
    let orders = tokio::spawn({
        let (market, stop) = (market.clone(), stop.clone());
        async move { market.take_up_orders(stop).await }
    });
    let sweep = tokio::spawn({
        let (market, stop) = (market.clone(), stop.clone());
        async move { market.sweep_unanchored(stop).await }
    });
    let renewal = certificate.map(|certificate| tokio::spawn(certificate.keep(stop.clone())));
    let mut follow = tokio::spawn({
        let stop = stop.clone();
        async move { market.follow(stop).await }
    });
    let mut server = server;
    let ended = tokio::select! {
        followed = &mut follow => followed.map_or_else(|error| Err(ServiceError::Server(std::io::Error::other(error))), |done| done.map_err(ServiceError::from)),
        served = &mut server => served.unwrap_or_else(|error| Err(std::io::Error::other(error))).map_err(ServiceError::Server),
        // It would answer every question and keep nothing of what it is told.
        error = stopping.0.own.broken() => Err(MarketError::from(KeysError::Store(error)).into()),
        () = stop.cancelled() => Ok(()),
    };
    stop.cancel();
    handle.graceful_shutdown(Some(DRAIN));
    if !server.is_finished() {
        let _stopped_either_way = server.await;
    }
    if !follow.is_finished() {
        let _stopped_either_way = follow.await;
    }
    stopping.orders().stop().await;
    let _stopped_either_way = orders.await;
    let _stopped_either_way = sweep.await;
    if let Some(renewal) = renewal {
        let _stopped_either_way = renewal.await;
    }
    ended
}
