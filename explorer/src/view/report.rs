//! Reports: what follows from the records when they are counted or held against each other.
//!
//! Each is a table of one height. Reports read lists from their newest row on and no more than
//! [`SCAN_ROWS_MAX`] rows of each; where older ones were left out, the report says so, and its numbers
//! are of the newest.

use super::{
    AsOf, Cell, Column, Missing, Table, as_of,
    consent::state_at,
    format::{counted, money, slug},
    party::currency_of,
    table::{machine, named, plain},
    tell::Names,
    transaction::refusal,
};
use crate::{
    index::{At, Kind, ListKind, Listed, Reader, Thing},
    limits::{PAGE_ROWS, SCAN_ROWS_MAX},
};
use contracts::{
    agreement::Agreement,
    basis::LegalBasis,
    consent::{Consent, ConsentState, Scope},
    dataset::Dataset,
    delivery::Delivery,
    event::Event,
    id::*,
    money::Amount,
    party::Party,
    settlement::{Account, Supply},
    state::{Reading, Subject},
    version::Version,
    vocabulary::PersonalStatus,
};
use std::collections::BTreeMap;

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Refusals by party and reason.
    Refusals,
    /// Licences to personal data without consents, by legal basis.
    Bases,
    /// Ended consents, and deliveries of their data afterwards.
    Withdrawals,
    /// Parties and their keys.
    Keys,
    /// Money by currency.
    Money,
}

const REFUSALS: &[Column] = &[
    named("party", "Asked by"),
    plain("code", "Reason"),
    plain("refusals", "Refusals"),
    plain("newest_height", "Newest in block"),
    machine("newest_transaction"),
];
const BASES: &[Column] = &[
    plain("basis", "Legal basis"),
    plain("jurisdiction", "Country"),
    plain("agreements", "Licences"),
    plain("in_force", "Of these in force"),
];
const WITHDRAWALS: &[Column] = &[
    plain("consent", "Consent"),
    named("dataset", "Dataset"),
    plain("state", "How it ended"),
    plain("ended_height", "From block"),
    plain("left_out_in", "Left out in version"),
    plain("deliveries_after", "Later deliveries with its data"),
];
const KEYS: &[Column] = &[
    named("party", "Party"),
    plain("standing", "Standing"),
    plain("keys", "Keys in force"),
    plain("revoked", "Revoked"),
    plain("newest_height", "Newest key since block"),
    plain("last_revoked_height", "Last revoked in block"),
];
const MONEY: &[Column] = &[
    plain("currency", "Currency"),
    plain("minted", "Brought on"),
    plain("burned", "Taken off"),
    plain("outstanding", "Difference"),
    plain("accounts", "On all accounts"),
    machine("outstanding_minor"),
    machine("accounts_minor"),
];

impl Report {
    /// All of them.
    pub const ALL: [Report; 5] = [Report::Refusals, Report::Bases, Report::Withdrawals, Report::Keys, Report::Money];

    /// Its word in addresses and file names.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::Bases => "legal-bases",
            Self::Withdrawals => "withdrawals",
            Self::Keys => "keys",
            Self::Money => "money",
        }
    }

    /// The report with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|report| report.word() == word)
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Refusals => "Refusals by party and reason",
            Self::Bases => "Personal data without consent, by legal basis",
            Self::Withdrawals => "Ended consents, and what was delivered afterwards",
            Self::Keys => "Parties and their keys",
            Self::Money => "Money by currency",
        }
    }

    /// What it counts, and how.
    pub fn about(self) -> &'static str {
        match self {
            Self::Refusals => "Every request to which a rule said no, counted by who asked and by the permanent code.",
            Self::Bases => {
                "Licences to datasets that are classified as personal, for purposes for which no consents were asked. They stand on the legal basis that is stated for dataset and purpose now."
            }
            Self::Withdrawals => {
                "For every consent that ended: deliveries after its end, for its purposes, of versions that still hold the subject's data. The rules refuse them, so each number is 0; this recounts it from the deliveries themselves."
            }
            Self::Keys => "A party that lost its only key cannot act; one that revoked a key should have another.",
            Self::Money => {
                "What was brought on the ledger against bank payments less what was taken off must be what is on all accounts together. Both are counted here, each by itself."
            }
        }
    }

    /// Its columns.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Refusals => REFUSALS,
            Self::Bases => BASES,
            Self::Withdrawals => WITHDRAWALS,
            Self::Keys => KEYS,
            Self::Money => MONEY,
        }
    }
}

/// A report's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Up to where it is true.
    pub as_of: AsOf,
    /// Its rows, all of them.
    pub table: Table,
    /// Were there more records than a report reads?
    pub cut: bool,
}

/// A report; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing::Index`].
pub fn report(reader: &Reader, report: Report, now_ms: TimeMs) -> Result<Reported, Missing> {
    let now_ms = now_ms.max(reader.tip().time_ms);
    let (rows, cut) = match report {
        Report::Refusals => refusals(reader)?,
        Report::Bases => bases(reader, now_ms)?,
        Report::Withdrawals => withdrawals(reader, now_ms)?,
        Report::Keys => keys(reader)?,
        Report::Money => supply(reader)?,
    };
    Ok(Reported { as_of: as_of(reader), table: Table { columns: report.columns(), rows, next: None }, cut })
}

