//! How values are written for people: times, amounts, sizes, shortened identifiers.

use contracts::{
    id::TimeMs,
    money::{Amount, Currency},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A point in time, for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Moment {
    /// RFC 3339, UTC, to the millisecond.
    pub iso: String,
    /// `2026-11-20 19:05:00 UTC`.
    #[serde(skip)]
    pub text: String,
}

/// The moment `ms` milliseconds after 1970.
pub fn moment(ms: TimeMs) -> Moment {
    let stamp = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match stamp {
        Some(stamp) => Moment {
            iso: stamp.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            text: stamp.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        },
        // Beyond the year 9999 nobody reads a date; the number is still right.
        None => Moment { iso: format!("{ms} ms"), text: format!("{ms} ms since 1970") },
    }
}

/// The day `days` after 1970-01-01.
pub fn day(days: u32) -> String {
    moment(u64::from(days) * 86_400_000).iso.chars().take(10).collect()
}

/// The first millisecond of the day `text` (`2026-11-20`, UTC), and that of the next day.
pub fn day_of(text: &str) -> Option<(TimeMs, TimeMs)> {
    let date: jiff::civil::Date = text.trim().parse().ok().filter(|_| text.trim().len() == 10)?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    let start = TimeMs::try_from(start).ok()?;
    Some((start, start + 86_400_000))
}

/// How long ago something was, to the minute: what changes every second cannot be kept by a browser.
pub fn ago(ms: u64) -> String {
    match ms / 60_000 {
        0 => "less than a minute ago".into(),
        minutes @ 1..120 => format!("{} ago", counted(minutes, "minute", "minutes")),
        minutes @ 120..2_880 => format!("{} ago", counted(minutes / 60, "hour", "hours")),
        minutes => format!("{} ago", counted(minutes / 1_440, "day", "days")),
    }
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Money {
    /// Integer minor units, as a string.
    pub minor: String,
    /// ISO 4217.
    pub currency: Option<String>,
    /// For people.
    pub text: String,
}

/// An amount in a currency, or nothing to pay.
pub fn money(amount: Amount, currency: Option<Currency>) -> Money {
    Money {
        minor: amount.minor().to_string(),
        currency: currency.map(|currency| currency.code().to_string()),
        text: currency.map_or_else(|| "free".to_string(), |currency| amount.display(currency)),
    }
}

/// A long identifier, shortened: the whole is always on the page that it leads to.
pub fn short(id: &str) -> String {
    if id.len() <= 16 || !id.is_ascii() { id.to_string() } else { format!("{}…{}", &id[..8], &id[id.len() - 6..]) }
}

/// A size in bytes for people, exact below 1,000 and with the exact number beside it otherwise.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1_000 {
        return format!("{bytes} bytes");
    }
    let (mut unit, mut scale) = (0, 1_000u64);
    while bytes / scale >= 1_000 && unit + 1 < UNITS.len() {
        unit += 1;
        scale *= 1_000;
    }
    format!("{}.{} {} ({} bytes)", bytes / scale, bytes % scale * 10 / scale, UNITS[unit], grouped(bytes))
}

/// A whole number with spaces between groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 block`, `2 blocks`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Words from a name such as `RoleMissing`: `role missing`.
pub fn spaced(name: &str) -> String {
    let mut text = String::new();
    for (place, c) in name.chars().enumerate() {
        if c.is_uppercase() && place > 0 {
            text.push(' ');
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// The word of a value that serialises as a string, such as `derived-only`.
pub fn slug<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(moment(0).iso, "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(1_793_214_300_123).iso, "2026-10-28T19:05:00.123Z");
        assert_eq!(moment(1_793_214_300_123).text, "2026-10-28 19:05:00 UTC");
        assert_eq!(moment(u64::MAX).iso, format!("{} ms", u64::MAX));
        assert_eq!(day(365), "1971-01-01");
        let ages = [
            (59_999, "less than a minute ago"),
            (60_000, "1 minute ago"),
            (7_200_000, "2 hours ago"),
            (259_200_000, "3 days ago"),
        ];
        ages.into_iter().for_each(|(ms, text)| assert_eq!(ago(ms), text));
        assert_eq!(day_of("1971-01-01"), Some((365 * 86_400_000, 366 * 86_400_000)));
        for wrong in ["1971-13-01", "1971-1-1", "1969-12-31", "yesterday", "1971-01-01T00:00:00Z"] {
            assert_eq!(day_of(wrong), None, "{wrong}");
        }
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_500), "1.5 kB (1\u{202f}500 bytes)");
        assert_eq!(size(u64::MAX).split(' ').nth(1), Some("PB"));
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(short(&"ab".repeat(32)), "abababab…ababab");
        assert_eq!(short("ab"), "ab");
        assert_eq!(spaced("RoleMissing"), "role missing");
        assert_eq!(counted(1, "block", "blocks"), "1 block");
    }
}
