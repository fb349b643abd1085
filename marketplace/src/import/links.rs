//! The distributions of a record: their links, and what their formats say.

use super::{
    fields::{Rest, bounded, is_link, kind, one_line, push_new, text},
    formats,
};
use contracts::{
    jacket::Distribution,
    vocabulary::{DataType, Structure},
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What the distributions of one record say together.
#[derive(Default)]
pub(super) struct Links {
    pub distributions: Vec<Distribution>,
    pub formats: Vec<String>,
    pub types: BTreeSet<DataType>,
    pub structures: Vec<Structure>,
    pub licence: Option<String>,
}

pub(super) fn distributions(object: &Map<String, Value>, rest: &mut Rest) -> Result<Links, String> {
    rest.used.push("distribution");
    let list = match object.get("distribution") {
        None | Some(Value::Null) => return Ok(Links::default()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    bounded("distribution", list.len())?;
    let mut links = Links::default();
    let mut left = Vec::new();
    let mut licences = BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let at = |error: String| format!("distribution {}: {error}", index + 1);
        let one = value.as_object().ok_or_else(|| at(format!("an object is expected, this is {}", kind(value))))?;
        let used = distribution(one, &mut links, rest).map_err(at)?;
        licences.insert(one.get("license").and_then(Value::as_str).map(one_line).filter(|licence| is_link(licence)));
        let mut unused: Map<String, Value> = one
            .iter()
            .filter(|(key, value)| !used.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !unused.is_empty() {
            unused.insert("number".into(), (index + 1).into());
            left.push(Value::Object(unused));
        }
    }
    if !left.is_empty() {
        rest.keep("distribution", &Value::Array(left));
    }
    // DCAT puts the licence on the distribution: it is the dataset's where all of them agree.
    if licences.len() == 1 {
        links.licence = licences.pop_first().flatten().and_then(|licence| rest.pass("license", licence));
    }
    Ok(links)
}

/// Adds what one distribution says and returns the keys that said it.
fn distribution(one: &Map<String, Value>, links: &mut Links, rest: &mut Rest) -> Result<Vec<&'static str>, String> {
    let mut used = vec!["title", "mediaType"];
    if one.get("@type").is_some_and(|kind| kind == "dcat:Distribution") {
        used.push("@type");
    }
    let media_type = text(one, "mediaType")?;
    let format = text(one, "format")?;
    used.extend(add_formats(format.as_deref(), media_type.as_deref(), links, rest));
    let title = text(one, "title")?.and_then(|title| rest.pass("distribution.title", title));
    for (key, download) in [("downloadURL", true), ("accessURL", false)] {
        let Some(link) = text(one, key)?.filter(|link| is_link(link)) else { continue };
        used.push(key);
        if let Some(link) = rest.pass("distribution.link", link) {
            let media_type = media_type.and_then(|media_type| rest.pass("distribution.mediaType", media_type));
            links.distributions.push(Distribution { title, link, download, media_type });
        }
        return Ok(used);
    }
    // Without a link that people can follow there is nothing to list; all of it is kept as unmapped.
    Ok(Vec::new())
}

fn add_formats(
    format: Option<&str>,
    media_type: Option<&str>,
    links: &mut Links,
    rest: &mut Rest,
) -> Option<&'static str> {
    let named: Vec<&formats::Format> =
        format.into_iter().flat_map(|format| format.split(',')).filter_map(formats::known).collect();
    let known = if named.is_empty() { media_type.and_then(formats::known).into_iter().collect() } else { named };
    for format in &known {
        push_new(&mut links.formats, format.label.into());
        links.types.extend(format.data_type);
        links.structures.extend(format.structure);
    }
    if known.is_empty() {
        let format = format.filter(|format| !format.contains('/'))?;
        let format = rest.pass("distribution.format", format.into())?;
        push_new(&mut links.formats, format);
    }
    // A name that is not what the list says now stays in the side body.
    format.filter(|format| links.formats.iter().any(|label| label.eq_ignore_ascii_case(format))).map(|_| "format")
}
