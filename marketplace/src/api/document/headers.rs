//! What is the same for many operations: headers, 304, the key of a repeated write.

use serde_json::{Map, Value, json};

/// Answers that carry a strong `ETag`.
const TAGGED: [&str; 15] = [
    "search",
    "dataset",
    "versions",
    "offers",
    "offer",
    "parties",
    "party",
    "statement",
    "refusals",
    "orders",
    "agreements",
    "agreement",
    "deliveries",
    "list_consents",
    "prose",
];
/// Writes that take an `Idempotency-Key` and do not demand one.
const KEY_TAKEN: [&str; 12] = [
    "act",
    "add_version",
    "deliver",
    "give_consent",
    "end_consent",
    "revoke",
    "apply",
    "issue_link",
    "sign_in",
    "issue_credential",
    "pricing_key",
    "keep",
];
/// Of those, the ones whose answer holds a secret that nobody keeps.
const TOLD_ONCE: [&str; 2] = ["issue_link", "sign_in"];
/// Writes that look at `If-Match`.
const MATCHED: [&str; 1] = ["add_version"];

/// Adds to every operation what it has in common with others.
pub fn complete(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_string();
        let tagged = TAGGED.contains(&id.as_str());
        if tagged {
            parameter(operation, "If-None-Match", "an `ETag` that the reader has: 304 where it still holds");
            operation["responses"]["304"] = json!({ "description": "what the reader has still holds" });
        }
        if TOLD_ONCE.contains(&id.as_str()) {
            let told = "1 to 255 visible characters; nothing is done again: a repetition within 7 days is told so by the problem `answer-not-kept` (409), since the answer holds a secret that is kept nowhere";
            parameter(operation, "Idempotency-Key", told);
        } else if KEY_TAKEN.contains(&id.as_str()) {
            parameter(operation, "Idempotency-Key", "1 to 255 visible characters; makes repeating harmless");
        }
        if MATCHED.contains(&id.as_str()) {
            parameter(operation, "If-Match", "the dataset's `ETag` as the caller sees it: 412 where it has changed");
        }
        // Bytes have no schema (OpenAPI 3.1, 4.8.14.3).
        match id.as_str() {
            "upload" => operation["requestBody"]["content"] = json!({ "application/octet-stream": {} }),
            "content" => {
                operation["responses"]["200"]["content"] = json!({ "*/*": {} });
                operation["responses"]["206"]["content"] = json!({ "*/*": {} });
            }
            "slice" => operation["responses"]["200"]["content"] = json!({ "application/vnd.lonja.bao-slice": {} }),
            _ => {}
        }
        let paged = has_parameter(operation, "cursor");
        let Some(responses) = operation["responses"].as_object_mut() else { continue };
        for (status, response) in responses {
            add_headers(&id, status, tagged, paged, response);
        }
    }
}

fn has_parameter(operation: &Value, name: &str) -> bool {
    operation["parameters"].as_array().is_some_and(|all| all.iter().any(|parameter| parameter["name"] == name))
}

fn parameter(operation: &mut Value, name: &str, description: &str) {
    let schema = json!({ "type": "string" });
    let made = json!({ "name": name, "in": "header", "required": false, "description": description, "schema": schema });
    match operation.get_mut("parameters").and_then(Value::as_array_mut) {
        Some(all) => all.push(made),
        None => operation["parameters"] = json!([made]),
    }
}

fn add_headers(operation: &str, status: &str, tagged: bool, paged: bool, response: &mut Value) {
    let mut header = |name: &str, description: &str| {
        response["headers"][name] = json!({ "description": description, "schema": { "type": "string" } });
    };
    header("X-Request-Id", "the caller's own id if it is plain, otherwise a new one");
    header("RateLimit-Policy", "`\"default\";q=1000;w=5`: so many requests in so many seconds");
    header("RateLimit", "`\"default\";r=999`: how many are left at once");
    if status == "default" {
        header("Retry-After", "seconds, where the same request may succeed later");
    }
    if tagged && matches!(status, "200" | "304") {
        header("ETag", "strong: the same tag, the same bytes");
    }
    if paged && status == "200" {
        header("Link", "`rel=\"next\"`: the next page (RFC 8288); left out on the last");
    }
    match (operation, status) {
        ("content", "200" | "206") => {
            header("Repr-Digest", "SHA-256 of the whole content (RFC 9530), as on the ledger");
            header("X-Blake3", "BLAKE3 of the whole content, as on the ledger");
            header("Accept-Ranges", "`bytes`");
            header("Content-Disposition", "a file name made of dataset and version");
            if status == "200" {
                header("Content-Digest", "SHA-256 of the bytes (RFC 9530), as on the ledger");
            } else {
                header("Content-Range", "which bytes of how many");
            }
        }
        ("slice", "200") => {
            header("Content-Digest", "SHA-256 of the encoded slice (RFC 9530)");
            header("X-Total-Bytes", "length of the whole content");
        }
        ("sign_in", "201") | ("sign_out", "200") => header("Set-Cookie", "the session's cookie"),
        _ => {}
    }
}
