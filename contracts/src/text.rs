//! Texts on the ledger: what a field may hold, so that nothing reads as something that it is not.
//!
//! A text is shown to people beside words that the rules wrote: on a page, in a table, in the text of
//! a licence. So a text may not break out of its line, change the order in which its neighbours are
//! read, or carry what nobody can see. Almost every field is *one line*; the note of a provenance step
//! alone is *prose*, which may have line breaks. Side bodies are prose of others, kept as they are:
//! no rule reads them, and whoever prints them makes what is hidden visible ([`visible`]).
//!
//! What is refused: control characters (category Cc), line and paragraph separators (U+2028, U+2029),
//! everything that Unicode calls `Default_Ignorable_Code_Point` (so also the bidirectional controls
//! U+202A to U+202E and U+2066 to U+2069, zero-width spaces, tags and fillers), and the interlinear
//! annotation characters. Two kinds of these are parts of ordinary words, in Persian, in Indic scripts
//! and in emoji: joiners (U+200C, U+200D) and variation selectors. They are allowed where they have
//! something to act on: directly after a visible character that is not ASCII, one at a time.
//!
//! Look-alikes (a Cyrillic `а` in a Latin name) are not refused: whether two names look the same is
//! for the operator who admits a party to judge.

use crate::rejection::Malformed;
use std::{borrow::Cow, fmt::Write as _};

/// Why a character may not stand in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It ends the line.
    LineBreak,
    /// It steers a terminal or a printer.
    Control,
    /// It changes the order in which text is read.
    Bidirectional,
    /// Nobody sees it.
    Invisible,
}

impl Flaw {
    /// What such a character is, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::LineBreak => "a line break",
            Self::Control => "a control character",
            Self::Bidirectional => "a character that changes the order in which text is read",
            Self::Invisible => "an invisible character",
        }
    }
}

