//! The pieces of a snapshot: each is fetched from a source that has it as the ledger has it, checked, and kept.

use super::{
    Manifest, decode_chunk,
    join::{JoinError, Joined, Progress},
};
use crate::{
    api::{
        client::{Client, ClientError},
        follow::{Cursor, verify},
    },
    block::{Header, entries},
    limits::{SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_CHUNKS_AT_ONCE},
    log::{self, tile},
    ordering::Turns,
    receipt::SetChange,
    store::{Store, StoreError, Tip},
    tree,
};
use borsh::BorshDeserialize;
use contracts::{governance::Governance, id::Digest, merkle::Frontier};
use futures_util::{StreamExt, stream};
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

/// How long a source may keep a question for a block that it has.
const BLOCK_WAIT: Duration = Duration::from_secs(5);
/// Tiles of the log that are fetched at the same time: 8 KB each.
const TILES_AT_ONCE: usize = 8;
/// Chunks that a snapshot has.
const CHUNKS: u64 = tree::SUBTREES as u64;

/// Fetches something in borsh.
pub(super) async fn fetch<T: BorshDeserialize>(client: &Client, path: &str) -> Result<T, ClientError> {
    let bytes = client.get(path).await?;
    T::try_from_slice(&bytes).map_err(|error| client.untrue(format!("{path}: {error}")))
}

/// A ledger that is being fetched.
pub(super) struct Joining<'a> {
    /// Never empty.
    pub sources: Vec<(Client, Manifest)>,
    pub store: Store,
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// What was proven by the last blocks.
struct Proven {
    manifest: Manifest,
    header: Header,
    log: Frontier,
}

/// Why a piece was not taken from a source: something is wrong with it, or with our own store, which ends all.
enum Wrong {
    Source(ClientError),
    Store(StoreError),
}

impl From<ClientError> for Wrong {
    fn from(error: ClientError) -> Self {
        Self::Source(error)
    }
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Joining<'_> {
    /// Fetches all of it.
    pub async fn all(&self) -> Result<Joined, JoinError> {
        let proven = self.anywhere("the last blocks", 0, |source| self.blocks(source)).await?;
        let (manifest, header) = (&proven.manifest, &proven.header);
        let headers = self.anywhere("headers", 0, |(client, _)| headers(client, manifest)).await?;
        self.anywhere("the hashes of the log", 0, |(client, _)| self.hashes(client, manifest)).await?;
        let records = self.state(manifest).await?;
        // After the state, which alone says how many records there are: a chain that is cut short verifies.
        let count = self.changes_of_state()?;
        let changes = self.anywhere("the trust chain", 0, |(client, _)| changes(client, header, count)).await?;
        self.store.restore_histories(manifest.base.height + 1..=manifest.height)?;
        let (_, upper) = manifest.heads.upper(manifest.height);
        let tip = Tip {
            network: self.sources[0].0.network(),
            height: manifest.height,
            block: header.id(),
            time_ms: header.entry.time_ms,
            log: proven.log.clone(),
            state_root: header.entry.state_root,
        };
        self.store.restore_tip(&headers, &changes, upper, &manifest.base, &tip)?;
        Ok(Joined { height: manifest.height, base: manifest.base.height, records })
    }

    /// Fetches all chunks, and returns how many records they have. Where one is nowhere to be had, those that are on
    /// their way are waited for: the folder is left to nobody who writes into it still.
    async fn state(&self, manifest: &Manifest) -> Result<u64, JoinError> {
        let (done, failed) = (AtomicU64::new(0), AtomicBool::new(false));
        let chunks = stream::iter(0..=255u8).map(|number| {
            let (done, failed) = (&done, &failed);
            async move {
                if failed.load(Ordering::Relaxed) {
                    return Ok(0);
                }
                let what = format!("chunk {number} of the snapshot of height {}", manifest.height);
                let take = |(client, _): &'_ (Client, Manifest)| self.chunk(client.clone(), manifest, number);
                let taken = self.anywhere(&what, usize::from(number), take).await;
                failed.fetch_or(taken.is_err(), Ordering::Relaxed);
                (self.progress)(Progress::State(done.fetch_add(1, Ordering::Relaxed) + 1, CHUNKS));
                taken
            }
        });
        let taken: Vec<Result<u64, JoinError>> = chunks.buffer_unordered(SNAPSHOT_CHUNKS_AT_ONCE).collect().await;
        taken.into_iter().sum()
    }

