//! A directory that becomes one of a network that runs already: its node observes, as a regulator's does, until
//! governance makes its keys those of a validator, if it ever does.

use crate::{
    command::network::PortArgs,
    context::Context,
    market,
    problem::{Exit, Problem},
};
use clap::Args;
use contracts::id::NetworkId;
use genesis::{
    SignedDocument,
    config::{Config, Observe, Peers},
    limits::DOCUMENT_BYTES_MAX,
};
use std::{collections::BTreeMap, net::SocketAddr, path::Path};

/// Make the directory one of a network that runs.
#[derive(Args)]
pub struct Join {
    /// URL of a node that serves blocks; others can be added to [observe] of lonja.toml
    url: String,
    /// The network's id, as somebody you trust told you; the founding document must be that of this network
    #[arg(long, value_name = "ID")]
    network: NetworkId,
    /// Begin with a snapshot of the state, proven by the newest blocks, instead of executing all blocks: quick, but
    /// this node then has neither older blocks nor events in them
    #[arg(long)]
    snapshot: bool,
    /// Where other validators are to reach this node, once it is one
    #[arg(long, value_name = "IP:PORT", requires = "peer")]
    listen: Option<SocketAddr>,
    /// Where this node reaches another validator, once it is one; once for each
    #[arg(long, value_name = "NAME=HOST:PORT", value_parser = peer, requires = "listen")]
    peer: Vec<(String, String)>,
    #[command(flatten)]
    ports: PortArgs,
}

fn peer(text: &str) -> Result<(String, String), String> {
    let (name, address) = text.split_once('=').ok_or("write NAME=HOST:PORT")?;
    Peers::check_address(address).map_err(|reason| format!("`{address}` {reason}"))?;
    Ok((name.to_owned(), address.to_owned()))
}

impl Join {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<SignedDocument, Problem> {
        let url = self.url.trim_end_matches('/').to_owned();
        let path = format!("{url}/v1/network");
        let answer = market::http()?.get(&path).send().await.and_then(reqwest::Response::error_for_status);
        let unreachable = |error: reqwest::Error| {
            Problem::new(format!("no founding document at {path}"))
                .because(error)
                .help("name the URL of a node of the network")
                .exits(Exit::Unreachable)
        };
        let mut answer = answer.map_err(unreachable)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
                return Err(Problem::new(format!("what is at {path} is too long for a founding document")));
            }
        }
        let document = SignedDocument::from_json(Path::new(&path), &bytes)?;
        if document.network != self.network {
            return Err(Problem::new(format!("{url} is of network {}", document.network))
                .because(format!("network {} was asked for", self.network))
                .help("compare the network's id on a second way before you join it")
                .exits(Exit::Untrue));
        }
        let mut config = Config::local(self.ports.or_usual());
        config.observe = Some(Observe { from: vec![url], snapshot: self.snapshot });
        let addresses: BTreeMap<_, _> = self.peer.into_iter().collect();
        config.peers = self.listen.map(|listen| Peers { listen, addresses });
        let layout = context.layout();
        std::fs::create_dir_all(layout.keys_path()).map_err(crate::problem::file("create", &layout.keys_path()))?;
        layout.join(&document, &config)?;
        Ok(document)
    }
}
