//! What a node does itself about events of a block that is durable.

use super::{NodeError, Shared};
use crate::store::StoredResult;
use contracts::{event::Event, governance::PROTOCOL_NEWEST};

impl Shared {
    /// Deletes side bodies that were taken down, and tells the operator of a version of the rules that was decided.
    /// Doing it again does no harm, so a crash before it is made good by a second time.
    ///
    /// # Errors
    /// When a side body cannot be deleted.
    pub fn heed(&self, results: &[StoredResult]) -> Result<(), NodeError> {
        for event in results.iter().flat_map(|result| &result.events) {
            match event {
                Event::SideTakenDown { side, .. } => self.sides.delete(side)?,
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
        Ok(())
    }
}
