//! An agreement: who may use what, for what, until when, under which terms.

use super::{AsOf, Missing, Origin, Timeline, as_of, origin, timeline, unknown};
use crate::{
    index::{At, Kind, ListKind, Reader, Thing},
    view::format::{Moment, Money, moment, money, slug},
    view::redact,
    view::tell::{Link, Names},
};
use contracts::{agreement::Agreement, id::*, offer::OfferRevision, state::Reading};
use serde::Serialize;
use utoipa::ToSchema;

/// An agreement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgreementView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id, which is that of its transaction.
    pub id: String,
    /// Where it was made.
    pub origin: Origin,
    /// `in force`, `ended` or `revoked`.
    pub standing: &'static str,
    /// Why it was revoked.
    pub revoked: Option<String>,
    /// Who holds it.
    pub buyer: Link,
    /// Who granted it.
    pub provider: Link,
    /// To what.
    pub dataset: Link,
    /// From which offer.
    pub offer: Link,
    /// At which revision of it.
    pub revision: u32,
    /// The terms, as people read them.
    pub terms: Vec<String>,
    /// Digest of the terms.
    pub terms_digest: String,
    /// What for.
    pub purpose: &'static str,
    /// Everything paid so far.
    pub paid: Money,
    /// From when.
    pub start: Moment,
    /// Until when; `None` is without end.
    pub end: Option<Moment>,
    /// Commitment to the reason why personal data are needed.
    pub justification: Option<String>,
    /// What is said in its place.
    pub justification_note: Option<String>,
    /// Deliveries under it.
    pub deliveries: u64,
    /// Count and root of its history in the state tree.
    pub history: Option<(u64, String)>,
    /// What happened to it.
    pub timeline: Timeline,
}

/// The agreement `id`; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing`].
pub fn agreement(
    reader: &Reader,
    id: &AgreementId,
    now_ms: TimeMs,
    before: Option<At>,
    limit: usize,
) -> Result<AgreementView, Missing> {
    let found: Agreement = reader.value(&Agreement::key(id))?.ok_or_else(|| unknown(reader, "agreement", id))?;
    let names = Names(reader);
    let thing = Thing::new(Kind::Agreement, id.as_bytes());
    let revision: Option<OfferRevision> = reader.value(&OfferRevision::key(&found.offer, found.revision))?;
    let at = reader.transaction(&TransactionId(id.0))?.map_or(At::default(), |(at, _)| at);
    Ok(AgreementView {
        as_of: as_of(reader),
        id: id.to_string(),
        origin: origin(reader, &at)?,
        standing: standing(&found, reader.tip().time_ms.max(now_ms)),
        revoked: found.revoked.map(|reason| slug(&reason).replace('-', " ")),
        buyer: names.party(&found.buyer)?,
        provider: names.party(&found.provider)?,
        dataset: names.dataset(&found.dataset)?,
        offer: names.offer(&found.offer)?,
        revision: found.revision,
        terms: revision.map_or_else(Vec::new, |revision| lines(&revision.terms.render())),
        terms_digest: found.terms.to_string(),
        purpose: found.purpose.label(),
        paid: money(found.paid, found.currency),
        start: moment(found.start_ms),
        end: found.end_ms.map(moment),
        justification: found.justification.map(|side| side.to_string()),
        justification_note: redact::side_note(reader, found.justification.as_ref())?,
        deliveries: reader.list_count(ListKind::Deliveries, Some(&thing))?,
        history: history(reader, &thing)?,
        timeline: timeline(reader, &thing, before, limit)?,
    })
}

/// Where an agreement stands at `time_ms`.
pub fn standing(agreement: &Agreement, time_ms: TimeMs) -> &'static str {
    match (agreement.revoked, agreement.in_force(time_ms)) {
        (Some(_), _) => "revoked",
        (None, true) => "in force",
        (None, false) => "ended",
    }
}

/// Count and root of a thing's history.
///
/// # Errors
/// [`Missing::Index`].
pub fn history(reader: &Reader, thing: &Thing) -> Result<Option<(u64, String)>, Missing> {
    Ok(reader.history_of(thing)?.map(|(count, root)| (count, root.to_string())))
}

/// Lines of a text.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_string).collect()
}
