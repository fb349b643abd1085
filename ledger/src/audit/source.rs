//! Where an audit takes blocks from.

use super::{Missed, decode_seal};
use crate::{
    api::{BlockPage, client::Client},
    block::Block,
    era,
    store::Store,
};
use contracts::id::Height;
use parking_lot::Mutex;
use std::{collections::VecDeque, time::Duration};

/// Blocks, one after the other.
pub(super) trait Source {
    /// The last height.
    fn last(&self) -> Result<Height, String>;
    /// The block at `height`; asked for in order.
    fn block(&self, height: Height) -> Result<BlockPage, Missed>;
}

/// A store on this machine.
pub(super) struct Folder {
    store: Store,
}

impl Folder {
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Source for Folder {
    fn last(&self) -> Result<Height, String> {
        let tip = self.store.tip().map_err(|error| error.to_string())?;
        Ok(tip.ok_or("the store is empty")?.height)
    }

    fn block(&self, height: Height) -> Result<BlockPage, Missed> {
        let reader = self.store.reader();
        let header = reader.header(height)?.ok_or("its header is missing")?;
        let transactions = reader.bodies(height)?.ok_or_else(|| match reader.pruned() {
            Ok(pruned) if height <= pruned => "its transactions were pruned, and the archive has no file of them",
            _ => "its transactions are missing",
        })?;
        let seal = reader.seal(height)?.ok_or("its seal is missing")?;
        Ok(BlockPage {
            block: Block { header, transactions },
            results: reader.results(height)?.ok_or("its results are missing")?,
            certificate: reader.certificate(height)?.ok_or("its certificate is missing")?,
            seal: decode_seal(&seal)?,
            change: era::change_after(&reader, height).map_err(|error| error.to_string())?,
        })
    }
}

/// A store that lacks some of its blocks, and a node that has them.
pub(super) struct Completed {
    pub folder: Folder,
    /// It has none up to this height.
    pub base: Height,
    pub node: Node,
}

impl Source for Completed {
    fn last(&self) -> Result<Height, String> {
        self.folder.last()
    }

    fn block(&self, height: Height) -> Result<BlockPage, Missed> {
        let is_here = height > self.base && self.folder.store.reader().has_bodies(height)?;
        if is_here { self.folder.block(height) } else { self.node.block(height) }
    }
}

/// A running node.
pub(super) struct Node {
    client: Client,
    runtime: tokio::runtime::Handle,
    last: Height,
    ahead: Mutex<VecDeque<BlockPage>>,
}

impl Node {
    pub fn new(client: Client, runtime: tokio::runtime::Handle, last: Height) -> Self {
        Self { client, runtime, last, ahead: Mutex::default() }
    }
}

impl Source for Node {
    fn last(&self) -> Result<Height, String> {
        Ok(self.last)
    }

    fn block(&self, height: Height) -> Result<BlockPage, Missed> {
        let mut ahead = self.ahead.lock();
        let is_before = |page: &BlockPage| page.block.header.entry.height < height;
        while ahead.front().is_some_and(is_before) {
            ahead.pop_front();
        }
        if ahead.is_empty() {
            let pages = self.runtime.block_on(self.client.blocks(height - 1, Duration::ZERO));
            ahead.extend(pages.map_err(|error| error.to_string())?);
        }
        Ok(ahead.pop_front().ok_or("the node does not serve it")?)
    }
}
