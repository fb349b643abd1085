//! Reading the fields of a record: texts on one line, lists without repeats, links that people can
//! follow, and what stays out of the jacket.

use super::guard::Guard;
use contracts::limits::LINK_BYTES_MAX;
use serde_json::{Map, Value, json};

/// Items of one list of a record that are looked at, repeats included. The longest real one has 144.
const ITEMS_MAX: usize = 2_000;

/// What does not go into the jacket.
pub(super) struct Rest<'a> {
    pub guard: &'a Guard,
    pub unmapped: Map<String, Value>,
    pub withheld: Vec<Value>,
    pub used: Vec<&'static str>,
}

impl Rest<'_> {
    /// `text`, unless it may not go on the ledger.
    pub fn pass(&mut self, field: &str, text: String) -> Option<String> {
        match self.guard.check(&text) {
            Ok(()) => Some(text),
            Err(_) => {
                self.withheld.push(json!({ "field": field, "value": text }));
                None
            }
        }
    }

    pub fn keep(&mut self, field: &str, value: &Value) {
        self.unmapped.insert(field.into(), value.clone());
    }

    pub fn keep_unused(&mut self, object: &Map<String, Value>) {
        for (key, value) in object {
            let says_nothing = value.is_null() || (key == "@type" && value == "dcat:Dataset");
            if !says_nothing && !self.used.contains(&key.as_str()) {
                self.unmapped.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The text of `key` on one line, or nothing where it is absent or blank.
pub(super) fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if key == "description" => {
            Ok(Some(text.trim().to_string()).filter(|text| !text.is_empty()))
        }
        Some(Value::String(text)) => Ok(Some(one_line(text)).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("{key}: a text is expected, this is {}", kind(other))),
    }
}

pub(super) fn optional(
    object: &Map<String, Value>,
    key: &'static str,
    rest: &mut Rest,
) -> Result<Option<String>, String> {
    rest.used.push(key);
    Ok(text(object, key)?.and_then(|text| rest.pass(key, text)))
}

/// A list of texts without repeats; one text alone is a list of one.
pub(super) fn texts(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Vec<String>, String> {
    rest.used.push(key);
    let list = match object.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    bounded(key, list.len())?;
    let mut texts = Vec::new();
    for item in list {
        let text = item.as_str().ok_or_else(|| format!("{key}: texts are expected, this is {}", kind(item)))?;
        let text = one_line(text);
        if !text.is_empty()
            && let Some(text) = rest.pass(key, text)
        {
            push_new(&mut texts, text);
        }
    }
    Ok(texts)
}

/// A link that people can follow. Anything else that stands there is kept as unmapped.
pub(super) fn link(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Option<String>, String> {
    let Some(link) = text(object, key)? else { return Ok(None) };
    rest.used.push(key);
    if !is_link(&link) {
        rest.keep(key, &object[key]);
        return Ok(None);
    }
    Ok(rest.pass(key, link))
}

/// Only schemes that show something in a browser: a page puts these links where people click.
pub(super) fn is_link(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = matches!(scheme.as_deref(), Some("http" | "https" | "ftp"));
    known && text.len() <= LINK_BYTES_MAX && !text.chars().any(|c| c.is_control() || c == '"' || c == '<' || c == '>')
}

/// # Errors
/// The list is longer than anybody means it, and looking for repeats takes time.
pub(super) fn bounded(key: &str, items: usize) -> Result<(), String> {
    if items > ITEMS_MAX { Err(format!("{key}: {items} items, at most {ITEMS_MAX} are read")) } else { Ok(()) }
}

/// The rule by which texts of others become lines of a jacket: white space is one space, and what
/// nobody sees is left out. Titles get it too; identifiers, on which identity hangs, never.
pub(super) fn one_line(text: &str) -> String {
    contracts::text::to_line(text)
}

pub(super) fn push_new(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// RFC 8785, so that a catalogue that only reorders its keys has not changed.
pub(super) fn canonical(value: &Value) -> Result<String, String> {
    serde_json_canonicalizer::to_string(value).map_err(|error| format!("a value has no canonical JSON: {error}"))
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
