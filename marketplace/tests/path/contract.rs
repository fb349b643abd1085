//! The market's document as a contract: which operation an exchange belongs to, and whether the answer
//! is what the document says.

use super::schema::{known, validate};
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Headers of answers that the document must name where they are sent.
const NAMED: [&str; 14] = [
    "etag",
    "link",
    "content-digest",
    "repr-digest",
    "set-cookie",
    "content-range",
    "accept-ranges",
    "x-blake3",
    "x-total-bytes",
    "retry-after",
    "content-disposition",
    "x-request-id",
    "ratelimit",
    "ratelimit-policy",
];
/// Headers that the document names and an answer may leave out.
const OPTIONAL: [&str; 2] = ["link", "retry-after"];

/// The document of a market.
pub struct Contract(pub Value);

/// What was sent and what came.
pub struct Exchange<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub sent: Option<&'a [u8]>,
    pub status: u16,
    pub headers: &'a HeaderMap,
    pub bytes: &'a [u8],
}

impl Contract {
    /// Takes a document whose every schema can be checked.
    pub fn new(document: Value) -> Self {
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            known(&document, schema, name).unwrap();
        }
        let contract = Self(document);
        for (path, method, operation) in contract.operations() {
            let bodies = operation["responses"].as_object().unwrap().values().chain(operation.get("requestBody"));
            for kind in bodies.flat_map(|body| body["content"].as_object()).flatten().map(|(_, kind)| kind) {
                if let Some(schema) = kind.get("schema") {
                    known(&contract.0, schema, &format!("{method} {path}")).unwrap();
                }
            }
        }
        contract
    }

    /// Path, method and description of every operation.
    pub fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let mut all = Vec::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                all.push((path.as_str(), method.as_str(), operation));
            }
        }
        all
    }

    /// The operation of a request, if the document has it.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap_or_default();
        let fits = |template: &str| {
            let (mut left, mut right) = (template.split('/'), path.split('/'));
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some(part), Some(given)) if part == given || (part.starts_with('{') && !given.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        let found: Vec<_> =
            self.operations().into_iter().filter(|(template, m, _)| *m == method && fits(template)).collect();
        // A written-out part goes before a parameter.
        found
            .into_iter()
            .min_by_key(|(template, _, _)| template.matches('{').count())
            .map(|(_, _, operation)| operation)
    }

    /// Holds an exchange against the document.
    pub fn check(&self, exchange: &Exchange) -> Result<(), String> {
        let method = exchange.method.to_ascii_lowercase();
        let Some(operation) = self.operation(&method, exchange.path) else {
            if exchange.path.starts_with("/api/") && exchange.status < 400 {
                return Err("the document does not know this operation".into());
            }
            return match exchange.path.starts_with("/api/") {
                true => self.body(&self.0["paths"]["/health"]["get"]["responses"]["default"], exchange),
                false => Ok(()),
            };
        };
        let responses = &operation["responses"];
        let response = responses.get(exchange.status.to_string()).or(responses.get("default"));
        let response = response.ok_or_else(|| format!("status {} is not described", exchange.status))?;
        headers(response, exchange.headers)?;
        self.body(response, exchange)?;
        if exchange.status < 300 {
            self.request(operation, exchange)?;
        }
        Ok(())
    }

    fn body(&self, response: &Value, exchange: &Exchange) -> Result<(), String> {
        let Some(content) = response["content"].as_object() else {
            return match exchange.bytes.is_empty() {
                true => Ok(()),
                false => Err("there is a body, and none is described".into()),
            };
        };
        let kind = exchange.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let described = content.get(kind).or(content.get("*/*")).ok_or_else(|| format!("`{kind}` is not described"))?;
        if !kind.ends_with("json") {
            return Ok(());
        }
        let value: Value = serde_json::from_slice(exchange.bytes).map_err(|error| error.to_string())?;
        let schema = described.get("schema").ok_or("the answer is JSON without a schema")?;
        validate(&self.0, schema, &value, "answer")
    }

    fn request(&self, operation: &Value, exchange: &Exchange) -> Result<(), String> {
        let described = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(sent) = exchange.sent.filter(|_| !described.is_null()) else { return Ok(()) };
        let value: Value = serde_json::from_slice(sent).map_err(|error| error.to_string())?;
        validate(&self.0, described, &value, "request")
    }
}

fn headers(response: &Value, sent: &HeaderMap) -> Result<(), String> {
    let described: Vec<String> =
        response["headers"].as_object().into_iter().flatten().map(|(name, _)| name.to_ascii_lowercase()).collect();
    if let Some(silent) =
        NAMED.iter().find(|name| sent.contains_key(**name) && !described.iter().any(|known| known == *name))
    {
        return Err(format!("the header `{silent}` is sent and not described"));
    }
    match described.iter().find(|name| !sent.contains_key(name.as_str()) && !OPTIONAL.contains(&name.as_str())) {
        Some(missing) => Err(format!("the header `{missing}` is described and not sent")),
        None => Ok(()),
    }
}
