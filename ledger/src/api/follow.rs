//! Following: every block from a cursor on, verified, in order.
//!
//! A follower recomputes each block's part of the log from the transactions and events it was sent
//! and compares the root with the one that a quorum sealed; nothing that the node says is believed
//! otherwise. It does not execute: whoever wants that runs `lonja audit`. Services keep the cursor
//! in the same batch as the rows they make of a block, so they can stop anywhere. The records of validator sets that
//! lead up to a cursor their client keeps ([`Client::keeping`]), durable before a block is handed out: a service that
//! begins again from the anchor would believe keys again that were revoked while it ran.

use super::{
    client::{Client, ClientError, UnknownRules},
    types::BlockPage,
};
use crate::{
    era,
    log::proof::TreeHead,
    store::StoredResult,
    unexecuted::{self, Place},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    founding::Founding,
    id::{Digest, Height, TimeMs, TransactionId},
    merkle::Frontier,
    outcome::{BlockEntry, Outcome},
    transaction::{Checked, Transaction},
};
use std::{
    mem::{Discriminant, discriminant, take},
    time::Duration,
};

/// Where a follower is. Before the first block it is `Cursor::default()`.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Cursor {
    /// Height of the last block that was followed; 0 before the first.
    pub height: Height,
    /// Its id; nothing before the first.
    pub block: Option<Digest>,
    /// The log after it.
    pub log: Frontier,
}

/// A follower of one node.
pub struct Follower {
    client: Client,
    cursor: Cursor,
    founded: bool,
    /// Are all decisions on rules known that were made up to the cursor?
    asked: bool,
    unknown: Option<UnknownRules>,
}

/// One verified block.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// Its id.
    pub block_id: Digest,
    /// Its log entry.
    pub entry: BlockEntry,
    /// Size and root of the log after it.
    pub head: TreeHead,
    /// Its transactions, in order.
    pub items: Vec<FollowedItem>,
    /// Where the follower is after it. Keep it with what you make of the block.
    pub cursor: Cursor,
    /// With block 1: what the network was founded with.
    pub founding: Option<Founding>,
}

/// One transaction of a verified block.
#[derive(Clone, Debug)]
pub struct FollowedItem {
    /// Its id.
    pub id: TransactionId,
    /// Number of its log entry.
    pub index: u64,
    /// What was signed.
    pub transaction: Transaction,
    /// Applied, or refused.
    pub outcome: Outcome,
    /// What happened.
    pub events: Vec<Event>,
}

impl Follower {
    /// Follows from `cursor` on.
    pub fn new(client: Client, cursor: Cursor) -> Self {
        let founded = cursor.height > 0;
        // From the founding on, the blocks tell of every decision.
        Self { client, cursor, founded, asked: !founded, unknown: None }
    }

    /// Where it is.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The next blocks, or none if there is no new one within `wait`.
    ///
    /// # Errors
    /// [`ClientError`]; the follower stays where it was, and may ask again. [`ClientError::Rules`] where the next block
    /// goes by rules that this release does not know: no block from there on is taken.
    pub async fn next(&mut self, wait: Duration) -> Result<Vec<Followed>, ClientError> {
        let after = self.cursor.height;
        self.ask_for_rules().await?;
        let mut pages = self.client.blocks_before(after, wait, self.unknown).await?;
        if !self.asked && !pages.is_empty() {
            // The node was behind the cursor.
            self.ask_for_rules().await?;
            pages.truncate(self.unknown.map_or(usize::MAX, |unknown| unknown.blocks_after(after) as usize));
        }
        let mut founding = None;
        if !self.founded && !pages.is_empty() {
            founding = Some(self.client.document().await?.document.founding);
        }
        let mut cursor = self.cursor.clone();
        let mut blocks = Vec::with_capacity(pages.len());
        for page in pages {
            let header = &page.block.header;
            if self.client.trust().era(header.log_size).digest() != header.entry.validators {
                // The set has changed since the client learned of it, or the block does not hold.
                self.client.refresh().await?;
            }
            let followed = verify(&self.client, &cursor, page, founding.take());
            let followed = followed.map_err(|reason| self.client.untrue(reason))?;
            cursor = followed.cursor.clone();
            blocks.push(followed);
        }
        // Before anybody keeps what was made of them.
        self.client.keep().await?;
        let items = blocks.iter().flat_map(|block| &block.items);
        self.unknown = items.flat_map(|item| &item.events).fold(self.unknown, UnknownRules::after);
        self.founded |= cursor.height > 0;
        self.cursor = cursor;
        Ok(blocks)
    }

