//! What may not go on the ledger: names and addresses of contacts.
//!
//! A record's contact goes into its side body, which can be deleted; a jacket cannot. So a value of a
//! jacket that names a contact of the same catalogue, or holds an e-mail address of anybody, is
//! withheld from the jacket and kept in the side body instead; a title or identifier that does so
//! makes the record rejected, since a jacket cannot be without them.
//!
//! A contact may also be an office: `Technical Data Manager` is part of a publisher's name, `NSRDB` is
//! the acronym of the dataset itself. Withholding those would hide the dataset, and they are nobody's
//! personal data. The rule: a contact's name is an office's name when its words stand in the name of
//! an organisation that the same catalogue gives as publisher, or when it is one word in capitals that
//! stands in the title of its own record. Every other name is taken for a person's.

use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// Words of a name that are compared. Longer names are compared by their first words.
const NAME_WORDS_MAX: usize = 12;

/// Why a text may not go on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Private {
    /// It names a contact.
    Name,
    /// It holds an e-mail address.
    Address,
}

impl Private {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Name => "it names a contact of the catalogue, and what is on the ledger can never be deleted",
            Self::Address => "it holds an e-mail address, and what is on the ledger can never be deleted",
        }
    }
}

/// The contacts of one catalogue.
pub(super) struct Guard {
    people: HashSet<String>,
    longest: usize,
    offices: HashSet<String>,
}

impl Guard {
    pub(super) fn of(records: &[Value]) -> Self {
        let mut titles_of: HashMap<String, Vec<&str>> = HashMap::new();
        let mut shouted: BTreeSet<String> = BTreeSet::new();
        let mut organisations: HashSet<&str> = HashSet::new();
        for record in records {
            let title = record.get("title").and_then(Value::as_str).unwrap_or_default();
            for name in contact_names(record) {
                let key = key_of(&words(name));
                if !key.is_empty() {
                    if is_acronym(name) {
                        shouted.insert(key.clone());
                    }
                    titles_of.entry(key).or_default().push(title);
                }
            }
            publishers(record.get("publisher"), 0, &mut organisations);
        }
        let longest = titles_of.keys().map(|key| key.split(' ').count()).max().unwrap_or(0);
        let mut offices: HashSet<String> = HashSet::new();
        for name in organisations {
            each_run(&words(name), longest, |run| {
                if titles_of.contains_key(run) {
                    offices.insert(run.to_string());
                }
            });
        }
        for acronym in shouted {
            if titles_of[&acronym].iter().any(|title| words(title).contains(&acronym)) {
                offices.insert(acronym);
            }
        }
        let people = titles_of.into_keys().filter(|key| !offices.contains(key)).collect();
        Self { people, longest, offices }
    }

    /// Whether `text` may go on the ledger.
    pub(super) fn check(&self, text: &str) -> Result<(), Private> {
        let plain = percent_decoded(text);
        if holds_address(&plain) {
            return Err(Private::Address);
        }
        let mut found = false;
        each_run(&words(&plain), self.longest, |run| found |= self.people.contains(run));
        if found { Err(Private::Name) } else { Ok(()) }
    }

    /// Whether `name`, a contact's, is the name of an office.
    pub(super) fn is_office(&self, name: &str) -> bool {
        self.offices.contains(&key_of(&words(name)))
    }
}

/// The names of a record's contacts.
pub(super) fn contact_names(record: &Value) -> impl Iterator<Item = &str> {
    let contacts = match record.get("contactPoint") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    contacts
        .iter()
        .flat_map(|contact| {
            [contact.get("fn"), contact.get("name"), contact.get("hasName"), contact.is_string().then_some(contact)]
        })
        .flatten()
        .filter_map(Value::as_str)
}

/// Names of organisations. A publisher that is said to be a person is none.
fn publishers<'a>(publisher: Option<&'a Value>, depth: usize, names: &mut HashSet<&'a str>) {
    match publisher {
        Some(Value::Object(object)) if !is_person(object) => {
            names.extend(object.get("name").and_then(Value::as_str));
            if depth < super::DEPTH_MAX {
                publishers(object.get("subOrganizationOf"), depth + 1, names);
            }
        }
        Some(Value::String(name)) => {
            names.insert(name);
        }
        _ => {}
    }
}

