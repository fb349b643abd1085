//! A validator for the part of JSON Schema that the market's document uses. A keyword that it does not
//! know is an error: what is not checked must not look as if it were.

use serde_json::Value;

/// Keywords that are checked.
const CHECKED: [&str; 20] = [
    "$ref",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "propertyNames",
    "items",
    "prefixItems",
    "enum",
    "const",
    "oneOf",
    "allOf",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "format",
];
/// Keywords that say something to people.
const SAID: [&str; 6] = ["description", "title", "example", "examples", "default", "summary"];
const FORMATS: [&str; 6] = ["date-time", "date", "int32", "int64", "uint32", "uint64"];

type Checked = Result<(), String>;

/// Is every keyword, format and pattern in `schema`, and every reference, one that is checked?
pub fn known(root: &Value, schema: &Value, at: &str) -> Checked {
    let Some(object) = schema.as_object() else {
        return if schema.is_boolean() { Ok(()) } else { Err(format!("{at} is no schema: {schema}")) };
    };
    for (keyword, inside) in object {
        let at = format!("{at}/{keyword}");
        match keyword.as_str() {
            "properties" => {
                for (name, inside) in inside.as_object().ok_or_else(|| format!("{at} is no object"))? {
                    known(root, inside, &format!("{at}/{name}"))?;
                }
            }
            "items" | "additionalProperties" | "propertyNames" => known(root, inside, &at)?,
            "oneOf" | "allOf" | "prefixItems" => {
                for (number, inside) in inside.as_array().ok_or_else(|| format!("{at} is no list"))?.iter().enumerate()
                {
                    known(root, inside, &format!("{at}/{number}"))?;
                }
            }
            "$ref" => drop(target(root, inside).map_err(|error| format!("{at}: {error}"))?),
            "format" if !FORMATS.iter().any(|known| inside == known) => {
                return Err(format!("{at}: {inside} is not checked"));
            }
            "pattern" => drop(Pattern::read(inside.as_str().unwrap_or("")).map_err(|error| format!("{at}: {error}"))?),
            keyword if CHECKED.contains(&keyword) || SAID.contains(&keyword) => {}
            _ => return Err(format!("{at}: this keyword is not checked")),
        }
    }
    Ok(())
}

fn target<'a>(root: &'a Value, reference: &Value) -> Result<&'a Value, String> {
    let text = reference.as_str().unwrap_or_default();
    let pointer = text.strip_prefix('#').ok_or_else(|| format!("{text} leads elsewhere"))?;
    root.pointer(pointer).ok_or_else(|| format!("{text} leads nowhere"))
}

