//! One record becomes one jacket and the texts of its side body.
//!
//! Everything that has no place in the jacket, or may not go there, is kept: as `unmapped` what the
//! jacket has no field for, as `withheld` what names a contact. So the side body plus the jacket say
//! all that the record said.

use super::{
    Record,
    classify::{self, AccessLevel, Evidence},
    formats,
    guard::{self, Guard},
};
use contracts::{
    jacket::{Distribution, Jacket},
    limits::{IDENTIFIER_BYTES_MAX, LINK_BYTES_MAX, TEXT_BYTES_MAX},
    side::{SideBody, SideField},
    vocabulary::{DataType, InferenceRule, Stated},
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) struct Mapped {
    pub record: Record,
    pub withheld: usize,
    pub office_names: Vec<String>,
}

/// The identifier of a record. It is kept as it is, since identity hangs on it.
pub(super) fn identifier(record: &Value) -> Result<String, String> {
    let text = match record.get("identifier") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        None | Some(Value::Null) => return Err("identifier: missing, and identity hangs on it".into()),
        Some(other) => return Err(format!("identifier: a text is expected, this is {}", kind(other))),
    };
    match text.len() {
        _ if text.trim().is_empty() => Err("identifier: empty, and identity hangs on it".into()),
        bytes if bytes > IDENTIFIER_BYTES_MAX => Err(format!("identifier: {bytes} bytes, {IDENTIFIER_BYTES_MAX} at most")),
        _ => Ok(text),
    }
}

/// Maps `record` of the catalogue `name`.
///
/// # Errors
/// The reason why it is rejected, naming the field.
pub(super) fn record(name: &str, record: &Value, guard: &Guard) -> Result<Mapped, String> {
    let object = record.as_object().ok_or_else(|| format!("a record is an object, this is {}", kind(record)))?;
    let identifier = identifier(record)?;
    guard.check(&identifier).map_err(|private| format!("identifier: {}", private.why()))?;
    let mut rest = Rest { guard, unmapped: Map::new(), withheld: Vec::new(), used: vec!["identifier"] };
    let jacket = jacket(object, &mut rest)?;
    jacket.check().map_err(|malformed| malformed.to_string())?;
    let outline = text(object, "description")?;
    rest.used.extend(["description", "contactPoint"]);
    rest.keep_unused(object);

    let mut side = Vec::new();
    let mut add = |name: &str, value: String| side.push(SideField { name: name.into(), value });
    if let Some(contact) = object.get("contactPoint").filter(|contact| !contact.is_null()) {
        add("contact", canonical(contact)?);
    }
    if let Some(outline) = outline {
        add("outline", outline);
    }
    if !rest.unmapped.is_empty() {
        add("unmapped", canonical(&Value::Object(rest.unmapped))?);
    }
    let withheld = rest.withheld.len();
    if withheld > 0 {
        add("withheld", canonical(&Value::Array(rest.withheld))?);
    }
    SideBody::new([0; 32], side.clone()).map_err(|error| error.to_string())?;
    let office_names = guard::contact_names(record).filter(|name| guard.is_office(name)).map(str::to_string).collect();
    Ok(Mapped { record: Record { catalogue: name.into(), identifier, jacket, side }, withheld, office_names })
}

/// What does not go into the jacket.
struct Rest<'a> {
    guard: &'a Guard,
    unmapped: Map<String, Value>,
    withheld: Vec<Value>,
    used: Vec<&'static str>,
}

impl Rest<'_> {
    /// `text`, unless it may not go on the ledger.
    fn pass(&mut self, field: &str, text: String) -> Option<String> {
        match self.guard.check(&text) {
            Ok(()) => Some(text),
            Err(_) => {
                self.withheld.push(json!({ "field": field, "value": text }));
                None
            }
        }
    }

    fn keep(&mut self, field: &str, value: &Value) {
        self.unmapped.insert(field.into(), value.clone());
    }

    fn keep_unused(&mut self, object: &Map<String, Value>) {
        for (key, value) in object {
            let says_nothing = value.is_null() || (key == "@type" && value == "dcat:Dataset");
            if !says_nothing && !self.used.contains(&key.as_str()) {
                self.unmapped.insert(key.clone(), value.clone());
            }
        }
    }
}

