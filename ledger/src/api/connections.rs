//! Connections: how many, how long a head may take to come, how long a reader may take nothing. The
//! node and both services let callers in by the same door.
//!
//! What is beyond the number is closed at once: a queue of sockets would be memory that strangers
//! fill. The time and size of a request's head are held by hyper, by the settings that are made here. Who answers on a
//! connection may end it ([`super::line`]).

use super::line::{Line, OnLine};
use crate::limits::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_TIME_MAX, HEADERS_MAX, STALL_MAX};
use axum_server::{Server, accept::Accept};
use hyper_util::rt::TokioTimer;
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Bounds what one connection of `server` may take.
pub fn bound<A>(server: &mut Server<SocketAddr, A>) {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIME_MAX)
        .keep_alive_timeout(HEAD_TIME_MAX)
        .max_concurrent_streams(64)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
}

/// How long one connection may do nothing.
#[derive(Clone, Copy)]
struct Patience {
    silent: Duration,
    stalled: Duration,
}

/// Lets so many connections in; `inner` makes of each what is served, as by TLS.
#[derive(Clone)]
pub struct Door<A> {
    inner: A,
    places: Arc<Semaphore>,
    patience: Patience,
}

impl<A> Door<A> {
    /// A door with [`CONNECTIONS_MAX`] places for whom `inner` accepts.
    pub fn new(inner: A) -> Self {
        Self::with(inner, CONNECTIONS_MAX, Patience { silent: HEAD_TIME_MAX, stalled: STALL_MAX })
    }

    fn with(inner: A, places: usize, patience: Patience) -> Self {
        Self { inner, places: Arc::new(Semaphore::new(places)), patience }
    }
}

impl<I, S, A> Accept<I, S> for Door<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Send + 'static,
    A::Service: Send + 'static,
{
    type Stream = Held<A::Stream>;
    type Service = OnLine<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            tracing::warn!(most = CONNECTIONS_MAX, "a connection was closed: there are too many");
            return Box::pin(std::future::ready(Err(io::Error::other("too many connections"))));
        };
        let (accepting, patience) = (self.inner.accept(stream, service), self.patience);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            let line = Line::default();
            Ok((Held::new(stream, &line, place, patience), OnLine::new(service, line)))
        })
    }
}

/// As many bytes as tell HTTP/1 from HTTP/2. hyper waits for them without a limit of its own.
const FIRST_BYTES: usize = 24;

/// A connection with its place at the door. It begins to speak soon, and its reader takes something
/// now and then, or it is let go.
pub struct Held<I> {
    stream: I,
    /// Runs until the first bytes have come.
    silent: Option<Pin<Box<Sleep>>>,
    first: usize,
    /// Runs while the other side takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Done once somebody who answers on it has ended it.
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    patience: Patience,
    _place: OwnedSemaphorePermit,
}

impl<I> Held<I> {
    fn new(stream: I, line: &Line, place: OwnedSemaphorePermit, patience: Patience) -> Self {
        let silent = Some(Box::pin(sleep(patience.silent)));
        let over = Box::pin(line.over().cancelled_owned());
        Self { stream, silent, first: 0, stalled: None, over, patience, _place: place }
    }

    /// Fails once it is over, and lets `context` hear of that.
    fn goes_on(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.over.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "an answer was not taken in its time")),
            Poll::Pending => Ok(()),
        }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        // Whoever is answered has spoken.
        self.silent = None;
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        self.goes_on(context)?;
        let most = self.patience.stalled;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(most)));
        if stalled.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.stalled = None;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Held<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        self.goes_on(context)?;
        let read = Pin::new(&mut self.stream).poll_read(context, buf);
        let Some(silent) = self.silent.as_mut() else { return read };
        if read.is_pending() {
            return silent.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        self.first += buf.filled().len() - before;
        if self.first >= FIRST_BYTES {
            self.silent = None;
        }
        read
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Held<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, buf);
        self.watch(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, bufs);
        self.watch(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum_server::accept::DefaultAcceptor;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const SHORT: Duration = Duration::from_millis(50);

    fn door(places: usize) -> Door<DefaultAcceptor> {
        Door::with(DefaultAcceptor::new(), places, Patience { silent: SHORT, stalled: SHORT })
    }

    async fn enter(door: &Door<DefaultAcceptor>, bytes: usize) -> io::Result<(DuplexStream, Held<DuplexStream>)> {
        let (outside, inside) = duplex(bytes);
        Ok((outside, door.accept(inside, ()).await?.0))
    }

    #[tokio::test]
    async fn whoever_answers_on_a_connection_may_end_it() {
        // So long that nothing else ends it.
        let long = Duration::from_secs(60);
        let door = Door::with(DefaultAcceptor::new(), 8, Patience { silent: long, stalled: long });
        let (mut outside, inside) = duplex(4);
        let (mut held, service) = door.accept(inside, ()).await.unwrap();
        outside.write_all(b"said").await.unwrap();
        held.read_exact(&mut [0; 4]).await.unwrap();
        let line = service.line.clone();
        let ending = tokio::spawn(async move { line.end() });
        assert_eq!(held.read(&mut [0; 4]).await.unwrap_err().to_string(), "an answer was not taken in its time");
        ending.await.unwrap();
        held.write_all(b"full").await.unwrap();
        let full = held.write_all(b"more than fits").await.unwrap_err();
        assert_eq!(full.to_string(), "an answer was not taken in its time");
    }

    #[tokio::test]
    async fn there_are_so_many_places_and_each_is_given_back() {
        let door = door(2);
        let (first, _second) = (enter(&door, 64).await.unwrap(), enter(&door, 64).await.unwrap());
        assert!(enter(&door, 64).await.is_err(), "a third is closed at once");
        drop(first);
        assert!(enter(&door, 64).await.is_ok());
    }

    #[tokio::test]
    async fn whoever_never_speaks_or_never_takes_is_let_go() {
        let door = door(8);
        let (_outside, mut silent) = enter(&door, 64).await.unwrap();
        assert_eq!(silent.read(&mut [0; 8]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // Who has spoken may be quiet for longer: what follows is for hyper to judge.
        let (mut outside, mut heard) = enter(&door, 64).await.unwrap();
        outside.write_all(&[b'x'; FIRST_BYTES]).await.unwrap();
        heard.read_exact(&mut [0; FIRST_BYTES]).await.unwrap();
        assert!(tokio::time::timeout(SHORT * 4, heard.read(&mut [0; 8])).await.is_err(), "waits on");
        let (mut outside, mut full) = enter(&door, 4).await.unwrap();
        assert_eq!(full.write_all(b"more than fits").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let mut taken = [0; 4];
        outside.read_exact(&mut taken).await.unwrap();
        full.write_all(b"more").await.unwrap();
    }
}
