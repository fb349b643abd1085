//! The witness over HTTP (C2SP tlog-witness, "HTTP Interface").
//!
//! | route | answer |
//! |---|---|
//! | `POST /add-checkpoint` | the cosignature's line; 409 with the recorded size; otherwise a problem |
//! | `GET /{SHA-256 of the origin, hex}/checkpoint` | the newest checkpoint that was cosigned |
//! | `GET /health` | ours, and not C2SP's: 200, or 503 with the reason where it cannot sign or record |
//! | `GET /metrics` | likewise: counters for Prometheus (OpenMetrics) |

use super::server::{Refusal, Witness};
use crate::{
    api::{
        Problem,
        connections::{self, Door},
        trace,
    },
    limits::{ADD_CHECKPOINT_BYTES_MAX, BODY_TIME_MAX, DRAIN, REQUESTS_MAX},
};
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    error_handling::HandleErrorLayer,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use contracts::id::Digest;
use serde::Serialize;
use std::{
    error::Error,
    future::Future,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer};

/// What a 409 is, and nothing else ("add-checkpoint").
pub(super) const SIZE_TYPE: &str = "text/x.tlog.size";
const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

/// The routes of a witness.
pub fn router(witness: Arc<Witness>) -> Router {
    let routes = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .fallback(|| async {
            Problem::not_found("a witness answers POST /add-checkpoint, and GET /…/checkpoint, /health and /metrics")
        })
        .layer(
            // Bodies at work are bounded by it: so many of the longest request.
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(|_| async { Problem::busy("too many requests are at work") }))
                .load_shed()
                .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_MAX)),
        )
        .with_state(witness);
    trace::requests(routes, "witness")
}

/// Serves on `listener` until `stop` is done; requests at work then have [`DRAIN`].
///
/// # Errors
/// What the socket says.
pub async fn serve(
    listener: tokio::net::TcpListener,
    witness: Arc<Witness>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let mut server = axum_server::from_tcp(listener.into_std()?)?;
    connections::bound(&mut server);
    let handle = axum_server::Handle::new();
    let shut = handle.clone();
    let stopping = tokio::spawn(async move {
        stop.await;
        shut.graceful_shutdown(Some(DRAIN));
    });
    let served = server.map(Door::new).handle(handle).serve(router(witness).into_make_service()).await;
    stopping.abort();
    served
}

async fn add_checkpoint(State(witness): State<Arc<Witness>>, body: Body) -> Result<Response, Problem> {
    let body = match tokio::time::timeout(BODY_TIME_MAX, to_bytes(body, ADD_CHECKPOINT_BYTES_MAX)).await {
        Ok(read) => read.map_err(|_| {
            let detail = format!("a request has at most {ADD_CHECKPOINT_BYTES_MAX} bytes, and comes whole");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
        })?,
        Err(_) => {
            let detail = format!("the body did not come within {} s", BODY_TIME_MAX.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", "The body came too slowly", detail));
        }
    };
    let now_s = seconds();
    // It verifies, signs and waits for the disk: not on the threads that serve sockets.
    let span = tracing::info_span!("cosign");
    match tokio::task::spawn_blocking(move || span.in_scope(|| witness.add(&body, now_s))).await {
        Ok(Ok(line)) => Ok((TEXT, format!("{line}\n")).into_response()),
        Ok(Err(Refusal::Conflict { size })) => {
            Ok((StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE_TYPE)], format!("{size}\n")).into_response())
        }
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(_) => Err(Problem::internal("the request failed; the witness goes on")),
    }
}

async fn checkpoint(State(witness): State<Arc<Witness>>, Path(origin): Path<String>) -> Result<Response, Problem> {
    let nothing = || Problem::not_found("no checkpoint of a log with this hash was cosigned here");
    let hash: Option<Digest> = origin.parse().ok();
    let found = tokio::task::spawn_blocking(move || hash.and_then(|hash| witness.newest(&hash))).await;
    let note = found.map_err(|_| Problem::internal("the request failed; the witness goes on"))?.ok_or_else(nothing)?;
    Ok((TEXT, [(header::CACHE_CONTROL, "no-cache")], note.to_string()).into_response())
}

/// Since 1970.
fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// How a witness is.
#[derive(Serialize)]
struct Health {
    healthy: bool,
    /// Why not.
    reason: Option<&'static str>,
    /// What it is known by.
    key: String,
}

async fn health(State(witness): State<Arc<Witness>>) -> Result<Response, Problem> {
    let key = witness.key().to_string();
    // It may sign and write.
    let asked = tokio::task::spawn_blocking(move || witness.hindrance(seconds())).await;
    let reason = asked.map_err(|_| Problem::internal("the request failed; the witness goes on"))?;
    let code = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((code, Json(Health { healthy: reason.is_none(), reason, key })).into_response())
}

async fn metrics(State(witness): State<Arc<Witness>>) -> Result<Response, Problem> {
    let told = tokio::task::spawn_blocking(move || witness.metrics(seconds())).await;
    let text = told.map_err(|_| Problem::internal("the request failed; the witness goes on"))?;
    let kind = (header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([kind, (header::CACHE_CONTROL, "no-store")], text).into_response())
}

/// A refusal with its cause, in one sentence.
fn whole(refusal: &Refusal) -> String {
    refusal.source().map_or_else(|| refusal.to_string(), |cause| format!("{refusal}: {cause}"))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = whole(&refusal);
        let of = |status, code: &str, title: &str| Self::new(status, code, title, detail.clone());
        match refusal {
            Refusal::Malformed(_) | Refusal::Shrinking { .. } => Self::bad_request(detail),
            Refusal::Origin(_) => of(StatusCode::NOT_FOUND, "unknown-origin", "This log is not known"),
            Refusal::Signature(_) | Refusal::Few { .. } => {
                of(StatusCode::FORBIDDEN, "bad-signature", "The log did not sign this")
            }
            Refusal::Conflict { .. } => of(StatusCode::CONFLICT, "other-size", "Another size is recorded"),
            Refusal::Inconsistent(_) => {
                of(StatusCode::UNPROCESSABLE_ENTITY, "inconsistent", "Not an extension of what was cosigned")
            }
            Refusal::Clock(_) | Refusal::Sign(_) | Refusal::Record(_) => {
                // What files and keys say is for the operator, not for strangers.
                tracing::error!("a checkpoint could not be cosigned: {detail}");
                Self::internal("the witness could not record or sign; its log says why")
            }
        }
    }
}
