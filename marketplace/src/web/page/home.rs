//! The first page.

use super::Hits;
use crate::web::frame::Frame;
use askama::Template;

/// The first page.
#[derive(Clone, Debug, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Its frame.
    pub frame: Frame,
    /// How many listings there are of which kind: address, number, name.
    pub tally: Vec<(String, String, String)>,
    /// Listed or changed last.
    pub hits: Hits,
    /// Who is signed in and what they have: name and value.
    pub mine: Vec<(String, String)>,
    /// The most frequent themes: address, name, number.
    pub themes: Vec<(String, String, String)>,
}
