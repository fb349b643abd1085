//! How a committed block becomes known: its mark, our signatures, its seal, and then the tip and the answers.

use super::{Frame, Member, Unknown};
use crate::{
    chain::Committed,
    highwater::Mark,
    limits::UNSEALED_HEIGHTS_MAX,
    log::proof::TreeHead,
    node::{
        NodeError,
        fate::{Decided, Fate},
        run::reachable,
    },
    receipt::{Seal, Vote},
    replica::Ledger,
    spans,
    store::Tip,
};
use contracts::id::{Height, TransactionId};
use std::{collections::HashSet, sync::Arc, time::Instant};
use tracing::Span;

impl Member {
    /// A block is durable: raise the mark, sign, tell the others. Not so where it `signs` nothing yet.
    pub(super) fn committed(
        &mut self,
        committed: Committed,
        tip: Tip,
        block: Span,
        signs: bool,
    ) -> Result<(), NodeError> {
        let (network, height, cosign) = (self.shared.network, tip.height, spans::cosign(&block));
        let head = TreeHead { size: committed.header.log_size, root: committed.header.log_root };
        let was_lost = self.lost > 0;
        self.find_lost()?;
        let vote = self.signed(&head, &tip, signs && self.lost == 0 && self.replica.observes_to().is_none())?;
        if let Some(vote) = &vote {
            self.broadcast(&Frame::Vote(height, vote.clone()));
        }
        self.shared.heed(&committed.results)?;
        let gone: HashSet<TransactionId> = committed.results.iter().map(|result| result.entry.transaction).collect();
        let mut queue = self.shared.queue.lock();
        queue.mempool.remove(&gone);
        let expired = queue.mempool.expire(height + 1);
        drop(queue);
        self.shared.tell(expired.into_iter().map(|(id, reason)| (id, Fate::Dropped(reason))).collect());
        let since = Instant::now();
        self.unknown.insert(height, Unknown { committed, tip, seal: None, since, block, cosign });
        if self.unknown.len() >= UNSEALED_HEIGHTS_MAX {
            // Nobody is answered before there is a seal, so nobody is served by more of them.
            self.crowded = true;
            self.replica.hold();
        }
        self.last_block = Instant::now();
        let seal = self.seals.committed(&network, height, head, self.shared.era().set.clone(), vote)?;
        self.sealed(height, seal)?;
        if was_lost { self.pass() } else { Ok(()) }
    }

    /// Our signatures of the newest height, once the mark says that we gave them; none while the ledger ends below the
    /// mark, where we cannot tell yet whether this is what we signed. What it has up to there is, so after a restart we
    /// sign it again: others may have stopped as well before they had a quorum. While the gate is closed or we observe,
    /// neither: the mark says what we know to have signed, and what we lost shows against it alone, also after one more
    /// restart.
    fn signed(&mut self, head: &TreeHead, tip: &Tip, signs: bool) -> Result<Option<Vote>, NodeError> {
        let (mark, height) = (self.highwater.mark(), tip.height);
        if height > mark.height && signs {
            self.highwater.raise(Mark { height, size: head.size, root: head.root })?;
        } else if height == mark.height && (head.size, head.root) != (mark.size, mark.root) {
            return Err(NodeError::OtherHistory { path: self.folder.join("db"), signed: height });
        }
        let may = signs && self.replica.ledger().height() >= self.highwater.mark().height;
        if may { self.sign(head, tip.time_ms).map(Some) } else { Ok(None) }
    }

    pub(super) fn sign(&self, head: &TreeHead, time_ms: u64) -> Result<Vote, NodeError> {
        let (era, number) = (self.shared.era(), self.number() as u8);
        let keys = era.keys();
        Ok(Vote::sign(&self.shared.network, head, number, time_ms / 1_000, &*keys.log, &*keys.cosigner)?)
    }

    /// Keeps a seal for ever, and makes known what is known up to there without a gap.
    pub(super) fn sealed(&mut self, height: Height, seal: Option<Seal>) -> Result<(), NodeError> {
        let Some(seal) = seal else { return Ok(()) };
        self.shared.store.keep_seal(height, borsh::to_vec(&seal).expect("writing to memory does not fail"))?;
        if let Some(unknown) = self.unknown.get_mut(&height) {
            unknown.seal = Some(seal);
        }
        while let Some(first) = self.unknown.first_entry() {
            if first.get().seal.is_none() {
                break;
            }
            let Unknown { committed, tip, seal, since, block, cosign } = first.remove();
            drop(cosign);
            let _known = block.enter();
            let seal = seal.expect("it was just seen");
            self.idle_at = Instant::now();
            *self.shared.stopped.lock() = self.behind();
            self.shared.metrics.committed(&committed, since.elapsed());
            let Committed { header, results, hashes, log_before, .. } = committed;
            let hashes = reachable(&hashes, &log_before);
            let decided = Arc::new(Decided { network: self.shared.network, header, results, seal, hashes });
            self.shared.tip.send_replace(tip);
            let fates = decided.results.iter().zip(0..);
            let fates =
                fates.map(|(result, place)| (result.entry.transaction, Fate::Committed(decided.clone(), place)));
            self.shared.tell(fates.collect());
        }
        if self.crowded && self.unknown.len() <= UNSEALED_HEIGHTS_MAX / 2 {
            self.crowded = false;
            return self.pass();
        }
        Ok(())
    }
}
