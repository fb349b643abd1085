//! The newest rows of a list on the page of something else, in the form in which the list itself has them.

use super::{
    Missing, Table, cursor,
    list::{self, List},
};
use crate::index::{Reader, Thing};
use contracts::id::TimeMs;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The newest rows of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Glance {
    /// The list, as it is called in addresses.
    pub list: &'static str,
    /// The parameters that limit it, such as `proposal=…&`; empty where nothing does.
    pub scope: String,
    /// How many rows it has in all.
    pub count: u64,
    /// The newest of them, newest first.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Map<String, Value>>,
    /// Cursor of what follows, in the list.
    pub next: Option<String>,
    /// The rows for people.
    #[serde(skip)]
    pub table: Table,
}

/// The newest `limit` rows of `list`, limited to `scope`: a parameter, and a thing with an identifier of 32 bytes.
///
/// # Errors
/// [`Missing`].
pub fn glance(
    reader: &Reader,
    list: List,
    scope: Option<(&str, &Thing)>,
    limit: usize,
    now_ms: TimeMs,
) -> Result<Glance, Missing> {
    let thing = scope.map(|(_, thing)| thing);
    let part = list::part(reader, list, thing, None, limit, now_ms)?;
    let rows: Vec<_> = part.rows.into_iter().map(|(_, row)| row).collect();
    let next = part.next.map(|at| cursor(&at.bytes()));
    Ok(Glance {
        list: list.word(),
        scope: scope.map_or_else(String::new, |(name, thing)| format!("{name}={}&", hex::encode(thing.id))),
        count: list::count(reader, list, thing)?,
        items: rows.iter().map(|row| Table::object(list.columns(), row)).collect(),
        next: next.clone(),
        table: Table { columns: list.columns(), rows, next },
    })
}
