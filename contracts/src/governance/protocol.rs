//! The version of the rules, and the height from which another is in force.
//!
//! Whoever does not know a version stops before the first block of it, and says so ([`known`]): to go on by older rules
//! would fork the ledger. So nodes are brought up to date one by one, each while the others go on; then a quorum decides
//! the height, and blocks up to it are executed, now and in any later audit, by the rules that were in force.

use super::Governance;
use crate::{
    action::Call,
    event::Event,
    execute::ExecuteError,
    id::{Height, ProposalId},
    limits::PROTOCOL_NOTICE_BLOCKS,
    rejection::{Rejection, Stop},
    state::{Fault, Key, Reading, Subject, View},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// The version that every network begins with.
pub const PROTOCOL_FIRST: u16 = 1;
/// The newest version that these rules know.
pub const PROTOCOL_NEWEST: u16 = 1;

/// Which version is in force. There is no such record before the first change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Protocol {
    /// The version from height [`Self::from`] on.
    pub version: u16,
    /// The first height of it.
    pub from: Height,
    /// The version below that height.
    pub before: u16,
}

impl Subject for Protocol {
    const TAG: u8 = 26;
    const KIND: &'static str = "protocol";
}

impl Protocol {
    /// Where it is kept.
    pub fn key() -> Key {
        Key::new(Self::TAG, &[])
    }

    /// The version by which a block at `height` is executed, which is not below the height of the state in `view`.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn at(view: &dyn View, height: Height) -> Result<u16, Fault> {
        let record: Option<Self> = view.value(&Self::key())?;
        Ok(record.map_or(PROTOCOL_FIRST, |record| if height >= record.from { record.version } else { record.before }))
    }
}

/// Is a block at `height` one that these rules can execute?
///
/// # Errors
/// [`ExecuteError::ProtocolUnknown`], or a fault of the state.
pub fn known(view: &dyn View, height: Height) -> Result<(), ExecuteError> {
    match Protocol::at(view, height)? {
        version if version > PROTOCOL_NEWEST => Err(ExecuteError::ProtocolUnknown { version, height }),
        _ => Ok(()),
    }
}

/// Refuses what is not the next version, begins before everybody can have read it, or before a date that is decided
/// already: whoever made ready for that one would be stopped.
pub(super) fn possible(call: &Call, version: u16, from: Height) -> Result<(), Stop> {
    let next = Protocol::at(call.state, call.height)?.saturating_add(1);
    if version != next {
        return Err(Rejection::ProtocolVersion { next }.into());
    }
    let pending: Option<Protocol> = call.state.value(&Protocol::key())?;
    let decided = pending.map_or(0, |protocol| protocol.from);
    let least = (call.height + PROTOCOL_NOTICE_BLOCKS).max(decided);
    if from < least {
        return Err(Rejection::ProtocolHeight { least }.into());
    }
    Ok(())
}

/// A quorum has decided it. One that was decided before and is not in force yet gives way, so that a date can be put
/// off; and since an older proposal that is completed late is asked again, it is never brought forward.
pub(super) fn decide(call: &mut Call, id: ProposalId, version: u16, from: Height) -> Result<(), Stop> {
    possible(call, version, from)?;
    let before = Protocol::at(call.state, call.height)?;
    call.state.put(&Protocol::key(), Protocol { version, from, before })?;
    let governance: Governance = call.state.value(&Governance::key())?.unwrap_or_default();
    call.state.put(&Governance::key(), governance)?;
    call.state.emit(Event::ProtocolDecided { proposal: id, version, from });
    Ok(())
}
