//! One record becomes one jacket and the texts of its side body.
//!
//! Everything that has no place in the jacket, or may not go there, is kept: as `unmapped` what the
//! jacket has no field for, as `withheld` what names a contact. So the side body plus the jacket say
//! all that the record said.

use super::{
    Record,
    classify::{self, AccessLevel, Evidence},
    coverage::{languages, refresh, spatial, temporal},
    fields::{Rest, canonical, is_link, kind, link, one_line, optional, shortened, text, texts},
    formats,
    guard::{self, Guard},
    links::distributions,
};
use contracts::{
    jacket::Jacket,
    limits::IDENTIFIER_BYTES_MAX,
    side::{SideBody, SideField},
    vocabulary::Stated,
};
use serde_json::{Map, Value, json};

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
        bytes if bytes > IDENTIFIER_BYTES_MAX => {
            Err(format!("identifier: {bytes} bytes, {IDENTIFIER_BYTES_MAX} at most"))
        }
        _ => match contracts::text::line("identifier", &text, 1, IDENTIFIER_BYTES_MAX) {
            Ok(()) => Ok(text),
            Err(malformed) => Err(malformed.to_string()),
        },
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

fn jacket(object: &Map<String, Value>, rest: &mut Rest) -> Result<Jacket, String> {
    let title = text(object, "title")?.ok_or("title: missing")?;
    rest.guard.check(&title).map_err(|private| format!("title: {}", private.why()))?;
    let keywords = texts(object, "keyword", rest)?;
    let themes = texts(object, "theme", rest)?;
    let links = distributions(object, rest)?;
    let licence = link(object, "license", rest)?.or(links.licence);
    let landing_page = link(object, "landingPage", rest)?;
    let spoken = format!("{title} {} {}", keywords.join(" "), themes.join(" "));
    let evidence = Evidence {
        access_level: access_level(object)?,
        licence: licence.as_deref(),
        structure: formats::leading(links.structures.into_iter()),
        words: spoken
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect(),
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
    let digits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    let federal = |code: &Value| {
        code.as_str()
            .and_then(|code| code.split_once(':'))
            .is_some_and(|(agency, rest)| digits(agency, 3..=3) && digits(rest, 2..=3))
    };
    codes.and_then(Value::as_array).is_some_and(|codes| codes.iter().any(federal))
}
