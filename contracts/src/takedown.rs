//! Taking a side body down: the prose goes, a governed record of it stays, every proof stays valid.
//!
//! A publisher takes down what it committed to itself, an operator anything. A body that another party
//! committed to first is not the publisher's to delete, wherever else its commitment stands.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, require},
    event::Event,
    id::DatasetId,
    party::{Role, require_active, require_role},
    rejection::{Malformed, Rejection, Stop},
    side::SideOwner,
    state::Reading,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Takes a dataset's side body down. By its publisher, or by an operator.
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
        call.state.emit(Event::SideTakenDown { side, dataset: self.dataset, by: call.sender });
        Ok(())
    }
}
