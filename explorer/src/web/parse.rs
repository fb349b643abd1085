//! What an address asks for, checked before anything is looked up; and the views that answer.
//!
//! Pages and API call the same functions here, so both always say the same.

use super::{App, errors::Failure};
use crate::{
    follow::now_ms,
    index::{At, Kind, Reader, Thing},
    limits::{PAGE_ROWS, PAGE_ROWS_MAX},
    view::{
        self, AsOf, Missing, Table, as_of, before,
        filter::{Filter, Filtered, Wanted},
        list::{List, SCOPES},
        tell::Link,
    },
};
use contracts::{id::*, key::PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;
use utoipa::{IntoParams, ToSchema};

/// Parameters of every address that answers with a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Cursor: what follows it.
    pub after: Option<String>,
    /// Rows, at most 200.
    pub limit: Option<usize>,
    /// Search text.
    pub q: Option<String>,
    /// A looked-up identifier, to be marked on the page.
    pub id: Option<String>,
    /// Only what concerns this party: its identifier, or words of its name that no other party has.
    pub party: Option<String>,
    /// Only what concerns this dataset.
    pub dataset: Option<String>,
    /// Only what concerns this offer.
    pub offer: Option<String>,
    /// Only what concerns this agreement.
    pub agreement: Option<String>,
    /// Only what concerns this delivery.
    pub delivery: Option<String>,
    /// Only what concerns this consent.
    pub consent: Option<String>,
    /// Only what concerns this group.
    pub group: Option<String>,
    /// Only what concerns this proposal.
    pub proposal: Option<String>,
    /// Only what concerns the validator with this consensus key.
    pub validator: Option<String>,
    /// Only rows of this kind; which there are depends on the list.
    pub kind: Option<String>,
    /// Only rows with this outcome or standing; which there are depends on the list.
    pub outcome: Option<String>,
    /// Only from this day on: `2026-11-20`, UTC.
    pub from: Option<String>,
    /// Only up to this day, which is in it.
    pub to: Option<String>,
}

impl Asked {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_ROWS).clamp(1, PAGE_ROWS_MAX)
    }

    /// Values of the parameters of [`SCOPES`], in their order.
    fn scopes(&self) -> [&Option<String>; SCOPES.len()] {
        [
            &self.party,
            &self.dataset,
            &self.offer,
            &self.agreement,
            &self.delivery,
            &self.consent,
            &self.group,
            &self.proposal,
            &self.validator,
        ]
    }

    /// The parameter and identifier that limit a list.
    fn scope_text(&self) -> Result<Option<(&'static str, Kind, &str)>, Missing> {
        let mut found = SCOPES.iter().zip(self.scopes()).filter_map(|((name, kind), value)| {
            value.as_deref().filter(|text| !text.is_empty()).map(|text| (*name, *kind, text))
        });
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Missing::Malformed("limit a list by one thing at a time".into())),
            (one, None) => Ok(one),
        }
    }

    /// The same with the party by its identifier, where it was asked for by its name.
    ///
    /// # Errors
    /// [`Missing::Malformed`] where no party or more than one has such a name.
    pub fn settled(mut self, reader: &Reader) -> Result<Self, Missing> {
        let Some(text) = self.party.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            self.party = None;
            return Ok(self);
        };
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(self);
        }
        let found = view::search::search(reader, text, None, PAGE_ROWS_MAX)?.hits;
        let parties: Vec<_> = found.into_iter().filter(|hit| hit.link.kind == "party").collect();
        let exact: Vec<_> = parties.iter().filter(|hit| hit.link.name == text).cloned().collect();
        let parties = if exact.len() == 1 { exact } else { parties };
        let names: Vec<_> = parties.iter().take(5).map(|hit| hit.link.name.as_str()).collect();
        match parties.as_slice() {
            [one] => self.party = Some(one.link.href.trim_start_matches("/party/").chars().take(64).collect()),
            [] => return Err(Missing::Malformed(format!("no party is called `{text}`; see the list of parties"))),
            _ => {
                let which = names.join(", ");
                return Err(Missing::Malformed(format!(
                    "more than one party is called so: {which}; say more of the name"
                )));
            }
        }
        Ok(self)
    }

    /// What a list is filtered by.
    ///
    /// # Errors
    /// [`Missing::Malformed`], which says what can be given.
    pub fn filter(&self, reader: &Reader, list: List) -> Result<Filter, Missing> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut filter = Filter { kind: given(&self.kind), outcome: given(&self.outcome), ..Filter::default() };
        if let Some(from) = given(&self.from) {
            filter.first = reader.height_from(day_ms("from", &from)?.0)?;
        }
        if let Some(to) = given(&self.to) {
            filter.last = Some(reader.height_from(day_ms("to", &to)?.1)?.saturating_sub(1));
        }
        filter.check(list)?;
        Ok(filter)
    }

    /// Is anything filtered out, its scope apart?
    pub fn is_filtered(&self) -> bool {
        [&self.kind, &self.outcome, &self.from, &self.to]
            .iter()
            .any(|value| value.as_deref().is_some_and(|text| !text.is_empty()))
    }

    /// Scope and filters as parameters, such as `party=…&from=…&`.
    pub fn keep(&self) -> String {
        let names = SCOPES.iter().map(|(name, _)| *name).chain(["kind", "outcome", "from", "to"]);
        let values = self.scopes().into_iter().chain([&self.kind, &self.outcome, &self.from, &self.to]);
        let given = names.zip(values).filter_map(|(name, value)| Some((name, value.as_deref()?)));
        given
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}&", encoded(value)))
            .collect()
    }

    /// What a list is limited to.
    ///
    /// # Errors
    /// [`Missing::Malformed`].
    pub fn scope(&self) -> Result<Option<Scope>, Missing> {
        let Some((name, kind, text)) = self.scope_text()? else { return Ok(None) };
        let digits = if kind == Kind::Consent { 32 } else { 64 };
        let text = text.to_lowercase();
        let bytes = hex::decode(&text).ok().filter(|bytes| bytes.len() * 2 == digits);
        let wrong = || Missing::Malformed(format!("`{name}` is {digits} hexadecimal digits"));
        let bytes = bytes.ok_or_else(wrong)?;
        Ok(Some(Scope { name, thing: Thing::new(kind, &bytes), id: text }))
    }
}

