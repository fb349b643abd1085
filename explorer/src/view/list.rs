//! Lists: one form for everything that there is many of, for pages, API and exports.

use super::{Cell, Column, Missing, block::summary, columns::*, event::event_at};
use crate::{
    index::{At, Kind, ListKind, Listed, Reader, Thing},
    limits::EXPORT_ROWS,
    view::format::{moment, money, slug},
    view::redact,
    view::tell::{Names, asks, price_text},
};
use contracts::{
    agreement::Agreement,
    consent::{Consent, ConsentState},
    delivery::Delivery,
    id::*,
    offer::{Offer, OfferRevision},
    party::{Party, Standing},
    state::Reading,
};

/// A list that has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// All blocks.
    Blocks,
    /// All transactions, or those that a party signed.
    Transactions,
    /// All parties.
    Parties,
    /// Datasets; of a party.
    Datasets,
    /// Offers; of a party or dataset.
    Offers,
    /// Agreements; of a party, dataset or offer.
    Agreements,
    /// Deliveries; of a party, dataset or agreement.
    Deliveries,
    /// Consents; of a party or dataset.
    Consents,
    /// Refusals; of a party, dataset, offer, agreement or consent.
    Refusals,
    /// Every fact about one thing.
    Events,
    /// Proposals of governance; of a party or validator.
    Proposals,
    /// Words of validators on proposals; of a proposal, validator or party.
    Ballots,
    /// Evidence against validators; against one.
    Accusations,
    /// Validator sets and when they decided; those with a validator.
    Eras,
}

impl List {
    /// All of them.
    pub const ALL: [List; 14] = [
        List::Blocks,
        List::Transactions,
        List::Parties,
        List::Datasets,
        List::Offers,
        List::Agreements,
        List::Deliveries,
        List::Consents,
        List::Refusals,
        List::Events,
        List::Proposals,
        List::Ballots,
        List::Accusations,
        List::Eras,
    ];

    /// Its word in addresses and file names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::Parties => "parties",
            Self::Datasets => "datasets",
            Self::Offers => "offers",
            Self::Agreements => "agreements",
            Self::Deliveries => "deliveries",
            Self::Consents => "consents",
            Self::Refusals => "refusals",
            Self::Events => "events",
            Self::Proposals => "proposals",
            Self::Ballots => "ballots",
            Self::Accusations => "accusations",
            Self::Eras => "eras",
        }
    }

    /// The list with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.word() == word)
    }

    /// Its columns.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Blocks => BLOCKS,
            Self::Transactions => TRANSACTIONS,
            Self::Parties => PARTIES,
            Self::Datasets => DATASETS,
            Self::Offers => OFFERS,
            Self::Agreements => AGREEMENTS,
            Self::Deliveries => DELIVERIES,
            Self::Consents => CONSENTS,
            Self::Refusals => REFUSALS,
            Self::Events => EVENTS,
            Self::Proposals => PROPOSALS,
            Self::Ballots => BALLOTS,
            Self::Accusations => ACCUSATIONS,
            Self::Eras => ERAS,
        }
    }

    /// What the page says it is.
    pub fn about(self) -> &'static str {
        match self {
            Self::Blocks => "Every block, newest first. A block is what validators ordered at one height.",
            Self::Transactions => "Every signed request that is in a block, applied or refused, newest first.",
            Self::Parties => "Every organisation that founded the network or applied to it, newest first.",
            Self::Datasets => {
                "Every dataset ever published, newest first. Closed data are acknowledged, not described."
            }
            Self::Offers => "Every offer ever made, newest first, with the price in force.",
            Self::Agreements => "Every licence ever bought, newest first.",
            Self::Deliveries => "Every version that was handed out under a licence, newest first.",
            Self::Consents => "Every consent that was recorded, newest first. The ledger knows no person.",
            Self::Refusals => "Every request to which the rules said no, with its reason, newest first.",
            Self::Events => "Every fact about one thing, refusals included, newest first.",
            Self::Proposals => "Everything that validators ever proposed to change, newest first.",
            Self::Ballots => {
                "Every word of a validator on a proposal, newest first: proposing it, approving it, being ready for it."
            }
            Self::Accusations => {
                "Every accusation of and protest against a validator, newest first. None expels anybody: that a quorum \
                 decides."
            }
            Self::Eras => "Every set of validators that ever decided, newest first, with its first block.",
        }
    }

    fn kind(self) -> Option<ListKind> {
        Some(match self {
            Self::Blocks | Self::Events => return None,
            Self::Transactions => ListKind::Transactions,
            Self::Parties => ListKind::Parties,
            Self::Datasets => ListKind::Datasets,
            Self::Offers => ListKind::Offers,
            Self::Agreements => ListKind::Agreements,
            Self::Deliveries => ListKind::Deliveries,
            Self::Consents => ListKind::Consents,
            Self::Refusals => ListKind::Refusals,
            Self::Proposals => ListKind::Proposals,
            Self::Ballots => ListKind::Ballots,
            Self::Accusations => ListKind::Accusations,
            Self::Eras => ListKind::Eras,
        })
    }
}

