//! The nodes that are measured: one, or several validators that are linked.

use super::BenchError;
use crate::{
    api::{client::Client, server},
    archive::{Archive, Retention},
    node::{Config, Handle, Node, Sources},
    peers::{self, Peer, Peers, Times},
    testing,
};
use genesis::SignedDocument;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot, task::JoinHandle};

/// How long validators may take to be linked and to make their first block.
const FIRST_BLOCK_MAX: Duration = Duration::from_secs(60);

/// Nodes that run, each with its server.
pub struct Cluster {
    /// One for each node.
    pub clients: Vec<Client>,
    /// The nodes.
    pub nodes: Vec<Node>,
    place: PathBuf,
    keep_blocks: Option<u64>,
    document: SignedDocument,
    /// Where each listens to the others.
    addresses: Vec<SocketAddr>,
    links: Vec<Arc<Peers>>,
    stops: Vec<oneshot::Sender<()>>,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
}

/// The folder of node `number`.
pub fn folder(folder: &Path, number: u16) -> PathBuf {
    if number == 0 { folder.join("node") } else { folder.join(format!("node-{number}")) }
}

/// Where node `number` archives.
pub fn archive(place: &Path, number: u16) -> PathBuf {
    folder(place, number).join("archive")
}

/// How node `number` of `count` is started.
pub fn config(place: &Path, number: u16, count: u16, document: &SignedDocument, keep_blocks: Option<u64>) -> Config {
    let keys = if count == 1 { testing::solo_keys() } else { testing::validator_keys(number) };
    Config {
        folder: folder(place, number),
        document: document.clone(),
        keys: Arc::new(vec![keys]),
        sources: Sources::None,
        confirm_time: true,
        retention: keep_blocks
            .map(|keep_blocks| Retention { keep_blocks, archive: Archive::new(archive(place, number)) }),
    }
}

impl Cluster {
    /// Starts `count` nodes below `place`.
    pub fn start(runtime: &Runtime, place: &Path, count: u16, keep_blocks: Option<u64>) -> Result<Self, BenchError> {
        let document = if count == 1 { testing::document() } else { testing::document_among(count) };
        let (clients, nodes, links, stops, servers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (place, addresses) = (place.to_path_buf(), Vec::new());
        let mut cluster = Self { clients, nodes, place, keep_blocks, document, addresses, links, stops, servers };
        for number in 0..count {
            cluster.start_node(runtime, number, count)?;
        }
        if count > 1 {
            cluster.link(runtime)?;
        }
        Ok(cluster)
    }

    fn start_node(&mut self, runtime: &Runtime, number: u16, count: u16) -> Result<(), BenchError> {
        let config = config(&self.place, number, count, &self.document, self.keep_blocks);
        let node = Node::start(config).map_err(|error| BenchError::new("start a node", error))?;
        let (listener, address) = listen(runtime)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server::serve(listener, node.handle(), async move { drop(stopped.await) });
        self.servers.push(runtime.spawn(serving));
        self.stops.push(stop);
        let client = Client::new(&format!("http://{address}"), self.document.anchor());
        self.clients.push(client.map_err(|error| BenchError::new("make a client", error))?);
        self.nodes.push(node);
        Ok(())
    }

    /// Links all nodes, and waits until each knows a block.
    fn link(&mut self, runtime: &Runtime) -> Result<(), BenchError> {
        let listeners = self.nodes.iter().map(|_| listen(runtime)).collect::<Result<Vec<_>, _>>()?;
        self.addresses = listeners.iter().map(|(_, address)| *address).collect();
        for (number, (listener, _)) in (0..).zip(listeners) {
            self.link_one(runtime, number, listener)?;
        }
        let begun = Instant::now();
        while self.nodes.iter().any(|node| node.handle().status().height == 0) {
            if begun.elapsed() > FIRST_BLOCK_MAX {
                return Err(BenchError::new("link the nodes", "no first block came about"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn link_one(&mut self, runtime: &Runtime, number: u16, listener: TcpListener) -> Result<(), BenchError> {
        let peer = |(number, address): (u16, &SocketAddr)| Peer {
            number,
            key: testing::validator_keys(number).consensus.public(),
            address: Some(address.to_string()),
        };
        let config = peers::Config {
            network: self.document.network,
            signer: testing::validator_keys(number).consensus,
            peers: (0..).zip(&self.addresses).filter(|(other, _)| *other != number).map(peer).collect(),
            times: Times::default(),
        };
        let handle = self.nodes[usize::from(number)].handle();
        let _inside = runtime.enter();
        let links = Peers::start(listener, config, handle.inbox());
        let links = Arc::new(links.map_err(|error| BenchError::new("link the nodes", error))?);
        handle.connect(Some(links.clone()));
        self.links.push(links);
        Ok(())
    }

    /// Starts the first of those that were stopped, where it was.
    pub fn start_again(&mut self, runtime: &Runtime) -> Result<Handle, BenchError> {
        let number = self.nodes.len() as u16;
        let address = self.addresses.get(usize::from(number)).copied();
        let address = address.ok_or_else(|| BenchError::new("start a node again", "none was stopped"))?;
        self.start_node(runtime, number, self.addresses.len() as u16)?;
        let listener = runtime.block_on(TcpListener::bind(address));
        self.link_one(runtime, number, listener.map_err(|error| BenchError::new("bind a port", error))?)?;
        Ok(self.nodes[usize::from(number)].handle())
    }

    /// Clients of all nodes but the newest, which may be behind.
    pub fn others(&self) -> Vec<Client> {
        self.clients[..self.clients.len() - 1].to_vec()
    }

    /// Stops the last `count` nodes, as if their machines were gone.
    pub fn stop_some(&mut self, runtime: &Runtime, count: u16) {
        for _ in 0..count {
            drop((self.clients.pop(), self.stops.pop(), self.servers.pop()));
            if let Some(links) = self.links.pop() {
                runtime.block_on(links.stop());
            }
            if let Some(node) = self.nodes.pop() {
                node.stop();
            }
        }
    }

    /// Transactions in the ledger.
    pub fn transactions(&self) -> u64 {
        let status = self.nodes[0].handle().status();
        status.log_size - status.height
    }

    /// Stops all nodes. Returns what they were founded on.
    pub fn stop(self, runtime: &Runtime) -> Result<SignedDocument, BenchError> {
        let Self { clients, nodes, document, links, stops, servers, .. } = self;
        // All are to have what one has, or the last blocks would be audited at some of them alone.
        let newest = nodes.iter().map(|node| node.handle().status().height).max().unwrap_or(0);
        let begun = Instant::now();
        while nodes.iter().any(|node| node.handle().status().height < newest) && begun.elapsed() < FIRST_BLOCK_MAX {
            std::thread::sleep(Duration::from_millis(20));
        }
        drop((clients, stops));
        for server in servers {
            drop(runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), server).await }));
        }
        nodes.into_iter().for_each(Node::stop);
        links.iter().for_each(|links| runtime.block_on(links.stop()));
        Ok(document)
    }
}

fn listen(runtime: &Runtime) -> Result<(TcpListener, SocketAddr), BenchError> {
    let listener = runtime
        .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .map_err(|error| BenchError::new("bind a port", error))?;
    let address = listener.local_addr().map_err(|error| BenchError::new("bind a port", error))?;
    Ok((listener, address))
}