    /// Asks once what was decided before the cursor, as soon as the node is that far.
    async fn ask_for_rules(&mut self) -> Result<(), ClientError> {
        if !self.asked {
            let (height, unknown) = self.client.unknown_rules().await?;
            self.asked = height >= self.cursor.height;
            self.unknown = unknown;
        }
        Ok(())
    }
}

/// What a service has said of a node that it cannot follow. It says each kind of reason once, and once that it is over:
/// attempts come twice a second, and a log that repeats them is not read.
#[derive(Debug, Default)]
pub struct Said(Vec<Discriminant<ClientError>>);

impl Said {
    /// Following came to nothing. Is the kind of `error` new, since following went well?
    pub fn is_news(&mut self, error: &ClientError) -> bool {
        let kind = discriminant(error);
        let is_news = !self.0.contains(&kind);
        if is_news {
            self.0.push(kind);
        }
        is_news
    }

    /// Following went well. Is that new?
    pub fn is_over(&mut self) -> bool {
        !take(&mut self.0).is_empty()
    }
}

/// Verifies the block that follows `cursor`, or says what is wrong with it.
pub(crate) fn verify(
    client: &Client,
    cursor: &Cursor,
    page: BlockPage,
    founding: Option<Founding>,
) -> Result<Followed, String> {
    let height = page.block.header.entry.height;
    verified(client, cursor, page, founding).map_err(|reason| format!("block {height}: {reason}"))
}

fn verified(client: &Client, cursor: &Cursor, page: BlockPage, founding: Option<Founding>) -> Result<Followed, String> {
    let BlockPage { block, results, certificate, seal, change } = page;
    let (header, network, trust) = (&block.header, client.network(), client.trust());
    let head = unexecuted::head(header);
    // First of all, since it says most of a block that somebody made with keys of a set that gave way. Keys that were
    // lost since do not matter here: the newest block's set vouches for all before it.
    seal.verify_in_its_time(&trust, &head).map_err(|error| error.to_string())?;
    let parent = cursor.block.unwrap_or(Digest(network.0));
    let place = Place { height: cursor.height, block: parent, log: cursor.log.clone() };
    let (after, _) = unexecuted::follows(&place, header, &results)?;
    let transactions = unexecuted::transactions(&network, &block.transactions, header, &results)?;
    certificate.verify_of(header, &network, trust.era(head.size)).map_err(|error| error.to_string())?;
    if header.ends_era() {
        era::check_closes(change.as_ref(), header)?;
        client.learn(change.as_slice()).map_err(|error| error.to_string())?;
    }
    let first = cursor.log.count();
    let item = |(place, (transaction, result)): (usize, (Checked, StoredResult))| FollowedItem {
        id: transaction.id(),
        index: first + place as u64,
        transaction: transaction.transaction().clone(),
        outcome: result.entry.outcome,
        events: result.events,
    };
    let items = transactions.into_iter().zip(results).enumerate().map(item).collect();
    Ok(Followed {
        height: after.height,
        time_ms: header.entry.time_ms,
        block_id: after.block,
        entry: header.entry,
        head,
        items,
        cursor: Cursor { height: after.height, block: Some(after.block), log: after.log },
        founding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_away_is_told_once_and_so_is_its_return() {
        let url = || "http://127.0.0.1:7100".to_owned();
        let away = |reason: &str| ClientError::Unreachable { url: url(), reason: reason.into() };
        let untrue = ClientError::Untrue { url: url(), reason: "block 7: another parent".into() };
        let mut said = Said::default();
        assert!(!said.is_over(), "nothing was wrong yet");
        for _ in 0..2 {
            assert!(said.is_news(&away("connection refused")));
            assert!(!said.is_news(&away("connection refused")) && !said.is_news(&away("connection reset")));
            // One that says what does not hold is another matter, and not to be lost among attempts.
            assert!(said.is_news(&untrue) && !said.is_news(&untrue));
            assert!(!said.is_news(&away("connection refused")), "both go on in turn");
            assert!(said.is_over() && !said.is_over());
        }
    }
}
