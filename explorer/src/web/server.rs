//! Starting and stopping the explorer as a service.

use super::App;
use crate::{
    Config,
    follow::{self, State},
    index::{Index, IndexError},
};
use axum_server::{Handle, tls_rustls::RustlsAcceptor};
use ledger::api::{
    connections::{self, Door},
    tls::{Certificate, TlsError},
};
use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long requests under way may go on when the explorer stops.
const DRAIN: Duration = Duration::from_secs(5);

/// Why the explorer could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An open address without TLS. Browsers give WebCrypto only to HTTPS and loopback.
    #[error(
        "{0} can be reached by others: set tls_cert and tls_key under [explorer] of lonja.toml, or behind_proxy = true where a proxy speaks TLS; or listen on 127.0.0.1"
    )]
    NotProtected(SocketAddr),
    /// The address is taken or not ours.
    #[error("the explorer cannot listen on {addr}; choose another port with --explorer-port")]
    Listen {
        /// Which.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate or its key.
    #[error("the explorer cannot speak TLS")]
    Tls(#[from] TlsError),
    /// The folder cannot be made.
    #[error("cannot make the explorer's folder {}", dir.display())]
    Folder {
        /// Which.
        dir: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The read model cannot be opened.
    #[error("cannot open the explorer's read model")]
    Index(#[from] IndexError),
    /// The server.
    #[error("the explorer's server stopped")]
    Server(#[source] std::io::Error),
}

/// An explorer that runs.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The same as a link.
    pub url: String,
    /// The read model, for the process that holds it.
    pub index: Arc<Index>,
    /// Ends when it has stopped.
    pub task: JoinHandle<Result<(), ServiceError>>,
}

/// Starts an explorer; it stops at `shutdown`.
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
    let url = format!("{}://{addr}", if certificate.is_some() { "https" } else { "http" });
    let dir = config.dir.clone();
    std::fs::create_dir_all(&dir).map_err(|source| ServiceError::Folder { dir: dir.clone(), source })?;
    let index = Arc::new(Index::open(&dir, config.client.network())?);
    let state = Arc::new(parking_lot::RwLock::new(State::default()));
    let mut app = App::new(index.clone(), config.client.clone(), state.clone(), shutdown.clone());
    app.tls_until = certificate.as_ref().map(Certificate::until).unwrap_or_default();
    let following = tokio::spawn(follow::follow(config.client, index.clone(), state, shutdown.clone()));
    let handle = Handle::new();
    let (drain, stop) = (handle.clone(), shutdown.clone());
    tokio::spawn(async move {
        shutdown.cancelled().await;
        drain.graceful_shutdown(Some(DRAIN));
    });
    let service = super::router(app).into_make_service();
    let tls = certificate.as_ref().map(Certificate::config);
    let renewal = certificate.map(|certificate| tokio::spawn(certificate.keep(stop)));
    let task = tokio::spawn(async move {
        let served = match tls {
            Some(tls) => match open(listener) {
                Ok(server) => server.map(|_| Door::new(RustlsAcceptor::new(tls))).handle(handle).serve(service).await,
                Err(error) => Err(error),
            },
            None => match open(listener) {
                Ok(server) => server.map(Door::new).handle(handle).serve(service).await,
                Err(error) => Err(error),
            },
        };
        // The read model is closed before this ends, so the folder can be opened again at once.
        drop(following.await);
        // There is nobody left to whom it would be shown.
        if let Some(renewal) = renewal {
            renewal.abort();
        }
        served.map_err(ServiceError::Server)
    });
    Ok(Running { addr, url, index, task })
}

fn open(listener: TcpListener) -> std::io::Result<axum_server::Server<SocketAddr>> {
    let mut server = axum_server::from_tcp(listener)?;
    connections::bound(&mut server);
    Ok(server)
}
