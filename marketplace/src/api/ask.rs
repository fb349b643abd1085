//! Parameters of requests, with a problem where they cannot be understood.

use super::problem::Problem;
use crate::error::MarketError;
use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// A query string as a type that refuses unknown parameters.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if !is_text(parts.uri.query().unwrap_or_default()) {
            return Err(Problem::bad_request("a parameter is not UTF-8"));
        }
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::bad_request(error.to_string()))
    }
}

/// The media type of plain JSON.
pub const JSON: &str = "application/json";

/// Which of `offered` a reader wants by its `Accept` (RFC 9110, 12.5.1); the first where it does not say.
///
/// # Errors
/// 406 where it takes none of them.
pub fn wanted(headers: &HeaderMap, offered: &[&'static str]) -> Result<&'static str, Problem> {
    let given: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let given = given.join(",");
    if given.trim().is_empty() {
        return Ok(offered[0]);
    }
    let ranges: Vec<(&str, f32)> = given.split(',').map(range).collect();
    // The most specific range decides for each form; among equals, the one that is offered first.
    let quality = |kind: &str| {
        let group = format!("{}/*", kind.split('/').next().unwrap_or_default());
        let at = |wanted: &str| ranges.iter().find(|(range, _)| range.eq_ignore_ascii_case(wanted)).map(|(_, q)| *q);
        at(kind).or_else(|| at(&group)).or_else(|| at("*/*")).unwrap_or(0.0)
    };
    let best = offered.iter().rev().max_by(|a, b| quality(a).total_cmp(&quality(b)));
    best.copied().filter(|kind| quality(kind) > 0.0).ok_or_else(|| {
        let detail = format!("this is given as {}", offered.join(" or "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not in this form", detail)
    })
}

fn range(text: &str) -> (&str, f32) {
    let mut parts = text.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok());
    (kind, quality.unwrap_or(1.0))
}

/// Parts of a path as text, with a problem where they are not UTF-8.
pub struct At<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|error| Problem::bad_request(error.body_text()))
    }
}

/// Is a query UTF-8 behind its percent signs? Parsers put a replacement character where it is not.
fn is_text(query: &str) -> bool {
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// An identifier from a path or parameter.
///
/// # Errors
/// [`MarketError::Invalid`], saying how one is written.
pub fn id<T: FromStr<Err: std::fmt::Display>>(field: &str, text: &str) -> Result<T, MarketError> {
    text.parse().map_err(|error: T::Err| MarketError::invalid(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_query_is_text() {
        for right in ["", "q=a%20b", "q=%c3%a9", "q=100%", "q=%zz"] {
            assert!(is_text(right), "{right}");
        }
        for wrong in ["q=%ff", "q=%c3", "q=%C3%28"] {
            assert!(!is_text(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_reader_gets_the_form_that_it_prefers() {
        let check = |accept: &str, expected: Option<&str>| {
            let headers = [(header::ACCEPT, HeaderValue::from_str(accept).unwrap())].into_iter().collect();
            assert_eq!(wanted(&headers, &[JSON, "application/ld+json"]).ok(), expected, "{accept}");
        };
        check("*/*", Some(JSON));
        check("", Some(JSON));
        check("application/ld+json", Some("application/ld+json"));
        check("application/json;q=0.2, application/ld+json;q=0.9", Some("application/ld+json"));
        check("application/*, application/json;q=0", Some("application/ld+json"));
        check("text/html, */*;q=0.1", Some(JSON));
        check("text/turtle", None);
        check("application/json;q=0", None);
    }
}
