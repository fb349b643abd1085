//! Where an audit takes blocks from.

use super::{Missed, decode_seal};
use crate::{
    api::{
        BlockPage,
        client::{Client, ClientError},
    },
    block::Block,
    era,
    limits::UNSEALED_HEIGHTS_MAX,
    ordering::Certificate,
    receipt::{Seal, SetChange, Trust},
    store::{Reader, Store, StoredResult},
};
use contracts::{governance::Governance, id::Height, validators::ValidatorSet};
use parking_lot::Mutex;
use std::{collections::VecDeque, sync::Arc, thread, time::Duration};

/// How long is waited before each further attempt to have an answer of a node: long enough for one that starts again,
/// and short enough for whoever waits for the verdict.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// HTTP status of what a node had and has not kept.
const GONE: u16 = 410;

/// A block, and what is kept beside it.
pub(super) struct Page {
    pub block: Block,
    pub results: Vec<StoredResult>,
    pub certificate: Certificate,
    pub seal: Option<Seal>,
    pub change: Option<SetChange>,
    /// Must seal and record be there? Else they may be on their way still ([`sealed`]).
    pub due: bool,
    pub lent: Lent,
}

impl From<BlockPage> for Page {
    fn from(page: BlockPage) -> Self {
        let BlockPage { block, results, certificate, seal, change } = page;
        Self { block, results, certificate, seal: Some(seal), change, due: true, lent: Lent::Nothing }
    }
}

/// What of a page is of another than whom the audit is about: the node at this URL, which completes a directory. The
/// record by which an era ends is always the directory's own.
pub(super) enum Lent {
    Nothing,
    Transactions(String),
    Block(String),
}

impl Lent {
    /// What it means that the transactions are not those of the header.
    pub fn other_transactions(&self, what: impl ToString) -> Missed {
        match self {
            Self::Nothing => Missed::Wrong(what.to_string()),
            Self::Transactions(url) | Self::Block(url) => untrue(url, what),
        }
    }

    /// What it means that header, results, certificate or seal do not hold.
    pub fn untrue(&self, what: impl ToString) -> Missed {
        match self {
            Self::Nothing | Self::Transactions(_) => Missed::Wrong(what.to_string()),
            Self::Block(url) => untrue(url, what),
        }
    }
}

/// A node that lends what does not hold says nothing about the directory, and another may lend the rest.
fn untrue(url: &str, what: impl ToString) -> Missed {
    Missed::Away(format!("the node at {url} serves a block that does not hold: {}", what.to_string()))
}

/// The newest height that must have its seal, and where it ends an era the record of that. One of several validators
/// commits a height, and the signatures of others come a moment later: a node that stops in between lacks those of its
/// newest heights, or of some of them, and asks for them when it starts. That these are decided, their certificates show.
/// A single validator lacks that of the newest at most ([`is_sealed_alone`]).
pub(super) fn sealed(reader: &Reader, tip: Height) -> Result<Height, Missed> {
    let ends = reader.header(tip)?.is_some_and(|header| header.ends_era());
    let passed_on = !ends || era::change_after(reader, tip).map_err(|error| error.to_string())?.is_some();
    let newest = if passed_on { tip } else { tip - 1 };
    // One more may be at work when no more are begun.
    let mut height = tip.saturating_sub(UNSEALED_HEIGHTS_MAX as Height + 1).max(reader.base()?);
    while height < newest && reader.seal(height + 1)?.is_some() {
        height += 1;
    }
    Ok(height)
}

/// Must the seal of `height` be there since `set` is a single validator? That makes no block before the last is sealed,
/// and seals the newest when it starts, where it stopped in between.
pub(super) fn is_sealed_alone(set: &ValidatorSet, height: Height, tip: Height) -> bool {
    set.validators.len() == 1 && height < tip
}

/// Blocks, one after the other.
pub(super) trait Source {
    /// The last height.
    fn last(&self) -> Result<Height, String>;
    /// The block at `height`; asked for in order.
    fn block(&self, height: Height) -> Result<Page, Missed>;
}

/// A store on this machine.
pub(super) struct Folder {
    store: Store,
    sealed: Height,
}

impl Folder {
    pub fn new(store: Store) -> Self {
        // What cannot be read is found at its height: until then everything must be there.
        let tip = store.tip().ok().flatten().map_or(0, |tip| tip.height);
        let sealed = sealed(&store.reader(), tip).unwrap_or(tip);
        Self { store, sealed }
    }

    /// What is here of the block at `height`, with `transactions`.
    fn page(
        &self,
        reader: &Reader,
        height: Height,
        transactions: Result<Vec<Vec<u8>>, Missed>,
        lent: Lent,
    ) -> Result<Page, Missed> {
        let header = reader.header(height)?.ok_or("its header is missing")?;
        Ok(Page {
            block: Block { header, transactions: transactions? },
            results: reader.results(height)?.ok_or("its results are missing")?,
            certificate: reader.certificate(height)?.ok_or("its certificate is missing")?,
            seal: reader.seal(height)?.map(|seal| decode_seal(&seal)).transpose()?,
            due: height <= self.sealed,
            change: era::change_after(reader, height).map_err(|error| error.to_string())?,
            lent,
        })
    }
}

