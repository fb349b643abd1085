//! Words of names, for search by the beginnings of words.

use super::Thing;
use crate::limits::{WORD_BYTES_MAX, WORDS_MAX};
use std::collections::BTreeSet;

/// The words of a text: lower case, letters and digits, each once, at most [`WORDS_MAX`].
///
/// Long words are cut at [`WORD_BYTES_MAX`] bytes; a query is cut likewise, so they are still found.
pub fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(WORDS_MAX).map(cut).collect()
}

fn cut(word: &str) -> String {
    let mut end = word.len().min(WORD_BYTES_MAX);
    while !word.is_char_boundary(end) {
        end -= 1;
    }
    word[..end].to_string()
}

/// Word, then thing. The zero ends the word, so `data` sorts before `database`.
pub(super) fn key(word: &str, thing: &Thing) -> Vec<u8> {
    [word.as_bytes(), &[0], &thing.key()].concat()
}

/// Word and thing of a key.
pub(super) fn parts(key: &[u8]) -> Option<(&str, Thing)> {
    let (word, rest) = key.split_at_checked(key.len().checked_sub(34)?)?;
    let kind = super::Kind::from_byte(*rest.get(1)?)?;
    Some((std::str::from_utf8(word).ok()?, Thing::new(kind, &rest[2..])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Kind;

    #[test]
    fn words_are_what_people_type() {
        let found: Vec<_> = words("Café-Prices, 2021 (CAFÉ prices)").into_iter().collect();
        assert_eq!(found, ["2021", "café", "prices"]);
        let long = "ä".repeat(40);
        assert!(words(&long).iter().all(|word| word.len() <= WORD_BYTES_MAX && long.starts_with(word)));
        assert!(words("…—").is_empty());
    }

    #[test]
    fn a_key_gives_back_word_and_thing() {
        let thing = Thing::new(Kind::Dataset, &[0; 32]);
        assert_eq!(parts(&key("rain", &thing)), Some(("rain", thing)));
        assert_eq!(parts(b"short"), None);
    }
}
