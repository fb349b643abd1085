//! Where an audit takes blocks from.

use super::decode_seal;
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
    fn block(&self, height: Height) -> Result<BlockPage, String>;
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

    fn block(&self, height: Height) -> Result<BlockPage, String> {
        let reader = self.store.reader();
        let text = |error: crate::store::StoreError| error.to_string();
        let header = reader.header(height).map_err(text)?.ok_or("its header is missing")?;
        let transactions = reader.bodies(height).map_err(text)?.ok_or("its transactions are missing")?;
        let seal = reader.seal(height).map_err(text)?.ok_or("its seal is missing")?;
        Ok(BlockPage {
            block: Block { header, transactions },
            results: reader.results(height).map_err(text)?.ok_or("its results are missing")?,
            certificate: reader.certificate(height).map_err(text)?.ok_or("its certificate is missing")?,
            seal: decode_seal(&seal)?,
            change: era::change_after(&reader, height).map_err(|error| error.to_string())?,
        })
    }
}

/// A store that begins after the block of some height, with those up to it from a node that has them.
pub(super) struct Joined {
    pub after: Folder,
    pub before: Node,
}

impl Source for Joined {
    fn last(&self) -> Result<Height, String> {
        self.after.last()
    }

    fn block(&self, height: Height) -> Result<BlockPage, String> {
        if height <= self.before.last { self.before.block(height) } else { self.after.block(height) }
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

    fn block(&self, height: Height) -> Result<BlockPage, String> {
        let mut ahead = self.ahead.lock();
        if ahead.is_empty() {
            let pages = self.runtime.block_on(self.client.blocks(height - 1, Duration::ZERO));
            ahead.extend(pages.map_err(|error| error.to_string())?);
        }
        ahead.pop_front().ok_or_else(|| "the node does not serve it".into())
    }
}
