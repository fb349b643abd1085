//! What a sender hands in: a transaction and, where its action commits to one, the side body.

use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::SideId,
    side::{SideBody, SideError},
    transaction::Transaction,
};

/// A transaction and the prose that stays beside the ledger.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Submission {
    /// What is signed.
    pub transaction: Transaction,
    /// The side body that its action commits to. May be withheld.
    pub side: Option<SideBody>,
}

/// A side body that does not belong to its transaction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SideMismatch {
    /// It breaks a bound.
    #[error("the side body is malformed: {0}")]
    Malformed(#[from] SideError),
    /// The action commits to another one, or to none.
    #[error("the side body has commitment {found}, the action commits to {expected:?}")]
    Commitment {
        /// Commitment of what was handed in.
        found: SideId,
        /// What the action says.
        expected: Option<SideId>,
    },
}

impl Submission {
    /// Checks that the side body is the one that the action commits to.
    ///
    /// # Errors
    /// [`SideMismatch`].
    pub fn check_side(&self) -> Result<(), SideMismatch> {
        let Some(side) = &self.side else { return Ok(()) };
        side.check()?;
        let (found, expected) = (side.id(), self.transaction.body.action.side());
        if expected == Some(found) { Ok(()) } else { Err(SideMismatch::Commitment { found, expected }) }
    }
}
