//! Room for request bodies: memory that strangers fill, so it is counted before it is filled.

use super::Problem;
use crate::limits::{BODY_TIME_MAX, REQUEST_BYTES_MAX, REQUESTS_BYTES_MAX};
use axum::{
    body::{Body, HttpBody, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::Response,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Bytes that one permit stands for.
const UNIT: usize = 1024;

/// Room for the bodies of all requests together.
#[derive(Clone)]
pub(super) struct Room {
    units: Arc<Semaphore>,
    patience: Duration,
}

impl Room {
    /// Room for [`REQUESTS_BYTES_MAX`].
    pub(super) fn new() -> Self {
        Self::of(REQUESTS_BYTES_MAX, BODY_TIME_MAX)
    }

    fn of(bytes: usize, patience: Duration) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes / UNIT)), patience }
    }

    /// Reads a request's body, where there is room for as much as its head promises. Without a promise
    /// it counts as the longest that is allowed.
    async fn read(&self, request: Request) -> Result<(Request, tokio::sync::OwnedSemaphorePermit), Problem> {
        let too_large = || {
            let detail = format!("a request has at most {REQUEST_BYTES_MAX} bytes: send fewer submissions at once");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
        };
        let (head, body) = request.into_parts();
        let promised = match body.size_hint().upper() {
            Some(bytes) => {
                usize::try_from(bytes).ok().filter(|bytes| *bytes <= REQUEST_BYTES_MAX).ok_or_else(too_large)?
            }
            None => REQUEST_BYTES_MAX,
        };
        let units = u32::try_from(promised.div_ceil(UNIT)).map_err(|_| too_large())?;
        let held = self.units.clone().try_acquire_many_owned(units);
        let held = held.map_err(|_| Problem::busy("the bodies of other requests fill the room that there is"))?;
        let bytes = match tokio::time::timeout(self.patience, to_bytes(body, promised)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if head.headers.contains_key(axum::http::header::CONTENT_LENGTH) => {
                return Err(Problem::bad_request(format!("the body ended early: {error}")));
            }
            Ok(Err(_)) => return Err(too_large()),
            Err(_) => {
                let detail = format!("the body did not come within {} s: send it again", self.patience.as_secs_f32());
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", "The body came too slowly", detail));
            }
        };
        Ok((Request::from_parts(head, Body::from(bytes)), held))
    }
}

/// Lets a request pass once its body is here. Its room is given back with the answer.
pub(super) async fn within(State(room): State<Room>, request: Request, next: Next) -> Result<Response, Problem> {
    let (request, _held) = room.read(request).await?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: usize) -> Request {
        Request::new(Body::from(vec![7; bytes]))
    }

    fn endless(first: usize) -> Request {
        use futures_util::StreamExt;
        let parts = futures_util::stream::once(async move { Ok::<_, std::io::Error>(vec![7; first]) });
        Request::new(Body::from_stream(parts.chain(futures_util::stream::pending())))
    }

    #[tokio::test]
    async fn bodies_are_held_within_the_room_and_give_it_back() {
        let room = Room::of(10 * UNIT, Duration::from_millis(50));
        let first = room.read(request(6 * UNIT)).await.unwrap();
        let problem = room.read(request(5 * UNIT)).await.unwrap_err();
        assert_eq!((problem.status, problem.code.as_str(), problem.retryable), (503, "busy", true));
        let second = room.read(request(4 * UNIT)).await.unwrap();
        assert_eq!(to_bytes(second.0.into_body(), usize::MAX).await.unwrap().len(), 4 * UNIT);
        drop(first);
        assert!(room.read(request(5 * UNIT)).await.is_ok());
        assert!(room.read(request(0)).await.is_ok(), "an empty body needs none");
    }

    #[tokio::test]
    async fn a_body_too_long_too_slow_or_without_a_length_is_refused_by_name() {
        let room = Room::of(2 * REQUEST_BYTES_MAX, Duration::from_millis(50));
        assert_eq!(room.read(request(REQUEST_BYTES_MAX + 1)).await.unwrap_err().code, "too-large");
        assert_eq!(room.read(endless(10)).await.unwrap_err().code, "slow-body");
        assert_eq!(room.read(endless(REQUEST_BYTES_MAX + 1)).await.unwrap_err().code, "too-large");
        assert_eq!(room.units.available_permits(), 2 * REQUEST_BYTES_MAX / UNIT, "all room was given back");
        let small = Room::of(REQUEST_BYTES_MAX / 2, Duration::from_millis(50));
        assert_eq!(
            small.read(endless(10)).await.unwrap_err().code,
            "busy",
            "without a length it counts as the longest"
        );
    }
}