    /// How often the set of validators has changed, by the state as it was fetched and checked.
    fn changes_of_state(&self) -> Result<usize, StoreError> {
        let governance = self.store.reader().records_of::<Governance>(&Governance::key(), 1)?;
        Ok(governance.first().map_or(0, |(_, governance)| governance.changes as usize))
    }

    /// Takes a piece from the first source, from number `first` on, that has it as the ledger has it.
    async fn anywhere<'s, T, F: Future<Output = Result<T, Wrong>>>(
        &'s self,
        what: &str,
        first: usize,
        take: impl Fn(&'s (Client, Manifest)) -> F,
    ) -> Result<T, JoinError> {
        let mut reasons = Vec::new();
        for turn in 0..self.sources.len() {
            let source = &self.sources[(first + turn) % self.sources.len()];
            match take(source).await {
                Ok(piece) => return Ok(piece),
                Err(Wrong::Store(error)) => return Err(error.into()),
                Err(Wrong::Source(error)) => {
                    tracing::warn!(what, %error, "not taken; the next source is asked");
                    reasons.push(error.to_string());
                }
            }
        }
        Err(JoinError::Nowhere { what: what.to_owned(), reasons: reasons.join("; ") })
    }

    /// Follows the blocks up to the snapshot, and finds out whether it is of the last of them.
    async fn blocks(&self, (client, manifest): &(Client, Manifest)) -> Result<Proven, Wrong> {
        let Manifest { height, base, heads, .. } = manifest;
        let mut cursor = Cursor { height: base.height, block: Some(base.block), log: base.log.clone() };
        let mut newest: Option<Header> = None;
        client.refresh().await?;
        // Before anything is decoded. A node would not start on it either.
        let unknown = client.unknown_rules().await?.1;
        if let Some(unknown) = unknown.filter(|unknown| unknown.blocks_after(*height) == 0) {
            return Err(ClientError::Rules(unknown).into());
        }
        while cursor.height < *height {
            let pages = client.blocks_before(cursor.height, BLOCK_WAIT, unknown).await?;
            if pages.is_empty() {
                return Err(client.untrue(format!("it does not serve block {}", cursor.height + 1)).into());
            }
            for page in pages.into_iter().take((height - cursor.height) as usize) {
                let followed = verify(client, &cursor, page.clone(), None).map_err(|reason| client.untrue(reason))?;
                let results = page.results.iter().map(|result| &result.entry);
                let leaves = entries(results, &page.block.header.entry).map(|entry| entry.leaf());
                let (_, hashes) = log::append(&cursor.log, leaves);
                self.store.restore_block(&page.block, &page.results, &page.certificate, &page.seal, hashes)?;
                newest = Some(page.block.header);
                cursor = followed.cursor;
                (self.progress)(Progress::Blocks(cursor.height - base.height, height - base.height));
            }
        }
        let header = newest.ok_or_else(|| client.untrue("its snapshot is of no block"))?;
        if heads.root() != header.entry.state_root {
            let reason = format!("its snapshot is not of the state after block {height}");
            return Err(client.untrue(reason).into());
        }
        Ok(Proven { manifest: manifest.clone(), header, log: cursor.log })
    }

