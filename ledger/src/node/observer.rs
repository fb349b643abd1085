//! A node that votes in nothing: it takes blocks that others decided, verifies and executes each, and serves
//! whoever reads. So does a regulator's own node, and one that is to become a validator.

use super::{NodeError, Shared, role::Ended, run::reachable, tip_at};
use crate::{
    api::BlockPage,
    block::Header,
    chain::{BlockError, Chain, Committed},
    era,
    highwater::{HighWater, Mark},
    log::proof::TreeHead,
    node::fate::{Decided, Fate},
    receipt::SetChange,
    spans,
};
use contracts::governance::protocol;
use std::{sync::Arc, time::Instant};

/// The owner of a chain that others decide.
pub(super) struct Observer {
    shared: Arc<Shared>,
    chain: Chain,
    highwater: HighWater,
    over: bool,
}

impl Observer {
    pub fn new(shared: Arc<Shared>, chain: Chain, highwater: HighWater) -> Self {
        Self { shared, chain, highwater, over: false }
    }

    pub fn into_parts(self) -> (Chain, HighWater) {
        (self.chain, self.highwater)
    }

    /// Finishes what a crash cut short after a block was durable: above all deletions, since what was taken down would
    /// be served for good. The newest block that is sealed is one of those, and those whose seals come later.
    pub fn recover(&self) -> Result<(), NodeError> {
        let sealed = self.shared.tip.borrow().height;
        for height in sealed..=self.chain.tip().height {
            let results = self.shared.store.reader().results(height)?;
            self.shared.heed(&results.unwrap_or_default())?;
        }
        Ok(())
    }

    /// Takes blocks up as they come.
    pub fn run(&mut self) -> Result<Ended, NodeError> {
        loop {
            // Not even asked for: what later rules have in a block is none to these.
            protocol::known(&self.shared.store.reader(), self.chain.tip().height + 1).map_err(BlockError::from)?;
            let Some(page) = self.next()? else { return Ok(Ended::Asked) };
            let height = page.block.header.entry.height;
            match self.take(page)? {
                Ok(()) => *self.shared.stopped.lock() = None,
                Err(reason) => {
                    tracing::error!(height, reason, "a block that was fetched does not hold");
                    self.shared.queue.lock().pages.clear();
                    let untrue = format!("the next block, {height}, as it was fetched does not hold: {reason}");
                    *self.shared.stopped.lock() = Some(untrue);
                }
            }
            if self.over || self.has_caught_up() {
                return Ok(Ended::EraOver);
            }
        }
    }

    /// Was it the only validator that had to catch up, and has it? Then it goes on as that.
    fn has_caught_up(&self) -> bool {
        let (era, height, mark) = (self.shared.era(), self.chain.tip().height, self.highwater.mark().height);
        era.behind().is_some() && !self.shared.sources.are_beyond(&era, height, mark)
    }

    fn next(&self) -> Result<Option<BlockPage>, NodeError> {
        let mut queue = self.shared.queue.lock();
        loop {
            if let Some(error) = queue.halt.take() {
                return Err(error.into());
            }
            if queue.shutdown {
                return Ok(None);
            }
            if let Some(page) = queue.pages.pop_front() {
                return Ok(Some(page));
            }
            self.shared.wake.wait(&mut queue);
        }
    }

    /// Takes one block up, or says why it is none.
    fn take(&mut self, page: BlockPage) -> Result<Result<(), String>, NodeError> {
        let (era, network) = (self.shared.era(), self.shared.network);
        let header = page.block.header.clone();
        let (height, tip) = (header.entry.height, self.chain.tip().height);
        let head = TreeHead { size: header.log_size, root: header.log_root };
        if height <= self.shared.tip.borrow().height {
            // Asked for twice, and known with all that belongs to it.
            return Ok(Ok(()));
        }
        let known = if height <= tip { self.shared.store.reader().header(height)? } else { None };
        if height <= tip && known.as_ref() != Some(&header) {
            return Ok(Err(format!("another block was decided at height {height}")));
        }
        if let Err(error) = page.certificate.verify_of(&header, &network, &era.set) {
            return Ok(Err(error.to_string()));
        }
        if let Err(error) = page.seal.verify_by(&network, &era.set, &head) {
            return Ok(Err(error.to_string()));
        }
        let ends = header.ends_era();
        if ends && let Err(reason) = self.check_change(page.change.as_ref(), &header) {
            return Ok(Err(reason));
        }
        let begun = Instant::now();
        let work = spans::block(height);
        spans::decided(&work, &header);
        let _at_work = work.entered();
        let committed = if height > tip {
            let prepared = match self.chain.verify(&page.block) {
                Ok(prepared) => prepared,
                Err(error) if error.is_ours() => return Err(error.into()),
                Err(error) => return Ok(Err(error.to_string())),
            };
            Some(self.chain.commit(prepared, page.certificate.clone())?)
        } else {
            None
        };
        // What a crash cut short between block and seal is taken up here as well.
        if height > self.highwater.mark().height {
            self.highwater.raise(Mark { height, size: head.size, root: head.root })?;
        }
        if let Some(change) = page.change.filter(|_| ends) {
            self.shared.keep_set_change(&change)?;
        }
        // Seals came in any order: that of a known height may be there, and stays.
        if self.shared.store.reader().seal(height)?.is_none() {
            self.shared.store.keep_seal(height, borsh::to_vec(&page.seal).expect("writing to memory does not fail"))?;
        }
        self.over = ends;
        if let Some(committed) = committed {
            self.tell(committed, page.seal, begun)?;
        } else {
            // No higher than that: the next known heights may wait for their seals as well.
            self.shared.tip.send_replace(tip_at(&self.shared.store.reader(), network, height)?);
        }
        Ok(Ok(()))
    }

    /// Is the record of the change the one by which this era ends?
    fn check_change(&self, change: Option<&SetChange>, header: &Header) -> Result<(), String> {
        era::check_closes(change, header)?;
        let Some(change) = change else { return Ok(()) };
        let era = self.shared.era();
        if change.number != era.number + 1 {
            return Err(format!("change {} of the validator set comes next, not {}", era.number + 1, change.number));
        }
        change.verify(&self.shared.network, &era.set).map_err(|error| error.to_string())
    }

    fn tell(&self, committed: Committed, seal: crate::receipt::Seal, begun: Instant) -> Result<(), NodeError> {
        self.shared.heed(&committed.results)?;
        self.shared.metrics.committed(&committed, begun.elapsed());
        let Committed { header, results, hashes, log_before, .. } = committed;
        let hashes = reachable(&hashes, &log_before);
        let decided = Arc::new(Decided { network: self.shared.network, header, results, seal, hashes });
        self.shared.tip.send_replace(self.chain.tip().clone());
        let fates = decided.results.iter().zip(0..);
        self.shared.tell(
            fates.map(|(result, place)| (result.entry.transaction, Fate::Committed(decided.clone(), place))).collect(),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests;