impl Source for Folder {
    fn last(&self) -> Result<Height, String> {
        let tip = self.store.tip().map_err(|error| error.to_string())?;
        Ok(tip.ok_or("the store is empty")?.height)
    }

    fn block(&self, height: Height) -> Result<Page, Missed> {
        let reader = self.store.reader();
        let transactions = reader.bodies(height)?.ok_or_else(|| match reader.pruned() {
            Ok(pruned) if height <= pruned => "its transactions were pruned, and the archive has no file of them",
            _ => "its transactions are missing",
        });
        self.page(&reader, height, transactions.map_err(Missed::from), Lent::Nothing)
    }
}

/// A store that lacks some of its blocks, and a node that has them.
///
/// No more is taken of the node than is lacking. Certificates, seals and records of changes are the first quorum that
/// each node stored, so that the node's are other ones than the store's, and both are good.
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

    fn block(&self, height: Height) -> Result<Page, Missed> {
        let reader = self.folder.store.reader();
        if height > self.base && reader.has_bodies(height)? {
            return self.folder.block(height);
        }
        let url = self.node.url().to_owned();
        let page = self.node.block(height).map_err(|missed| match missed {
            // It names the node.
            Missed::Wrong(what) => Missed::Away(what),
            other => other,
        });
        if height > self.base {
            let transactions = page.map(|page| page.block.transactions);
            return self.folder.page(&reader, height, transactions, Lent::Transactions(url));
        }
        let page = page?;
        let header = &page.block.header;
        if header.entry.height != height {
            return Err(untrue(&url, format!("it is block {}, and {height} was asked for", header.entry.height)));
        }
        let change = era::change_at(&reader, header.log_size).map_err(|error| error.to_string())?;
        Ok(Page { change, lent: Lent::Block(url), ..page })
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

    /// All that the node says it has.
    pub fn whole(client: Client, runtime: tokio::runtime::Handle) -> Result<Self, Missed> {
        let mut node = Self::new(client, runtime, 0);
        node.last = node.ask(async || node.client.status().await)?.height;
        Ok(node)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.client.url()
    }

    /// What was known of validator sets before the node was asked.
    pub fn trust(&self) -> Arc<Trust> {
        self.client.trust()
    }

    /// The height of its newest block, whose seal is verified.
    pub fn newest(&self) -> Result<Height, Missed> {
        let newest = self.ask(async || self.client.record::<Governance>(&Governance::key()).await)?;
        Ok(newest.block.height)
    }

    /// Blocks from `height` on; one at least.
    fn pages(&self, height: Height) -> Result<Vec<BlockPage>, Missed> {
        patiently(|| {
            let pages = self.once(async || self.client.blocks(height - 1, Duration::ZERO).await)?;
            // It may be behind what it said, where several nodes answer at one address.
            let nothing = || Missed::Away(format!("the node at {} does not serve block {height}", self.client.url()));
            if pages.is_empty() { Err(nothing()) } else { Ok(pages) }
        })
    }

    fn ask<T>(&self, question: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, Missed> {
        patiently(|| self.once(&question))
    }

    fn once<T>(&self, question: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, Missed> {
        self.runtime.block_on(question()).map_err(|error| missed(&self.client, &error))
    }
}

impl Source for Node {
    fn last(&self) -> Result<Height, String> {
        Ok(self.last)
    }

    fn block(&self, height: Height) -> Result<Page, Missed> {
        let mut ahead = self.ahead.lock();
        let is_before = |page: &BlockPage| page.block.header.entry.height < height;
        while ahead.front().is_some_and(is_before) {
            ahead.pop_front();
        }
        if ahead.is_empty() {
            ahead.extend(self.pages(height)?);
        }
        Ok(ahead.pop_front().ok_or("the node does not serve it")?.into())
    }
}

/// Asks again, a few times, for as long as nobody answers.
fn patiently<T>(question: impl Fn() -> Result<T, Missed>) -> Result<T, Missed> {
    for pause in PAUSES {
        match question() {
            Err(Missed::Away(_)) => thread::sleep(pause),
            answer => return answer,
        }
    }
    question()
}

/// What it means for an audit that a node gave no answer. Only what it served can be wrong: who is away, busy or broken
/// has said nothing about the ledger.
fn missed(client: &Client, error: &ClientError) -> Missed {
    match error {
        ClientError::Untrue { .. } => Missed::Wrong(error.to_string()),
        ClientError::Rules(_) => Missed::Newer(error.to_string()),
        ClientError::Problem(problem) => {
            let said = format!("the node at {} answers: {problem}", client.url());
            if problem.status == GONE { Missed::Gone(said) } else { Missed::Away(said) }
        }
        ClientError::Unreachable { .. } | ClientError::Sign(_) | ClientError::Setup(_) | ClientError::Kept(_) => {
            Missed::Away(error.to_string())
        }
    }
}
