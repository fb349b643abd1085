//! What each page says, as plain values: the same for HTML and for JSON.
//!
//! Every view carries up to which height it is true. Views are built from a [`Reader`] in one go, so
//! all parts of a page are of one height. They hold words and links, no markup.

pub mod format;
pub mod redact;
pub mod tell;

pub mod agreement;
pub mod block;
mod columns;
pub mod consent;
pub mod dataset;
pub mod delivery;
pub mod drawing;
pub mod era;
pub mod event;
pub mod evidence;
pub mod filter;
pub mod glance;
pub mod governance;
pub mod group;
pub mod home;
pub mod list;
pub mod offer;
pub mod party;
pub mod proposal;
pub mod provenance;
pub mod refusal;
pub mod report;
pub mod search;
pub mod table;
pub mod transaction;
pub mod validator;

use crate::{
    index::{At, IndexError, Reader},
    view::format::{Moment, moment},
    view::tell::{Names, Piece, Sentence, tells},
};
use contracts::{action::Action, event::Event, id::TransactionId};
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use utoipa::ToSchema;

pub use event::{EventView, Timeline, timeline};
pub use table::{Cell, Column, Table};

/// Up to where a page is true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AsOf {
    /// Height of the last block that it takes into account.
    pub height: u64,
    /// That block's time.
    pub time: Moment,
}

/// Up to where `reader` is true.
pub fn as_of(reader: &Reader) -> AsOf {
    let tip = reader.tip();
    AsOf { height: tip.height, time: moment(tip.time_ms) }
}

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum Missing {
    /// The read model failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger has no such thing, up to this height.
    #[error("there is no {what} {id} up to height {height}")]
    Unknown {
        /// What kind of thing.
        what: &'static str,
        /// Which.
        id: String,
        /// Up to where we looked.
        height: u64,
    },
    /// The address cannot name such a thing.
    #[error("{0}")]
    Malformed(String),
}

impl From<contracts::state::Fault> for Missing {
    fn from(fault: contracts::state::Fault) -> Self {
        Self::Index(fault.into())
    }
}

/// Nothing of this kind and name is known.
pub fn unknown(reader: &Reader, what: &'static str, id: impl ToString) -> Missing {
    Missing::Unknown { what, id: id.to_string(), height: reader.tip().height }
}

/// A cursor for links: opaque to everybody but [`before`].
pub fn cursor(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The bytes of a cursor.
///
/// # Errors
/// [`Missing::Malformed`] where it is none of ours.
pub fn cursor_bytes(text: &str) -> Result<Vec<u8>, Missing> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| Missing::Malformed("the cursor is none of this list: start again without `after`".into()))
}

/// The position that a cursor of a list or timeline stands for.
///
/// # Errors
/// [`Missing::Malformed`] where it is none of ours.
pub fn before(text: Option<&str>) -> Result<Option<At>, Missing> {
    let Some(text) = text else { return Ok(None) };
    let bytes = cursor_bytes(text)?;
    match At::from_bytes(&bytes) {
        Some(at) => Ok(Some(at)),
        None => Err(Missing::Malformed("the cursor is none of this list: start again without `after`".into())),
    }
}

/// A sentence as its parts and as words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Said {
    /// The whole as words.
    pub text: String,
    /// Its parts: words, and things with their pages.
    pub parts: Vec<Piece>,
}

impl From<Sentence> for Said {
    fn from(sentence: Sentence) -> Self {
        Self { text: sentence.text(), parts: sentence.0 }
    }
}

/// The sentence for an event that `action` led to.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn said(reader: &Reader, event: &Event, action: &Action) -> Result<Said, IndexError> {
    Ok(tells(&Names(reader), event, action)?.into())
}

/// When and in which transaction something began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Origin {
    /// Height of the block.
    pub height: u64,
    /// Time of the block.
    pub time: Moment,
    /// The transaction, where there is one: founders have none.
    pub transaction: Option<String>,
}

/// Where a position is, for people.
///
/// # Errors
/// [`IndexError`] where a row cannot be read.
pub fn origin(reader: &Reader, at: &At) -> Result<Origin, IndexError> {
    let time_ms = reader.block(at.height)?.map_or(0, |block| block.entry.time_ms);
    let transaction: Option<TransactionId> = reader.row(at)?.map(|row| row.id);
    Ok(Origin { height: at.height, time: moment(time_ms), transaction: transaction.map(|id| id.to_string()) })
}
