//! One link while it lasts: hello, then frames both ways.

use super::{Inbox, Times, frame, peer::PeerState};
use crate::limits::{PEER_BYTES_PER_SECOND_MAX, PEER_FRAME_BYTES_MAX, PEER_FRAME_OVERHEAD_BYTES};
use contracts::id::NetworkId;
use std::io;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter},
    time::{Instant, sleep, sleep_until, timeout},
};

/// What each end says first: its network.
const HELLO_BYTES: usize = 32;

/// Says of which network we are and hears of which they are. Who they are, their key has proven already.
///
/// # Errors
/// When they are of another network.
pub async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), network: &NetworkId) -> io::Result<()> {
    stream.write_all(&network.0).await?;
    stream.flush().await?;
    let mut other = [0; HELLO_BYTES];
    stream.read_exact(&mut other).await?;
    if other != network.0 {
        let reason = format!("it is of network {}, we are of {network}", hex::encode(other));
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(())
}

/// Carries frames until the link breaks.
///
/// # Errors
/// Always: why it broke.
pub async fn carry(
    stream: impl AsyncRead + AsyncWrite,
    peer: &PeerState,
    inbox: &dyn Inbox,
    times: &Times,
) -> io::Result<std::convert::Infallible> {
    let (reader, writer) = tokio::io::split(stream);
    tokio::select! {
        broken = receive(BufReader::new(reader), peer, inbox, times) => broken,
        broken = send(BufWriter::new(writer), peer, times) => broken,
    }
}

async fn receive(
    mut from: impl AsyncRead + Unpin,
    peer: &PeerState,
    inbox: &dyn Inbox,
    times: &Times,
) -> io::Result<std::convert::Infallible> {
    let mut pace = Pace::new();
    loop {
        let length = within(times.silence, "nothing was heard", frame::length(&mut from)).await?;
        if length > 0 {
            let body = within(times.frame, "a frame did not end", frame::body(&mut from, length)).await?;
            peer.received(inbox.receive(peer.number, body));
        }
        pace.keep(length).await;
    }
}

async fn send(
    mut to: impl AsyncWrite + Unpin,
    peer: &PeerState,
    times: &Times,
) -> io::Result<std::convert::Infallible> {
    loop {
        let next = tokio::select! {
            frame = peer.next() => Some(frame),
            () = sleep(times.keep_alive) => None,
        };
        // Each has its time: of a peer that is slow and takes all that it is sent, something waits always.
        const NOT_TAKEN: &str = "what was sent was not taken";
        match next {
            None => within(times.frame, NOT_TAKEN, frame::write(&mut to, &[])).await?,
            Some(first) => {
                let mut next = Some(first);
                while let Some(frame) = next {
                    within(times.frame, NOT_TAKEN, frame::write(&mut to, &frame)).await?;
                    peer.sent();
                    next = peer.try_next();
                }
            }
        }
        within(times.frame, NOT_TAKEN, to.flush()).await?;
    }
}

async fn within<T>(time: std::time::Duration, what: &str, doing: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match timeout(time, doing).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} ms", time.as_millis()))),
    }
}

/// What people are told of a link that broke, or did not come about.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the other end is gone".into(),
        _ => error.to_string(),
    }
}

/// Lets a peer send so much in a second and no more: a bucket that fills as time goes by. Who is over it
/// is not refused; we read no further until it is not.
struct Pace {
    room: f64,
    at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { room: PEER_BYTES_PER_SECOND_MAX as f64, at: Instant::now() }
    }

    async fn keep(&mut self, bytes: usize) {
        let (now, rate) = (Instant::now(), PEER_BYTES_PER_SECOND_MAX as f64);
        self.room = (self.room + rate * (now - self.at).as_secs_f64()).min(rate);
        self.at = now;
        self.room -= (bytes + PEER_FRAME_OVERHEAD_BYTES) as f64;
        if self.room < 0.0 {
            sleep_until(now + std::time::Duration::from_secs_f64(-self.room / rate)).await;
        }
    }
}

const _: () = assert!(PEER_BYTES_PER_SECOND_MAX >= 2 * PEER_FRAME_BYTES_MAX);