/// Holds `value` against `schema`; the error names the place in the value.
pub fn validate(root: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    if schema.is_boolean() {
        return if schema == true { Ok(()) } else { Err(format!("{at}: nothing may stand here, but {value} does")) };
    }
    if let Some(reference) = schema.get("$ref") {
        validate(root, target(root, reference)?, value, at)?;
    }
    kind(schema, value, at)?;
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        return Err(format!("{at}: {value} is not {only}"));
    }
    several(root, schema, value, at)?;
    match value {
        Value::Object(_) => object(root, schema, value, at),
        Value::Array(items) => array(root, schema, items, at),
        Value::String(text) => string(schema, text, at),
        Value::Number(_) => number(schema, value, at),
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn kind(schema: &Value, value: &Value, at: &str) -> Checked {
    let is = |name: &Value| match name.as_str().unwrap_or_default() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    let fits = match &schema["type"] {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if fits { Ok(()) } else { Err(format!("{at}: {value} is not of type {}", schema["type"])) }
}

fn several(root: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    for one in schema["allOf"].as_array().into_iter().flatten() {
        validate(root, one, value, at)?;
    }
    if let Some(all) = schema["oneOf"].as_array() {
        let errors: Vec<String> = all.iter().filter_map(|one| validate(root, one, value, at).err()).collect();
        if all.len() - errors.len() != 1 {
            let shown: String = errors.join("; ").chars().take(600).collect();
            return Err(format!("{at}: {value} fits {} of {} forms ({shown})", all.len() - errors.len(), all.len()));
        }
    }
    Ok(())
}

fn object(root: &Value, schema: &Value, value: &Value, at: &str) -> Checked {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            return Err(format!("{at}: `{name}` is missing"));
        }
    }
    for (name, inside) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        if let Some(names) = schema.get("propertyNames") {
            validate(root, names, &Value::String(name.clone()), &at)?;
        }
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(listed), _) => validate(root, listed, inside, &at)?,
            (None, Some(other)) => validate(root, other, inside, &at)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn array(root: &Value, schema: &Value, items: &[Value], at: &str) -> Checked {
    let count = items.len() as u64;
    if schema["minItems"].as_u64().is_some_and(|least| count < least)
        || schema["maxItems"].as_u64().is_some_and(|most| count > most)
    {
        return Err(format!("{at}: {count} items are too few or too many"));
    }
    let first = schema["prefixItems"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (number, item) in items.iter().enumerate() {
        let at = format!("{at}[{number}]");
        match (first.get(number), schema.get("items")) {
            (Some(schema), _) | (None, Some(schema)) => validate(root, schema, item, &at)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn string(schema: &Value, text: &str, at: &str) -> Checked {
    let letters = text.chars().count() as u64;
    if schema["minLength"].as_u64().is_some_and(|least| letters < least)
        || schema["maxLength"].as_u64().is_some_and(|most| letters > most)
    {
        return Err(format!("{at}: {letters} letters are too few or too many"));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && !Pattern::read(pattern)?.fits(text)
    {
        return Err(format!("{at}: `{text}` does not fit {pattern}"));
    }
    let fits = match schema["format"].as_str() {
        Some("date-time") => text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok(),
        Some("date") => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("{at}: `{text}` is no {}", schema["format"])) }
}

fn number(schema: &Value, value: &Value, at: &str) -> Checked {
    let number = value.as_f64().unwrap_or(f64::NAN);
    let bound = |name: &str| schema[name].as_f64();
    let (least, most) = match schema["format"].as_str() {
        Some("int32") => (f64::from(i32::MIN), f64::from(u32::MAX)),
        _ => (f64::MIN, f64::MAX),
    };
    let least = bound("minimum").unwrap_or(least).max(least);
    let most = bound("maximum").unwrap_or(most).min(most);
    if number >= least && number <= most {
        Ok(())
    } else {
        Err(format!("{at}: {value} is not between {least} and {most}"))
    }
}

/// A pattern of one class of letters and how many: `^[0-9a-f]{64}$`.
struct Pattern {
    class: Vec<(char, char)>,
    least: usize,
    most: usize,
}

impl Pattern {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("the pattern `{text}` is not of the form ^[...]{{m,n}}$");
        let (class, counts) = text.strip_prefix("^[").and_then(|rest| rest.split_once("]{")).ok_or_else(wrong)?;
        let counts = counts.strip_suffix("}$").ok_or_else(wrong)?;
        let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
        let letters: Vec<char> = class.chars().collect();
        if letters.is_empty() || letters[0] == '^' || letters.contains(&'\\') {
            return Err(wrong());
        }
        let (mut class, mut at) = (Vec::new(), 0);
        while at < letters.len() {
            let range = letters.get(at + 1) == Some(&'-') && at + 2 < letters.len();
            class.push((letters[at], letters[if range { at + 2 } else { at }]));
            at += if range { 3 } else { 1 };
        }
        let count = |text: &str| text.parse().map_err(|_| wrong());
        Ok(Self { class, least: count(least)?, most: count(most)? })
    }

    fn fits(&self, text: &str) -> bool {
        let count = text.chars().count();
        let known = |letter: char| self.class.iter().any(|(first, last)| (*first..=*last).contains(&letter));
        (self.least..=self.most).contains(&count) && text.chars().all(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(schema: &Value, right: &[Value], wrong: &[Value]) {
        let root = json!({"a": {"type": "string", "pattern": "^[a-c_-]{1,3}$"}});
        known(&root, schema, "").unwrap();
        for value in right {
            validate(&root, schema, value, "").unwrap_or_else(|error| panic!("{schema} refuses {value}: {error}"));
        }
        for value in wrong {
            assert!(validate(&root, schema, value, "").is_err(), "{schema} takes {value}");
        }
    }

    #[test]
    fn each_keyword_refuses_what_is_wrong() {
        check(&json!({"type": "integer"}), &[json!(1), json!(-1)], &[json!(1.5), json!("1"), json!(null), json!(true)]);
        check(&json!({"type": ["string", "null"]}), &[json!("x"), json!(null)], &[json!(1), json!([]), json!({})]);
        check(&json!({"$ref": "#/a"}), &[json!("a-_")], &[json!("d"), json!(""), json!("abca"), json!(1)]);
        check(&json!({"enum": ["a", "b"]}), &[json!("a")], &[json!("c"), json!(null)]);
        check(&json!({"const": 1}), &[json!(1)], &[json!(2), json!("1")]);
        let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false});
        check(&closed, &[json!({"a": 1})], &[json!({}), json!({"a": "1"}), json!({"a": 1, "b": 1}), json!([])]);
        let map =
            json!({"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"maxLength": 2}});
        check(&map, &[json!({}), json!({"ab": "x"})], &[json!({"a": 1}), json!({"abc": "x"})]);
        let one =
            json!({"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 3}, {"type": "integer", "maximum": 3}]});
        check(&one, &[json!(null), json!(2), json!(4)], &[json!(3), json!("x")]);
        check(&json!({"allOf": [{"minimum": 1}, {"maximum": 2}]}), &[json!(1), json!(2)], &[json!(0), json!(3)]);
        check(
            &json!({"items": {"type": "integer"}, "minItems": 1, "maxItems": 2}),
            &[json!([1])],
            &[json!([]), json!([1, 2, 3]), json!(["x"])],
        );
        let pair = json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": false});
        check(&pair, &[json!(["a", 1])], &[json!(["a", "b"]), json!(["a", 1, 2])]);
        check(&json!({"minLength": 1, "maxLength": 2}), &[json!("é")], &[json!(""), json!("abc")]);
        check(
            &json!({"format": "date-time"}),
            &[json!("2027-01-15T08:00:00Z")],
            &[json!("2027-01-15"), json!("2027-01-15T08:00:00+01:00"), json!("x")],
        );
        check(
            &json!({"format": "date"}),
            &[json!("2027-01-15")],
            &[json!("2027-02-30"), json!("2027-01-15T08:00:00Z")],
        );
        check(
            &json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": 9}),
            &[json!(9)],
            &[json!(10), json!(-1)],
        );
        check(
            &json!({"type": "integer", "format": "int32", "minimum": 0}),
            &[json!(u32::MAX)],
            &[json!(u64::from(u32::MAX) + 1)],
        );
    }

    #[test]
    fn what_is_not_checked_is_an_error() {
        let root = json!({});
        for schema in [
            json!({"uniqueItems": true}),
            json!({"properties": {"a": {"not": {}}}}),
            json!({"items": {"anyOf": []}}),
            json!({"format": "email"}),
            json!({"pattern": "a+"}),
            json!({"pattern": "^[^a]{1}$"}),
            json!({"pattern": "^[\\d]{1}$"}),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "https://elsewhere.example"}),
            json!({"oneOf": [{"patternProperties": {}}]}),
            json!(7),
        ] {
            assert!(known(&root, &schema, "").is_err(), "{schema}");
        }
    }
}
