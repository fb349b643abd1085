//! An era: the validators who decided from one height to another, with their keys.

use super::{AsOf, Cell, Missing, Origin, as_of, list, origin, unknown};
use crate::{
    index::{At, Era, ListKind, Listed, Reader, validator},
    view::tell::{Link, Names},
};
use contracts::id::Height;
use serde::Serialize;
use utoipa::ToSchema;

/// One validator of an era.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MemberView {
    /// Its number in the set, from 0: ballots name it by this.
    pub number: u32,
    /// What it is called, and its page.
    pub validator: Link,
    /// The key with which it votes.
    pub consensus: String,
    /// The key with which it signs checkpoints under the log's name.
    pub log: String,
    /// The key with which it cosigns checkpoints.
    pub cosigner: String,
    /// The first height that it decided with this consensus key without a break up to this era.
    pub since: u64,
    /// Accusations and protests against it, from whatever era.
    pub accusations: u64,
}

/// An era.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EraView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// 0 for the founding set, then as the changes are numbered.
    pub number: u32,
    /// The first height that it decides.
    pub from: u64,
    /// The last height that it decided; none while it is in force.
    pub last: Option<u64>,
    /// Where it was made complete.
    pub origin: Origin,
    /// The proposal by which it came.
    pub proposal: Option<Link>,
    /// SHA-256 of the set, as block entries carry it.
    pub set: String,
    /// Its validators, by number.
    pub validators: Vec<MemberView>,
    /// How many must sign a block or approve a proposal: more than two thirds.
    pub quorum: u32,
    /// How many must protest until it is established that a validator broke the rules: more than a third.
    pub third: u32,
}

impl EraView {
    /// The heights that it decides, for people.
    pub fn heights(&self) -> String {
        let from = crate::view::format::grouped(self.from);
        match self.last {
            Some(last) => format!("every block from {from} to {}", crate::view::format::grouped(last)),
            None => format!("every block from {from} on"),
        }
    }

    /// Validators against whom there is evidence.
    pub fn accused(&self) -> usize {
        self.validators.iter().filter(|one| one.accusations > 0).count()
    }
}

/// The era `number`.
///
/// # Errors
/// [`Missing`].
pub fn era(reader: &Reader, number: u32) -> Result<EraView, Missing> {
    let found = reader.era(number)?.ok_or_else(|| unknown(reader, "era", number))?;
    view(reader, found)
}

/// An era for people.
///
/// # Errors
/// [`Missing`].
pub fn view(reader: &Reader, era: Era) -> Result<EraView, Missing> {
    let names = Names(reader);
    let next = reader.era(era.number + 1)?;
    let mut validators = Vec::with_capacity(era.set.validators.len());
    for ((number, one), since) in (0..).zip(&era.set.validators).zip(&era.since) {
        let page = names.validator(&one.consensus)?.ok_or(crate::index::IndexError::Damaged("era"))?;
        validators.push(MemberView {
            number,
            validator: Link { name: one.name.clone(), ..page },
            consensus: one.consensus.to_string(),
            log: one.log.to_string(),
            cosigner: one.cosigner.to_string(),
            since: *since,
            accusations: reader.list_count(ListKind::Accusations, Some(&validator(&one.consensus)))?,
        });
    }
    Ok(EraView {
        as_of: as_of(reader),
        number: era.number,
        from: era.from,
        last: next.map(|next| next.from - 1),
        origin: origin(reader, &began(reader, era.from)?)?,
        proposal: era.proposal.map(|id| names.proposal(&id)).transpose()?.flatten(),
        set: era.set.digest().to_string(),
        quorum: era.set.quorum() as u32,
        third: era.set.more_than_a_third() as u32,
        validators,
    })
}

/// Where the era that decides from height `from` on was made complete. No block has two such changes.
fn began(reader: &Reader, from: Height) -> Result<At, Missing> {
    let before = At { height: from, place: 0, event: 0 };
    let page = reader.list(ListKind::Eras, None, Some(before), 1)?;
    Ok(page.items.first().map(|listed| listed.at).unwrap_or_default())
}

/// An era and its page.
pub fn link(number: u32) -> Link {
    Link { kind: "era", id: number.to_string(), name: format!("era {number}"), href: format!("/era/{number}") }
}

/// One row of the list.
pub(super) fn row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let number = <[u8; 4]>::try_from(listed.id.as_slice()).map(u32::from_be_bytes);
    let number = number.map_err(|_| crate::index::IndexError::Damaged("row of a list"))?;
    let Some(era) = reader.era(number)? else { return Ok(None) };
    let names: Vec<_> = era.set.validators.iter().map(|one| one.name.as_str()).collect();
    let (set, all) = (era.set.digest().to_string(), era.set.validators.len());
    Ok(Some(vec![
        Cell { href: Some(format!("/era/{number}")), ..Cell::number(u64::from(number)) },
        if era.from > reader.tip().height { Cell::number(era.from) } else { Cell::height(era.from) },
        list::time_of(reader, &listed.at)?,
        Cell::text(names.join(", ")),
        Cell::text(format!("{} of {all}", era.set.quorum())),
        match era.proposal {
            Some(id) => Cell::id(&id.to_string(), format!("/proposal/{id}")),
            None => Cell::valued("founding document", ""),
        },
        list::height_cell(&listed.at),
        list::transaction_cell(reader, &listed.at)?,
        Cell::text(set),
    ]))
}
