//! What people type: words, and phrases in quotes. Everything is allowed; nothing is an error.

/// Words and phrases that count; the rest of a very long text is not looked at.
const PARTS_MAX: usize = 32;
/// Characters that are read.
const TEXT_CHARS_MAX: usize = 1_000;

/// A search text in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Runs of characters between spaces.
    pub words: Vec<String>,
    /// What stood in quotes.
    pub phrases: Vec<String>,
}

pub(super) fn parse(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    let text: String = text
        .chars()
        .take(TEXT_CHARS_MAX)
        .map(|c| if matches!(c, '“' | '”' | '„' | '«' | '»') { '"' } else { c })
        .collect();
    let pieces: Vec<&str> = text.split('"').collect();
    for (index, piece) in pieces.iter().enumerate() {
        // A quote that is never closed is no phrase.
        let quoted = index % 2 == 1 && index + 1 < pieces.len();
        if quoted && piece.split_whitespace().nth(1).is_some() {
            parsed.phrases.push((*piece).into());
        } else {
            parsed.words.extend(piece.split_whitespace().map(str::to_string));
        }
    }
    parsed.phrases.truncate(PARTS_MAX);
    parsed.words.truncate(PARTS_MAX);
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_has_a_meaning() {
        let check = |text: &str, words: &[&str], phrases: &[&str]| {
            let parsed = parse(text);
            assert_eq!(
                (parsed.words, parsed.phrases),
                (words.iter().map(|w| w.to_string()).collect(), phrases.iter().map(|p| p.to_string()).collect()),
                "{text}"
            );
        };
        check("coal  prices", &["coal", "prices"], &[]);
        check("\"coal mine\" deep", &["deep"], &["coal mine"]);
        check("“coal mine”", &[], &["coal mine"]);
        check("5\" pipe", &["5", "pipe"], &[]);
        check("\"coal\"", &["coal"], &[]);
        check("\"", &[], &[]);
        check("title:(a AND [b TO", &["title:(a", "AND", "[b", "TO"], &[]);
        assert_eq!(parse(&"x ".repeat(5_000)).words.len(), PARTS_MAX);
    }
}
