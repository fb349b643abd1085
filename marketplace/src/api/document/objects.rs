//! Objects of the document: closed, and with the twins that answers get.

use serde_json::{Map, Value, json};

/// Types that stay as they were signed: no twins are put into them.
const AS_SIGNED: [&str; 5] = ["Quote", "SignedQuote", "KeyProof", "Action", "TransactionBody"];

/// The largest whole number that every reader of JSON keeps exactly.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Closes every object of the components and adds twins.
pub fn complete(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas {
        each(schema, &mut |object| {
            if !AS_SIGNED.contains(&name.as_str()) {
                add_twins(object);
            }
            close(object);
            bound(object);
        });
    }
}

/// Visits `schema` and everything inside it.
fn each(schema: &mut Value, visit: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(object) = schema else { return };
    for (keyword, inside) in object.iter_mut() {
        match inside {
            Value::Object(named) if keyword == "properties" => named.values_mut().for_each(|value| each(value, visit)),
            Value::Array(items) => items.iter_mut().for_each(|value| each(value, visit)),
            Value::Object(_) => each(inside, visit),
            _ => {}
        }
    }
    visit(object);
}

/// A field that is not described is an error.
fn close(object: &mut Map<String, Value>) {
    if object.get("type") == Some(&json!("object")) && !object.contains_key("additionalProperties") {
        object.insert("additionalProperties".into(), json!(false));
    }
}

fn bound(object: &mut Map<String, Value>) {
    if object.get("format") == Some(&json!("int64")) {
        object.insert("maximum".into(), json!(NUMBER_MAX));
    }
}

/// Beside `end_ms` there is `end`, where it is known; so in [`super::super::answer`].
fn add_twins(object: &mut Map<String, Value>) {
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let twins: Vec<(String, Value)> = properties.keys().filter_map(|name| twin(name)).collect();
    for (name, schema) in twins {
        properties.entry(name).or_insert(schema);
    }
}

fn twin(name: &str) -> Option<(String, Value)> {
    if let Some(name) = name.strip_suffix("_ms") {
        let description = "The same time by RFC 3339.";
        return Some((name.into(), json!({ "type": "string", "format": "date-time", "description": description })));
    }
    let name = name.strip_suffix("_day")?;
    Some((name.into(), json!({ "type": "string", "format": "date", "description": "The same day by RFC 3339." })))
}