fn jacket(object: &Map<String, Value>, rest: &mut Rest) -> Result<Jacket, String> {
    let title = text(object, "title")?.ok_or("title: missing")?;
    rest.guard.check(&title).map_err(|private| format!("title: {}", private.why()))?;
    let keywords = texts(object, "keyword", rest)?;
    let themes = texts(object, "theme", rest)?;
    let links = distributions(object, rest)?;
    let licence = licence(object, rest)?.or(links.licence);
    let landing_page = link(object, "landingPage", rest)?;
    let spoken = format!("{title} {} {}", keywords.join(" "), themes.join(" "));
    let evidence = Evidence {
        access_level: access_level(object)?,
        licence: licence.as_deref(),
        structure: formats::leading(links.structures.into_iter()),
        words: spoken.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect(),
        public_sector: ["bureauCode", "programCode"].iter().any(|key| has_federal_code(object.get(*key))),
        system_of_records: object.get("systemOfRecords").and_then(Value::as_str).is_some_and(is_link),
        spatial: spatial(object, rest)?,
        temporal: temporal(object, rest)?,
        refresh: refresh(object, rest)?,
    };
    rest.used.extend(["title", "accessLevel"]);
    Ok(Jacket {
        title,
        source_publisher: publisher(object, rest)?,
        variables: Vec::new(),
        types: links.types.into_iter().collect(),
        formats: links.formats,
        keywords,
        themes,
        collection: Stated::NotStated,
        collection_cost: Stated::NotStated,
        sharing: Stated::NotStated,
        expected_uses: Vec::new(),
        classification: classify::classification(evidence),
        licence,
        landing_page,
        distributions: links.distributions,
        languages: languages(object, rest)?,
        modified: optional(object, "modified", rest)?,
        issued: optional(object, "issued", rest)?,
    })
}

// ---- fields of the jacket, in its order

fn publisher(object: &Map<String, Value>, rest: &mut Rest) -> Result<Option<String>, String> {
    rest.used.push("publisher");
    let (name, person) = match object.get("publisher") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(name)) => (Some(one_line(name)), false),
        Some(Value::Object(publisher)) => {
            let more = publisher.keys().any(|key| key != "name" && key != "@type");
            if more {
                rest.keep("publisher", &object["publisher"]);
            }
            (text(publisher, "name").map_err(|error| format!("publisher.{error}"))?, guard::is_person(publisher))
        }
        Some(other) => return Err(format!("publisher: an object is expected, this is {}", kind(other))),
    };
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(None) };
    if person {
        rest.withheld.push(json!({ "field": "publisher", "value": name }));
        return Ok(None);
    }
    Ok(rest.pass("publisher", name))
}

fn licence(object: &Map<String, Value>, rest: &mut Rest) -> Result<Option<String>, String> {
    link(object, "license", rest)
}

#[derive(Default)]
struct Links {
    distributions: Vec<Distribution>,
    formats: Vec<String>,
    types: BTreeSet<DataType>,
    structures: Vec<contracts::vocabulary::Structure>,
    licence: Option<String>,
}

