//! Answers: for people as lines and tables, for programs as one JSON value on stdout.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::Write as _;

/// Prints one JSON value, or what `people` says.
pub fn print(json: bool, value: &impl Serialize, people: impl FnOnce() -> String) {
    let text = if json {
        serde_json::to_string_pretty(value).expect("answers are plain data with text keys")
    } else {
        // Texts of others stand in it; none of them steers the terminal or reads in another order.
        contracts::text::visible(&people()).into_owned()
    };
    // A closed pipe (`| head`) is the reader's choice, not our failure.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.trim_end());
}

/// Lines of `name  value`, names aligned.
pub fn lines(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// A table as wide as the terminal: no lines, so that it can be cut with other tools.
pub fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    wide_table(head.map(str::to_owned).to_vec(), rows.into_iter().map(|row| row.to_vec()))
}

/// As [`table`], where the number of columns is known only when it runs.
pub fn wide_table(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// A time of the ledger as people and RFC 3339 write it.
pub fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{ms} ms"), |time| time.to_string())
}
