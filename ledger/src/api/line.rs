//! One connection, as whoever answers on it knows it.
//!
//! A request carries its [`Line`] in its extensions. hyper asks the body of an answer for nothing while the other side
//! takes nothing, so no body can end by itself then, and what of it is on its way stays in memory: only the end of the
//! connection gives that back.

use axum::http::Request;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

/// One connection. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Line {
    over: CancellationToken,
    bytes: Arc<AtomicUsize>,
}

impl Line {
    /// Ends it, with all that is at work on it.
    pub fn end(&self) {
        self.over.cancel();
    }

    /// Done once somebody has ended it.
    pub(super) fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Takes up `bytes` of answers that are not sent yet, unless they were more than `most` with those that there are. A
    /// single answer is always taken up.
    pub(super) fn take_up(&self, bytes: usize, most: usize) -> Option<Load> {
        let fits = |held: usize| (held == 0 || held + bytes <= most).then_some(held + bytes);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok()?;
        Some(Load { line: self.clone(), bytes })
    }
}

/// Bytes of an answer on a connection, until they are sent.
pub(super) struct Load {
    line: Line,
    bytes: usize,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.line.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What is served on one connection, each request with its [`Line`].
#[derive(Clone, Debug)]
pub struct OnLine<S> {
    inner: S,
    pub(super) line: Line,
}

impl<S> OnLine<S> {
    /// Serves by `inner` what comes on `line`.
    pub(super) fn new(inner: S, line: Line) -> Self {
        Self { inner, line }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for OnLine<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.line.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_its_share_and_one_answer_always() {
        let line = Line::default();
        let first = line.take_up(10, 8).expect("one is taken up however long it is");
        assert!(line.take_up(1, 8).is_none());
        drop(first);
        let held = [line.take_up(4, 8).unwrap(), line.take_up(4, 8).unwrap()];
        assert!(line.take_up(1, 8).is_none());
        drop(held);
        assert_eq!(line.bytes.load(Ordering::Relaxed), 0);
    }
}
