//! A party: who it is, what it may do, its keys and what it did.

use super::{AsOf, Missing, Timeline, as_of, timeline, unknown};
use crate::{
    index::{At, Kind, ListKind, Reader, Thing},
    view::format::{Money, money, slug},
    view::redact,
    view::tell::key_use,
};
use contracts::{
    id::PartyId,
    money::Currency,
    party::{Party, Standing},
    settlement::Account,
    state::{Reading, Subject},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A key of a party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeyView {
    /// The public key.
    pub key: String,
    /// What it may do.
    pub usage: &'static str,
    /// From this height on.
    pub since: u64,
    /// Revoked at this height.
    pub revoked: Option<u64>,
}

/// How many things of a kind a party has, and where they are listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// What.
    pub label: &'static str,
    /// How many.
    pub count: u64,
    /// The list.
    pub href: String,
}

/// A party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PartyView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id, made from its first key.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: String,
    /// Country whose law it is under.
    pub jurisdiction: String,
    /// `applied`, `active` or `suspended`.
    pub standing: String,
    /// Is it a member from the founding document?
    pub founder: bool,
    /// What it may do.
    pub roles: Vec<String>,
    /// Its keys, oldest first.
    pub keys: Vec<KeyView>,
    /// What it has, by currency.
    pub accounts: Vec<Money>,
    /// Commitment to its contacts and prose.
    pub side: Option<String>,
    /// What is said in their place.
    pub side_note: Option<String>,
    /// What it has to do with.
    pub tallies: Vec<Tally>,
    /// What it did and what concerned it.
    pub timeline: Timeline,
}

/// The party `id`.
///
/// # Errors
/// [`Missing`].
pub fn party(reader: &Reader, id: &PartyId, before: Option<At>, limit: usize) -> Result<PartyView, Missing> {
    let found: Party = reader.value(&Party::key(id))?.ok_or_else(|| unknown(reader, "party", id))?;
    let thing = Thing::new(Kind::Party, id.as_bytes());
    let keys: Vec<KeyView> = found
        .keys
        .iter()
        .map(|key| KeyView {
            key: key.key.to_string(),
            usage: key_use(key.usage),
            since: key.since,
            revoked: key.revoked,
        })
        .collect();
    Ok(PartyView {
        as_of: as_of(reader),
        id: id.to_string(),
        kind: slug(&found.kind).replace('-', " "),
        jurisdiction: found.jurisdiction.to_string(),
        standing: slug(&found.standing),
        founder: keys.first().is_some_and(|first| first.since == 0) && found.standing != Standing::Applied,
        roles: found.roles.list().iter().map(|role| slug(role).replace('-', " ")).collect(),
        keys,
        accounts: accounts(reader, id)?,
        side: found.side.map(|side| side.to_string()),
        side_note: redact::side_note(reader, found.side.as_ref())?,
        tallies: tallies(reader, &thing, &id.to_string())?,
        timeline: timeline(reader, &thing, before, limit)?,
        name: found.name,
    })
}

fn accounts(reader: &Reader, id: &PartyId) -> Result<Vec<Money>, Missing> {
    let prefix = [&[Account::TAG], id.as_bytes()].concat();
    let found = reader.records::<Account>(&prefix, 256)?;
    Ok(found
        .into_iter()
        .filter_map(|(key, account)| Some(money(account.balance, Some(currency_of(key.as_bytes())?))))
        .collect())
}

/// The currency at the end of a key.
pub fn currency_of(key: &[u8]) -> Option<Currency> {
    let code = key.last_chunk::<3>()?;
    std::str::from_utf8(code).ok()?.parse().ok()
}

fn tallies(reader: &Reader, thing: &Thing, id: &str) -> Result<Vec<Tally>, Missing> {
    [
        (ListKind::Datasets, "datasets", "/datasets"),
        (ListKind::Offers, "offers", "/offers"),
        (ListKind::Agreements, "agreements", "/agreements"),
        (ListKind::Deliveries, "deliveries", "/deliveries"),
        (ListKind::Consents, "consents", "/consents"),
        (ListKind::Refusals, "refusals", "/refusals"),
        (ListKind::Transactions, "transactions signed", "/transactions"),
    ]
    .into_iter()
    .map(|(list, label, path)| {
        let count = reader.list_count(list, Some(thing))?;
        Ok(Tally { label, count, href: format!("{path}?party={id}") })
    })
    .collect()
}
