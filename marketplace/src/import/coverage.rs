//! What a record covers and how: languages, place, time, refresh.
//!
//! A value in the record's own words is stated; one that had to be put into another form is inferred
//! by the rule named for it; a placeholder such as `N/A` says nothing.

use super::fields::{Rest, push_new, text, texts};
use contracts::{
    limits::TEXT_BYTES_MAX,
    vocabulary::{InferenceRule, Stated},
};
use serde_json::{Map, Value};

pub(super) fn languages(object: &Map<String, Value>, rest: &mut Rest) -> Result<Vec<String>, String> {
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
        ("BUL", "bg"),
        ("CES", "cs"),
        ("DAN", "da"),
        ("DEU", "de"),
        ("ELL", "el"),
        ("ENG", "en"),
        ("EST", "et"),
        ("FIN", "fi"),
        ("FRA", "fr"),
        ("GLE", "ga"),
        ("HRV", "hr"),
        ("HUN", "hu"),
        ("ITA", "it"),
        ("LAV", "lv"),
        ("LIT", "lt"),
        ("MLT", "mt"),
        ("NLD", "nl"),
        ("POL", "pl"),
        ("POR", "pt"),
        ("RON", "ro"),
        ("SLK", "sk"),
        ("SLV", "sl"),
        ("SPA", "es"),
        ("SWE", "sv"),
    ];
    const NO_LANGUAGE: &[&str] = &["us", "sp", "uk-en"];
    if let Some((_, code)) = text.rsplit_once("/language/") {
        return AUTHORITY.iter().find(|(name, _)| *name == code).map(|(_, tag)| tag.to_string());
    }
    let lower = text.to_ascii_lowercase();
    if lower == "us-en" {
        return Some("en-US".into());
    }
    let (language, region) =
        lower.split_once(['-', '_']).map_or((lower.as_str(), None), |(language, region)| (language, Some(region)));
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase())
    };
    if NO_LANGUAGE.contains(&language) || !letters(language, 2..=3) {
        return None;
    }
    match region {
        None => Some(language.into()),
        Some(region) if letters(region, 2..=2) => Some(format!("{language}-{}", region.to_ascii_uppercase())),
        Some(_) => None,
    }
}

pub(super) fn spatial(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
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

pub(super) fn temporal(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
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
        return Ok(rest
            .pass("temporal", interval)
            .map_or(Stated::NotStated, |interval| Stated::by(InferenceRule::DcatTemporal, interval)));
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

pub(super) fn refresh(object: &Map<String, Value>, rest: &mut Rest) -> Result<Stated<String>, String> {
    /// Words of the EU frequency authority table and of people, with their ISO 8601 interval.
    const WORDS: &[(&str, &str)] = &[
        ("continuous", "R/PT1S"),
        ("cont", "R/PT1S"),
        ("update_cont", "R/PT1S"),
        ("hourly", "R/PT1H"),
        ("daily", "R/P1D"),
        ("weekly", "R/P1W"),
        ("biweekly", "R/P2W"),
        ("monthly", "R/P1M"),
        ("bimonthly", "R/P2M"),
        ("quarterly", "R/P3M"),
        ("semiannual", "R/P6M"),
        ("annual_2", "R/P6M"),
        ("annual", "R/P1Y"),
        ("annually", "R/P1Y"),
        ("yearly", "R/P1Y"),
        ("biennial", "R/P2Y"),
        ("triennial", "R/P3Y"),
        ("decennial", "R/P10Y"),
        ("irreg", "irregular"),
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
    number.len() <= 5
        && digits > 0
        && number.is_char_boundary(digits)
        && number[..digits].bytes().all(|b| b.is_ascii_digit())
        && units.contains(&number[digits..])
}