/// How many rows a list has.
///
/// # Errors
/// [`Missing::Index`].
pub fn count(reader: &Reader, list: List, scope: Option<&Thing>) -> Result<u64, Missing> {
    match (list.kind(), scope) {
        (Some(kind), scope) => Ok(reader.list_count(kind, scope)?),
        (None, Some(thing)) => Ok(reader.timeline_count(thing)?),
        (None, None) => Ok(reader.tip().height),
    }
}

/// Some rows with their positions, and the position of the last of them where more follow.
pub struct Part {
    /// Rows.
    pub rows: Vec<(At, Vec<Cell>)>,
    /// What follows comes before this.
    pub next: Option<At>,
}

/// A part of a list, before a position; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing`].
pub fn part(
    reader: &Reader,
    list: List,
    scope: Option<&Thing>,
    before: Option<At>,
    limit: usize,
    now_ms: TimeMs,
) -> Result<Part, Missing> {
    let now_ms = now_ms.max(reader.tip().time_ms);
    if list == List::Blocks {
        return blocks(reader, before, limit);
    }
    let mut rows = Vec::with_capacity(limit.min(EXPORT_ROWS));
    let next = if list == List::Events {
        let Some(thing) = scope else {
            let how = "name the thing whose events are asked for, such as ?dataset=<id>";
            return Err(Missing::Malformed(how.into()));
        };
        let page = reader.timeline(thing, before, limit)?;
        for at in &page.items {
            rows.extend(event_row(reader, at)?.map(|row| (*at, row)));
        }
        page.next
    } else {
        let kind = list.kind().expect("blocks and events are told above, every other list has its kind");
        let page = reader.list(kind, scope, before, limit)?;
        for listed in &page.items {
            rows.extend(row(reader, list, listed, now_ms)?.map(|row| (listed.at, row)));
        }
        page.next
    };
    let position = |key: Vec<u8>| At::from_bytes(&key).ok_or(crate::index::IndexError::Damaged("position"));
    Ok(Part { rows, next: next.map(position).transpose()? })
}

/// The same as a table.
///
/// # Errors
/// [`Missing`].
#[cfg(test)]
pub fn rows(
    reader: &Reader,
    list: List,
    scope: Option<&Thing>,
    before: Option<At>,
    limit: usize,
    now_ms: TimeMs,
) -> Result<super::Table, Missing> {
    let Part { rows, next } = part(reader, list, scope, before, limit, now_ms)?;
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(super::Table { columns: list.columns(), rows, next: next.map(|at| super::cursor(&at.bytes())) })
}

