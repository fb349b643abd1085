//! An example of every request. The tests of the HTTP path hold each against its schema.

use serde_json::{Map, Value, json};

/// Puts an example beside the schema of each request in JSON.
pub fn add(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        let example = operation["operationId"].as_str().and_then(request);
        let body = operation.get_mut("requestBody").and_then(|body| body["content"].get_mut("application/json"));
        if let (Some(body), Some(example)) = (body, example) {
            body["example"] = example;
        }
    }
    document["components"]["schemas"]["Problem"]["example"] = json!({
        "type": "https://lonja.invalid/problems/invalid",
        "title": "A value breaks a bound",
        "status": 422,
        "detail": "limit: 1 to 200 rows on a page",
        "code": "invalid",
        "retryable": false,
        "errors": [{ "field": "limit", "reason": "1 to 200 rows on a page" }],
    });
}

fn id(digit: &str) -> String {
    digit.repeat(64)
}

/// The example of a request, by its operation.
fn request(operation: &str) -> Option<Value> {
    let withdraw = json!({ "action": "offer.withdraw", "offer": id("b") });
    Some(match operation {
        "apply" => {
            json!({ "name": "Ferry planners", "kind": "business", "jurisdiction": "ES", "contact": "front desk" })
        }
        "sign_in" => json!({ "token": "a-token-that-a-link-carries" }),
        "issue_credential" => json!({ "label": "nightly job", "days": 30 }),
        "prepare" => json!({ "party": id("1"), "key": id("2"), "action": withdraw }),
        "act" => json!({ "action": withdraw }),
        "submit" => json!({ "body": "00", "signature": "0".repeat(128), "side": null }),
        "quote" => json!({ "offer": id("b"), "periods": 1 }),
        "buy" => json!({ "offer": id("b"), "revision": 1, "purpose": "research", "amount": "1250" }),
        "renew" => json!({ "periods": 3 }),
        "revoke" => json!({ "reason": "by-buyer" }),
        "add_version" => {
            json!({ "blake3": id("3"), "sha256": id("4"), "bytes": "68904", "media_type": "text/csv", "parents": [id("5")] })
        }
        "deliver" => json!({ "agreement": id("c") }),
        "give_consent" => json!({
            "dataset": id("a"),
            "purposes": ["research"],
            "notice": "What the subject was told, word by word.",
            "until": "2030-03-31",
            "subject": "card 4711",
            "record": { "collection_method": "form at the desk" },
        }),
        "keep" => json!({
            "dataset": id("a"),
            "subject": "card 4711",
            "record": { "collection_method": "form at the desk" },
        }),
        "end_consent" => json!({ "state": "withdrawn" }),
        "access" | "erase" => json!({ "subject": "card 4711" }),
        _ => return None,
    })
}
