//! A wire between the market and its node that can be held at the two moments of a purchase that a
//! random kill hardly ever meets: when the signed bytes are stored and not yet at the node, and when
//! the node has decided and the market does not know it yet.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf},
    sync::Notify,
};

/// Where the next submission is held until the market is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Before the node sees it.
    Request,
    /// When the node has answered it.
    Answer,
}

/// The wire.
pub struct Wire {
    /// What the market takes for its node.
    pub url: String,
    state: Arc<State>,
}

struct State {
    node: SocketAddr,
    request: AtomicBool,
    answer: AtomicBool,
    held: Notify,
}

impl Wire {
    /// A wire to the node at `node`.
    pub async fn to(node: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (request, answer) = Default::default();
        let state = Arc::new(State { node, request, answer, held: Notify::new() });
        let carried = state.clone();
        tokio::spawn(async move {
            while let Ok((market, _)) = listener.accept().await {
                tokio::spawn(carry(carried.clone(), market));
            }
        });
        Self { url, state }
    }

    /// From now on the next submission is held.
    pub fn hold(&self, hold: Hold) {
        self.state.of(hold).store(true, Ordering::SeqCst);
    }

    /// Waits until one is.
    pub async fn held(&self) {
        self.state.held.notified().await;
    }
}

impl State {
    fn of(&self, hold: Hold) -> &AtomicBool {
        match hold {
            Hold::Request => &self.request,
            Hold::Answer => &self.answer,
        }
    }

    /// Is this the one that is to be held? Only the first is.
    fn holds(&self, hold: Hold) -> bool {
        let held = self.of(hold).swap(false, Ordering::SeqCst);
        if held {
            self.held.notify_one();
        }
        held
    }
}

async fn carry(state: Arc<State>, market: TcpStream) {
    // A node that is not there closes the market's connection, as it would by itself.
    let Ok(node) = TcpStream::connect(state.node).await else { return };
    let (mut from_market, mut to_market) = market.into_split();
    let (mut from_node, mut to_node) = node.into_split();
    let handing_in = AtomicBool::new(false);
    let up = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Some(count) = read(&mut from_market, &mut bytes).await {
            let begins = |with: &[u8]| bytes[..count].starts_with(with);
            if begins(b"POST /v1/submissions ") {
                handing_in.store(true, Ordering::SeqCst);
                if state.holds(Hold::Request) {
                    while read(&mut from_market, &mut bytes).await.is_some() {}
                    return;
                }
            } else if begins(b"GET ") || begins(b"POST ") {
                handing_in.store(false, Ordering::SeqCst);
            }
            if to_node.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    let down = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Some(count) = read(&mut from_node, &mut bytes).await {
            if handing_in.load(Ordering::SeqCst) && state.holds(Hold::Answer) {
                // Until the market hangs up, which ends the other direction and this one with it.
                return std::future::pending().await;
            }
            if to_market.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

async fn read(from: &mut OwnedReadHalf, bytes: &mut [u8]) -> Option<usize> {
    from.read(bytes).await.ok().filter(|count| *count > 0)
}