fn blocks(reader: &Reader, before: Option<At>, limit: usize) -> Result<Part, Missing> {
    let from = match before {
        None => reader.tip().height,
        Some(at) => at.height.saturating_sub(1),
    };
    let found = reader.blocks(from, limit)?;
    let at = |height| At { height, place: 0, event: 0 };
    let next = found.last().filter(|last| last.entry.height > 1).map(|last| at(last.entry.height));
    let rows = found.iter().map(|row| {
        let block = summary(row);
        let cells = vec![
            Cell::height(block.height),
            Cell::time(&block.time),
            Cell::number(u64::from(block.transactions)),
            refused_cell(block.refused),
            Cell::id(&block.id, format!("/block/{}", block.height)),
        ];
        (at(block.height), cells)
    });
    Ok(Part { rows: rows.collect(), next })
}

fn refused_cell(refused: u32) -> Cell {
    let cell = Cell::number(u64::from(refused));
    if refused > 0 { cell.toned("bad") } else { cell }
}

fn event_row(reader: &Reader, at: &At) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(event) = event_at(reader, at)? else { return Ok(None) };
    Ok(Some(vec![
        Cell::height(event.height),
        Cell::time(&event.time),
        Cell::text(event.kind).toned(if event.refused { "bad" } else { "calm" }),
        Cell::text(event.said.text),
        Cell::id(&event.transaction, format!("/transaction/{}", event.transaction)),
        Cell::number(u64::from(event.number)),
    ]))
}

fn row(reader: &Reader, list: List, listed: &Listed, now_ms: TimeMs) -> Result<Option<Vec<Cell>>, Missing> {
    match list {
        List::Transactions => transaction_row(reader, &listed.at),
        List::Refusals => refusal_row(reader, &listed.at),
        List::Parties => party_row(reader, listed),
        List::Datasets => dataset_row(reader, listed),
        List::Offers => offer_row(reader, listed),
        List::Agreements => agreement_row(reader, listed, now_ms),
        List::Deliveries => delivery_row(reader, listed),
        List::Consents => consent_row(reader, listed, now_ms),
        List::Proposals => super::proposal::row(reader, listed, now_ms),
        List::Ballots => super::proposal::ballot_row(reader, listed),
        List::Accusations => super::evidence::row(reader, listed),
        List::Eras => super::era::row(reader, listed),
        List::Blocks | List::Events => Ok(None),
    }
}

fn id32(listed: &Listed) -> Result<[u8; 32], Missing> {
    Ok(<[u8; 32]>::try_from(listed.id.as_slice()).map_err(|_| crate::index::IndexError::Damaged("row of a list"))?)
}

pub(super) fn time_of(reader: &Reader, at: &At) -> Result<Cell, Missing> {
    let time_ms = reader.block(at.height)?.map_or(0, |block| block.entry.time_ms);
    Ok(if time_ms == 0 { Cell::valued("founding", "") } else { Cell::time(&moment(time_ms)) })
}

pub(super) fn height_cell(at: &At) -> Cell {
    if at.height == 0 { Cell::valued("founding", 0) } else { Cell::height(at.height) }
}

pub(super) fn transaction_cell(reader: &Reader, at: &At) -> Result<Cell, Missing> {
    Ok(match reader.row(at)? {
        Some(row) => {
            let id = row.id.to_string();
            let href = format!("/transaction/{id}");
            Cell::id(&id, href)
        }
        None => Cell::valued("founding document", ""),
    })
}

fn transaction_row(reader: &Reader, at: &At) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(row) = reader.row(at)? else { return Ok(None) };
    let (names, body, id) = (Names(reader), &row.transaction.body, row.id.to_string());
    let outcome = if row.refused() { Cell::text("refused").toned("bad") } else { Cell::text("applied").toned("good") };
    Ok(Some(vec![
        Cell::height(at.height),
        time_of(reader, at)?,
        Cell::id(&id, format!("/transaction/{id}")),
        Cell::link(names.party(&body.sender)?),
        Cell::text(body.action.slug()),
        outcome,
        Cell::text(asks(&names, &body.sender, &body.action)?.text()),
    ]))
}

