//! The chain: proposes, verifies and commits blocks. Every block is executed before it is ordered.
//!
//! Owns the tip and the replay set. Takes values and returns values, except for reading the store
//! and, in [`Chain::commit`], the one durable batch. Ordering, keys and sockets are elsewhere.

use crate::{
    block::{Block, Header, entries},
    limits::{PRUNE_VERSIONS_PER_BLOCK_MAX, STATE_VERSIONS_KEPT},
    log::{self, SubtreeHash},
    ordering::Certificate,
    replay::ReplaySet,
    snapshot::Stations,
    spans::number,
    store::{Commit, HistoryPointer, Place, Store, StoreError, StoredResult, Tip},
    time,
    tree::{self, MemoryNodes, TreeError},
    verified::Verified,
};
use contracts::{
    execute::{self, Context, ExecuteError, Executed, Inadmissible, Selected},
    founding::Founding,
    governance::protocol,
    id::{Digest, Height, NetworkId, TimeMs, TransactionId},
    limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, VALIDITY_BLOCKS_MAX},
    merkle::Frontier,
    outcome::BlockEntry,
    rejection::Malformed,
    state::{Fault, Reading, Record},
    transaction::{Checked, Transaction, TransactionError},
    validators::ValidatorSet,
};
use rayon::prelude::*;
use std::sync::Arc;

/// The chain of one network, on one store.
pub struct Chain {
    store: Store,
    tip: Tip,
    replay: ReplaySet,
    /// The newest version whose stale nodes were deleted. Without it each block would walk over the
    /// marks of all deletions before it, which RocksDB keeps until it compacts.
    pruned: u64,
    verified: Arc<Verified>,
    stations: Option<Arc<Stations>>,
}

/// A block that was executed and can be committed as soon as it is ordered.
pub struct Prepared {
    /// Its header.
    pub header: Header,
    transactions: Vec<Checked>,
    executed: Executed,
    tree: tree::TreeUpdate,
    hashes: Vec<SubtreeHash>,
    log: Frontier,
}

impl Prepared {
    /// The block as it is sent to others.
    pub fn block(&self) -> Block {
        let transactions = self.transactions.iter().map(|one| one.bytes().to_vec()).collect();
        Block { header: self.header.clone(), transactions }
    }
}

/// What a block left, for those who wait for it.
pub struct Committed {
    /// Its header.
    pub header: Header,
    /// What became of its transactions, in order.
    pub results: Vec<StoredResult>,
    /// Hashes by which paths from its entries to its root are made without reading the store.
    pub hashes: Vec<SubtreeHash>,
    /// The log before it.
    pub log_before: Frontier,
    /// The log after it.
    pub log: Frontier,
    /// How many records it wrote.
    pub keys: u64,
}

/// Why the chain could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The founding is not valid.
    #[error("the founding document: {0}")]
    Founding(#[from] Malformed),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state tree of the founding could not be made.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A part of the newest block is missing or does not fit the rest.
    #[error("the store does not fit together at height {height}: {reason}")]
    Inconsistent {
        /// Where.
        height: Height,
        /// What does not fit.
        reason: String,
    },
    /// The next block goes by rules that are not these.
    #[error(transparent)]
    Rules(#[from] ExecuteError),
}

/// Whose fault it is that a block could not be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours: our store failed, or the block goes by a version of the rules that this release does not know. It says
    /// nothing about the block, and whoever executes has to stop.
    Ours,
    /// The block's. Whoever has the state before it finds so, today and in any audit.
    TheBlocks,
    /// That cannot be told: others may find otherwise.
    Unknown,
}

impl BlockError {
    /// Whose fault it is. A block is blamed for what follows from it and the state before it alone, since validators
    /// give their word for that; each kind of error is decided here, and none by default.
    pub fn whose(&self) -> Whose {
        match self {
            Self::Store(_) | Self::Fault(_) | Self::Tree(_) | Self::Damaged(_) => Whose::Ours,
            Self::Execute(ExecuteError::ProtocolUnknown { .. } | ExecuteError::Fault(_)) => Whose::Ours,
            // It may be far ahead of us, and good; and where money does not add up, it is a rule that is wrong.
            Self::Height { .. } | Self::Execute(ExecuteError::MoneyOutOfBalance { .. }) => Whose::Unknown,
            // What came is not the block that its header names, of which it says nothing.
            Self::NotWhole => Whose::Unknown,
            Self::Time { .. }
            | Self::TooLarge { .. }
            | Self::Transaction { .. }
            | Self::Replayed(_)
            | Self::Execute(ExecuteError::Inadmissible { .. })
            | Self::Header(_) => Whose::TheBlocks,
        }
    }

