//! A consent, as far as the ledger knows it: states and purposes, nothing about the person.

use super::{AsOf, Missing, Origin, Timeline, agreement::history, as_of, origin, timeline, unknown};
use crate::{
    index::{At, Kind, Reader, Thing},
    view::format::{Moment, day, moment},
    view::tell::{Link, Names, consent_state},
};
use contracts::{
    consent::{Consent, ConsentState},
    id::*,
    state::Reading,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id: sixteen random bytes.
    pub id: String,
    /// Where it was recorded.
    pub origin: Origin,
    /// Is it in force now?
    pub in_force: bool,
    /// Where it stands, in words.
    pub state: &'static str,
    /// Who recorded it.
    pub controller: Link,
    /// For which dataset.
    pub dataset: Link,
    /// From which version on.
    pub since_version: u32,
    /// What for.
    pub purposes: Vec<&'static str>,
    /// Digest of the notice that the subject saw.
    pub notice: String,
    /// From when.
    pub from: Moment,
    /// Until which day, at its start.
    pub until: String,
    /// Commitment to the record in the vault.
    pub record: String,
    /// The version that leaves the subject out.
    pub excluded_in: Option<u32>,
    /// Does its end stop deliveries of versions that are there?
    pub blocks: bool,
    /// Count and root of its history in the state tree.
    pub history: Option<(u64, String)>,
    /// What happened to it.
    pub timeline: Timeline,
}

/// The consent `id`; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing`].
pub fn consent(
    reader: &Reader,
    id: &ConsentId,
    now_ms: TimeMs,
    before: Option<At>,
    limit: usize,
) -> Result<ConsentView, Missing> {
    let found: Consent = reader.value(&Consent::key(id))?.ok_or_else(|| unknown(reader, "consent", id))?;
    let names = Names(reader);
    let thing = Thing::new(Kind::Consent, id.as_bytes());
    let (in_force, state) = state_at(&found, reader.tip().time_ms.max(now_ms));
    let first = first_event(reader, &thing)?;
    Ok(ConsentView {
        as_of: as_of(reader),
        id: id.to_string(),
        origin: origin(reader, &first)?,
        in_force,
        state,
        controller: names.party(&found.controller)?,
        dataset: names.dataset(&found.dataset)?,
        since_version: found.since_version,
        purposes: found.purposes.iter().map(|purpose| purpose.label()).collect(),
        notice: found.notice.to_string(),
        from: moment(found.from_ms),
        until: day(found.until_day),
        record: found.record.to_string(),
        excluded_in: found.excluded_in,
        blocks: !in_force && found.excluded_in.is_none(),
        history: history(reader, &thing)?,
        timeline: timeline(reader, &thing, before, limit)?,
    })
}

/// Whether a consent is in force at `time_ms`, and its state in words.
pub fn state_at(consent: &Consent, time_ms: TimeMs) -> (bool, &'static str) {
    match consent.state {
        ConsentState::Given if u64::from(consent.until_day) * 86_400_000 <= time_ms => {
            (false, "given, and its time is over")
        }
        state => (state == ConsentState::Given, consent_state(state)),
    }
}

/// Where a thing was first told of. Consents are not named after their transaction.
fn first_event(reader: &Reader, thing: &Thing) -> Result<At, Missing> {
    let count = reader.timeline_count(thing)?;
    let page = reader.timeline(thing, None, usize::try_from(count).unwrap_or(usize::MAX).min(1_000))?;
    Ok(page.items.last().copied().unwrap_or_default())
}
