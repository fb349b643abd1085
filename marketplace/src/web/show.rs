//! How values look on a page: ids shortened with the whole behind them, times for people and
//! machines, sizes, and the marks that say where a statement comes from.
//!
//! These types render themselves as HTML, escaped, so a template only names them.

use askama::{Template, filters::HtmlSafe};
use contracts::{id::TimeMs, vocabulary::Stated};

/// An identifier or digest: its beginning and end, the whole in the title.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<code title="{{ full }}">{{ short }}</code>"#)]
pub struct Id {
    full: String,
    short: String,
}

impl HtmlSafe for Id {}

impl Id {
    /// Shortens what is longer than a person compares by eye.
    pub fn of(id: &impl std::fmt::Display) -> Self {
        let full = id.to_string();
        let short = match (full.get(..8), full.get(full.len().saturating_sub(6)..)) {
            (Some(start), Some(end)) if full.len() > 20 => format!("{start}…{end}"),
            _ => full.clone(),
        };
        Self { full, short }
    }

    /// The whole.
    pub fn full(&self) -> &str {
        &self.full
    }

    /// Beginning and end.
    pub fn short(&self) -> &str {
        &self.short
    }
}

/// A moment of block time.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<time datetime="{{ iso }}" title="{{ iso }}">{{ human }}</time>"#)]
pub struct Moment {
    iso: String,
    human: String,
}

impl HtmlSafe for Moment {}

impl Moment {
    /// The moment `time_ms` after 1970, in UTC.
    pub fn of(time_ms: TimeMs) -> Self {
        let time = i64::try_from(time_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        match time {
            Some(time) => Self { iso: format!("{time:.3}"), human: time.strftime("%-d %b %Y, %H:%M UTC").to_string() },
            // Beyond the year 9999: nothing is lost, though nobody reads it well.
            None => Self { iso: format!("{time_ms} ms since 1970"), human: format!("{time_ms} ms since 1970") },
        }
    }

    /// For people.
    pub fn human(&self) -> &str {
        &self.human
    }
}

/// Where a statement comes from, as a sign and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Template)]
#[template(ext = "html", source = r#"<span class="mark {{ class }}">{{ word }}</span>"#)]
pub struct Mark {
    class: &'static str,
    word: &'static str,
}

impl HtmlSafe for Mark {}

impl Mark {
    /// The mark of a stated, inferred or missing value.
    pub fn of<T>(value: &Stated<T>) -> Self {
        match value {
            Stated::NotStated => Self { class: "none", word: "not stated" },
            Stated::Stated { .. } => Self { class: "stated", word: "stated" },
            Stated::Inferred { .. } => Self { class: "inferred", word: "inferred" },
        }
    }
}

/// A length in bytes for people: `1.4 MB`, exact below a thousand.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1_000 {
        return format!("{count} bytes");
    }
    let mut tenths = u128::from(count) / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A whole number with thin spaces between thousands: `12 345`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 dataset`, `2 datasets`.
pub fn several(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A length of time that offers and licences speak of.
pub fn days(number: u32) -> String {
    match number {
        1 => "1 day".into(),
        7 => "1 week".into(),
        365 => "1 year (365 days)".into(),
        number => format!("{number} days"),
    }
}

/// The first letter as a capital: vocabulary words at the start of a cell.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Text cut at a word for a list, with a sign that it was cut.
pub fn excerpt(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= most {
        return line;
    }
    let cut: String = line.chars().take(most).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{} …", &cut[..end])
}

/// A link that a browser may follow: only `http` and `https`. Records carry anything.
pub fn outside_link(link: &str) -> Option<String> {
    let lower = link.get(..8).unwrap_or(link).to_ascii_lowercase();
    (lower.starts_with("https://") || lower.starts_with("http://")).then(|| link.to_string())
}

/// Percent-encodes a value of a query.
pub fn encode(value: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("writing to memory does not fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(1_440_000), "1.4 MB");
        assert_eq!(bytes(u64::MAX), "18446.7 PB");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(several(1, "dataset", "datasets"), "1 dataset");
        assert_eq!(Moment::of(1_700_000_000_000).human(), "14 Nov 2023, 22:13 UTC");
        assert_eq!(Moment::of(1_700_000_000_000).iso, "2023-11-14T22:13:20.000Z");
        assert_eq!(excerpt("one two three", 8), "one two …");
        assert_eq!(encode("a b&c=é"), "a%20b%26c%3D%C3%A9");
    }

    #[test]
    fn what_renders_itself_is_escaped() {
        let id = Id::of(&"<script>alert('somebody')</script>");
        let html = id.to_string();
        assert!(!html.contains("<script>"), "{html}");
        assert!(html.contains("&#60;script&#62;"), "{html}");
    }

    #[test]
    fn only_web_links_are_followed() {
        assert!(outside_link("HTTPS://example.org/a").is_some());
        for bad in ["javascript:alert(1)", "data:text/html,x", "//example.org", "ftp://x", "", "é"] {
            assert_eq!(outside_link(bad), None, "{bad}");
        }
    }
}
