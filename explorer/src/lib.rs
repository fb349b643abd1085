//! The explorer: the whole history as pages, proofs and bundles that anybody can check.
//!
//! It follows the ledger through the client, executes every block again under the rules, keeps what
//! it found in a read model that can be deleted and rebuilt at any time, and shows it: pages that work
//! without script, the same as JSON, exports of everything, and proofs that a reader's own browser
//! checks. It signs nothing, changes nothing and holds no key.
//!
//! Read in this order: [`index`] (the read model), [`view`] (what each page says), `web` (how it is
//! said over HTTP), `follow` (the task between node and read model), and [`audit`].

pub mod audit;
mod follow;
pub mod index;
mod limits;
pub mod view;
mod web;

pub use web::{Running, ServiceError, start};

use ledger::api::{client::Client, tls::Tls};
use std::{net::SocketAddr, path::PathBuf};
use tokio_util::sync::CancellationToken;

/// What an explorer needs to run.
pub struct Config {
    /// Speaks to the node, from the trust anchor.
    pub client: Client,
    /// The explorer's folder: its read model, which can be deleted and is then rebuilt.
    pub dir: PathBuf,
    /// Where to listen; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Certificate and key, to speak TLS itself.
    pub tls: Option<Tls>,
    /// A proxy in front speaks TLS.
    pub behind_proxy: bool,
}

impl Config {
    /// An explorer on a loopback address.
    pub fn new(client: Client, dir: PathBuf, listen: SocketAddr) -> Self {
        Self { client, dir, listen, tls: None, behind_proxy: false }
    }
}

/// Runs an explorer until `shutdown`.
///
/// # Errors
/// [`ServiceError`].
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), ServiceError> {
    let running = start(config, shutdown).await?;
    running.task.await.unwrap_or_else(|error| Err(ServiceError::Server(std::io::Error::other(error))))
}

#[cfg(test)]
mod fixture;
