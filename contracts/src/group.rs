//! Groups of parties, for group access (ISO/IEC 17917 4.3.3).

use crate::{
    action::{Call, Rule},
    event::Event,
    id::{GroupId, PartyId},
    limits::{MEMBERS_MAX, NAME_BYTES_MAX},
    party::{Role, require_role},
    rejection::{Malformed, Rejection, Stop, bounded_list},
    state::{Key, Reading, Subject, View},
    text,
    vocabulary::ascending,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Parties that a provider shares with together.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Group {
    /// Who formed it and alone may change it.
    pub owner: PartyId,
    /// What it is called.
    pub name: String,
    /// Who is in it, ascending.
    pub members: Vec<PartyId>,
}

impl Subject for Group {
    const TAG: u8 = 15;
    const KIND: &'static str = "group";
}

impl Group {
    /// Where `group` is kept.
    pub fn key(group: &GroupId) -> Key {
        Key::new(Self::TAG, &[&group.0])
    }
}

/// Is `party` in `group`?
///
/// # Errors
/// A fault of the store.
pub fn has(view: &dyn View, group: &GroupId, party: &PartyId) -> Result<bool, Stop> {
    Ok(view.value::<Group>(&Group::key(group))?.is_some_and(|group| group.members.binary_search(party).is_ok()))
}

/// Forms a group, or changes the members of one's own. By a provider.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetGroup {
    /// Which; `None` forms a new one, named by the transaction.
    pub group: Option<GroupId>,
    /// What it is called.
    pub name: String,
    /// Everybody in it from now on, ascending.
    pub members: Vec<PartyId>,
}

impl Rule for SetGroup {
    fn check(&self) -> Result<(), Malformed> {
        text::line("name", &self.name, 1, NAME_BYTES_MAX)?;
        bounded_list("members", self.members.len(), MEMBERS_MAX)?;
        ascending("members", &self.members)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Provider)?;
        let id = self.group.unwrap_or(GroupId(call.transaction.0));
        if self.group.is_some() {
            let group: Group = call.state.value(&Group::key(&id))?.ok_or(Rejection::GroupUnknown { group: id })?;
            if group.owner != call.sender {
                return Err(Rejection::GroupUnknown { group: id }.into());
            }
        }
        let group = Group { owner: call.sender, name: self.name.clone(), members: self.members.clone() };
        call.state.put(&Group::key(&id), group)?;
        call.state.emit(Event::GroupSet { group: id, owner: call.sender, members: self.members.len() as u32 });
        Ok(())
    }
}
