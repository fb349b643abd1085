//! A validator: its keys, the eras in which it decided, its ballots, and what evidence there is against it.

use super::{
    AsOf, Missing, Timeline, as_of,
    glance::{Glance, glance},
    list::List,
    timeline, unknown,
};
use crate::{
    index::{At, Reader, validator as thing_of},
    limits::GLANCE_ROWS,
};
use contracts::{id::TimeMs, key::PublicKey};
use serde::Serialize;
use utoipa::ToSchema;

/// A validator, which is the same as long as it votes with the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValidatorView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// What it is or was called last.
    pub name: String,
    /// The key with which it votes.
    pub consensus: String,
    /// The key with which it signs checkpoints under the log's name.
    pub log: String,
    /// The key with which it cosigns checkpoints.
    pub cosigner: String,
    /// Does it decide the next block?
    pub in_force: bool,
    /// The newest era in which it stands.
    pub era: u32,
    /// Its number in that era.
    pub number: u16,
    /// The first height that it decided, without a break up to that era.
    pub since: u64,
    /// The last height that it decided, if it is no validator any more.
    pub last: Option<u64>,
    /// Accusations and protests against it.
    pub accusations: Glance,
    /// Its words on proposals.
    pub ballots: Glance,
    /// The eras in which it stands.
    pub eras: Glance,
    /// What it did and what concerned it.
    pub timeline: Timeline,
}

/// The validator that votes with `key`.
///
/// # Errors
/// [`Missing`].
pub fn validator(
    reader: &Reader,
    key: &PublicKey,
    now_ms: TimeMs,
    before: Option<At>,
    limit: usize,
) -> Result<ValidatorView, Missing> {
    let era = reader.newest_era_with(key)?.ok_or_else(|| unknown(reader, "validator", key))?;
    let number = era.set.number_of(key).ok_or(crate::index::IndexError::Damaged("era"))?;
    let (found, since) = (&era.set.validators[usize::from(number)], era.since[usize::from(number)]);
    let next = reader.era(era.number + 1)?;
    let thing = thing_of(key);
    let of = |list| glance(reader, list, Some(("validator", &thing)), GLANCE_ROWS, now_ms);
    Ok(ValidatorView {
        as_of: as_of(reader),
        name: found.name.clone(),
        consensus: found.consensus.to_string(),
        log: found.log.to_string(),
        cosigner: found.cosigner.to_string(),
        in_force: next.is_none(),
        era: era.number,
        number,
        since,
        last: next.map(|next| next.from - 1),
        accusations: of(List::Accusations)?,
        ballots: of(List::Ballots)?,
        eras: of(List::Eras)?,
        timeline: timeline(reader, &thing, before, limit)?,
    })
}