    /// Fetches the hash of every entry before the oldest block, and with them makes the log.
    async fn hashes(&self, client: &Client, manifest: &Manifest) -> Result<(), Wrong> {
        let size = manifest.base.log.count();
        let (full, rest) = (size / u64::from(tile::TILE_WIDTH), (size % u64::from(tile::TILE_WIDTH)) as u16);
        let kind = tile::TileKind::Hashes { level: 0 };
        let tiles = (0..full).map(|index| (index, tile::TILE_WIDTH)).chain((rest > 0).then_some((full, rest)));
        let tiles = tiles.filter_map(|(index, width)| tile::Tile::new(kind, index, width));
        let mut fetched = stream::iter(tiles)
            .map(|tile| async move { (tile, client.get(&format!("/{tile}")).await) })
            .buffered(TILES_AT_ONCE);
        let mut log = Frontier::EMPTY;
        while let Some((tile, bytes)) = fetched.next().await {
            let bytes = bytes?;
            let (leaves, []) = bytes.as_chunks::<32>() else {
                return Err(client.untrue(format!("/{tile} is no tile")).into());
            };
            if leaves.len() != usize::from(tile.width()) {
                return Err(client.untrue(format!("/{tile} has {} hashes", leaves.len())).into());
            }
            let (longer, hashes) = log::append(&log, leaves.iter().map(|leaf| Digest(*leaf)));
            self.store.restore_hashes(hashes)?;
            log = longer;
            (self.progress)(Progress::Log(tile.index() + 1, full + 1));
        }
        if log == manifest.base.log { Ok(()) } else { Err(client.untrue("its tiles are of another log").into()) }
    }

    /// Fetches a chunk, checks it against its head, and keeps it. Returns how many records it has.
    #[tracing::instrument(name = "chunk", skip_all, fields(lonja.chunk = i64::from(number)))]
    async fn chunk(&self, client: Client, manifest: &Manifest, number: u8) -> Result<u64, Wrong> {
        let (height, head) = (manifest.height, manifest.heads.get(number));
        let bytes = client.get(&format!("/v1/snapshots/{height}/{number}")).await?;
        let wrong = || client.untrue(format!("chunk {number} of its snapshot is not what the ledger holds"));
        if bytes.len() > SNAPSHOT_CHUNK_BYTES_MAX {
            return Err(wrong().into());
        }
        let store = self.store.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let Some(records) = decode_chunk(&bytes) else { return Ok(None) };
            let count = records.len() as u64;
            match tree::subtree(number, height, &records) {
                Ok(Some((found, nodes))) if found == head => {
                    store.restore_state(records, nodes)?;
                    Ok(Some(count))
                }
                _ => Ok(None),
            }
        });
        let kept: Result<Option<u64>, StoreError> = kept.await.map_err(|_| wrong())?;
        Ok(kept?.ok_or_else(wrong)?)
    }
}

/// The records of all changes of the validator set up to the block of `header`, which are `count`: with fewer of them,
/// or with one that leads to another set, no node would start on what was fetched.
async fn changes(client: &Client, header: &Header, count: usize) -> Result<Vec<SetChange>, Wrong> {
    let mut changes = client.changes().await?;
    changes.retain(|change| change.after_size <= header.log_size);
    let leads = changes.last().is_none_or(|last| last.set.digest() == header.entry.next_validators);
    if changes.len() != count || !leads {
        let reason = format!("its {} changes of the validator set are not the {count} of the ledger", changes.len());
        return Err(client.untrue(reason).into());
    }
    Ok(changes)
}

/// Headers of the blocks before the oldest one that decide whose turn it is to propose.
async fn headers(client: &Client, manifest: &Manifest) -> Result<Vec<Header>, Wrong> {
    let mut after = Turns::heights(manifest.height).start() - 1;
    let mut headers: Vec<Header> = Vec::new();
    while after < manifest.base.height {
        let page: Vec<Header> = fetch(client, &format!("/v1/headers?after={after}")).await?;
        if page.is_empty() {
            return Err(client.untrue(format!("it does not serve header {}", after + 1)).into());
        }
        for header in page.into_iter().take((manifest.base.height - after) as usize) {
            let follows = headers.last().is_none_or(|last| header.entry.parent == last.id());
            if !follows || header.entry.height != after + 1 {
                return Err(client.untrue(format!("header {} does not follow the one before", after + 1)).into());
            }
            after += 1;
            headers.push(header);
        }
    }
    match headers.last() {
        Some(last) if last.id() != manifest.base.block => {
            Err(client.untrue(format!("header {after} is not that of the block before the oldest")).into())
        }
        _ => Ok(headers),
    }
}