/// A value as a part of an address.
pub fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The first millisecond of a day, and that of the next.
fn day_ms(name: &str, text: &str) -> Result<(TimeMs, TimeMs), Missing> {
    view::format::day_of(text)
        .ok_or_else(|| Missing::Malformed(format!("`{name}` is a day such as 2026-11-20, from 1970 on")))
}

/// What a list is limited to.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The parameter.
    pub name: &'static str,
    /// The thing.
    pub thing: Thing,
    /// Its identifier.
    pub id: String,
}

/// An identifier of an address; capitals are taken too.
fn id<T: FromStr>(what: &str, text: &str) -> Result<T, Missing>
where
    T::Err: std::fmt::Display,
{
    let text = text.trim().to_lowercase();
    text.parse().map_err(|error: T::Err| Missing::Malformed(format!("that is no {what}: {error}")))
}

macro_rules! things {
    ($($(#[$doc:meta])* $name:ident: $id:ty => $view:ty = |$reader:ident, $key:ident, $asked:ident, $at:ident| $build:expr;)*) => {$(
        $(#[$doc])*
        pub async fn $name(app: &App, text: &str, asked: &Asked) -> Result<$view, Failure> {
            let $key: $id = id(stringify!($name), text)?;
            let $asked = asked.clone();
            let $at: Option<At> = before($asked.after.as_deref())?;
            app.read(move |$reader| $build).await
        }
    )*};
}

things! {
    /// A party.
    party: PartyId => view::party::PartyView = |reader, key, asked, at| view::party::party(reader, &key, at, asked.limit());
    /// A dataset.
    dataset: DatasetId => view::dataset::DatasetView = |reader, key, asked, at| view::dataset::dataset(reader, &key, at, asked.limit());
    /// An offer.
    offer: OfferId => view::offer::OfferView = |reader, key, asked, at| view::offer::offer(reader, &key, at, asked.limit());
    /// An agreement.
    agreement: AgreementId => view::agreement::AgreementView = |reader, key, asked, at| view::agreement::agreement(reader, &key, now_ms(), at, asked.limit());
    /// A consent.
    consent: ConsentId => view::consent::ConsentView = |reader, key, asked, at| view::consent::consent(reader, &key, now_ms(), at, asked.limit());
    /// A group.
    group: GroupId => view::group::GroupView = |reader, key, asked, at| view::group::group(reader, &key, at, asked.limit());
    /// A delivery.
    delivery: DeliveryId => view::delivery::DeliveryView = |reader, key, _asked, _at| view::delivery::delivery(reader, &key);
    /// A transaction.
    transaction: TransactionId => view::transaction::TransactionView = |reader, key, _asked, _at| view::transaction::transaction(reader, &key);
    /// A proposal.
    proposal: ProposalId => view::proposal::ProposalView = |reader, key, asked, at| view::proposal::proposal(reader, &key, now_ms(), at, asked.limit());
    /// A validator.
    validator: PublicKey => view::validator::ValidatorView = |reader, key, asked, at| view::validator::validator(reader, &key, now_ms(), at, asked.limit());
    /// An era.
    era: u32 => view::era::EraView = |reader, key, _asked, _at| view::era::era(reader, key);
    /// A refusal.
    refusal: TransactionId => view::refusal::RefusedView = |reader, key, _asked, _at| view::refusal::refusal(reader, &key);
}

/// A block by its height or its id.
pub async fn block(app: &App, text: &str, asked: &Asked) -> Result<view::block::BlockView, Failure> {
    let (text, limit) = (text.trim().to_lowercase(), asked.limit());
    let from = before(asked.after.as_deref())?.map_or(0, |at| at.place);
    app.read(move |reader| {
        let height = match text.parse::<Height>() {
            Ok(height) => height,
            Err(_) => height_of(reader, &text)?,
        };
        view::block::block(reader, height, from, limit)
    })
    .await
}

fn height_of(reader: &Reader, text: &str) -> Result<Height, Missing> {
    let block: Digest = id("height or block id", text)?;
    let found = reader.identifiers(block.as_bytes(), 4)?;
    found
        .iter()
        .find_map(|found| match found.target {
            crate::index::Target::Block(height) => Some(height),
            _ => None,
        })
        .ok_or_else(|| view::unknown(reader, "block", text))
}

/// The first page.
pub async fn home(app: &App) -> Result<view::home::HomeView, Failure> {
    app.read(view::home::home).await
}

/// Governance.
pub async fn governance(app: &App) -> Result<view::governance::GovernanceView, Failure> {
    app.read(|reader| view::governance::governance(reader, now_ms())).await
}

/// A search.
pub async fn search(app: &App, asked: &Asked) -> Result<view::search::SearchView, Failure> {
    let asked = asked.clone();
    app.read(move |reader| {
        let query = asked.q.as_deref().unwrap_or_default();
        view::search::search(reader, query, asked.after.as_deref(), asked.limit())
    })
    .await
}

/// A list for pages.
pub struct ListView {
    /// What was asked for, with the party by its identifier.
    pub asked: Asked,
    /// The party as a reader would write it: by its name where that finds it, otherwise by its identifier.
    pub party: String,
    /// Is anything filtered out, its scope apart?
    pub filtered: bool,
    /// Rows that were looked at for this part.
    pub looked: usize,

    /// Up to where this is true.
    pub as_of: AsOf,
    /// How many rows there are in all.
    pub count: u64,
    /// What it is limited to: parameter and thing.
    pub scope: Option<(&'static str, Link)>,
    /// The rows.
    pub table: Table,
}

/// A list for machines.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListAnswer {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// How many rows there are in all.
    pub count: u64,
    /// The rows, newest first.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Map<String, Value>>,
    /// Cursor of what follows.
    pub next: Option<String>,
}

impl From<ListView> for ListAnswer {
    fn from(list: ListView) -> Self {
        let ListView { as_of, count, table, .. } = list;
        let items = table.rows.iter().map(|row| Table::object(table.columns, row)).collect();
        Self { as_of, count, items, next: table.next }
    }
}

/// A part of a list.
pub async fn list(app: &App, list: List, asked: &Asked) -> Result<ListView, Failure> {
    let (asked, at, limit) = (asked.clone(), before(asked.after.as_deref())?, asked.limit());
    app.read(move |reader| {
        let asked = asked.settled(reader)?;
        let (scope, filter) = (asked.scope()?, asked.filter(reader, list)?);
        let thing = scope.as_ref().map(|scope| &scope.thing);
        let wanted = Wanted { list, scope: thing, filter: &filter, before: at, now_ms: now_ms() };
        let Filtered { table, looked } = view::filter::page(reader, wanted, limit)?;
        let count = view::list::count(reader, list, thing)?;
        let scope =
            scope.as_ref().map(|scope| Ok::<_, Missing>((scope.name, view::search::link_of(reader, &scope.thing)?)));
        let scope = scope.transpose()?;
        let party = match &scope {
            Some(("party", link)) => {
                let by_name = Asked { party: Some(link.name.clone()), ..Asked::default() }.settled(reader);
                let found = by_name.is_ok_and(|found| found.party.as_deref() == Some(&link.id));
                if found { link.name.clone() } else { link.id.clone() }
            }
            _ => String::new(),
        };
        let filtered = !filter.is_empty();
        Ok(ListView { as_of: as_of(reader), count, scope, table, party, filtered, looked, asked })
    })
    .await
}