/// Whether an object says of itself that it is a person.
pub(super) fn is_person(object: &serde_json::Map<String, Value>) -> bool {
    object
        .get("@type")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("Person") || kind.ends_with("Individual"))
}

fn is_acronym(name: &str) -> bool {
    let name = name.trim();
    name.len() >= 2
        && name.chars().all(|c| c.is_uppercase() || c.is_ascii_digit())
        && name.chars().any(char::is_alphabetic)
}

/// Words in lower case; everything else only separates them.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn key_of(words: &[String]) -> String {
    words[..words.len().min(NAME_WORDS_MAX)].join(" ")
}

/// Calls `visit` with each run of up to `longest` consecutive words.
fn each_run(words: &[String], longest: usize, mut visit: impl FnMut(&str)) {
    let mut run = String::new();
    for start in 0..words.len() {
        run.clear();
        for word in words.iter().skip(start).take(longest) {
            if !run.is_empty() {
                run.push(' ');
            }
            run.push_str(word);
            visit(&run);
        }
    }
}

/// Whether something of the form `name@host.example` stands in `text`.
fn holds_address(text: &str) -> bool {
    let local = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-' | '\'');
    text.match_indices('@').any(|(at, _)| {
        let host =
            text[at + 1..].split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-'))).next().unwrap_or_default();
        let host = host.trim_end_matches('.');
        let top = host.rsplit_once('.').map(|(_, top)| top);
        text[..at].chars().next_back().is_some_and(local)
            && top.is_some_and(|top| top.chars().count() >= 2 && top.chars().all(char::is_alphabetic))
    })
}

/// `%40` hides an `@` in a link, `%20` a space.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped =
            bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                plain.extend(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn guard() -> Guard {
        Guard::of(&[
            json!({"title": "Rain", "contactPoint": {"fn": "Ada O'Neill", "hasEmail": "mailto:ada@example.org"}, "publisher": {"name": "Office of Water"}}),
            json!({"title": "WXDB wind atlas", "contactPoint": [{"fn": "WXDB"}, {"fn": "Office of  water"}], "publisher": {"name": "A", "subOrganizationOf": {"name": "B, Data Desk"}}}),
            json!({"title": "Snow", "contactPoint": {"fn": "data desk"}, "publisher": {"name": "Bo Li", "@type": "foaf:Person"}}),
            json!({"title": "Hail", "contactPoint": {"fn": "Bo Li"}}),
            json!({"title": "Fog", "contactPoint": {"fn": "LI"}}),
        ])
    }

    #[test]
    fn people_are_found_however_they_are_written() {
        let guard = guard();
        for text in [
            "Ada O'Neill",
            "rain (ADA  O NEILL)",
            "https://example.org/~ada-o-neill/x",
            "a/Ada%20O%27Neill.csv",
            "by Bo Li.",
            "Li",
        ] {
            assert_eq!(guard.check(text), Err(Private::Name), "{text}");
        }
        for text in ["Ada", "O'Neill", "Adao Neill", "", "Lido", "https://example.org/?q=%"] {
            assert_eq!(guard.check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn offices_that_the_catalogue_names_are_no_people() {
        let guard = guard();
        for text in ["Office of Water", "WXDB", "B, Data Desk"] {
            assert_eq!(guard.check(text), Ok(()), "{text}");
            assert!(text.starts_with("B,") || guard.is_office(text));
        }
        assert!(!guard.is_office("Bo Li"), "a publisher that is a person gives no office its name");
        assert!(!guard.is_office("LI"), "capitals alone do not make an acronym");
    }

    #[test]
    fn addresses_of_anybody_are_found() {
        let guard = guard();
        for text in [
            "x.y@example.org",
            "mail me: <x@example.org>.",
            "https://e.org/?to=x%40example.org",
            "mailto:x@example.museum",
        ] {
            assert_eq!(guard.check(text), Err(Private::Address), "{text}");
        }
        for text in ["5 @ 3.20", "https://e.org/lib@1.2.3/x", "@example.org", "a@b"] {
            assert_eq!(guard.check(text), Ok(()), "{text}");
        }
    }
}
