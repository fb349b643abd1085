//! JSON in and out: strict when it comes in, complete when it goes out.
//!
//! A key that stands twice in one object is an error with its place: which of the two was meant is
//! anybody's guess, and two readers guess differently.

use super::problem::Problem;
use crate::limits::{JSON_BYTES_MAX, JSON_DEPTH_MAX};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::id::Digest;
use serde::{
    Serialize,
    de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
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
        if !kind.trim_start().to_ascii_lowercase().starts_with("application/json") {
            let detail = "the body is JSON: send it with `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Not JSON", detail));
        }
        let bytes = read(body).await?;
        let path = parts.uri.path();
        let digest = Digest::of(&[
            b"lonja/request/v0\0",
            parts.method.as_str().as_bytes(),
            b" ",
            path.as_bytes(),
            b"\0",
            &bytes,
        ]);
        Ok(Self { body: parse(&bytes)?, digest })
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, JSON_BYTES_MAX).await.map_err(|_| {
        let detail =
            format!("the body is cut off, or has more than the {JSON_BYTES_MAX} bytes that a request may have");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The request is too large", detail)
    })
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

/// An answer. Times in milliseconds get an RFC 3339 twin beside them.
pub struct Answer {
    status: StatusCode,
    value: Value,
}

impl Answer {
    /// 200 with `value`.
    pub fn ok(value: impl Serialize) -> Self {
        Self::with(StatusCode::OK, value)
    }

    /// 201 with `value`.
    pub fn created(value: impl Serialize) -> Self {
        Self::with(StatusCode::CREATED, value)
    }

    fn with(status: StatusCode, value: impl Serialize) -> Self {
        let mut value = serde_json::to_value(value).expect("answers are plain values");
        add_times(&mut value);
        Self { status, value }
    }

    /// With a strong ETag; 304 where the reader has it already.
    pub fn tagged(self, asked: &HeaderMap) -> Response {
        let body = self.value.to_string();
        let tag = format!("\"{}\"", &blake3::hash(body.as_bytes()).to_hex()[..32]);
        let known = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let same = known.flat_map(|value| value.split(',')).map(str::trim);
        let same =
            same.map(|value| value.strip_prefix("W/").unwrap_or(value)).any(|value| value == "*" || value == tag);
        let etag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes are a header value");
        let mut response =
            if same { StatusCode::NOT_MODIFIED.into_response() } else { json_response(self.status, body) };
        response.headers_mut().insert(header::ETAG, etag);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        json_response(self.status, self.value.to_string())
    }
}

fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Beside `end_ms: 1800000000000` puts `end: "2027-01-15T08:00:00Z"`. What is signed stays as it is.
fn add_times(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(add_times),
        Value::Object(entries) => {
            let twins: Vec<(String, Value)> = entries.iter().filter_map(|(name, value)| twin(name, value)).collect();
            for (name, value) in entries.iter_mut() {
                if name != "signed" && name != "transaction" && name != "quote" {
                    add_times(value);
                }
            }
            for (name, value) in twins {
                entries.entry(name).or_insert(value);
            }
        }
        _ => {}
    }
}

fn twin(name: &str, value: &Value) -> Option<(String, Value)> {
    let name = name.strip_suffix("_ms")?;
    let time = jiff::Timestamp::from_millisecond(value.as_i64()?).ok()?;
    Some((name.to_string(), Value::String(time.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn times_get_a_twin_that_people_can_read() {
        let mut value = serde_json::json!({"end_ms": 1_800_000_000_000u64, "signed": {"expires_ms": 1}, "x_ms": null});
        add_times(&mut value);
        assert_eq!(value["end"], "2027-01-15T08:00:00Z");
        assert_eq!(value["signed"], serde_json::json!({"expires_ms": 1}));
        assert!(value.get("x").is_none());
    }
}
