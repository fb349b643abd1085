//! The first page: how far the ledger is, its newest blocks and facts, and how much there is.

use super::{
    AsOf, EventView, Missing, as_of,
    block::{BlockSummary, summary},
    event::event_at,
    party::{Tally, currency_of},
};
use crate::{
    index::{At, ListKind, Reader},
    limits::GLANCE_ROWS,
    view::format::{Money, money},
};
use contracts::{settlement::Supply, state::Subject};
use serde::Serialize;
use utoipa::ToSchema;

/// All money of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SupplyView {
    /// ISO 4217.
    pub currency: String,
    /// Ever brought on the ledger.
    pub minted: Money,
    /// Ever taken off it.
    pub burned: Money,
    /// On accounts now.
    pub outstanding: Money,
}

/// The first page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct HomeView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// The network.
    pub network: String,
    /// Newest blocks, newest first.
    pub blocks: Vec<BlockSummary>,
    /// Newest facts, newest first.
    pub events: Vec<EventView>,
    /// How much there is of each kind.
    pub tallies: Vec<Tally>,
    /// Money, by currency.
    pub supply: Vec<SupplyView>,
    /// Who decides; none before the founding was read.
    pub governance: Option<DecidersView>,
}

/// Who decides now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecidersView {
    /// The era.
    pub era: u32,
    /// The first height that its set decides.
    pub from: u64,
    /// How many validators there are.
    pub validators: u32,
    /// How many of them must agree.
    pub quorum: u32,
    /// The version of the rules.
    pub version: u16,
    /// Proposals that there ever were.
    pub proposals: u64,
    /// Accusations and protests that there ever were.
    pub accusations: u64,
}

/// The first page.
///
/// # Errors
/// [`Missing::Index`].
pub fn home(reader: &Reader) -> Result<HomeView, Missing> {
    let tip = reader.tip();
    let blocks = reader.blocks(tip.height, GLANCE_ROWS)?;
    let mut events = Vec::new();
    for listed in reader.list(ListKind::Transactions, None, None, GLANCE_ROWS)?.items {
        // A transaction's last fact tells what it was about (payment, then purchase); its page tells the rest.
        let Some(row) = reader.row(&listed.at)? else { continue };
        let event = row.events.len().saturating_sub(1) as u16;
        events.extend(event_at(reader, &At { event, ..listed.at })?);
    }
    let mut supply = Vec::new();
    for (key, found) in reader.records::<Supply>(&[Supply::TAG], 256)? {
        let Some(currency) = currency_of(key.as_bytes()) else { continue };
        supply.push(SupplyView {
            currency: currency.to_string(),
            minted: money(found.minted, Some(currency)),
            burned: money(found.burned, Some(currency)),
            outstanding: money(found.minted.minus(found.burned).unwrap_or_default(), Some(currency)),
        });
    }
    Ok(HomeView {
        as_of: as_of(reader),
        network: reader.network().to_string(),
        blocks: blocks.iter().map(summary).collect(),
        events,
        tallies: tallies(reader, tip.height)?,
        supply,
        governance: deciders(reader)?,
    })
}

fn deciders(reader: &Reader) -> Result<Option<DecidersView>, Missing> {
    let Some(era) = reader.newest_era(None)? else { return Ok(None) };
    Ok(Some(DecidersView {
        era: era.number,
        from: era.from,
        validators: era.set.validators.len() as u32,
        quorum: era.set.quorum() as u32,
        version: super::governance::rules(reader)?.now.version,
        proposals: reader.list_count(ListKind::Proposals, None)?,
        accusations: reader.list_count(ListKind::Accusations, None)?,
    }))
}

fn tallies(reader: &Reader, height: u64) -> Result<Vec<Tally>, Missing> {
    let lists = [
        (ListKind::Transactions, "transactions", "/transactions"),
        (ListKind::Parties, "parties", "/parties"),
        (ListKind::Datasets, "datasets", "/datasets"),
        (ListKind::Offers, "offers", "/offers"),
        (ListKind::Agreements, "agreements", "/agreements"),
        (ListKind::Deliveries, "deliveries", "/deliveries"),
        (ListKind::Consents, "consents", "/consents"),
        (ListKind::Refusals, "refusals", "/refusals"),
    ];
    let blocks = Tally { label: "blocks", count: height, href: "/blocks".into() };
    let rest = lists
        .into_iter()
        .map(|(list, label, path)| Ok(Tally { label, count: reader.list_count(list, None)?, href: path.to_string() }));
    std::iter::once(Ok(blocks)).chain(rest).collect()
}
