//! A group: its name, owner and size. Who is in it is shown to those concerned only.

use super::{AsOf, Missing, Timeline, as_of, timeline, unknown};
use crate::{
    index::{At, Kind, Reader, Thing},
    view::redact,
    view::tell::{Link, Names},
};
use contracts::{group::Group, id::GroupId, state::Reading};
use serde::Serialize;
use utoipa::ToSchema;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Who formed it.
    pub owner: Link,
    /// How many are in it.
    pub members: u64,
    /// Why they are not named.
    pub withheld: &'static str,
    /// What happened to it.
    pub timeline: Timeline,
}

/// The group `id`.
///
/// # Errors
/// [`Missing`].
pub fn group(reader: &Reader, id: &GroupId, before: Option<At>, limit: usize) -> Result<GroupView, Missing> {
    let found: Group = reader.value(&Group::key(id))?.ok_or_else(|| unknown(reader, "group", id))?;
    Ok(GroupView {
        as_of: as_of(reader),
        id: id.to_string(),
        owner: Names(reader).party(&found.owner)?,
        members: found.members.len() as u64,
        name: found.name,
        withheld: redact::ACCESS_LIST,
        timeline: timeline(reader, &Thing::new(Kind::Group, id.as_bytes()), before, limit)?,
    })
}
