//! JSON that goes out: complete, with times that people can read and tags that name a state.

use super::problem::Problem;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;

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
        self.tagged_as("application/json", asked)
    }

    /// As [`Answer::tagged`], in the form of media type `kind`.
    pub fn tagged_as(self, kind: &'static str, asked: &HeaderMap) -> Response {
        let body = self.value.to_string();
        let tag = tag(&body);
        let known = tags(asked, header::IF_NONE_MATCH)
            .map(|value| value.strip_prefix("W/").unwrap_or(value))
            .find(|value| *value == "*" || names(value, &tag));
        // The reader keeps the tag of the form that it has.
        let shown = known.filter(|value| *value != "*").unwrap_or(&tag);
        let etag = HeaderValue::from_str(shown).expect("a tag came in a header, or is hexadecimal digits in quotes");
        let mut response = match known {
            Some(_) => StatusCode::NOT_MODIFIED.into_response(),
            None => json_response(self.status, body),
        };
        let headers = response.headers_mut();
        if known.is_none() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        headers.insert(header::ETAG, etag);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("accept, authorization, cookie"));
        response
    }

    /// Holds `If-Match` of a write against what its caller would read now.
    ///
    /// # Errors
    /// 412 where it has changed since.
    pub fn must_match(&self, asked: &HeaderMap) -> Result<(), Problem> {
        let mut given = tags(asked, header::IF_MATCH).peekable();
        let tag = tag(&self.value.to_string());
        if given.peek().is_none() || given.any(|value| value == "*" || names(value, &tag)) {
            return Ok(());
        }
        let detail = format!("it has changed: its `ETag` is {tag} now. Read it again, and decide again");
        Err(Problem::new(StatusCode::PRECONDITION_FAILED, "changed", "It has changed since it was read", detail))
    }
}

/// A strong tag of a body.
fn tag(body: &str) -> String {
    format!("\"{}\"", &blake3::hash(body.as_bytes()).to_hex()[..32])
}

fn tags(asked: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &str> {
    let values = asked.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Does `given` name the state with `tag`, as it is or compressed?
fn names(given: &str, tag: &str) -> bool {
    given == tag || given.strip_suffix("-gzip\"").is_some_and(|given| tag.strip_suffix('"') == Some(given))
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

/// Beside `end_ms: 1800000000000` puts `end: "2027-01-15T08:00:00Z"`, beside `until_day: 20833` puts
/// `until: "2027-01-15"`. What is signed stays as it is.
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
    if let Some(name) = name.strip_suffix("_ms") {
        let time = jiff::Timestamp::from_millisecond(value.as_i64()?).ok()?;
        return Some((name.to_string(), Value::String(time.to_string())));
    }
    let name = name.strip_suffix("_day")?;
    let days = jiff::Span::new().try_days(value.as_i64()?).ok()?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(days).ok()?;
    Some((name.to_string(), Value::String(date.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_names_one_state_in_all_its_forms() {
        let headers = |name: header::HeaderName, value: &str| -> HeaderMap {
            [(name, HeaderValue::from_str(value).unwrap())].into_iter().collect()
        };
        let answer = || Answer::ok(serde_json::json!({"n": 1}));
        let fresh = answer().tagged(&HeaderMap::new());
        let tag = fresh.headers()[header::ETAG].to_str().unwrap().to_string();
        let gzip = format!("{}-gzip\"", &tag[..tag.len() - 1]);
        for known in [tag.clone(), format!("\"x\", {tag}"), gzip.clone(), "*".into(), format!("W/{tag}")] {
            assert_eq!(answer().tagged(&headers(header::IF_NONE_MATCH, &known)).status(), 304, "{known}");
        }
        assert_eq!(answer().tagged(&headers(header::IF_NONE_MATCH, "\"other\"")).status(), 200);
        for held in [tag.clone(), gzip, "*".into()] {
            assert!(answer().must_match(&headers(header::IF_MATCH, &held)).is_ok(), "{held}");
        }
        assert!(answer().must_match(&HeaderMap::new()).is_ok());
        // A weak tag promises no equal bytes, so a write does not rest on it.
        for stale in ["\"other\"".to_string(), format!("W/{tag}")] {
            assert_eq!(answer().must_match(&headers(header::IF_MATCH, &stale)).unwrap_err().status, 412);
        }
    }

    #[test]
    fn times_get_a_twin_that_people_can_read() {
        let mut value = serde_json::json!({"end_ms": 1_800_000_000_000u64, "signed": {"expires_ms": 1}, "x_ms": null, "until_day": 20_833});
        add_times(&mut value);
        assert_eq!(value["until"], "2027-01-15");
        assert_eq!(value["end"], "2027-01-15T08:00:00Z");
        assert_eq!(value["signed"], serde_json::json!({"expires_ms": 1}));
        assert!(value.get("x").is_none());
    }
}
