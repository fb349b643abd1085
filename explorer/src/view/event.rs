//! Timelines: what happened to one thing, newest first.

use super::{AsOf, Missing, Said, as_of, cursor, said};
use crate::{
    index::{At, IndexError, Reader, Row, Thing},
    view::format::{Moment, moment},
    view::tell,
};
use contracts::{event::Event, rejection::Rejection};
use serde::Serialize;
use utoipa::ToSchema;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventView {
    /// Height of the block.
    pub height: u64,
    /// Time of the block.
    pub time: Moment,
    /// The transaction that caused it.
    pub transaction: String,
    /// Number of the event in the transaction.
    pub number: u16,
    /// The word for what happened.
    pub kind: &'static str,
    /// Was it a refusal?
    pub refused: bool,
    /// What happened, in words.
    pub said: Said,
}

/// What happened to one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timeline {
    /// Up to where it is true.
    pub as_of: AsOf,
    /// How many rows there are in all.
    pub count: u64,
    /// Newest first.
    pub events: Vec<EventView>,
    /// Cursor of what is older.
    pub next: Option<String>,
}

/// One fact, for people.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn event_view(reader: &Reader, at: &At, row: &Row, time_ms: u64, event: &Event) -> Result<EventView, IndexError> {
    let said = match event {
        Event::Refused { rejection, .. } => refused(reader, row, rejection)?,
        _ => said(reader, event, &row.transaction.body.action)?,
    };
    Ok(EventView {
        height: at.height,
        time: moment(time_ms),
        transaction: row.id.to_string(),
        number: at.event,
        kind: tell::slug(event),
        refused: matches!(event, Event::Refused { .. }),
        said,
    })
}

/// What was asked for, and why it was refused.
fn refused(reader: &Reader, row: &Row, rejection: &Rejection) -> Result<Said, IndexError> {
    let body = &row.transaction.body;
    let mut sentence = tell::asks(&tell::Names(reader), &body.sender, &body.action)?;
    sentence.0.push(format!(" Refused (code {}): {rejection}.", rejection.code()).into());
    Ok(sentence.into())
}

/// The fact at a position; `None` where the index has none there.
///
/// # Errors
/// [`IndexError`] where a row cannot be read.
pub fn event_at(reader: &Reader, at: &At) -> Result<Option<EventView>, IndexError> {
    let Some(row) = reader.row(at)? else { return Ok(None) };
    let Some(event) = row.events.get(usize::from(at.event)) else { return Ok(None) };
    let time_ms = reader.block(at.height)?.map_or(0, |block| block.entry.time_ms);
    event_view(reader, at, &row, time_ms, event).map(Some)
}

/// The timeline of `thing`, older than `before`.
///
/// # Errors
/// [`Missing::Index`] where a row cannot be read.
pub fn timeline(reader: &Reader, thing: &Thing, before: Option<At>, limit: usize) -> Result<Timeline, Missing> {
    let page = reader.timeline(thing, before, limit)?;
    let mut events = Vec::with_capacity(page.items.len());
    for at in &page.items {
        events.extend(event_at(reader, at)?);
    }
    Ok(Timeline {
        as_of: as_of(reader),
        count: reader.timeline_count(thing)?,
        events,
        next: page.next.map(|key| cursor(&key)),
    })
}
