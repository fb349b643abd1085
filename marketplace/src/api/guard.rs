//! What every request goes through: its id, under which it is logged, the rate limit, the time limit, and the headers
//! that keep a browser from being used against its user.

use super::{
    logged::{self, Asked},
    metrics::Metrics,
    problem::Problem,
};
use crate::limits::{
    CALLERS_MAX, ENTRY_ATTEMPTS_PER_MINUTE, ERROR_TEXT_BYTES_MAX, REQUEST_TIME_MAX, REQUESTS_BURST, REQUESTS_PER_SECOND,
};
use axum::{
    Extension,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Instant,
};

type Limiter = RateLimiter<IpAddr, DashMapStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>;

/// Limits for all requests, and tighter ones for attempts to get in.
#[derive(Clone)]
pub struct Guard(Arc<Limits>);

struct Limits {
    all: Limiter,
    entry: Limiter,
    behind_proxy: bool,
    metrics: Arc<Metrics>,
}

/// Newcomers share this bucket while the table is full.
const CROWD: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Only what we serve ourselves: no foreign script, frame, font or form.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                   connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Guard {
    /// Limits by address; behind a proxy, by the address that the proxy reports.
    pub fn new(behind_proxy: bool) -> Self {
        let number = |value| NonZeroU32::new(value).expect("limits are not zero");
        let all = Quota::per_second(number(REQUESTS_PER_SECOND)).allow_burst(number(REQUESTS_BURST));
        let entry = Quota::per_minute(number(ENTRY_ATTEMPTS_PER_MINUTE));
        Self(Arc::new(Limits {
            all: RateLimiter::dashmap(all).with_middleware(),
            entry: RateLimiter::dashmap(entry).with_middleware(),
            behind_proxy,
            metrics: Arc::new(Metrics::default()),
        }))
    }

    /// What it counts.
    pub fn metrics(&self) -> Arc<Metrics> {
        self.0.metrics.clone()
    }

    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let reported = || {
            // The last entry is the proxy's own word; those before it are the caller's.
            let value = request.headers().get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next()?.trim().parse().ok()
        };
        let address = if self.0.behind_proxy { reported().or(peer) } else { peer };
        match address.unwrap_or(CROWD) {
            // A subscriber has a whole /64.
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            address => address,
        }
    }
}

/// Does it come from this machine, and from nobody behind a proxy on it?
pub fn is_local(request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let passed_on = ["x-forwarded-for", "forwarded", "via", "x-real-ip"];
    peer.is_some_and(|peer| peer.to_canonical().is_loopback())
        && !passed_on.iter().any(|name| request.headers().contains_key(*name))
}

/// Checks one limiter; says how much is left.
fn check(limiter: &Limiter, name: &str, quota: u32, address: IpAddr) -> Result<HeaderValue, Box<Response>> {
    let mut key = address;
    if limiter.len() > CALLERS_MAX {
        limiter.retain_recent();
        if limiter.len() > CALLERS_MAX {
            key = CROWD;
        }
    }
    match limiter.check_key(&key) {
        Ok(state) => {
            let text = format!("\"{name}\";r={}", state.remaining_burst_capacity());
            Ok(HeaderValue::from_str(&text).expect("a number is a header value"))
        }
        Err(not_until) => {
            let wait_s = not_until.wait_time_from(DefaultClock::default().now()).as_secs() + 1;
            let detail = format!("too many requests from this address ({quota} at once): try again in {wait_s} s");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests", detail);
            let mut response = problem.into_response();
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait_s));
            let left = HeaderValue::from_str(&format!("\"{name}\";r=0;t={wait_s}"));
            headers.insert("ratelimit", left.expect("a number is a header value"));
            Err(Box::new(response))
        }
    }
}

/// For every request, of which it is known under which id it is answered.
pub async fn every(
    State(guard): State<Guard>,
    Extension(Asked { id, span }): Extension<Asked>,
    request: Request,
    next: Next,
) -> Response {
    let (began, address) = (Instant::now(), guard.address(&request));
    let mut response = match check(&guard.0.all, "default", REQUESTS_BURST, address) {
        Ok(left) => {
            let mut response = next.run(request).await;
            // An answer that was refused by a tighter limit says so itself.
            response.headers_mut().entry("ratelimit").or_insert(left);
            response
        }
        Err(refused) => *refused,
    };
    response = as_problem(response).await;
    tag_encoding(response.headers_mut());
    let took = began.elapsed();
    guard.0.metrics.answered(response.status(), took);
    logged::answered(&span, response.status(), took);
    let headers = response.headers_mut();
    let policy = format!("\"default\";q={REQUESTS_BURST};w={}", REQUESTS_BURST / REQUESTS_PER_SECOND);
    headers.insert("ratelimit-policy", HeaderValue::from_str(&policy).expect("numbers are a header value"));
    headers.insert("x-request-id", id);
    for (name, value) in [
        ("content-security-policy", CSP),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// An error that a library wrote as plain text, or without a word, becomes a problem like all others.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let wordless = kind.is_empty() || kind.starts_with("text/plain");
    if !(status.is_client_error() || status.is_server_error()) || !wordless {
        return response;
    }
    let (code, title) = match status {
        StatusCode::NOT_FOUND => ("not-found", "Not found"),
        StatusCode::METHOD_NOT_ALLOWED => ("method", "Another method"),
        StatusCode::NOT_ACCEPTABLE => ("not-acceptable", "Not in this form"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "The request is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ("media-type", "Another media type"),
        StatusCode::UNPROCESSABLE_ENTITY => ("invalid", "A value breaks a bound"),
        status if status.is_client_error() => ("bad-request", "The request cannot be understood"),
        _ => ("internal", "The market failed"),
    };
    let (parts, body) = response.into_parts();
    // What lies behind a failure of ours is for the log.
    let said = match status.is_server_error() {
        true => String::new(),
        false => axum::body::to_bytes(body, ERROR_TEXT_BYTES_MAX)
            .await
            .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string())
            .unwrap_or_default(),
    };
    let detail =
        if said.is_empty() { "/openapi.json says what is served, and how it is asked for".into() } else { said };
    let mut made = Problem::new(status, code, title, detail).into_response();
    // What the headers said beside the text still holds, as `Allow` and what is left of the limit.
    for (name, value) in parts.headers.iter().filter(|(name, _)| !name.as_str().starts_with("content-")) {
        made.headers_mut().entry(name).or_insert(value.clone());
    }
    made
}

/// A strong tag belongs to one sequence of bytes, so the compressed form has one of its own.
fn tag_encoding(headers: &mut HeaderMap) {
    let Some(encoding) = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()) else { return };
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()?.strip_suffix('"'));
    if let Some(tag) = tag.map(|tag| format!("{tag}-{encoding}\"")).and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
}

/// For attempts to get in: applications, sessions, credentials.
pub async fn entry(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let address = guard.address(&request);
    match check(&guard.0.entry, "entry", ENTRY_ATTEMPTS_PER_MINUTE, address) {
        Ok(_) => next.run(request).await,
        Err(refused) => *refused,
    }
}

/// For everything that is no transfer. What was begun on the ledger goes on without its caller.
pub async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("a request took too long");
            let detail = "it took too long; what was stored goes on: ask for the order again, or repeat the request with the same `Idempotency-Key`";
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "It took too long", detail).into_response()
        }
    }
}

/// The caller's own id if it is plain, otherwise a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get("x-request-id").filter(|value| {
        let bytes = value.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    });
    given.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&ulid::Ulid::generate().to_string()).expect("letters and digits are a header value")
    })
}
