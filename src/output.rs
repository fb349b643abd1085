//! Answers: for people as lines and tables, for programs as one JSON value on stdout.

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::Value;
use std::io::Write;

/// Rows of a list that are held to be printed together: a table's columns are as wide as its rows, so it
/// begins to be printed when that many are there. About 20 MB.
pub const ROWS_AT_ONCE: usize = 10_000;

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

/// A list that is printed while it is read: for people as a table, for programs as one JSON array.
pub struct List<W: Write> {
    json: bool,
    /// What stands above each column, and where it is in a row: `a.b` is field `b` of field `a`.
    columns: Vec<(String, String)>,
    held: Vec<Value>,
    begun: bool,
    out: W,
}

impl<W: Write> List<W> {
    /// A list that goes to `out`.
    pub fn new(json: bool, columns: &[(&str, &str)], out: W) -> Self {
        let columns = columns.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect();
        Self { json, columns, held: Vec::new(), begun: false, out }
    }

    /// Takes further rows.
    pub fn add(&mut self, rows: Vec<Value>) {
        self.held.extend(rows);
        if self.held.len() >= ROWS_AT_ONCE {
            self.put_out();
        }
    }

    /// Prints what is left. Without this a list has no end, and its JSON is none.
    pub fn end(mut self) {
        if !self.held.is_empty() || !(self.json || self.begun) {
            self.put_out();
        }
        let closing = match (self.json, self.begun) {
            (true, true) => "\n]\n",
            (true, false) => "[]\n",
            (false, _) => "",
        };
        // A closed pipe (`| head`) is the reader's choice, not our failure; so below.
        let _ = self.out.write_all(closing.as_bytes());
    }

    fn put_out(&mut self) {
        let rows = std::mem::take(&mut self.held);
        let text = if self.json {
            let rows: Vec<String> = rows.iter().map(indented).collect();
            format!("{}{}", if self.begun { ",\n" } else { "[\n" }, rows.join(",\n"))
        } else {
            let cell = |row: &Value, path: &str| cell(path.split('.').fold(row, |value, field| &value[field]));
            let head =
                if self.begun { Vec::new() } else { self.columns.iter().map(|(name, _)| name.clone()).collect() };
            let rows = rows.iter().map(|row| self.columns.iter().map(|(_, path)| cell(row, path)).collect());
            let table = wide_table(head, rows);
            format!("{}\n", contracts::text::visible(&table).trim_end())
        };
        self.begun = true;
        let _ = self.out.write_all(text.as_bytes());
    }
}

/// A row as it stands in an array.
fn indented(row: &Value) -> String {
    let text = serde_json::to_string_pretty(row).expect("a JSON value is JSON");
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
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
    if !head.is_empty() {
        table.set_header(head);
    }
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

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut scale = 1_000;
    for unit in units {
        if bytes / scale < 1_000 || unit == "TB" {
            return format!("{}.{} {unit}", bytes / scale, bytes % scale * 10 / scale);
        }
        scale *= 1_000;
    }
    format!("{bytes} bytes")
}
