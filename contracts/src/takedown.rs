//! Taking a side body down: the prose goes, a governed record of it stays, every proof stays valid.
//!
//! Whoever committed to it first takes it down, and an operator anything: a dataset's outline, also of an older revision,
//! the contacts of an application, why somebody needs personal data (GDPR Art. 17). A body that another party committed to
//! first is nobody else's to delete, wherever else its commitment stands. And it does not come back: nothing commits to
//! what was taken down ([`TakenDown`]).
//!
//! Whoever knows a commitment before its transaction is in a block can commit to it first. That is the price of not
//! showing the body to the rules; whoever loses it so writes the same text under fresh blinding.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, require},
    event::Event,
    id::{DatasetId, Height, PartyId, SideId},
    party::{Party, Role, Standing, require_active, require_role},
    rejection::{Malformed, Rejection, Stop},
    side::SideOwner,
    state::{Key, Reading, Subject},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// That a side body was taken down, by whom and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct TakenDown {
    /// Who did.
    pub by: PartyId,
    /// In which block.
    pub height: Height,
}

impl Subject for TakenDown {
    const TAG: u8 = 31;
    const KIND: &'static str = "side body taken down";
}

impl TakenDown {
    /// Where that about `side` is kept.
    pub fn key(side: &SideId) -> Key {
        Key::new(Self::TAG, &[&side.0])
    }
}

/// Takes down any side body. By the party that committed to it first, unless that is suspended: its keys may be in other
/// hands. Or by an operator, also what no action that took effect committed to: that of a purchase that was refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeSideDown {
    /// Which.
    pub side: SideId,
}

impl Rule for TakeSideDown {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let side = self.side;
        let key = Party::key(&call.sender);
        let sender: Party = call.state.value(&key)?.ok_or(Rejection::PartyUnknown { party: call.sender })?;
        let owned: Option<SideOwner> = call.state.value(&SideOwner::key(&side))?;
        let owner = match owned.map(|owned| owned.owner) {
            Some(owner) if owner == call.sender && sender.standing != Standing::Suspended => owner,
            owner if sender.is_active_as(Role::Operator) => owner.unwrap_or(call.sender),
            Some(owner) if owner == call.sender => return Err(Rejection::PartyNotActive { party: owner }.into()),
            Some(_) => return Err(Rejection::SideBodyOfAnother { side }.into()),
            None => return Err(Rejection::SideBodyUnknown { side }.into()),
        };
        if !goes(call, &side)? {
            return Err(Rejection::SideBodyGone { side }.into());
        }
        call.state.emit(Event::SideBodyTakenDown { side, owner, by: call.sender });
        Ok(())
    }
}

/// Notes that `side` is gone. Was it there until now?
fn goes(call: &mut Call, side: &SideId) -> Result<bool, Stop> {
    let key = TakenDown::key(side);
    let is_there = call.state.value::<TakenDown>(&key)?.is_none();
    if is_there {
        call.state.put(&key, TakenDown { by: call.sender, height: call.height })?;
    }
    Ok(is_there)
}

/// Takes a dataset's side body down, and out of its record. By its publisher, or by an operator.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeDown {
    /// Of which dataset.
    pub dataset: DatasetId,
}

impl Rule for TakeDown {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut dataset = require(call.state, &self.dataset)?;
        let sender = if dataset.publisher == call.sender {
            require_active(call.state, &call.sender)?
        } else {
            require_role(call.state, &call.sender, Role::Operator)?
        };
        let side = dataset.side.take().ok_or(Rejection::NoSideBody { dataset: self.dataset })?;
        let owned: Option<SideOwner> = call.state.value(&SideOwner::key(&side))?;
        if !sender.is_active_as(Role::Operator) && owned.is_some_and(|owned| owned.owner != call.sender) {
            return Err(Rejection::SideBodyOfAnother { side }.into());
        }
        call.state.put(&Dataset::key(&self.dataset), dataset)?;
        goes(call, &side)?;
        call.state.emit(Event::SideTakenDown { side, dataset: self.dataset, by: call.sender });
        Ok(())
    }
}