/// Whether `text` stays on one line and holds nothing that reads as something else.
///
/// # Errors
/// [`Malformed`], naming `field`, the character and its place.
pub fn line(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Malformed> {
    check(field, text, least, most, false)
}

/// As [`line`], where line breaks (U+000A) are allowed.
///
/// # Errors
/// As [`line`].
pub fn prose(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Malformed> {
    check(field, text, least, most, true)
}

/// As [`line`] from one byte on, where there is a text at all.
pub(crate) fn optional_line(field: &'static str, text: &Option<String>, most: usize) -> Result<(), Malformed> {
    text.as_ref().map_or(Ok(()), |text| line(field, text, 1, most))
}

fn check(field: &'static str, text: &str, least: usize, most: usize, breaks: bool) -> Result<(), Malformed> {
    if text.len() < least || text.len() > most {
        return Err(Malformed::new(field, format!("{} bytes, allowed are {least} to {most}", text.len())));
    }
    let found = flaws(text).find(|(_, c, _)| !(breaks && *c == '\n'));
    if let Some((place, c, flaw)) = found {
        let (code, name) = (u32::from(c), flaw.name());
        return Err(Malformed::new(field, format!("character {place} is U+{code:04X}, {name}: leave it out")));
    }
    if least > 0 && text.chars().all(is_blank) {
        return Err(Malformed::new(field, "blanks say nothing"));
    }
    Ok(())
}

/// Every character that may not stand on a line: its place (from 1), itself, and why.
fn flaws(text: &str) -> impl Iterator<Item = (usize, char, Flaw)> {
    let mut before = None;
    text.chars().enumerate().filter_map(move |(place, c)| {
        let previous = before.replace(c);
        let flaw = flaw(c)?;
        let acts = acts_on_what_precedes(c) && previous.is_some_and(takes_an_action);
        (!acts).then_some((place + 1, c, flaw))
    })
}

/// What is wrong with a character that stands alone.
fn flaw(c: char) -> Option<Flaw> {
    match c {
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(Flaw::LineBreak),
        _ if c.is_control() => Some(Flaw::Control),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(Flaw::Bidirectional)
        }
        // `Default_Ignorable_Code_Point` of Unicode 16, without the ones above, and U+FFF9 to U+FFFB.
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Some(Flaw::Invisible),
        _ => None,
    }
}

/// Joiners and variation selectors: invisible themselves, they shape the character before them.
fn acts_on_what_precedes(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

fn takes_an_action(c: char) -> bool {
    !c.is_ascii() && !is_blank(c) && flaw(c).is_none()
}

/// White space, and the pattern without dots, which looks like it.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{2800}'
}

/// The one line that an honest text of others becomes: white space is one space, at the ends none,
/// and what nobody sees is left out. What it says to a reader stays the same.
pub fn to_line(text: &str) -> String {
    let hidden: Vec<usize> = flaws(text)
        .filter(|(_, c, flaw)| *flaw != Flaw::LineBreak && !c.is_whitespace())
        .map(|(place, ..)| place - 1)
        .collect();
    let mut hidden = hidden.into_iter().peekable();
    let kept: String =
        text.chars().enumerate().filter(|(at, _)| hidden.next_if_eq(at).is_none()).map(|(_, c)| c).collect();
    kept.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `text` for a terminal: whatever steers it, reorders it or hides in it is written as `\u{...}`. Line
/// breaks (U+000A) and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") {
        return Cow::Owned(visible(&text.replace("\r\n", "\n")).into_owned());
    }
    let mut shown = String::new();
    let mut told = flaws(text).filter(|(_, c, _)| !matches!(c, '\n' | '\t')).map(|(place, ..)| place - 1).peekable();
    if told.peek().is_none() {
        return Cow::Borrowed(text);
    }
    for (at, c) in text.chars().enumerate() {
        if told.next_if_eq(&at).is_some() {
            write!(shown, "\\u{{{:x}}}", u32::from(c)).expect("writing to memory does not fail");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> Option<String> {
        line("field", text, 1, 64).err().map(|malformed| malformed.reason)
    }

    #[test]
    fn what_lies_is_refused_by_name_and_place() {
        for (text, place, code, name) in [
            ("a\nb", 2, "U+000A", "a line break"),
            ("a\r", 2, "U+000D", "a line break"),
            ("ab\u{2028}c", 3, "U+2028", "a line break"),
            ("\u{2029}", 1, "U+2029", "a line break"),
            ("a\u{85}", 2, "U+0085", "a line break"),
            ("a\tb", 2, "U+0009", "a control"),
            ("\u{1b}[2J", 1, "U+001B", "a control"),
            ("a\u{7f}", 2, "U+007F", "a control"),
            ("a\0", 2, "U+0000", "a control"),
            ("a\u{202e}b", 2, "U+202E", "the order"),
            ("a\u{2066}b", 2, "U+2066", "the order"),
            ("a\u{200f}b", 2, "U+200F", "the order"),
            ("a\u{200b}b", 2, "U+200B", "invisible"),
            ("a\u{ad}b", 2, "U+00AD", "invisible"),
            ("\u{feff}a", 1, "U+FEFF", "invisible"),
            ("a\u{3164}", 2, "U+3164", "invisible"),
            ("a\u{e0041}", 2, "U+E0041", "invisible"),
            // Between Latin letters a joiner does nothing but hide; so does a second one anywhere.
            ("a\u{200d}b", 2, "U+200D", "invisible"),
            ("می\u{200c}\u{200c}", 4, "U+200C", "invisible"),
            ("\u{fe0f}a", 1, "U+FE0F", "invisible"),
        ] {
            let said = fault(text).unwrap_or_else(|| panic!("{text:?} is accepted"));
            assert!(said.contains(&format!("character {place} is {code}")) && said.contains(name), "{text:?}: {said}");
        }
        for control in (0..=0x9f).filter_map(char::from_u32).filter(|c| c.is_control()) {
            assert!(fault(&format!("a{control}b")).is_some(), "{control:?}");
        }
        for bidi in (0x202a..=0x202e).chain(0x2066..=0x2069).filter_map(char::from_u32) {
            assert!(fault(&format!("é{bidi}é")).is_some(), "{bidi:?}");
        }
    }

    #[test]
    fn ordinary_words_of_any_script_pass() {
        for text in [
            "Palma",
            "Ciutat de Mallorca — 2024",
            "港湾",
            "مرفأ",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "❤\u{fe0f}",
            "葛\u{e0100}",
            "a\u{a0}b",
            "x  y",
        ] {
            assert_eq!(fault(text), None, "{text:?}");
        }
        for blank in [" ", "\u{a0}", "\u{2800}", "\u{3000} "] {
            assert_eq!(fault(blank).as_deref(), Some("blanks say nothing"));
        }
        assert!(fault("").is_some_and(|said| said.contains("0 bytes")));
        assert!(fault(&"x".repeat(65)).is_some_and(|said| said.contains("65 bytes")));
    }

    #[test]
    fn prose_has_line_breaks_and_nothing_else_more() {
        assert!(prose("note", "one\ntwo", 0, 64).is_ok() && prose("note", "", 0, 64).is_ok());
        for text in ["a\r\nb", "a\u{2028}b", "a\u{202e}b", "a\tb"] {
            assert!(prose("note", text, 0, 64).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_text_of_others_becomes_one_line() {
        assert_eq!(to_line(" a\u{ad}b\r\n\tc\u{2028}d\u{200b} \u{202e}e\u{7}f "), "ab c d ef");
        assert_eq!(to_line("می\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(visible("ok\r\n\tfine"), "ok\n\tfine");
        assert_eq!(visible("over\rwritten"), "over\\u{d}written");
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
    }

    proptest! {
        #[test]
        fn whatever_is_made_a_line_is_one(text in "\\PC{0,12}|[a\\n\\u{200d}\\u{fe0f}é\\u{202e}\\u{ad} \\u{85}]{0,12}|.{0,12}") {
            let once = to_line(&text);
            prop_assert!(once.is_empty() || line("field", &once, 1, 400).is_ok(), "{:?} from {:?}", once, text);
            prop_assert_eq!(to_line(&once), once.clone());
            prop_assert!(flaws(&visible(&text)).all(|(_, c, _)| matches!(c, '\n' | '\t')));
        }
    }
}
