//! Taking up a block: execute, compare, write in one batch.

use super::{FORMAT, META, Rows, RowsError, STATE, Tip, index};
use contracts::{
    event::Event,
    execute::{Context, execute},
    id::{DatasetId, Height, SideId, TimeMs},
    transaction::Checked,
};
use ledger::{
    api::follow::{Cursor, Followed, FollowedItem},
    store::kv::Batch,
};
use std::collections::BTreeSet;

/// What a block touched that search has to take up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Datasets whose document changes.
    pub datasets: BTreeSet<DatasetId>,
    /// Side bodies that were taken down: no trace of them may stay in an index.
    pub taken_down: Vec<SideId>,
}

impl Rows {
    /// Takes up a block that the ledger's client verified. Blocks come in order, each once.
    ///
    /// # Errors
    /// [`RowsError`]; then nothing of the block is in the rows.
    pub fn apply(&self, block: &Followed) -> Result<Touched, RowsError> {
        let mut batch = Batch::default();
        if let Some(founding) = &block.founding {
            let state =
                founding.state().map_err(|error| RowsError::Disagrees { height: 0, reason: error.to_string() })?;
            state.into_iter().for_each(|(key, value)| batch.put(STATE, key.as_bytes(), value));
        }
        let mut tip = Tip { height: block.height, time_ms: block.time_ms, ..self.tip() };
        if block.items.is_empty() {
            self.write(batch, tip, &block.cursor)?;
            return Ok(Touched::default());
        }
        // The founding state must be readable before the first transactions are executed. A crash
        // between the two batches leaves the founding state and a cursor before the first block,
        // which is where a new start begins.
        if block.founding.is_some() {
            self.kv.write(std::mem::take(&mut batch))?;
        }
        let touched = self.execute(block.height, block.time_ms, &block.items, &mut batch)?;
        if !touched.datasets.is_empty() || !touched.taken_down.is_empty() {
            tip.listed = block.height;
        }
        self.write(batch, tip, &block.cursor)?;
        Ok(touched)
    }

    fn execute(
        &self,
        height: Height,
        time_ms: TimeMs,
        items: &[FollowedItem],
        batch: &mut Batch,
    ) -> Result<Touched, RowsError> {
        let disagrees = |reason: String| RowsError::Disagrees { height, reason };
        let checked: Vec<Checked> = items
            .iter()
            .map(|item| item.transaction.clone().check_unsigned(&self.network))
            .collect::<Result<_, _>>()
            .map_err(|error| disagrees(error.to_string()))?;
        let context = Context { network: self.network, height, time_ms };
        let executed = execute(self, &context, &checked).map_err(|source| RowsError::Execute { height, source })?;
        let mut touched = Touched::default();
        for (item, done) in items.iter().zip(&executed.done) {
            if done.entry.outcome != item.outcome || done.events != item.events {
                return Err(disagrees(format!("transaction {} has another outcome", item.id)));
            }
            done.events.iter().for_each(|event| touch(&mut touched, event));
        }
        for (key, value) in &executed.changes {
            batch.put(STATE, key.as_bytes(), value.as_slice());
        }
        index::write(self, height, time_ms, items, &executed, batch)?;
        Ok(touched)
    }

    fn write(&self, mut batch: Batch, tip: Tip, cursor: &Cursor) -> Result<(), RowsError> {
        let bytes = |value: Result<Vec<u8>, std::io::Error>| value.expect("writing to memory does not fail");
        batch.put(META, b"cursor".as_slice(), bytes(borsh::to_vec(cursor)));
        batch.put(META, b"tip".as_slice(), bytes(borsh::to_vec(&tip)));
        batch.put(META, b"format".as_slice(), FORMAT.to_be_bytes());
        self.kv.write(batch)?;
        *self.tip.write() = tip;
        Ok(())
    }
}

fn touch(touched: &mut Touched, event: &Event) {
    match event {
        Event::DatasetPublished { dataset, .. }
        | Event::DatasetRevised { dataset, .. }
        | Event::DatasetListed { dataset, .. }
        | Event::VersionAdded { dataset, .. }
        | Event::OfferMade { dataset, .. }
        | Event::OfferWithdrawn { dataset, .. } => {
            touched.datasets.insert(*dataset);
        }
        Event::SideTakenDown { dataset, side, .. } => {
            touched.datasets.insert(*dataset);
            touched.taken_down.push(*side);
        }
        Event::SideBodyTakenDown { side, .. } => touched.taken_down.push(*side),
        _ => {}
    }
}
