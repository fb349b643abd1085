//! Dialling the peers above us, and accepting those below.

use super::{
    Config, Inbox, PeerStatus, PeersError, Times,
    aside::Aside,
    door::{Door, Guest},
    identity::{Identity, key_of},
    link,
    peer::PeerState,
};
use crate::limits::PEER_REDIAL_AFTER_MIN;
use contracts::{id::NetworkId, key::PublicKey};
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName, server::Acceptor};
use std::{collections::BTreeMap, io, net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// All peers of one validator.
pub struct Mesh {
    network: NetworkId,
    times: Times,
    inbox: Arc<dyn Inbox>,
    stop: CancellationToken,
    peers: BTreeMap<u16, Arc<PeerState>>,
    numbers: BTreeMap<[u8; 32], u16>,
    door: Arc<Door>,
    aside: Aside,
    accepting: Arc<ServerConfig>,
    connectors: BTreeMap<u16, Arc<ClientConfig>>,
}

impl Mesh {
    /// Without links yet.
    ///
    /// # Errors
    /// [`PeersError`].
    pub fn new(config: Config, inbox: Arc<dyn Inbox>, stop: CancellationToken) -> Result<Self, PeersError> {
        let Config { network, signer, peers, times } = config;
        let (ours, identity) = (signer.public(), Identity::new(signer));
        let below = peers.iter().filter(|peer| peer.key < ours).map(|peer| peer.key).collect();
        let accepting = Arc::new(identity.accepting(below)?);
        let above = peers.iter().filter(|peer| peer.key > ours);
        let connectors = above.map(|peer| Ok((peer.number, Arc::new(identity.dialling(peer.key)?))));
        let connectors = connectors.collect::<Result<_, PeersError>>()?;
        let numbers = peers.iter().map(|peer| (peer.key.0, peer.number)).collect();
        let door = Arc::new(Door::new(peers.iter().filter_map(|peer| peer.address.as_deref())));
        let aside = Aside::start(stop.clone()).map_err(PeersError::Thread)?;
        let peers =
            peers.into_iter().map(|peer| (peer.number, Arc::new(PeerState::new(peer.number, peer.address)))).collect();
        Ok(Self { network, times, inbox, stop, peers, numbers, door, aside, accepting, connectors })
    }

    /// The peer with this number.
    pub fn peer(&self, number: u16) -> Option<&Arc<PeerState>> {
        self.peers.get(&number)
    }

    /// The peer with this key.
    pub fn known(&self, key: &PublicKey) -> Option<&Arc<PeerState>> {
        self.peer(*self.numbers.get(&key.0)?)
    }

    /// How long things may take.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// How each link is.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.peers.values().map(|peer| peer.status()).collect()
    }

    /// The numbers of those whom we dial.
    pub fn dialled(&self) -> Vec<u16> {
        self.connectors.keys().copied().collect()
    }

    /// Takes connections until all is over. A stranger costs a place for a while, and a signature, and no more.
    pub async fn accept(self: Arc<Self>, listener: TcpListener, tasks: TaskTracker) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Too many open files, most likely: those that end make room.
                    tracing::warn!(%error, "no connection of another validator can be taken now");
                    sleep(PEER_REDIAL_AFTER_MIN).await;
                    continue;
                }
            };
            let (mesh, guest) = (self.clone(), self.door.enter(address.ip()));
            tasks.spawn(async move {
                if let Err(error) = mesh.welcome(stream, guest).await {
                    tracing::debug!(%address, %error, "a connection came to nothing");
                }
            });
        }
    }

    async fn welcome(&self, stream: TcpStream, guest: Guest) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let greeted = self.in_time(async {
            // Nothing is signed for who says nothing.
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            guest.turn().await;
            let accepting = self.accepting.clone();
            let mut stream = self.aside.run(async move { hello.into_stream(accepting).await }).await?;
            let (_, session) = stream.get_ref();
            let shown = session.peer_certificates().and_then(<[_]>::first).and_then(key_of);
            // TLS has proven that the key is one of theirs.
            let theirs = shown.and_then(|PublicKey(key)| self.numbers.get(&key).copied());
            let theirs = theirs.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it showed no known key"))?;
            guest.is(theirs);
            let greeted = match self.peers[&theirs].admit() {
                Ok(()) => link::greet(&mut stream, &self.network).await,
                held_off => held_off,
            };
            Ok((stream, theirs, greeted))
        });
        let (stream, theirs, greeted) = tokio::select! {
            () = guest.out.cancelled() => return Err(io::Error::other("too many strangers knock; another has its place")),
            greeted = greeted => greeted?,
        };
        drop(guest);
        let peer = &self.peers[&theirs];
        match greeted {
            Ok(()) => self.keep(peer, stream).await,
            Err(error) => report(peer, &error),
        }
        Ok(())
    }

    /// Dials a peer again and again until all is over.
    pub async fn dial(self: Arc<Self>, number: u16) {
        let peer = self.peers[&number].clone();
        let mut pause = PEER_REDIAL_AFTER_MIN;
        while !self.stop.is_cancelled() {
            let reached = tokio::select! {
                () = self.stop.cancelled() => return,
                reached = self.in_time(self.reach(&peer)) => reached,
            };
            match reached {
                Ok(stream) => {
                    pause = PEER_REDIAL_AFTER_MIN;
                    self.keep(&peer, stream).await;
                }
                Err(error) => report(&peer, &error),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = sleep(pause + jitter(pause)) => {}
            }
            pause = (2 * pause).min(self.times.redial);
        }
    }

    async fn reach(&self, peer: &PeerState) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + use<>> {
        peer.admit()?;
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "where it listens is not known");
        let stream = TcpStream::connect(&*peer.address().ok_or_else(unknown)?).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(self.connectors[&peer.number].clone());
        // A key is looked for, not a name; the address stands where TLS wants one.
        let name = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
        let mut stream = self.aside.run(async move { connector.connect(name, stream).await }).await?;
        link::greet(&mut stream, &self.network).await?;
        Ok(stream)
    }

    /// Carries frames until the link breaks, a newer one takes its place, or all is over.
    async fn keep(&self, peer: &PeerState, stream: impl AsyncRead + AsyncWrite) {
        let held = peer.hold(&self.stop);
        tracing::info!(validator = peer.number, "linked");
        let reason = tokio::select! {
            () = held.over.cancelled() => match peer.admit() {
                Ok(()) => "it was ended here".to_string(),
                Err(held_off) => link::reason(&held_off),
            },
            broken = link::carry(stream, peer, &*self.inbox, &self.times) => match broken {
                Err(error) => link::reason(&error),
                Ok(never) => match never {},
            },
        };
        if !self.stop.is_cancelled() {
            tracing::warn!(validator = peer.number, reason, "the link broke");
        }
        peer.release(&held, reason);
    }

    async fn in_time<T>(&self, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        match timeout(self.times.handshake, doing).await {
            Ok(done) => done,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("no handshake within {} ms", self.times.handshake.as_millis()),
            )),
        }
    }
}

/// Says why there is no link, once for each reason.
fn report(peer: &PeerState, error: &io::Error) {
    let reason = link::reason(error);
    if peer.failed(reason.clone()) {
        tracing::warn!(validator = peer.number, address = peer.address().as_deref(), reason, "no link");
    }
}

/// Up to half of `pause` more, so that validators that start together do not dial together for ever.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness there is no jitter; the pause itself is enough.
    let drawn = getrandom::fill(&mut byte).is_ok();
    if drawn { pause * u32::from(byte[0]) / 512 } else { Duration::ZERO }
}
