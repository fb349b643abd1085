//! Room for answers that are not sent yet: memory that readers fill by taking nothing, so it is counted.
//!
//! An answer that was made whole is counted from then on until the last byte of it has left: the room goes with the
//! bytes themselves, whoever has them meanwhile. One that is read from a file is counted by the few frames that are on
//! their way. Short answers have a room of their own, so that a node whose long ones wait for readers still says how it
//! is; each connection has a share; and so many long answers are made at once as the machine has use for.
//!
//! Whoever takes nothing for long is let go by [`super::connections`] where that shows in the connection. It does not
//! where a client keeps the window of its streams shut and answers pings. So each answer has its time, by its length,
//! and ends its connection where that is over: HTTP/1 has no other end of an answer, and of a stream of HTTP/2 that
//! takes nothing a frame stays in memory until the connection ends ([`super::line`]).

use super::{
    Problem,
    line::{Line, Load},
};
use crate::limits::*;
use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use std::{fs::File, io, sync::Arc, time::Duration};
use tokio::{
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
};

/// Bytes that one permit stands for. An answer of no more is not counted: what is held of its request costs as much.
const UNIT: usize = 1024;

/// How much there may be.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of an answer that is a short one.
    pub short: usize,
    /// Bytes of all short answers.
    pub shorts: usize,
    /// Bytes of all others.
    pub longs: usize,
    /// Bytes of all on one connection.
    pub connection: usize,
    /// The time that each answer has.
    pub patience: Duration,
    /// And besides, a second for so many bytes.
    pub bytes_per_second: u64,
}

/// Room for the answers of one server. Cheap to clone.
#[derive(Clone)]
pub(super) struct Answers {
    bounds: Bounds,
    shorts: Arc<Semaphore>,
    longs: Arc<Semaphore>,
    /// Turns of those that are made of what the store has, and of what an archive may have.
    new: Arc<Semaphore>,
    old: Arc<Semaphore>,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self::within(Bounds {
            short: ANSWER_SHORT_BYTES_MAX,
            shorts: ANSWERS_SHORT_BYTES_MAX,
            longs: ANSWERS_BYTES_MAX,
            connection: ANSWERS_BYTES_PER_CONNECTION_MAX,
            patience: STALL_MAX,
            bytes_per_second: ANSWER_BYTES_PER_SECOND_MIN,
        })
    }

    pub(super) fn within(bounds: Bounds) -> Self {
        let room = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT));
        let turns = |count: usize| Arc::new(Semaphore::new(count));
        Self {
            bounds,
            shorts: room(bounds.shorts),
            longs: room(bounds.longs),
            new: turns(ANSWERS_MADE_AT_ONCE),
            old: turns(ARCHIVE_READS_MAX),
        }
    }
}

/// Answering one request, on its connection. Handlers have it as an extension.
#[derive(Clone)]
pub(super) struct Answering {
    answers: Answers,
    line: Line,
}

impl Answering {
    /// Waits for a turn to make a long answer, which may need what was archived.
    pub(super) async fn turn(&self, archived: bool) -> Result<OwnedSemaphorePermit, Problem> {
        let turns = if archived { &self.answers.old } else { &self.answers.new };
        match tokio::time::timeout(ANSWER_TURN_WAIT, turns.clone().acquire_owned()).await {
            Ok(turn) => Ok(turn.expect("turns do not end")),
            Err(_) => Err(Problem::busy("others wait for long answers as well")),
        }
    }

    /// Holds room for `held` bytes at a time of an answer of `whole`.
    fn hold(&self, held: usize, whole: u64) -> Result<Hold, Problem> {
        let Bounds { short, shorts, longs, connection, patience, bytes_per_second } = self.answers.bounds;
        let busy = || Problem::busy("answers that were not taken yet fill the room that there is");
        let (room, most) = if held <= short { (&self.answers.shorts, shorts) } else { (&self.answers.longs, longs) };
        // One that is longer than all room takes all of it.
        let units = u32::try_from(held.min(most) / UNIT).expect("a bound has few units");
        let load = self.line.take_up(held, connection).ok_or_else(busy)?;
        let room = room.clone().try_acquire_many_owned(units).map_err(|_| busy())?;
        let (time, line) = (patience + Duration::from_secs(whole / bytes_per_second), self.line.clone());
        let ending = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            tracing::debug!(bytes = whole, seconds = time.as_secs(), "an answer was not taken; its connection ends");
            line.end();
        });
        Ok(Hold { _load: load, _room: room, ending: ending.abort_handle() })
    }

    /// Counts an answer that was made whole.
    async fn count(&self, response: Response) -> Result<Response, Problem> {
        // One without a length comes in frames, which count themselves.
        let Some(length) = response.body().size_hint().exact().filter(|length| *length > UNIT as u64) else {
            return Ok(response);
        };
        let hold = self.hold(usize::try_from(length).unwrap_or(usize::MAX), length)?;
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.map_err(|error| Problem::internal(error.to_string()))?;
        Ok(Response::from_parts(head, Body::from(Bytes::from_owner(Held { bytes, _hold: hold }))))
    }

    /// The `length` bytes of a file, in frames.
    pub(super) fn file(&self, file: File, length: u64) -> Result<Body, Problem> {
        let most = ANSWER_FRAME_BYTES * ANSWER_FRAMES_AT_ONCE;
        let hold = Arc::new(self.hold(usize::try_from(length).map_or(most, |length| length.min(most)), length)?);
        let frames = Arc::new(Semaphore::new(ANSWER_FRAMES_AT_ONCE));
        let begin = (tokio::fs::File::from_std(file), length);
        Ok(Body::from_stream(stream::try_unfold(begin, move |(mut file, left)| {
            let (hold, frames) = (hold.clone(), frames.clone());
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let turn = frames.acquire_owned().await.map_err(io::Error::other)?;
                let mut bytes =
                    vec![0; usize::try_from(left).map_or(ANSWER_FRAME_BYTES, |left| left.min(ANSWER_FRAME_BYTES))];
                file.read_exact(&mut bytes).await?;
                let left = left - bytes.len() as u64;
                Ok::<_, io::Error>(Some((Bytes::from_owner(Held { bytes, _hold: (turn, hold) }), (file, left))))
            }
        })))
    }
}

/// What an answer holds. Dropped with the last byte of it.
struct Hold {
    _load: Load,
    _room: OwnedSemaphorePermit,
    ending: AbortHandle,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.ending.abort();
    }
}

/// Bytes, and what they hold.
struct Held<B, H> {
    bytes: B,
    _hold: H,
}

impl<B: AsRef<[u8]>, H> AsRef<[u8]> for Held<B, H> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Counts what is answered to a request. Where there is no room for it, that is said in its place.
pub(super) async fn counted(
    State(answers): State<Answers>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let line = request.extensions().get::<Line>().cloned().unwrap_or_default();
    let answering = Answering { answers, line };
    request.extensions_mut().insert(answering.clone());
    let response = next.run(request).await;
    answering.count(response).await
}

#[cfg(test)]
mod tests;
