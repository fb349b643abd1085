//! One transaction: what was asked, what became of it, and the raw form beside it.

use super::{
    AsOf, EventView, Missing, Said, as_of,
    event::event_view,
    evidence::{EvidenceView, evidence},
    unknown,
};
use crate::{
    index::Reader,
    view::format::{Moment, moment},
    view::redact,
    view::tell::{Link, Names, asks},
};
use contracts::{
    event::Event,
    id::TransactionId,
    transaction::{Checked, TransactionError},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A transaction.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TransactionView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id.
    pub id: String,
    /// Height of its block.
    pub height: u64,
    /// Time of its block.
    pub time: Moment,
    /// Its place in the block.
    pub place: u32,
    /// Index of its entry in the log.
    pub index: u64,
    /// Who signed it.
    pub sender: Link,
    /// With which key.
    pub key: String,
    /// The action's word.
    pub action: &'static str,
    /// What it asked for.
    pub asks: Said,
    /// `applied` or `refused`.
    pub outcome: &'static str,
    /// Why it was refused.
    pub refusal: Option<RefusalView>,
    /// What happened.
    pub events: Vec<EventView>,
    /// Things that it made or is a word on, each with its page.
    pub made: Vec<Link>,
    /// What it brings against a validator.
    pub evidence: Option<EvidenceView>,
    /// SHA-256 of the signed bytes, as the log entry has it.
    pub digest: String,
    /// SHA-256 over its events, as the log entry has it.
    pub events_digest: String,
    /// Length of the signed bytes.
    pub bytes: u64,
    /// The last height at which it could have been in a block.
    pub last_valid: u64,
    /// What was signed, decoded; what is withheld says so in its place.
    #[schema(value_type = Object)]
    pub raw: serde_json::Value,
    /// What is withheld, and why.
    pub withheld: Vec<&'static str>,
}

/// Why a policy said no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusalView {
    /// Permanent code.
    pub code: u8,
    /// Its name.
    pub name: String,
    /// The reason in words.
    pub reason: String,
}

/// The transaction `id`.
///
/// # Errors
/// [`Missing`].
pub fn transaction(reader: &Reader, id: &TransactionId) -> Result<TransactionView, Missing> {
    let (at, row) = reader.transaction(id)?.ok_or_else(|| unknown(reader, "transaction", id))?;
    let names = Names(reader);
    let body = &row.transaction.body;
    let time_ms = reader.block(at.height)?.map_or(0, |block| block.entry.time_ms);
    let mut events = Vec::with_capacity(row.events.len());
    for (number, event) in row.events.iter().enumerate() {
        let at = crate::index::At { event: number as u16, ..at };
        events.push(event_view(reader, &at, &row, time_ms, event)?);
    }
    let (raw, withheld) = redact::transaction(reader, &row.transaction)?;
    let checked = checked(reader, &row.transaction)?;
    Ok(TransactionView {
        as_of: as_of(reader),
        id: id.to_string(),
        height: at.height,
        time: moment(time_ms),
        place: at.place,
        index: row.index,
        sender: names.party(&body.sender)?,
        key: body.key.to_string(),
        action: body.action.slug(),
        asks: asks(&names, &body.sender, &body.action)?.into(),
        outcome: if row.refused() { "refused" } else { "applied" },
        refusal: refusal(&row.events),
        events,
        made: made(&names, &row.events)?,
        evidence: evidence(reader, &body.action)?,
        digest: checked.digest().to_string(),
        events_digest: Event::digest_all(&row.events).to_string(),
        bytes: checked.bytes().len() as u64,
        last_valid: body.last_valid,
        raw,
        withheld,
    })
}

/// The reason of a refusal, if it is one.
pub fn refusal(events: &[Event]) -> Option<RefusalView> {
    events.iter().find_map(|event| match event {
        Event::Refused { rejection, .. } => Some(RefusalView {
            code: rejection.code(),
            name: contracts::rejection::Rejection::name_of(rejection.code())
                .map(crate::view::format::spaced)
                .unwrap_or_default(),
            reason: rejection.to_string(),
        }),
        _ => None,
    })
}

/// The transaction with its digests. Its signature was checked when it was taken up.
fn checked(reader: &Reader, transaction: &contracts::transaction::Transaction) -> Result<Checked, Missing> {
    let wrong = |_: TransactionError| crate::index::IndexError::Damaged("transaction");
    Ok(transaction.clone().check_unsigned(&reader.network()).map_err(wrong)?)
}

/// The signed bytes, unless something in them is withheld here.
///
/// # Errors
/// [`Missing`].
pub fn signed_bytes(reader: &Reader, id: &TransactionId) -> Result<Result<Vec<u8>, &'static str>, Missing> {
    let (_, row) = reader.transaction(id)?.ok_or_else(|| unknown(reader, "transaction", id))?;
    let (_, withheld) = redact::transaction(reader, &row.transaction)?;
    Ok(match withheld.first() {
        Some(reason) => Err(reason),
        None => Ok(row.transaction.bytes()),
    })
}

/// Links to what a transaction brought into being, and to the proposal or validator that it is about.
fn made(names: &Names, events: &[Event]) -> Result<Vec<Link>, Missing> {
    let mut made = Vec::new();
    for event in events {
        made.extend(match event {
            Event::PartyApplied { party, .. } => Some(names.party(party)?),
            Event::DatasetPublished { dataset, .. } => Some(names.dataset(dataset)?),
            Event::VersionAdded { version, .. } => Some(names.version(version)?),
            Event::OfferMade { offer, .. } => Some(names.offer(offer)?),
            Event::Bought { agreement, .. } => Some(names.agreement(agreement)),
            Event::Delivered { delivery, .. } => Some(names.delivery(delivery)),
            Event::ConsentChanged { consent, .. } => Some(names.consent(consent)),
            Event::GroupSet { group, .. } => Some(names.group(group)?),
            Event::Proposed { proposal, .. } | Event::Approved { proposal, .. } | Event::SetReady { proposal, .. } => {
                names.proposal(proposal)?
            }
            Event::SetChanged { number, .. } => Some(super::era::link(*number)),
            Event::Accused { key, .. } | Event::Protested { key, .. } => names.validator(key)?,
            _ => None,
        });
    }
    Ok(made)
}
