//! Tables of one form for pages, API and exports: a machine's value and a person's words per cell.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Column {
    /// Its key in JSON and its heading in CSV.
    pub key: &'static str,
    /// Its heading for people.
    pub label: &'static str,
    /// Do exports carry the words beside the value, as `<key>_name`?
    pub named: bool,
    /// Is it in exports and the API only, since pages show the same in other words?
    pub machines_only: bool,
}

/// A column whose value says everything.
pub const fn plain(key: &'static str, label: &'static str) -> Column {
    Column { key, label, named: false, machines_only: false }
}

/// A column of things: exports carry identifier and name.
pub const fn named(key: &'static str, label: &'static str) -> Column {
    Column { key, label, named: true, machines_only: false }
}

/// A column that pages leave out.
pub const fn machine(key: &'static str) -> Column {
    Column { key, label: key, named: false, machines_only: true }
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cell {
    /// For people.
    pub text: String,
    /// For machines, where it is not the text.
    pub value: Option<String>,
    /// The page of what it names.
    pub href: Option<String>,
    /// Is it an identifier or a number, set in figures of one width?
    pub code: bool,
    /// `good`, `bad` or `calm`, shown beside the words, never instead of them.
    pub tone: Option<&'static str>,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Words for people, a value for machines.
    pub fn valued(text: impl Into<String>, value: impl ToString) -> Self {
        Self { text: text.into(), value: Some(value.to_string()), ..Self::default() }
    }

    /// A moment.
    pub fn time(moment: &crate::view::format::Moment) -> Self {
        Self { code: true, ..Self::valued(&moment.text, &moment.iso) }
    }

    /// A number.
    pub fn number(number: u64) -> Self {
        Self { code: true, ..Self::valued(crate::view::format::grouped(number), number) }
    }

    /// A thing by its name.
    pub fn link(link: crate::view::tell::Link) -> Self {
        Self { text: link.name, value: Some(link.id), href: Some(link.href), ..Self::default() }
    }

    /// An identifier, shortened for people.
    pub fn id(id: &str, href: String) -> Self {
        Self {
            text: crate::view::format::short(id),
            value: Some(id.to_string()),
            href: Some(href),
            code: true,
            ..Self::default()
        }
    }

    /// A height, which leads to its block.
    pub fn height(height: u64) -> Self {
        Self { href: Some(format!("/block/{height}")), ..Self::number(height) }
    }

    /// Nothing.
    pub fn none() -> Self {
        Self::valued("–", "")
    }

    /// The same with a tone.
    pub fn toned(self, tone: &'static str) -> Self {
        Self { tone: Some(tone), ..self }
    }

    /// What machines compare and exports carry.
    pub fn machine(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.text)
    }
}

/// Rows of a list and where more are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// The columns.
    pub columns: &'static [Column],
    /// The rows, one cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Cursor of what follows.
    pub next: Option<String>,
}

impl Table {
    /// Headings of an export.
    pub fn headings(columns: &[Column]) -> Vec<String> {
        let both = |column: &Column| {
            let name = column.named.then(|| format!("{}_name", column.key));
            [Some(column.key.to_string()), name].into_iter().flatten()
        };
        columns.iter().flat_map(both).collect()
    }

    /// One row's fields, in the order of the headings.
    pub fn fields<'a>(columns: &[Column], row: &'a [Cell]) -> Vec<&'a str> {
        let both = |(column, cell): (&Column, &'a Cell)| {
            [Some(cell.machine()), column.named.then_some(cell.text.as_str())].into_iter().flatten()
        };
        columns.iter().zip(row).flat_map(both).collect()
    }

    /// One row as an object.
    pub fn object(columns: &[Column], row: &[Cell]) -> Map<String, Value> {
        let fields = Self::fields(columns, row).into_iter().map(|field| Value::String(field.to_string()));
        Self::headings(columns).into_iter().zip(fields).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_carry_identifier_and_name() {
        const COLUMNS: &[Column] = &[plain("height", "Block"), named("party", "Party")];
        let party = Cell { value: Some("ab".into()), ..Cell::text("Acme") };
        let row = vec![Cell::number(1_000), party];
        assert_eq!(Table::headings(COLUMNS), ["height", "party", "party_name"]);
        assert_eq!(Table::fields(COLUMNS, &row), ["1000", "ab", "Acme"]);
        assert_eq!(Table::object(COLUMNS, &row)["party_name"], "Acme");
    }
}
