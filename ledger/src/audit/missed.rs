//! Why a block could not be audited, and what of that speaks against the ledger.

use super::{AuditError, Report};
use crate::{chain::BlockError, store::StoreError};
use contracts::execute::ExecuteError;

/// Why a block cannot be had.
pub(super) enum Missed {
    /// It is not what it must be.
    Wrong(String),
    /// Whoever has it does not answer, which says nothing about the block.
    Away(String),
    /// It goes by rules that this release does not know, which says nothing about it either.
    Newer(String),
    /// A node has not kept it, and says so.
    Gone(String),
}

impl Missed {
    /// Puts it into `report` at `place` where that speaks against the ledger.
    pub fn find(self, place: impl Into<String>, report: &mut Report) -> Result<(), AuditError> {
        match self {
            Self::Wrong(what) => {
                report.find(place, what);
                Ok(())
            }
            Self::Away(reason) | Self::Gone(reason) => Err(AuditError::Away(reason)),
            Self::Newer(reason) => Err(AuditError::Newer(reason)),
        }
    }
}

impl From<String> for Missed {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl From<&str> for Missed {
    fn from(what: &str) -> Self {
        Self::Wrong(what.into())
    }
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        if error.is_away() { Self::Away(error.to_string()) } else { Self::Wrong(error.to_string()) }
    }
}

/// Why a block could not be taken up into the scratch store.
pub(super) enum Broken {
    /// It cannot be had, or is not what it must be.
    Block(Missed),
    /// The scratch store failed, which says nothing about the block.
    Scratch(String),
}

impl From<Missed> for Broken {
    fn from(missed: Missed) -> Self {
        Self::Block(missed)
    }
}

impl From<String> for Broken {
    fn from(what: String) -> Self {
        Self::Block(what.into())
    }
}

impl From<&str> for Broken {
    fn from(what: &str) -> Self {
        Self::Block(what.into())
    }
}

impl From<BlockError> for Broken {
    fn from(error: BlockError) -> Self {
        match error {
            BlockError::Execute(ExecuteError::ProtocolUnknown { .. }) => Self::Block(Missed::Newer(error.to_string())),
            error if error.is_ours() => Self::Scratch(error.to_string()),
            error => Self::Block(Missed::Wrong(error.to_string())),
        }
    }
}