fn refusal_row(reader: &Reader, at: &At) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(row) = reader.row(at)? else { return Ok(None) };
    let Some(refusal) = super::transaction::refusal(&row.events) else { return Ok(None) };
    let (names, body, id) = (Names(reader), &row.transaction.body, row.id.to_string());
    Ok(Some(vec![
        Cell::height(at.height),
        time_of(reader, at)?,
        Cell::link(names.party(&body.sender)?),
        Cell { href: Some(format!("/refusal/{id}")), ..Cell::text(asks(&names, &body.sender, &body.action)?.text()) },
        Cell::valued(format!("{} {}", refusal.code, refusal.name), refusal.code).toned("bad"),
        Cell::text(refusal.reason),
        Cell::id(&id, format!("/transaction/{id}")),
    ]))
}

fn party_row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let id = PartyId(id32(listed)?);
    let Some(party) = reader.value::<Party>(&Party::key(&id))? else { return Ok(None) };
    let tone = match party.standing {
        Standing::Active => "good",
        Standing::Applied => "calm",
        Standing::Suspended => "bad",
    };
    let roles: Vec<String> = party.roles.list().iter().map(|role| slug(role).replace('-', " ")).collect();
    Ok(Some(vec![
        Cell::link(Names(reader).party(&id)?),
        Cell::text(slug(&party.kind).replace('-', " ")),
        Cell::text(party.jurisdiction.to_string()),
        Cell::text(slug(&party.standing)).toned(tone),
        if roles.is_empty() { Cell::none() } else { Cell::text(roles.join(", ")) },
        height_cell(&listed.at),
        transaction_cell(reader, &listed.at)?,
    ]))
}

fn dataset_row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let id = DatasetId(id32(listed)?);
    let Some((dataset, _)) = reader.dataset(&id)? else { return Ok(None) };
    let names = Names(reader);
    let spectrum = dataset.classification.spectrum.value().map(|spectrum| spectrum.label());
    let closed = redact::is_closed(&dataset.classification.spectrum);
    Ok(Some(vec![
        Cell::link(names.dataset(&id)?),
        Cell::link(names.party(&dataset.publisher)?),
        Cell::text(dataset.catalogue),
        Cell::text(dataset.identifier),
        spectrum.map_or_else(|| Cell::text("not stated"), Cell::text),
        Cell::text(slug(&dataset.listing)),
        if closed { Cell::none() } else { Cell::number(u64::from(dataset.versions)) },
        time_of(reader, &listed.at)?,
        transaction_cell(reader, &listed.at)?,
        height_cell(&listed.at),
    ]))
}

fn offer_row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let id = OfferId(id32(listed)?);
    let Some(offer) = reader.value::<Offer>(&Offer::key(&id))? else { return Ok(None) };
    let revision: Option<OfferRevision> = reader.value(&OfferRevision::key(&id, offer.revision))?;
    let names = Names(reader);
    let standing =
        if offer.withdrawn { Cell::text("withdrawn").toned("bad") } else { Cell::text("open").toned("good") };
    let text = id.to_string();
    Ok(Some(vec![
        Cell::id(&text, format!("/offer/{text}")),
        Cell::link(names.dataset(&offer.dataset)?),
        Cell::link(names.party(&offer.provider)?),
        revision.map_or_else(Cell::none, |revision| Cell::text(price_text(&revision.price))),
        standing,
        Cell::number(u64::from(offer.revision)),
        time_of(reader, &listed.at)?,
        transaction_cell(reader, &listed.at)?,
        height_cell(&listed.at),
    ]))
}