    /// Does whoever executes have to stop?
    pub fn is_ours(&self) -> bool {
        self.whose() == Whose::Ours
    }
}

/// Why a block is not valid, or could not be executed.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// It is not the next one.
    #[error("the block is for height {found}, the next is {expected}")]
    Height {
        /// Height of the block.
        found: Height,
        /// Height that comes next.
        expected: Height,
    },
    /// Too many transactions or bytes.
    #[error(
        "the block has {transactions} transactions of {bytes} bytes, allowed are {BLOCK_TRANSACTIONS_MAX} and {BLOCK_BYTES_MAX}"
    )]
    TooLarge {
        /// How many.
        transactions: usize,
        /// How large.
        bytes: usize,
    },
    /// Its time is not after its parent's.
    #[error("the block's time {found} is not after {parent}")]
    Time {
        /// Time of the block.
        found: TimeMs,
        /// Time of its parent.
        parent: TimeMs,
    },
    /// Its transactions are not those that its header commits to.
    #[error("the block's transactions are not those that its header names")]
    NotWhole,
    /// One of its transactions is none.
    #[error("transaction {index} of the block: {source}")]
    Transaction {
        /// Its place.
        index: usize,
        /// What is wrong.
        #[source]
        source: TransactionError,
    },
    /// One of its transactions was there before.
    #[error("transaction {0} of the block is in the ledger already")]
    Replayed(TransactionId),
    /// What it says of itself is not what executing it gives.
    #[error("the block's header is not what executing it gives ({0})")]
    Header(&'static str),
    /// It could not be executed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The state tree could not be updated.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The state could not be read.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// A record or block that must be there is missing, or is none.
    #[error("the store is damaged: {0}")]
    Damaged(&'static str),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Chain {
    /// Opens the chain on `store`, writing the founding state if there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(store: Store, network: NetworkId, founding: &Founding) -> Result<Self, OpenError> {
        let tip = match store.tip()? {
            Some(tip) if tip.network != network => {
                return Err(StoreError::OtherNetwork { found: tip.network, expected: network }.into());
            }
            Some(tip) => tip,
            None => found(&store, network, founding)?,
        };
        check_tip(&store, &tip)?;
        protocol::known(&store.reader(), tip.height + 1)?;
        let replay = read_replay(&store, tip.height)?;
        Ok(Self { store, tip, replay, pruned: 0, verified: Arc::default(), stations: None })
    }

    /// Tells `stations` of each block from now on.
    pub fn hand_on(&mut self, stations: Arc<Stations>) {
        self.stations = Some(stations);
    }

    /// Where the chain stands.
    pub fn tip(&self) -> &Tip {
        &self.tip
    }

    /// The store that it is on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes the next block of as many `candidates` as may be in it. Returns it with those left out.
    ///
    /// # Errors
    /// [`BlockError`], never because of a candidate.
    pub fn propose(
        &self,
        candidates: Vec<Checked>,
        clock_ms: TimeMs,
        round: u32,
    ) -> Result<(Prepared, Vec<(TransactionId, Inadmissible)>), BlockError> {
        let _span = tracing::info_span!("execute", lonja.candidates = number(candidates.len())).entered();
        let context = self.context(time::stamp(self.tip.time_ms, clock_ms));
        let mut seen = std::collections::HashSet::new();
        let (fresh, replayed): (Vec<_>, Vec<_>) = candidates
            .into_iter()
            .partition(|candidate| !self.replay.contains(&candidate.id()) && seen.insert(candidate.id()));
        let mut dropped: Vec<_> =
            replayed.into_iter().map(|candidate| (candidate.id(), Inadmissible::Replayed(candidate.id()))).collect();
        let ids: Vec<_> = fresh.iter().map(Checked::id).collect();
        let reader = self.store.reader();
        let Selected { transactions, executed, dropped: out } = execute::select(&reader, &context, fresh)?;
        dropped.extend(out.into_iter().map(|(index, reason)| (ids[index], reason)));
        Ok((self.prepare(&context, round, transactions, executed)?, dropped))
    }

    /// Executes a block that somebody else proposed.
    ///
    /// # Errors
    /// [`BlockError`] says why it is not valid.
    pub fn verify(&self, block: &Block) -> Result<Prepared, BlockError> {
        self.verify_whole(block).map_err(|error| match error.whose() {
            Whose::TheBlocks if !block.is_whole() => BlockError::NotWhole,
            _ => error,
        })
    }

    /// The same of a block that is whole: of another, an error blames what its header does not name.
    fn verify_whole(&self, block: &Block) -> Result<Prepared, BlockError> {
        let _span = tracing::info_span!("execute", lonja.transactions = number(block.transactions.len())).entered();
        let said = &block.header.entry;
        let expected = self.tip.height + 1;
        if said.height != expected {
            return Err(BlockError::Height { found: said.height, expected });
        }
        // Before anything is decoded: what later rules know as a transaction is none to these.
        protocol::known(&self.store.reader(), expected)?;
        let bytes = block.transactions.iter().map(Vec::len).sum();
        if block.transactions.len() > BLOCK_TRANSACTIONS_MAX || bytes > BLOCK_BYTES_MAX {
            return Err(BlockError::TooLarge { transactions: block.transactions.len(), bytes });
        }
        if said.time_ms <= self.tip.time_ms {
            return Err(BlockError::Time { found: said.time_ms, parent: self.tip.time_ms });
        }
        let decode = |(index, bytes): (usize, &Vec<u8>)| {
            let checked =
                Transaction::decode(bytes).and_then(|transaction| self.verified.check(transaction, &self.tip.network));
            checked.map_err(|source| BlockError::Transaction { index, source })
        };
        // Mostly signatures, each on its own: the order of work does not show in the result.
        let transactions: Vec<Checked> =
            block.transactions.par_iter().enumerate().map(decode).collect::<Result<_, _>>()?;
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = transactions.iter().find(|one| self.replay.contains(&one.id()) || !seen.insert(one.id())) {
            return Err(BlockError::Replayed(twice.id()));
        }
        let context = self.context(said.time_ms);
        let executed = execute::execute(&self.store.reader(), &context, &transactions)?;
        let prepared = self.prepare(&context, said.round, transactions, executed)?;
        compare(&block.header, &prepared.header)?;
        Ok(prepared)
    }

    /// Commits a block that was ordered: one durable batch. When this returns, power may fail.
    ///
    /// # Errors
    /// [`BlockError::Store`]; the process must then stop, since only opening the store anew tells
    /// whether the block is in it.
    ///
    /// # Panics
    /// When `certificate` is for another block: ordering is broken, and nothing may be written.
    pub fn commit(&mut self, prepared: Prepared, certificate: Certificate) -> Result<Committed, BlockError> {
        let Prepared { header, transactions, executed, tree, hashes, log } = prepared;
        let (height, id) = (header.entry.height, header.id());
        assert!(certificate.block == id && certificate.height == height, "what was ordered is what is committed");
        let _span = tracing::info_span!(
            "write",
            lonja.height = number(height),
            lonja.transactions = number(transactions.len()),
            lonja.bytes = number(transactions.iter().map(|one| one.bytes().len()).sum::<usize>()),
        )
        .entered();
        let oldest = height.saturating_sub(STATE_VERSIONS_KEPT);
        let prune = self.store.reader().stale(self.pruned + 1, oldest, PRUNE_VERSIONS_PER_BLOCK_MAX)?;
        let pruned = prune.last().map_or(self.pruned, |last| last.since);
        let mut results = Vec::with_capacity(executed.done.len());
        let mut histories = Vec::new();
        for (place, done) in executed.done.into_iter().enumerate() {
            let place = Place { height, place: place as u32 };
            let pointer = |number| HistoryPointer { place, number };
            histories.extend(done.histories.into_iter().map(|(key, index, number)| (key, index, pointer(number))));
            results.push(StoredResult { entry: done.entry, events: done.events });
        }
        let tip = Tip {
            network: self.tip.network,
            height,
            block: id,
            time_ms: header.entry.time_ms,
            log,
            state_root: header.entry.state_root,
        };
        let keys = executed.changes.len() as u64;
        self.store.commit(Commit {
            header: header.clone(),
            bodies: transactions.iter().map(|one| one.bytes().to_vec()).collect(),
            results: results.clone(),
            certificate,
            changes: executed.changes,
            histories,
            tree,
            hashes: hashes.clone(),
            prune,
            tip: tip.clone(),
        })?;
        if let Some(stations) = &self.stations {
            stations.committed(height);
        }
        self.pruned = pruned;
        self.replay.push(height, transactions.iter().map(Checked::id).collect());
        let log_before = std::mem::replace(&mut self.tip, tip).log;
        Ok(Committed { header, results, hashes, log_before, log: self.tip.log.clone(), keys })
    }

    /// Signatures that were verified a short while ago, for whoever verifies some before they are in a block.
    pub fn verified(&self) -> &Arc<Verified> {
        &self.verified
    }

    /// Is `id` in one of the last blocks?
    pub fn is_replay(&self, id: &TransactionId) -> bool {
        self.replay.contains(id)
    }

    fn context(&self, time_ms: TimeMs) -> Context {
        Context { network: self.tip.network, height: self.tip.height + 1, time_ms }
    }

    fn prepare(
        &self,
        context: &Context,
        round: u32,
        transactions: Vec<Checked>,
        executed: Executed,
    ) -> Result<Prepared, BlockError> {
        let reader = self.store.reader();
        let changes = executed.changes.iter().map(|(key, value)| (key, value.as_slice()));
        let tree = tree::update(&reader, Some(self.tip.height), context.height, changes)?;
        let set: ValidatorSet =
            reader.value(&ValidatorSet::key())?.ok_or(BlockError::Damaged("there is no validator set"))?;
        let next = executed.changes.get(&ValidatorSet::key()).map(|bytes| Record::<ValidatorSet>::decode(bytes));
        let next = next.transpose().map_err(|_| BlockError::Damaged("the next validator set cannot be read"))?;
        let next = next.map(|record| record.value);
        let ids: Vec<_> = transactions.iter().map(Checked::id).collect();
        let entry = BlockEntry {
            height: context.height,
            time_ms: context.time_ms,
            parent: self.tip.block,
            round,
            transactions: transactions.len() as u32,
            log_root_before: self.tip.log.root(),
            state_root: tree.root,
            validators: set.digest(),
            next_validators: next.as_ref().unwrap_or(&set).digest(),
            replay: self.replay.digest_with(context.height, &ids),
        };
        let leaves = entries(executed.done.iter().map(|done| &done.entry), &entry).map(|entry| entry.leaf());
        let (log, hashes) = log::append(&self.tip.log, leaves);
        let header = Header {
            entry,
            transactions: execute::digest_of_transactions(&transactions),
            log_size: log.count(),
            log_root: log.root(),
        };
        Ok(Prepared { header, transactions, executed, tree, hashes, log })
    }
}