fn distributions(object: &Map<String, Value>, rest: &mut Rest) -> Result<Links, String> {
    rest.used.push("distribution");
    let list = match object.get("distribution") {
        None | Some(Value::Null) => return Ok(Links::default()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut links = Links::default();
    let mut left = Vec::new();
    let mut licences = BTreeSet::new();
    for (index, value) in list.iter().enumerate() {
        let at = |error: String| format!("distribution {}: {error}", index + 1);
        let one = value.as_object().ok_or_else(|| at(format!("an object is expected, this is {}", kind(value))))?;
        let used = distribution(one, &mut links, rest).map_err(at)?;
        licences.insert(one.get("license").and_then(Value::as_str).map(one_line).filter(|licence| is_link(licence)));
        let mut unused: Map<String, Value> =
            one.iter().filter(|(key, value)| !used.contains(&key.as_str()) && !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect();
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

fn add_formats(format: Option<&str>, media_type: Option<&str>, links: &mut Links, rest: &mut Rest) -> Option<&'static str> {
    let named: Vec<&formats::Format> = format.into_iter().flat_map(|format| format.split(',')).filter_map(formats::known).collect();
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

fn languages(object: &Map<String, Value>, rest: &mut Rest) -> Result<Vec<String>, String> {
    let listed = texts(object, "language", rest)?;
    let mut tags = Vec::new();
    for language in &listed {
        match language_tag(language) {
            Some(tag) => push_new(&mut tags, tag),
            None => rest.keep("language", &object["language"]),
        }
    }
    Ok(tags)
}

/// BCP 47 in its usual case. `us-EN` is a common slip for `en-US`; what is not a tag is nothing.
fn language_tag(text: &str) -> Option<String> {
    const AUTHORITY: &[(&str, &str)] = &[
        ("BUL", "bg"), ("CES", "cs"), ("DAN", "da"), ("DEU", "de"), ("ELL", "el"), ("ENG", "en"), ("EST", "et"), ("FIN", "fi"),
        ("FRA", "fr"), ("GLE", "ga"), ("HRV", "hr"), ("HUN", "hu"), ("ITA", "it"), ("LAV", "lv"), ("LIT", "lt"), ("MLT", "mt"),
        ("NLD", "nl"), ("POL", "pl"), ("POR", "pt"), ("RON", "ro"), ("SLK", "sk"), ("SLV", "sl"), ("SPA", "es"), ("SWE", "sv"),
    ];
    const NO_LANGUAGE: &[&str] = &["us", "sp", "uk-en"];
    if let Some((_, code)) = text.rsplit_once("/language/") {
        return AUTHORITY.iter().find(|(name, _)| *name == code).map(|(_, tag)| tag.to_string());
    }
    let lower = text.to_ascii_lowercase();
    if lower == "us-en" {
        return Some("en-US".into());
    }
    let (language, region) = lower.split_once(['-', '_']).map_or((lower.as_str(), None), |(language, region)| (language, Some(region)));
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    if NO_LANGUAGE.contains(&language) || !letters(language, 2..=3) {
        return None;
    }
    match region {
        None => Some(language.into()),
        Some(region) if letters(region, 2..=2) => Some(format!("{language}-{}", region.to_ascii_uppercase())),
        Some(_) => None,
    }
}

// ---- what the rules look at

fn access_level(object: &Map<String, Value>) -> Result<Option<AccessLevel>, String> {
    let Some(level) = text(object, "accessLevel")? else { return Ok(None) };
    let word = level.rsplit('/').next().unwrap_or_default().to_ascii_lowercase().replace('_', "-");
    match word.as_str() {
        "public" => Ok(Some(AccessLevel::Public)),
        "restricted public" | "restricted" => Ok(Some(AccessLevel::RestrictedPublic)),
        "non-public" => Ok(Some(AccessLevel::NonPublic)),
        _ => Err(format!("accessLevel: `{}` is none of public, restricted public, non-public", shortened(&level))),
    }
}

/// A bureau code `123:45` or programme code `123:456` of the US federal budget.
fn has_federal_code(codes: Option<&Value>) -> bool {
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let federal = |code: &Value| code.as_str().and_then(|code| code.split_once(':')).is_some_and(|(agency, rest)| digits(agency, 3..=3) && digits(rest, 2..=3));
    codes.and_then(Value::as_array).is_some_and(|codes| codes.iter().any(federal))
}

fn spatial(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
    if let Some(area) = object.get("spatial").filter(|area| !area.is_string() && !area.is_null()) {
        rest.used.push("spatial");
        rest.keep("spatial", area);
        return Ok(bounding_box(area).map_or(Stated::NotStated, |area| Stated::by(InferenceRule::DcatSpatial, area)));
    }
    said(object, "spatial", rest)
}

/// `west,south,east,north` of a GeoJSON geometry (RFC 7946), in degrees.
fn bounding_box(geometry: &Value) -> Option<String> {
    fn widen(value: &Value, bounds: &mut [f64; 4]) -> Option<()> {
        let list = value.as_array()?;
        if let (Some(x), Some(y)) = (list.first().and_then(Value::as_f64), list.get(1).and_then(Value::as_f64)) {
            *bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
            return Some(());
        }
        list.iter().try_for_each(|inner| widen(inner, bounds))
    }
    let mut bounds = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    widen(geometry.get("coordinates")?, &mut bounds)?;
    let sound = bounds[0] >= -180.0 && bounds[2] <= 180.0 && bounds[1] >= -90.0 && bounds[3] <= 90.0;
    sound.then(|| format!("{},{},{},{}", bounds[0], bounds[1], bounds[2], bounds[3]))
}

fn temporal(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
    if let Some(Value::Object(period)) = object.get("temporal") {
        rest.used.push("temporal");
        let (start, end) = (text(period, "startDate")?, text(period, "endDate")?);
        let interval = match (start, end) {
            (None, None) => {
                rest.keep("temporal", &object["temporal"]);
                return Ok(Stated::NotStated);
            }
            (start, end) => format!("{}/{}", start.as_deref().unwrap_or(".."), end.as_deref().unwrap_or("..")),
        };
        return Ok(rest.pass("temporal", interval).map_or(Stated::NotStated, |interval| Stated::by(InferenceRule::DcatTemporal, interval)));
    }
    said(object, "temporal", rest)
}

/// A coverage in the source's own words is stated, unless it is a placeholder or too long for the jacket.
fn said(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Stated<String>, String> {
    const NOTHING: &[&str] = &["n/a", "na", "none", "null", "unknown", "true", "false", "tbd", "not applicable", "-"];
    let Some(words) = text(object, key)? else { return Ok(Stated::NotStated) };
    rest.used.push(key);
    if NOTHING.contains(&words.to_lowercase().as_str()) || words.len() > TEXT_BYTES_MAX {
        rest.keep(key, &object[key]);
        return Ok(Stated::NotStated);
    }
    Ok(rest.pass(key, words).map_or(Stated::NotStated, Stated::said))
}

fn refresh(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
    /// Words of the EU frequency authority table and of people, with their ISO 8601 interval.
    const WORDS: &[(&str, &str)] = &[
        ("continuous", "R/PT1S"), ("cont", "R/PT1S"), ("update_cont", "R/PT1S"), ("hourly", "R/PT1H"), ("daily", "R/P1D"),
        ("weekly", "R/P1W"), ("biweekly", "R/P2W"), ("monthly", "R/P1M"), ("bimonthly", "R/P2M"), ("quarterly", "R/P3M"),
        ("semiannual", "R/P6M"), ("annual_2", "R/P6M"), ("annual", "R/P1Y"), ("annually", "R/P1Y"), ("yearly", "R/P1Y"),
        ("biennial", "R/P2Y"), ("triennial", "R/P3Y"), ("decennial", "R/P10Y"), ("irreg", "irregular"),
    ];
    let Some(said) = text(object, "accrualPeriodicity")? else { return Ok(Stated::NotStated) };
    rest.used.push("accrualPeriodicity");
    if is_interval(&said) {
        return Ok(Stated::said(said));
    }
    let word = said.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    if word == "irregular" {
        return Ok(Stated::said(word));
    }
    if let Some((_, interval)) = WORDS.iter().find(|(name, _)| *name == word) {
        rest.keep("accrualPeriodicity", &object["accrualPeriodicity"]);
        return Ok(Stated::by(InferenceRule::Accrual, (*interval).into()));
    }
    rest.keep("accrualPeriodicity", &object["accrualPeriodicity"]);
    Ok(Stated::NotStated)
}

/// `R/P1Y`, `R/PT1S`: an ISO 8601 interval that repeats without end, with one whole unit.
fn is_interval(text: &str) -> bool {
    let Some(period) = text.strip_prefix("R/P") else { return false };
    let (number, units) = match period.strip_prefix('T') {
        Some(time) => (time, "HMS"),
        None => (period, "YMWD"),
    };
    let digits = number.len().saturating_sub(1);
    number.len() <= 5 && digits > 0 && number.is_char_boundary(digits) && number[..digits].bytes().all(|b| b.is_ascii_digit()) && units.contains(&number[digits..])
}

// ---- reading texts

/// The text of `key` on one line, or nothing where it is absent or blank.
fn text(object: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if key == "description" => Ok(Some(text.trim().to_string()).filter(|text| !text.is_empty())),
        Some(Value::String(text)) => Ok(Some(one_line(text)).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("{key}: a text is expected, this is {}", kind(other))),
    }
}

fn optional(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Option<String>, String> {
    rest.used.push(key);
    Ok(text(object, key)?.and_then(|text| rest.pass(key, text)))
}

/// A list of texts without repeats; one text alone is a list of one.
fn texts(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Vec<String>, String> {
    rest.used.push(key);
    let list = match object.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let mut texts = Vec::new();
    for item in list {
        let text = item.as_str().ok_or_else(|| format!("{key}: texts are expected, this is {}", kind(item)))?;
        let text = one_line(text);
        if !text.is_empty() && let Some(text) = rest.pass(key, text) {
            push_new(&mut texts, text);
        }
    }
    Ok(texts)
}

/// A link that people can follow. Anything else that stands there is kept as unmapped.
fn link(object: &Map<String, Value>, key: &'static str, rest: &mut Rest) -> Result<Option<String>, String> {
    let Some(link) = text(object, key)? else { return Ok(None) };
    rest.used.push(key);
    if !is_link(&link) {
        rest.keep(key, &object[key]);
        return Ok(None);
    }
    Ok(rest.pass(key, link))
}

/// Only schemes that show something in a browser: a page puts these links where people click.
fn is_link(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let known = matches!(scheme.as_deref(), Some("http" | "https" | "ftp"));
    known && text.len() <= LINK_BYTES_MAX && !text.chars().any(|c| c.is_control() || c == '"' || c == '<' || c == '>')
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn push_new(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

/// RFC 8785, so that a catalogue that only reorders its keys has not changed.
fn canonical(value: &Value) -> Result<String, String> {
    serde_json_canonicalizer::to_string(value).map_err(|error| format!("a value has no canonical JSON: {error}"))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
