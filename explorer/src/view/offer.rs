//! An offer with all its revisions.

use super::{AsOf, Missing, Origin, Timeline, agreement::lines, as_of, origin, timeline, unknown};
use crate::{
    index::{At, Kind, ListKind, Reader, Thing},
    view::tell::{Link, Names, price_text},
};
use contracts::{
    id::*,
    offer::{Offer, OfferRevision},
    state::{Reading, Subject},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RevisionView {
    /// Its number, from 1.
    pub number: u32,
    /// What it costs.
    pub price: String,
    /// Form of the price.
    pub form: &'static str,
    /// The terms, as people read them.
    pub terms: Vec<String>,
    /// Digest of the terms.
    pub terms_digest: String,
    /// Digest of the text.
    pub text_digest: String,
}

/// An offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id, which is that of its transaction.
    pub id: String,
    /// Where it was made.
    pub origin: Origin,
    /// What is offered.
    pub dataset: Link,
    /// By whom.
    pub provider: Link,
    /// `open` or `withdrawn`.
    pub standing: &'static str,
    /// Its revisions, newest first.
    pub revisions: Vec<RevisionView>,
    /// Agreements made from it.
    pub agreements: u64,
    /// What happened to it.
    pub timeline: Timeline,
}

/// Revisions that a page shows; older ones are in the timeline.
const REVISIONS_MAX: usize = 100;

/// The offer `id`.
///
/// # Errors
/// [`Missing`].
pub fn offer(reader: &Reader, id: &OfferId, before: Option<At>, limit: usize) -> Result<OfferView, Missing> {
    let found: Offer = reader.value(&Offer::key(id))?.ok_or_else(|| unknown(reader, "offer", id))?;
    let names = Names(reader);
    let thing = Thing::new(Kind::Offer, id.as_bytes());
    let first = found.revision.saturating_sub(REVISIONS_MAX as u32 - 1).max(1);
    let from = [&[OfferRevision::TAG], id.as_bytes()].concat();
    let mut revisions: Vec<RevisionView> = Vec::new();
    for (key, revision) in reader.records::<OfferRevision>(&from, found.revision as usize)? {
        let number = key.as_bytes().last_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number));
        if number >= first {
            revisions.push(view(number, &revision));
        }
    }
    revisions.reverse();
    let at = reader.transaction(&TransactionId(id.0))?.map_or(At::default(), |(at, _)| at);
    Ok(OfferView {
        as_of: as_of(reader),
        id: id.to_string(),
        origin: origin(reader, &at)?,
        dataset: names.dataset(&found.dataset)?,
        provider: names.party(&found.provider)?,
        standing: if found.withdrawn { "withdrawn" } else { "open" },
        revisions,
        agreements: reader.list_count(ListKind::Agreements, Some(&thing))?,
        timeline: timeline(reader, &thing, before, limit)?,
    })
}

fn view(number: u32, revision: &OfferRevision) -> RevisionView {
    RevisionView {
        number,
        price: price_text(&revision.price),
        form: revision.price.form(),
        terms: lines(&revision.terms.render()),
        terms_digest: revision.terms.digest().to_string(),
        text_digest: revision.text.to_string(),
    }
}
