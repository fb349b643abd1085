//! Routes by which another node joins: snapshots of the state, and headers of blocks.

use super::{
    Problem,
    answers::Answering,
    server::{aside, binary, encode},
    types::BlocksQuery,
};
use crate::{
    limits::{BLOCK_HEADERS_MAX, FOLLOW_WAIT_MS_MAX},
    node::Handle,
    snapshot::StationError,
};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::id::Height;
use std::time::{Duration, Instant};

/// How often it is looked again whether a snapshot has been made.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl From<StationError> for Problem {
    fn from(error: StationError) -> Self {
        match error {
            StationError::NotHere { .. } => Problem::not_found(error.to_string()),
            StationError::Failed(..) => Problem::internal(error.to_string()),
        }
    }
}

/// The height of which a snapshot can be had, if there is one.
pub(super) async fn offered(State(handle): State<Handle>) -> Response {
    binary(encode(&handle.stations().offered()))
}

/// The manifest of a snapshot. Whoever asks first waits until it has been made, or comes again.
pub(super) async fn manifest(State(handle): State<Handle>, Path(height): Path<Height>) -> Result<Response, Problem> {
    let until = Instant::now() + Duration::from_millis(FOLLOW_WAIT_MS_MAX);
    loop {
        if let Some(manifest) = handle.stations().manifest(height)? {
            return Ok(binary(encode(&*manifest)));
        }
        if Instant::now() >= until {
            let detail = format!("the snapshot of height {height} is being made; ask again");
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "being-made", "Not made yet", detail));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A chunk of a snapshot, which may be 64 MiB long: as it is read.
pub(super) async fn chunk(
    State(handle): State<Handle>,
    Extension(answering): Extension<Answering>,
    Path((height, number)): Path<(Height, u8)>,
) -> Result<Response, Problem> {
    let (file, length) = aside(move || Ok(handle.stations().chunk(height, number)?)).await?;
    let kind = HeaderValue::from_static("application/octet-stream");
    let head = [(header::CONTENT_TYPE, kind), (header::CONTENT_LENGTH, length.into())];
    Ok((head, answering.file(file, length)?).into_response())
}

/// Headers of blocks above a height.
pub(super) async fn headers(
    State(handle): State<Handle>,
    Query(query): Query<BlocksQuery>,
) -> Result<Response, Problem> {
    aside(move || {
        let reader = handle.store().reader();
        let mut headers = Vec::new();
        while headers.len() < BLOCK_HEADERS_MAX
            && let Some(header) = reader.header(query.after.saturating_add(1 + headers.len() as u64))?
        {
            headers.push(header);
        }
        Ok(binary(encode(&headers)))
    })
    .await
}
