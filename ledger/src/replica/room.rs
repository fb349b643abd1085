//! Room for the blocks of the height at work. They are kept before they are voted for, and a height that fails round after
//! round has many of them.

use super::{Ledger, Memory, Replica, ReplicaError};
use crate::limits::{VOTING_BLOCKS_BYTES, VOTING_SHARE_BYTES_MIN};
use contracts::id::Digest;

impl<L: Ledger, M: Memory> Replica<L, M> {
    /// Is there no room for another block of the height at work? Then none is voted for that is not there.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Keeps `block`, whose id is `id`, where there is room for it: of what another sent, in its share, so that one that
    /// lies leaves room for the blocks of the others.
    pub(super) fn keep(&mut self, id: Digest, block: &L::Block, from: Option<u16>) -> Result<bool, ReplicaError> {
        if self.memory.block(&id).is_some() {
            return Ok(true);
        }
        let bytes = borsh::to_vec(block).expect("writing to memory does not fail");
        if let Some(from) = from {
            let most = (VOTING_BLOCKS_BYTES / self.ledger.turns().len().max(1) as u64).max(VOTING_SHARE_BYTES_MIN);
            let kept = self.shares.entry(from).or_default();
            if *kept + bytes.len() as u64 > most {
                tracing::warn!(from, most, "a validator's blocks of this height find no more room");
                return Ok(false);
            }
            *kept += bytes.len() as u64;
        }
        let kept = self.memory.keep(id, bytes)?;
        if !kept && !std::mem::replace(&mut self.full, true) {
            let height = self.ledger.height() + 1;
            tracing::error!(height, "there is no room for another block of this height, so none is voted for");
        }
        Ok(kept)
    }

    pub(super) fn kept(&self, id: &Digest) -> Option<L::Block> {
        self.memory.block(id).map(|bytes| borsh::from_slice(bytes).expect("what was kept was a block, and is checked"))
    }
}
