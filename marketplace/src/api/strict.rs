//! JSON that comes in: strict.
//!
//! A key that stands twice in one object is an error with its place: which of the two was meant is
//! anybody's guess, and two readers guess differently.

use super::problem::Problem;
use crate::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX};
use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{StatusCode, header, request::Parts},
};
use contracts::id::Digest;
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{collections::HashSet, fmt};

/// A request's JSON body, and the digest by which its repetition is recognised.
pub struct Strict<T> {
    /// The body.
    pub body: T,
    /// Of method, path and bytes.
    pub digest: Digest,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            let detail = "the body is JSON: send it with `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Not JSON", detail));
        }
        let bytes = read(body).await?;
        let digest = digest(&parts, &bytes);
        // serde reads a list as an object whose names were left out.
        if bytes.trim_ascii_start().starts_with(b"[") {
            let detail = "a request is a JSON object, not a list";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value breaks a bound", detail));
        }
        Ok(Self { body: parse(&bytes)?, digest })
    }
}

/// A request that needs no body, and the digest by which its repetition is recognised. What comes as one
/// all the same is no instruction, but makes it another request.
pub struct Bare(pub Digest);

impl<S: Send + Sync> FromRequest<S> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        Ok(Self(digest(&parts, &read(body).await?)))
    }
}

/// Of method, path and bytes.
fn digest(parts: &Parts, bytes: &[u8]) -> Digest {
    let (method, path) = (parts.method.as_str().as_bytes(), parts.uri.path().as_bytes());
    Digest::of(&[b"lonja/request/v1\0", method, b" ", path, b"\0", bytes])
}

async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut bytes, mut pieces) = (Vec::new(), body.into_data_stream());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let detail = format!("the body is cut off after {} bytes: {error}", bytes.len());
            Problem::new(StatusCode::BAD_REQUEST, "broke-off", "The request broke off", detail)
        })?;
        if bytes.len() + piece.len() > JSON_BYTES_MAX {
            let detail = format!("a request has at most {JSON_BYTES_MAX} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Parses JSON strictly: no key twice, no nesting beyond the limit, no bytes after it, no unknown
/// fields where the type says so.
///
/// # Errors
/// A problem that says where.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut scan = serde_json::Deserializer::from_slice(bytes);
    Scan { depth: 0 }
        .deserialize(&mut scan)
        .and_then(|()| scan.end())
        .map_err(|error| Problem::bad_request(format!("the body is not JSON as it should be: {error}")))?;
    serde_json::from_slice(bytes).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value breaks a bound", error.to_string())
    })
}

/// Walks a JSON value, keeping nothing.
#[derive(Clone, Copy)]
struct Scan {
    depth: usize,
}

impl Scan {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= JSON_DEPTH_MAX {
            return Err(E::custom(format!("nested more than {JSON_DEPTH_MAX} levels deep")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Scan {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scan {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let deeper = self.deeper()?;
        while items.next_element_seed(deeper)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let deeper = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if seen.contains(&key) {
                let shown: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format!("the key `{shown}` stands twice in one object")));
            }
            seen.insert(key);
            entries.next_value_seed(deeper)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_key_that_stands_twice_is_refused_wherever_it_stands() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"x":{"b":1,"c":2,"b":1}}]"#, r#"{"a":1,"\u0061":2}"#] {
            let problem = parse::<Value>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.status, 400);
            assert!(problem.detail.contains("twice") && problem.detail.contains("line 1 column"), "{}", problem.detail);
        }
        assert!(parse::<Value>(br#"[{"a":1},{"a":2}]"#).is_ok());
    }

    #[test]
    fn depth_and_trailing_bytes_are_bounded() {
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse::<Value>(deep(JSON_DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse::<Value>(deep(JSON_DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(parse::<Value>(b"{} {}").is_err());
        assert!(parse::<Value>(b"\xff").is_err());
    }
}
