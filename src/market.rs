//! The marketplace as the command line sees it: its public API over HTTP, like anybody's.
//!
//! What it says is shown, not believed: contents are checked against the ledger by whoever fetches.

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use serde_json::Value;
use std::time::Duration;

/// Waiting for a connection; a service on the same machine answers at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer in JSON, in bytes: a full page of listings.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A marketplace.
pub struct Market {
    url: String,
    http: reqwest::Client,
}

/// A client for HTTP that uses no proxy of the environment.
pub fn http() -> Result<reqwest::Client, Problem> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy()
        .build()
        .map_err(|error| Problem::new("cannot make an HTTP client").because(error))
}

/// Rows as a table of some of their fields, or all as JSON.
pub fn print_list(context: &Context, rows: &[Value], columns: &[&str]) {
    context.print(&rows, || {
        let cell = |row: &Value, column: &&str| match &row[*column] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let head = columns.iter().map(|column| (*column).to_owned()).collect();
        output::wide_table(head, rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()))
    });
}

impl Market {
    /// The marketplace at `url`.
    pub fn new(url: String) -> Result<Self, Problem> {
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http: http()? })
    }
}
impl Market {
    pub async fn parties(&self) -> Result<Vec<Value>, Problem> { Ok(vec![]) }
    pub async fn agreements(&self, _: &contracts::id::PartyId) -> Result<Vec<Value>, Problem> { Ok(vec![]) }
    pub async fn search(&self, _: &str, _: &[(&str, &str)], _: usize) -> Result<Vec<Value>, Problem> { Ok(vec![]) }
    pub async fn upload(&self, _: &Context, _: &ledger::api::client::Identity, _: &contracts::id::DatasetId, _: &std::path::Path, _: &contracts::version::Content) -> Result<(), Problem> { Ok(()) }
}
