//! Which of the validators a node is in an era, by the keys that it has.

use super::{Shared, Sources, Unopened, waiting};
use crate::era::Era;
use contracts::{id::Height, key::Signer, validators::ValidatorSet};
use std::sync::Arc;

/// The three keys of a validator.
#[derive(Clone)]
pub struct ValidatorKeys {
    /// Votes.
    pub consensus: Arc<dyn Signer>,
    /// Signs checkpoints as the log.
    pub log: Arc<dyn Signer>,
    /// Cosigns checkpoints.
    pub cosigner: Arc<dyn Signer>,
}

/// Where a node finds its keys at the beginning of each era: new ones may have come since the last.
pub trait Keys: Send + Sync {
    /// The keys of one of the validators of `set`, if there are any, with its number.
    ///
    /// # Errors
    /// Where there are some that do not open: whoever took that for none would observe where it is to vote.
    fn of(&self, set: &ValidatorSet) -> Result<Option<(u16, ValidatorKeys)>, Unopened>;
}

/// Keys that are at hand, and stay the same.
impl Keys for Vec<ValidatorKeys> {
    fn of(&self, set: &ValidatorSet) -> Result<Option<(u16, ValidatorKeys)>, Unopened> {
        Ok(self.iter().find_map(|keys| Some((set.number_of(&keys.consensus.public())?, keys.clone()))))
    }
}

/// An era, and our place in it.
pub(crate) struct Seated {
    pub era: Era,
    /// Our number in the set and our keys, if we are in it.
    pub(super) seat: Option<(u16, ValidatorKeys)>,
    /// We are the set, and the network is further than our ledger: it is for us to observe.
    pub(super) behind: bool,
}

impl Seated {
    /// Whose seat in the set is ours, with a ledger that ends at `height` and what we signed at `mark`?
    pub(super) fn of(
        era: Era,
        keys: &dyn Keys,
        sources: Sources,
        height: Height,
        mark: Height,
    ) -> Result<Self, Unopened> {
        let seat = keys.of(&era.set)?;
        let behind = seat.is_some() && era.set.validators.len() == 1 && sources.are_beyond(&era, height, mark);
        Ok(Self { era, seat: seat.filter(|_| !behind), behind })
    }

    /// With keys that wait where they cannot sign.
    pub(super) fn patient(self, shared: &Arc<Shared>) -> Self {
        let seat = self.seat.map(|(number, keys)| (number, waiting::patient(keys, shared)));
        Self { seat, ..self }
    }

    /// Why the only validator observes, if it does.
    pub fn behind(&self) -> Option<&'static str> {
        self.behind.then_some(
            "it observes: it is the only validator, and its store ends below what it signed or others follow; it goes on \
             when they have given it the blocks up to there",
        )
    }

    /// Our number in the set, if we are in it.
    pub fn number(&self) -> Option<u16> {
        self.seat.as_ref().map(|(number, _)| *number)
    }

    /// Our keys in it.
    ///
    /// # Panics
    /// Where we are not in the set.
    pub fn keys(&self) -> &ValidatorKeys {
        &self.seat.as_ref().expect("who orders and signs is in the set").1
    }
}

impl std::ops::Deref for Seated {
    type Target = Era;
    fn deref(&self) -> &Era {
        &self.era
    }
}