type Rows = (Vec<Vec<Cell>>, bool);

/// The newest rows of a list, and whether there are older ones.
fn newest(reader: &Reader, list: ListKind, scope: Option<&Thing>) -> Result<(Vec<Listed>, bool), Missing> {
    let page = reader.list(list, scope, None, SCAN_ROWS_MAX)?;
    Ok((page.items, page.next.is_some()))
}

fn id32(listed: &Listed) -> Result<[u8; 32], Missing> {
    Ok(<[u8; 32]>::try_from(listed.id.as_slice()).map_err(|_| crate::index::IndexError::Damaged("row of a list"))?)
}

fn refusals(reader: &Reader) -> Result<Rows, Missing> {
    let (listed, cut) = newest(reader, ListKind::Refusals, None)?;
    let mut counts: BTreeMap<(PartyId, u8), (u64, String, At, TransactionId)> = BTreeMap::new();
    for one in &listed {
        let Some(row) = reader.row(&one.at)? else { continue };
        let Some(refusal) = refusal(&row.events) else { continue };
        // The first that is met is the newest.
        let new = (0, format!("{} {}", refusal.code, refusal.name), one.at, row.id);
        counts.entry((row.transaction.body.sender, refusal.code)).or_insert(new).0 += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, (count, ..))| std::cmp::Reverse(*count));
    let cells = |((party, code), (count, name, at, id)): ((PartyId, u8), (u64, String, At, TransactionId))| {
        let link = Names(reader).party(&party)?;
        let href = Some(format!("/refusals?party={party}&kind={code}"));
        Ok(vec![
            Cell::link(link),
            Cell::valued(name, code),
            Cell { href, ..Cell::number(count) },
            Cell::height(at.height),
            Cell::text(id.to_string()),
        ])
    };
    Ok((rows.into_iter().map(cells).collect::<Result<_, Missing>>()?, cut))
}

fn bases(reader: &Reader, now_ms: TimeMs) -> Result<Rows, Missing> {
    let (listed, cut) = newest(reader, ListKind::Agreements, None)?;
    let mut counts: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for one in &listed {
        let id = AgreementId(id32(one)?);
        let Some(held) = reader.value::<Agreement>(&Agreement::key(&id))? else { continue };
        let Some(dataset) = reader.value::<Dataset>(&Dataset::key(&held.dataset))? else { continue };
        let personal = dataset.classification.personal.value() == Some(&PersonalStatus::Personal);
        if !personal || reader.value::<Scope>(&Scope::key(&held.dataset, held.purpose))?.is_some() {
            continue;
        }
        let basis = reader.value::<LegalBasis>(&LegalBasis::key(&held.dataset, held.purpose))?;
        let key = match basis {
            Some(basis) if basis.ended => ("no longer relied on".into(), basis.jurisdiction.to_string()),
            Some(basis) => (slug(&basis.kind).replace('-', " "), basis.jurisdiction.to_string()),
            None => ("none is stated".into(), String::new()),
        };
        let counted = counts.entry(key).or_default();
        counted.0 += 1;
        counted.1 += u64::from(held.in_force(now_ms));
    }
    let cells = |((basis, country), (all, in_force)): ((String, String), (u64, u64))| {
        vec![Cell::text(basis), Cell::text(country), Cell::number(all), Cell::number(in_force)]
    };
    Ok((counts.into_iter().map(cells).collect(), cut))
}

fn withdrawals(reader: &Reader, now_ms: TimeMs) -> Result<Rows, Missing> {
    let (listed, mut cut) = newest(reader, ListKind::Consents, None)?;
    let mut rows = Vec::new();
    for one in &listed {
        let Ok(id) = <[u8; 16]>::try_from(one.id.as_slice()).map(ConsentId) else { continue };
        let Some(consent) = reader.value::<Consent>(&Consent::key(&id))? else { continue };
        let (in_force, state) = state_at(&consent, now_ms);
        if in_force {
            continue;
        }
        let ended = ended_at(reader, &id, &consent)?;
        let (after, more) = delivered_after(reader, &consent, ended)?;
        cut |= more;
        let text = id.to_string();
        rows.push(vec![
            Cell::id(&text, format!("/consent/{text}")),
            Cell::link(Names(reader).dataset(&consent.dataset)?),
            Cell::text(state),
            Cell::height(ended.height),
            consent.excluded_in.map_or_else(Cell::none, |number| Cell::number(u64::from(number))),
            Cell::number(after).toned(if after == 0 { "good" } else { "bad" }),
        ]);
    }
    Ok((rows, cut))
}

