//! What a node does itself about events of a block that is durable.

use super::{NodeError, Shared};
use crate::{
    chain::BlockError,
    sides::Sides,
    store::{Reader, StoredResult},
};
use contracts::{
    event::Event,
    governance::PROTOCOL_NEWEST,
    id::SideId,
    rejection::Rejection,
    state::{Key, Subject},
    takedown::TakenDown,
};

/// Side bodies that were taken down, read at a time.
const PAGE: usize = 1_000;

/// Deletes what was taken down and is there all the same: in blocks that this node never saw, since it began by a snapshot
/// beside older side bodies, or before a backup had them all.
///
/// # Errors
/// When a side body cannot be deleted, or the state cannot be read.
pub(super) fn forget(sides: &Sides, reader: &Reader) -> Result<(), NodeError> {
    let mut from = Key::new(TakenDown::TAG, &[]);
    loop {
        let page = reader.records_of::<TakenDown>(&from, PAGE)?;
        let of_key = |key: &Key| key.as_bytes().get(1..).and_then(|id| id.try_into().ok()).map(SideId);
        for side in page.iter().filter_map(|(key, _)| of_key(key)).filter(|side| sides.has(side)) {
            sides.delete(&side)?;
        }
        match page.last().filter(|_| page.len() == PAGE) {
            Some((last, _)) => from = Key::from_bytes([last.as_bytes(), &[0]].concat()),
            None => return Ok(()),
        }
    }
}

impl Shared {
    /// Deletes side bodies that were taken down, keeps at hand which proposals are open, and tells the operator what
    /// the validators decide, or are to decide. Doing it again does no harm, so a crash before it is made good by a
    /// second time.
    ///
    /// # Errors
    /// When a side body cannot be deleted, or the store cannot be read.
    pub fn heed(&self, results: &[StoredResult]) -> Result<(), NodeError> {
        for event in results.iter().flat_map(|result| &result.events) {
            match event {
                // Whoever commits again to what was taken down handed it in once more.
                Event::SideTakenDown { side, .. }
                | Event::SideBodyTakenDown { side, .. }
                | Event::Refused { rejection: Rejection::SideBodyGone { side }, .. } => self.sides.delete(side)?,
                Event::Proposed { proposal, .. } | Event::Approved { proposal, .. } => {
                    self.ballots.changed(&self.store.reader(), proposal).map_err(BlockError::from)?;
                }
                _ => {}
            }
            self.tell_of(event);
        }
        Ok(())
    }

    /// Tells the operator in the log: a proposal that nobody looks at is over without a word.
    fn tell_of(&self, event: &Event) {
        let name = |number: u8| self.era().set.validators.get(usize::from(number)).map(|one| one.name.clone());
        match event {
            Event::Proposed { proposal, validator, until_ms } => tracing::info!(
                %proposal, by = name(*validator), until_ms,
                "a validator proposed something: `lonja governance show` says what, and `approve` agrees"
            ),
            Event::SetPassed { proposal, .. } => tracing::info!(
                %proposal,
                "a quorum decided a set of validators, and the readiness of those in it is awaited"
            ),
            Event::ParametersChanged { proposal } => tracing::info!(%proposal, "a quorum decided other parameters"),
            Event::PartyDecided { proposal, party, .. } => {
                tracing::info!(%proposal, %party, "a quorum decided where a party stands");
            }
            Event::Accused { validator, .. } => tracing::info!(
                validator = name(*validator),
                "a validator is accused on the ledger of two statements which exclude each other"
            ),
            Event::Protested { validator, by, established, .. } => tracing::info!(
                validator = name(*validator),
                by = name(*by),
                established,
                "a validator protests on the ledger: another proposed a block that breaks the rules"
            ),
            Event::ProtocolDecided { version, from, .. } if *version > PROTOCOL_NEWEST => tracing::error!(
                version,
                from,
                known = PROTOCOL_NEWEST,
                "a quorum decided a version of the rules that this release does not know: install one that does \
                 before that height, where this node stops"
            ),
            Event::ProtocolDecided { version, from, .. } => {
                tracing::info!(version, from, "a quorum decided a version of the rules, which this release knows");
            }
            _ => {}
        }
    }
}
