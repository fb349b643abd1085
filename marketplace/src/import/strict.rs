//! JSON from outside: bytes, depth and number of values bounded, each key once per object, UTF-8.
//!
//! serde_json alone keeps the last of two equal keys without a word; here they are an error.

use super::{DEPTH_MAX, FILE_BYTES_MAX, ImportError, VALUES_MAX};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{cell::RefCell, fmt};

/// A byte-order mark, which RFC 8259 section 8.1 lets a reader ignore.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Text without its byte-order mark.
///
/// # Errors
/// [`ImportError::TooLarge`], [`ImportError::NotUtf8`].
pub(super) fn text(bytes: &[u8]) -> Result<&str, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| ImportError::NotUtf8 { offset: error.valid_up_to() })?;
    Ok(if bytes.starts_with(MARK) { &text[MARK.len()..] } else { text })
}

/// The one JSON value that `bytes` are.
///
/// # Errors
/// Those of [`ImportError`] that are about JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, ImportError> {
    let mut deserializer = serde_json::Deserializer::from_str(text(bytes)?);
    let seen = RefCell::new(Seen::default());
    let value = Strict { depth: 0, seen: &seen }.deserialize(&mut deserializer);
    let value = value.and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match seen.into_inner().fault {
            Some(Fault::Key(key)) => ImportError::DuplicateKey { key, line, column },
            Some(Fault::Depth) => ImportError::TooDeep { line, column },
            Some(Fault::Values) => ImportError::TooManyValues,
            None => ImportError::NotJson(error),
        }
    })
}

#[derive(Default)]
struct Seen {
    values: usize,
    fault: Option<Fault>,
}

enum Fault {
    Key(String),
    Depth,
    Values,
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    seen: &'a RefCell<Seen>,
}

impl Strict<'_> {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn stop<T, E: serde::de::Error>(self, fault: Fault) -> Result<T, E> {
        self.seen.borrow_mut().fault = Some(fault);
        Err(E::custom("refused"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let values = {
            let mut seen = self.seen.borrow_mut();
            seen.values += 1;
            seen.values
        };
        if values > VALUES_MAX {
            return self.stop(Fault::Values);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number without end"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        if self.depth >= DEPTH_MAX {
            return self.stop(Fault::Depth);
        }
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        if self.depth >= DEPTH_MAX {
            return self.stop(Fault::Depth);
        }
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return self.stop(Fault::Key(key.chars().take(80).collect()));
            }
            let value = entries.next_value_seed(self.deeper())?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &[u8]) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_serde_json_reads_is_read_the_same() {
        for text in
            ["null", " [1, -2, 3.5, true, \"\\u00e4\"] ", "{\"b\":{\"a\":[]},\"a\":\"\"}", "18446744073709551615"]
        {
            assert_eq!(parse(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        assert_eq!(parse(b"\xef\xbb\xbf{}").unwrap(), serde_json::json!({}));
    }

    #[test]
    fn a_key_that_occurs_twice_is_named_with_its_place() {
        assert_eq!(refused(b"{\"a\":1,\n \"a\":2}"), "line 2, column 4: the key `a` occurs twice in one object");
        assert!(
            refused(b"[{\"x\":{\"t\":1,\"\\u0074\":2}}]").contains("`t` occurs twice"),
            "spelt differently, the same key"
        );
        assert!(parse(b"[{\"a\":1},{\"a\":1}]").is_ok());
    }

    #[test]
    fn broken_bytes_are_refused_where_they_are() {
        assert_eq!(refused(b"[\"ab\xff\"]"), "the catalogue is not UTF-8: the byte at offset 4 starts no character");
        for text in [&b"[1,2"[..], b"{\"a\":1}x", b"", b"{'a':1}", b"[1e999]", b"nul"] {
            assert!(matches!(parse(text), Err(ImportError::NotJson(_))), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert!(matches!(parse(&nested(DEPTH_MAX + 1)), Err(ImportError::TooDeep { line: 1, .. })));
        assert!(matches!(parse(&nested(100_000)), Err(ImportError::TooDeep { .. })));
        let wide = format!("[{}1]", "1,".repeat(VALUES_MAX));
        assert!(matches!(parse(wide.as_bytes()), Err(ImportError::TooManyValues)));
        assert!(matches!(parse(&vec![b' '; FILE_BYTES_MAX + 1]), Err(ImportError::TooLarge(_))));
    }
}
