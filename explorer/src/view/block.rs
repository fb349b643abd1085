//! One block, and the list of blocks.

use super::{AsOf, Missing, Said, as_of, era::link as era_link, unknown};
use crate::{
    index::{BlockRow, Reader},
    view::format::{Moment, moment},
    view::tell::{Link, Names, asks},
};
use contracts::id::Height;
use serde::Serialize;
use utoipa::ToSchema;

/// A block in a list and in live news.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlockSummary {
    /// Its height.
    pub height: u64,
    /// Its time.
    pub time: Moment,
    /// Its id.
    pub id: String,
    /// Transactions in it.
    pub transactions: u32,
    /// Of which refused.
    pub refused: u32,
}

/// A transaction in its block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TransactionSummary {
    /// Its id.
    pub id: String,
    /// Its place in the block.
    pub place: u32,
    /// Was it refused?
    pub refused: bool,
    /// What it asked for.
    pub asks: Said,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BlockView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// The block in short.
    pub block: BlockSummary,
    /// The block before it.
    pub parent: String,
    /// Proposal round; 0 where the first proposal was decided.
    pub round: u32,
    /// Root of the log before it.
    pub log_root_before: String,
    /// Root of the state tree after it.
    pub state_root: String,
    /// Digest of the set that decided it.
    pub validators: String,
    /// The era of that set.
    pub era: Option<Link>,
    /// Digest of the set that decides the next one.
    pub next_validators: String,
    /// The era of that one.
    pub next_era: Option<Link>,
    /// Digest of the ids refused as replays after it.
    pub replay: String,
    /// Log index of its own entry, the last of its entries.
    pub index: u64,
    /// Size of the log with it.
    pub log_size: u64,
    /// Is there a block after it?
    pub next: Option<u64>,
    /// Its transactions.
    pub transactions: Vec<TransactionSummary>,
    /// Place of the next transaction that is not shown here.
    pub more_from: Option<u32>,
}

/// A block in short.
pub fn summary(row: &BlockRow) -> BlockSummary {
    BlockSummary {
        height: row.entry.height,
        time: moment(row.entry.time_ms),
        id: row.id.to_string(),
        transactions: row.entry.transactions,
        refused: row.refused,
    }
}

/// The block at `height`, with its transactions from place `from` on.
///
/// # Errors
/// [`Missing`].
pub fn block(reader: &Reader, height: Height, from: u32, limit: usize) -> Result<BlockView, Missing> {
    let row = reader.block(height)?.ok_or_else(|| unknown(reader, "block", height))?;
    let names = Names(reader);
    let mut found = reader.rows(height, from, limit + 1)?;
    let more_from = (found.len() > limit).then(|| found[limit].0.place);
    found.truncate(limit);
    let transactions = found
        .iter()
        .map(|(at, row)| {
            let body = &row.transaction.body;
            let asks = asks(&names, &body.sender, &body.action)?.into();
            Ok(TransactionSummary { id: row.id.to_string(), place: at.place, refused: row.refused(), asks })
        })
        .collect::<Result<_, Missing>>()?;
    let index = row.first_index + u64::from(row.entry.transactions);
    Ok(BlockView {
        as_of: as_of(reader),
        block: summary(&row),
        parent: row.entry.parent.to_string(),
        round: row.entry.round,
        log_root_before: row.entry.log_root_before.to_string(),
        state_root: row.entry.state_root.to_string(),
        validators: row.entry.validators.to_string(),
        era: reader.era_at(height)?.map(|era| era_link(era.number)),
        next_validators: row.entry.next_validators.to_string(),
        next_era: reader.era_at(height + 1)?.map(|era| era_link(era.number)),
        replay: row.entry.replay.to_string(),
        index,
        log_size: index + 1,
        next: (height < reader.tip().height).then_some(height + 1),
        transactions,
        more_from,
    })
}

impl BlockView {
    /// Cursor of the transactions that are not shown here.
    pub fn more(&self) -> Option<String> {
        let at = |place| crate::index::At { height: self.block.height, place, event: 0 };
        self.more_from.map(|place| super::cursor(&at(place).bytes()))
    }
}
