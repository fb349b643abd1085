//! Actions and jackets as JSON, as people and programs write them: one meaning or none.

use super::samples::actions;
use crate::{action::Action, jacket::Jacket, quote::SignedQuote};
use serde_json::Value;

/// `value` as text, with the key number `twice` (counted from 0 in reading order) written twice.
fn doubled(value: &Value, twice: &mut Option<usize>) -> String {
    let list = |items: Vec<String>| items.join(",");
    match value {
        Value::Object(object) => {
            let mut entries = Vec::new();
            for (key, value) in object {
                let this = *twice == Some(0);
                *twice = twice.and_then(|left| left.checked_sub(1));
                let entry = format!("{}:{}", Value::from(key.as_str()), doubled(value, twice));
                entries.extend(std::iter::repeat_n(entry, 1 + usize::from(this)));
            }
            format!("{{{}}}", list(entries))
        }
        Value::Array(items) => format!("[{}]", list(items.iter().map(|item| doubled(item, twice)).collect())),
        other => other.to_string(),
    }
}

fn keys(value: &Value) -> usize {
    match value {
        Value::Object(object) => object.values().map(|value| 1 + keys(value)).sum(),
        Value::Array(items) => items.iter().map(keys).sum(),
        _ => 0,
    }
}

fn refuses_each_key_twice<T: serde::de::DeserializeOwned + serde::Serialize>(value: &T) -> usize {
    let json = serde_json::to_value(value).unwrap();
    assert!(serde_json::from_str::<T>(&doubled(&json, &mut None)).is_ok());
    for number in 0..keys(&json) {
        let text = doubled(&json, &mut Some(number));
        assert!(serde_json::from_str::<T>(&text).is_err(), "a key stands twice and is accepted: {text}");
    }
    keys(&json)
}

#[test]
fn no_key_stands_twice_in_an_action_a_jacket_or_a_quote() {
    let mut tried = 0;
    for action in actions() {
        tried += refuses_each_key_twice(&action);
        match &action {
            Action::Publish(publish) => tried += refuses_each_key_twice::<Jacket>(&publish.jacket),
            Action::Buy(buy) => tried += refuses_each_key_twice::<SignedQuote>(buy.quote.as_ref().unwrap()),
            _ => {}
        }
    }
    assert!(tried > 250, "{tried} keys");
}

#[test]
fn the_word_of_a_role_is_the_one_of_its_json() {
    for role in crate::party::Role::ALL {
        assert_eq!(serde_json::to_value(role).unwrap(), role.slug());
    }
}

#[test]
fn an_unknown_field_is_a_mistake_and_not_passed_over() {
    for action in actions() {
        let mut json = serde_json::to_value(&action).unwrap();
        json["pirce"] = 1.into();
        assert!(serde_json::from_value::<Action>(json.clone()).is_err(), "{json}");
    }
    assert!(serde_json::from_str::<Action>(r#"{"action":"party.crown","party":"x"}"#).is_err());
    assert!(serde_json::from_str::<Action>(r#"{"party":"x"}"#).is_err());
}
