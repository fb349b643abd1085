//! Who may change the network: the validators now and before, the rules in force, what was proposed, who was caught.

use super::{
    AsOf, Missing, Origin, as_of,
    era::{self, EraView},
    glance::{Glance, glance},
    list::List,
    origin,
};
use crate::{
    index::{ListKind, Listed, Reader},
    limits::{GLANCE_ROWS, PAGE_ROWS},
    view::tell::{Link, Names, quota_words, sentence_case},
};
use contracts::{
    event::Event,
    founding::Parameters,
    governance::{PROTOCOL_FIRST, PROTOCOL_NEWEST, Protocol},
    id::{ProposalId, TimeMs},
    state::Reading,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A version of the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionView {
    /// Which.
    pub version: u16,
    /// The first height of it.
    pub from: u64,
    /// The proposal by which it was decided; none for that of the founding.
    pub proposal: Option<Link>,
}

/// The rules in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RulesView {
    /// By which the next block is executed.
    pub now: VersionView,
    /// What is decided and not yet in force.
    pub next: Option<VersionView>,
    /// The newest version that this explorer knows; it stops before the first block of a newer one.
    pub known: u16,
    /// The parameters in force, in words.
    pub parameters: String,
    /// What a party may write in a window.
    #[schema(value_type = Object)]
    pub quota: contracts::quota::QuotaLimits,
    /// Where the parameters were decided.
    pub parameters_since: Origin,
    /// The proposal by which they were decided; none for those of the founding.
    pub parameters_by: Option<Link>,
}

/// The page of governance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GovernanceView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Who decides the next block; none before the founding was read.
    pub era: Option<EraView>,
    /// All eras.
    pub eras: Glance,
    /// The rules in force.
    pub rules: RulesView,
    /// Proposals.
    pub proposals: Glance,
    /// Words of validators on proposals, in all.
    pub ballots: u64,
    /// Accusations and protests.
    pub accusations: Glance,
}

/// The page of governance; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing`].
pub fn governance(reader: &Reader, now_ms: TimeMs) -> Result<GovernanceView, Missing> {
    let some = |list, limit| glance(reader, list, None, limit, now_ms);
    Ok(GovernanceView {
        as_of: as_of(reader),
        era: reader.newest_era(None)?.map(|era| era::view(reader, era)).transpose()?,
        eras: some(List::Eras, GLANCE_ROWS)?,
        rules: rules(reader)?,
        proposals: some(List::Proposals, PAGE_ROWS)?,
        ballots: reader.list_count(ListKind::Ballots, None)?,
        accusations: some(List::Accusations, GLANCE_ROWS)?,
    })
}

/// The rules in force.
///
/// # Errors
/// [`Missing`].
pub fn rules(reader: &Reader) -> Result<RulesView, Missing> {
    let due = reader.tip().height + 1;
    let (now, next) = versions(reader, due)?;
    let parameters: Parameters = reader.value(&Parameters::key())?.unwrap_or_default();
    let changed = reader.list(ListKind::Parameters, None, None, 1)?.items.pop();
    Ok(RulesView {
        now,
        next,
        known: PROTOCOL_NEWEST,
        parameters: sentence_case(&quota_words(&parameters)),
        quota: parameters.quota,
        parameters_since: origin(reader, &changed.as_ref().map(|listed| listed.at).unwrap_or_default())?,
        parameters_by: proposal_of(reader, changed.as_ref())?,
    })
}

/// The version by which the block at height `due` is executed, and the one after it that is decided.
fn versions(reader: &Reader, due: u64) -> Result<(VersionView, Option<VersionView>), Missing> {
    let newest = reader.list(ListKind::Protocols, None, None, 1)?.items.pop();
    let Some(record) = reader.value::<Protocol>(&Protocol::key())? else {
        return Ok((VersionView { version: PROTOCOL_FIRST, from: 1, proposal: None }, None));
    };
    let newest =
        VersionView { version: record.version, from: record.from, proposal: proposal_of(reader, newest.as_ref())? };
    if newest.from <= due {
        return Ok((newest, None));
    }
    Ok((decided(reader, record.before)?, Some(newest)))
}

/// Where `version`, which is in force, was decided. Of several decisions the last one stands: once a version is in
/// force, only the next one can be decided.
fn decided(reader: &Reader, version: u16) -> Result<VersionView, Missing> {
    let mut before = None;
    loop {
        let page = reader.list(ListKind::Protocols, None, before, PAGE_ROWS)?;
        for listed in &page.items {
            let Some(row) = reader.row(&listed.at)? else { continue };
            let from = row.events.iter().find_map(|event| match event {
                Event::ProtocolDecided { version: of, from, .. } if *of == version => Some(*from),
                _ => None,
            });
            if let Some(from) = from {
                return Ok(VersionView { version, from, proposal: proposal_of(reader, Some(listed))? });
            }
        }
        match page.items.last() {
            Some(last) if page.next.is_some() => before = Some(last.at),
            _ => return Ok(VersionView { version, from: 1, proposal: None }),
        }
    }
}

fn proposal_of(reader: &Reader, listed: Option<&Listed>) -> Result<Option<Link>, Missing> {
    let Some(listed) = listed else { return Ok(None) };
    let id =
        <[u8; 32]>::try_from(listed.id.as_slice()).map_err(|_| crate::index::IndexError::Damaged("row of a list"))?;
    Ok(Names(reader).proposal(&ProposalId(id))?)
}
