//! Error pages: what happened, and what to do.

use crate::web::{frame::Frame, show::Id};
use askama::Template;

/// An error page.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Its frame.
    pub frame: Frame,
    /// HTTP status and its words.
    pub status: String,
    /// Name and number of a refusal.
    pub code: Option<String>,
    /// What happened, in a few words.
    pub heading: String,
    /// What happened, in a sentence.
    pub text: String,
    /// The refusal on the ledger.
    pub record: Option<Id>,
    /// What to do: address, or none, and text.
    pub remedies: Vec<(String, String)>,
}