/// Where a consent ended: the event that ended it, or the first block of the day on which it ran out.
fn ended_at(reader: &Reader, id: &ConsentId, consent: &Consent) -> Result<At, Missing> {
    let thing = Thing::new(Kind::Consent, id.as_bytes());
    let count = usize::try_from(reader.timeline_count(&thing)?).unwrap_or(usize::MAX).min(SCAN_ROWS_MAX);
    for at in reader.timeline(&thing, None, count)?.items {
        let Some(row) = reader.row(&at)? else { continue };
        if let Some(Event::ConsentChanged { state, .. }) = row.events.get(usize::from(at.event))
            && *state != ConsentState::Given
        {
            return Ok(at);
        }
    }
    let height = reader.height_from(u64::from(consent.until_day) * 86_400_000)?;
    Ok(At { height, place: 0, event: 0 })
}

/// Deliveries after `ended` of versions that hold the subject's data, for purposes of the consent; and
/// whether there were more deliveries than were looked at.
fn delivered_after(reader: &Reader, consent: &Consent, ended: At) -> Result<(u64, bool), Missing> {
    let (listed, more) =
        newest(reader, ListKind::Deliveries, Some(&Thing::new(Kind::Dataset, consent.dataset.as_bytes())))?;
    let mut count = 0;
    for one in &listed {
        if one.at < ended {
            return Ok((count, false));
        }
        let Some(delivery) = reader.value::<Delivery>(&Delivery::key(&DeliveryId(id32(one)?)))? else { continue };
        let Some(version) = reader.value::<Version>(&Version::key(&delivery.version))? else { continue };
        let Some(held) = reader.value::<Agreement>(&Agreement::key(&delivery.agreement))? else { continue };
        let holds = version.number >= consent.since_version
            && consent.excluded_in.is_none_or(|excluded| version.number < excluded);
        count += u64::from(holds && consent.purposes.contains(&held.purpose));
    }
    Ok((count, more))
}

fn keys(reader: &Reader) -> Result<Rows, Missing> {
    let (listed, cut) = newest(reader, ListKind::Parties, None)?;
    let mut rows = Vec::new();
    for one in &listed {
        let id = PartyId(id32(one)?);
        let Some(party) = reader.value::<Party>(&Party::key(&id))? else { continue };
        let revoked = party.keys.iter().filter_map(|key| key.revoked);
        let in_force = party.keys.iter().filter(|key| key.revoked.is_none()).count() as u64;
        let height = |height: Option<u64>| match height {
            None => Cell::none(),
            Some(0) => Cell::valued("founding", 0),
            Some(height) => Cell::height(height),
        };
        rows.push(vec![
            Cell::link(Names(reader).party(&id)?),
            Cell::text(slug(&party.standing)),
            Cell::number(in_force).toned(if in_force > 0 { "good" } else { "bad" }),
            Cell::number(revoked.clone().count() as u64),
            height(party.keys.iter().map(|key| key.since).max()),
            height(revoked.max()),
        ]);
    }
    Ok((rows, cut))
}

fn supply(reader: &Reader) -> Result<Rows, Missing> {
    let accounts = reader.records::<Account>(&[Account::TAG], SCAN_ROWS_MAX)?;
    let cut = accounts.len() >= SCAN_ROWS_MAX;
    let mut sums: BTreeMap<_, u128> = BTreeMap::new();
    for (key, account) in &accounts {
        if let Some(currency) = currency_of(key.as_bytes()) {
            *sums.entry(currency.to_string()).or_default() += u128::from(account.balance.minor());
        }
    }
    let mut rows = Vec::new();
    for (key, found) in reader.records::<Supply>(&[Supply::TAG], 256)? {
        let Some(currency) = currency_of(key.as_bytes()) else { continue };
        let shown = |amount: Amount| money(amount, Some(currency));
        let difference = found.minted.minus(found.burned).unwrap_or_default();
        let sum = sums.get(&currency.to_string()).copied().unwrap_or_default();
        let same = sum == u128::from(difference.minor());
        let total = u64::try_from(sum).ok().and_then(|minor| Amount::new(minor).ok()).map(|amount| shown(amount).text);
        let on_accounts = match total {
            _ if cut => Cell::none(),
            Some(text) => Cell::text(text).toned(if same { "good" } else { "bad" }),
            None => Cell::text(sum.to_string()).toned("bad"),
        };
        rows.push(vec![
            Cell::text(currency.to_string()),
            Cell::text(shown(found.minted).text),
            Cell::text(shown(found.burned).text),
            Cell::text(shown(difference).text),
            on_accounts,
            Cell::text(difference.minor().to_string()),
            Cell::text(sum.to_string()),
        ]);
    }
    Ok((rows, cut))
}

impl Reported {
    /// The first rows, as many as fit a page.
    pub fn glance(&self) -> &[Vec<Cell>] {
        &self.table.rows[..self.table.rows.len().min(PAGE_ROWS)]
    }

    /// How many rows, in words, and that there were more.
    pub fn size(&self) -> String {
        let rows = counted(self.table.rows.len() as u64, "row", "rows");
        if self.cut { format!("{rows}, of the newest {SCAN_ROWS_MAX} records") } else { rows }
    }
}