/// Says which part of a header is not what executing the block gives.
fn compare(said: &Header, found: &Header) -> Result<(), BlockError> {
    let (a, b) = (&said.entry, &found.entry);
    for (same, what) in [
        (a.parent == b.parent, "parent"),
        (said.transactions == found.transactions && a.transactions == b.transactions, "transactions"),
        (a.log_root_before == b.log_root_before, "log root before"),
        (a.state_root == b.state_root, "state root"),
        (a.validators == b.validators && a.next_validators == b.next_validators, "validator set"),
        (a.replay == b.replay, "replay set"),
        (said == found, "log root"),
    ] {
        if !same {
            return Err(BlockError::Header(what));
        }
    }
    Ok(())
}

fn found(store: &Store, network: NetworkId, founding: &Founding) -> Result<Tip, OpenError> {
    let state = founding.state()?;
    let changes = state.iter().map(|(key, value)| (key, value.as_slice()));
    let tree = tree::update(&MemoryNodes::default(), None, 0, changes)?;
    let tip =
        Tip { network, height: 0, block: Digest(network.0), time_ms: 0, log: Frontier::EMPTY, state_root: tree.root };
    store.found(&tip, &state, tree)?;
    Ok(tip)
}

/// Checks that the tip is what the newest block and the tree say.
fn check_tip(store: &Store, tip: &Tip) -> Result<(), OpenError> {
    let wrong = |reason: &str| OpenError::Inconsistent { height: tip.height, reason: reason.to_string() };
    let reader = store.reader();
    Frontier::from_parts(tip.log.count(), tip.log.peaks().to_vec()).map_err(|error| wrong(&error.to_string()))?;
    if tree::root(&reader, tip.height)? != tip.state_root {
        return Err(wrong("the state tree has another root"));
    }
    if tip.height == 0 {
        return Ok(());
    }
    let header = reader.header(tip.height)?.ok_or_else(|| wrong("the newest block is missing"))?;
    if header.id() != tip.block {
        return Err(wrong("the newest block has another id"));
    }
    if header.log_root != tip.log.root() || header.log_size != tip.log.count() {
        return Err(wrong("the log has another root"));
    }
    if header.entry.state_root != tip.state_root || header.entry.time_ms != tip.time_ms {
        return Err(wrong("the newest block says another state or time"));
    }
    Ok(())
}

fn read_replay(store: &Store, height: Height) -> Result<ReplaySet, OpenError> {
    let reader = store.reader();
    let mut replay = ReplaySet::default();
    for height in (height.saturating_sub(VALIDITY_BLOCKS_MAX) + 1)..=height {
        let missing = || OpenError::Inconsistent { height, reason: "its results are missing".into() };
        let results = reader.results(height)?.ok_or_else(missing)?;
        replay.push(height, results.iter().map(|result| result.entry.transaction).collect());
    }
    let header = reader.header(height)?;
    if header.is_some_and(|header| header.entry.replay != replay.digest()) {
        return Err(OpenError::Inconsistent { height, reason: "the replay set has another digest".into() });
    }
    Ok(replay)
}

#[cfg(test)]
mod tests;
