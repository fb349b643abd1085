//! Who calls: a session's cookie or a bearer credential, and the key of a request.

use super::problem::Problem;
use crate::{
    error::MarketError,
    keys::{Keys, Session},
    market::{Market, clock_ms},
    orders::{Once, OrderError},
};
use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
};
use contracts::id::{Digest, PartyId};
use std::convert::Infallible;

/// The name of the session's cookie. `__Host-` would demand TLS, which loopback does not have.
pub const COOKIE: &str = "lonja_session";

/// The party on whose behalf a request comes.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Which party.
    pub party: PartyId,
    /// The session, if it came by cookie.
    pub session: Option<Session>,
}

impl FromRequestParts<Market> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, market: &Market) -> Result<Self, Problem> {
        let now_ms = clock_ms();
        if let Some(token) = bearer(&parts.headers) {
            let party = market.keys().bearer(token, now_ms).map_err(MarketError::from)?;
            return Ok(Self { party, session: None });
        }
        let missing = || {
            let detail = "sign in by a link from an operator, or send `Authorization: Bearer` with a credential";
            MarketError::Unauthenticated(detail.into())
        };
        let cookie = cookie(&parts.headers).ok_or_else(missing)?;
        let session = market.keys().session(&cookie, now_ms).map_err(MarketError::from)?;
        // A cookie comes along with any request, also one that another site made the browser send.
        let safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let token = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).unwrap_or("");
        if !safe && !Keys::csrf_matches(&session, token) {
            let detail = "a request by cookie that changes something carries the session's token in `X-CSRF-Token`";
            return Err(MarketError::Forbidden(detail.into()).into());
        }
        Ok(Self { party: session.party, session: Some(session) })
    }
}

impl OptionalFromRequestParts<Market> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, market: &Market) -> Result<Option<Self>, Infallible> {
        Ok(<Self as FromRequestParts<Market>>::from_request_parts(parts, market).await.ok())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of the session's cookie in a request.
pub fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_string())
}

/// The header that sets the session's cookie, or removes it where `value` is empty.
pub fn set_cookie(value: &str, secure: bool) -> HeaderValue {
    let age = if value.is_empty() { 0 } else { crate::limits::SESSION_VALID.as_secs() };
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    HeaderValue::from_str(&text).expect("a token in base 64 is a header value")
}

/// The request's `Idempotency-Key`, where there is one.
///
/// # Errors
/// [`OrderError::KeyMissing`] where it is unusable.
pub fn once(headers: &HeaderMap, request: Digest) -> Result<Option<Once>, MarketError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().map_err(|_| OrderError::KeyMissing)?;
    Ok(Some(Once::new(key, request)?))
}

/// As [`once`], where one must be given.
///
/// # Errors
/// [`OrderError::KeyMissing`].
pub fn once_required(headers: &HeaderMap, request: Digest) -> Result<Once, MarketError> {
    once(headers, request)?.ok_or_else(|| OrderError::KeyMissing.into())
}