fn agreement_row(reader: &Reader, listed: &Listed, now_ms: TimeMs) -> Result<Option<Vec<Cell>>, Missing> {
    let id = AgreementId(id32(listed)?);
    let Some(held) = reader.value::<Agreement>(&Agreement::key(&id))? else { return Ok(None) };
    let (names, text) = (Names(reader), id.to_string());
    let standing = super::agreement::standing(&held, now_ms);
    let paid = money(held.paid, held.currency);
    Ok(Some(vec![
        Cell::id(&text, format!("/agreement/{text}")),
        Cell::link(names.party(&held.buyer)?),
        Cell::link(names.dataset(&held.dataset)?),
        Cell::link(names.party(&held.provider)?),
        Cell::valued(held.purpose.label(), held.purpose.slug()),
        Cell::text(paid.text),
        Cell::text(paid.minor),
        paid.currency.map_or_else(Cell::none, Cell::text),
        Cell::text(standing).toned(if standing == "in force" { "good" } else { "calm" }),
        Cell::time(&moment(held.start_ms)),
        held.end_ms.map_or_else(|| Cell::valued("without end", ""), |end| Cell::time(&moment(end))),
        transaction_cell(reader, &listed.at)?,
        height_cell(&listed.at),
    ]))
}

fn delivery_row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let id = DeliveryId(id32(listed)?);
    let Some(delivery) = reader.value::<Delivery>(&Delivery::key(&id))? else { return Ok(None) };
    let names = Names(reader);
    let buyer = reader.value::<Agreement>(&Agreement::key(&delivery.agreement))?.map(|held| held.buyer);
    let (text, agreement) = (id.to_string(), delivery.agreement.to_string());
    Ok(Some(vec![
        Cell::id(&text, format!("/delivery/{text}")),
        Cell::time(&moment(delivery.time_ms)),
        Cell::link(names.version(&delivery.version)?),
        buyer.map(|buyer| names.party(&buyer)).transpose()?.map_or_else(Cell::none, Cell::link),
        Cell::link(names.party(&delivery.gateway)?),
        Cell::id(&agreement, format!("/agreement/{agreement}")),
        transaction_cell(reader, &listed.at)?,
        height_cell(&listed.at),
    ]))
}

fn consent_row(reader: &Reader, listed: &Listed, now_ms: TimeMs) -> Result<Option<Vec<Cell>>, Missing> {
    let Ok(id) = <[u8; 16]>::try_from(listed.id.as_slice()).map(ConsentId) else { return Ok(None) };
    let Some(consent) = reader.value::<Consent>(&Consent::key(&id))? else { return Ok(None) };
    let names = Names(reader);
    let (in_force, state) = super::consent::state_at(&consent, now_ms);
    let purposes: Vec<_> = consent.purposes.iter().map(|purpose| purpose.label()).collect();
    let text = id.to_string();
    // A consent that ran out is still `given` on the ledger; nothing marks its end but the day.
    let over = if consent.state == ConsentState::Given && !in_force { "over".into() } else { slug(&consent.state) };
    Ok(Some(vec![
        Cell::id(&text, format!("/consent/{text}")),
        Cell::link(names.dataset(&consent.dataset)?),
        Cell::link(names.party(&consent.controller)?),
        Cell::text(purposes.join(", ")),
        Cell::valued(state, over).toned(if in_force { "good" } else { "bad" }),
        Cell::time(&moment(consent.from_ms)),
        Cell::text(crate::view::format::day(consent.until_day)),
        transaction_cell(reader, &listed.at)?,
        height_cell(&listed.at),
    ]))
}

/// What a list may be limited to: parameter, kind and length of the identifier in digits.
pub const SCOPES: &[(&str, Kind)] = &[
    ("party", Kind::Party),
    ("dataset", Kind::Dataset),
    ("offer", Kind::Offer),
    ("agreement", Kind::Agreement),
    ("delivery", Kind::Delivery),
    ("consent", Kind::Consent),
    ("group", Kind::Group),
    ("proposal", Kind::Proposal),
    ("validator", Kind::Validator),
];
