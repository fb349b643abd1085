//! An embedded key-value store with families, durable batches and snapshots, on RocksDB.
//!
//! The only file besides this folder's own that names RocksDB. Services use it for read models and
//! vault; the ledger's typed floor in [`super`] stands on it. Every write is one batch and fsynced
//! before it returns, so what was acknowledged survives `kill -9` and power loss.
//!
//! A store that failed to write takes no further write until it is opened anew. What of the failed
//! batch lies on the disk is not known before, and RocksDB may go on by itself once there is room:
//! without this, a later write could stand on one that its caller believes was refused.

mod error;
mod families;
mod logs;

pub use error::KvError;

use error::explain;
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, Direction, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions, checkpoint::Checkpoint,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// Bytes of decompressed blocks kept in memory for one store.
const CACHE_BYTES: usize = 192 * 1024 * 1024;
/// Bytes of writes kept in memory for one family before they are written out as a file: the fewer
/// files, the less often they are merged.
const WRITE_BUFFER_BYTES: usize = 64 * 1024 * 1024;
/// The same for all families of a store together.
const WRITE_BUFFERS_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of write-ahead log, all of which a start reads: a few seconds of it.
const WAL_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of RocksDB's own text logs, of which it keeps at most ten files.
const INFO_LOG_BYTES: usize = 4 * 1024 * 1024;

/// An open store. Cheap to clone; closed when the last clone goes.
#[derive(Clone)]
pub struct Kv {
    db: Arc<DB>,
    path: Arc<PathBuf>,
    families: Arc<[&'static str]>,
    /// The first write that failed.
    broken: Arc<watch::Sender<Option<KvError>>>,
}

/// What the rows of a family are like, which decides how its files are compressed. Merging files is
/// most of what a busy store does, so a compression that saves nothing costs much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Written in the order of its keys and kept for ever: small on disk counts most.
    Archive,
    /// Written anywhere and changed often: merged many times, so compressed lightly.
    Records,
    /// Hashes and signatures, which do not compress.
    Hashes,
}

/// What becomes of a key.
enum Change {
    Put(Vec<u8>),
    Delete,
    DeleteOnce,
    /// Up to this key.
    DeleteTo(Vec<u8>),
}

/// Family, key, and what becomes of it.
type Write = (&'static str, Vec<u8>, Change);

/// Writes that happen together or not at all.
#[derive(Default)]
pub struct Batch {
    writes: Vec<Write>,
}

impl Batch {
    /// Writes `value` under `key` in `family`.
    pub fn put(&mut self, family: &'static str, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push((family, key.into(), Change::Put(value.into())));
    }

    /// Removes what is under `key` in `family`.
    pub fn delete(&mut self, family: &'static str, key: impl Into<Vec<u8>>) {
        self.writes.push((family, key.into(), Change::Delete));
    }

    /// Removes what is under `key` in `family`, where it was put exactly once since it was last
    /// removed, and is always removed by this function. It then leaves the files as soon as the two
    /// writes meet in a merge, where a [`Batch::delete`] stays until it has reached the last level.
    pub fn delete_once(&mut self, family: &'static str, key: impl Into<Vec<u8>>) {
        self.writes.push((family, key.into(), Change::DeleteOnce));
    }

    /// Removes everything in `family` from key `from` up to but not including key `end`.
    pub fn delete_range(&mut self, family: &'static str, from: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) {
        self.writes.push((family, from.into(), Change::DeleteTo(end.into())));
    }

    /// Its writes in order: family, key, and the value; none where what is there is removed.
    pub fn writes(&self) -> impl Iterator<Item = (&'static str, &[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(family, key, change)| {
            let value = match change {
                Change::Put(value) => Some(value.as_slice()),
                Change::Delete | Change::DeleteOnce | Change::DeleteTo(_) => None,
            };
            (*family, key.as_slice(), value)
        })
    }

    /// How many writes it has.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// Keys and values in the order of their keys.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// A key and its value.
pub type Row = (Box<[u8]>, Box<[u8]>);

impl Kv {
    /// Opens the store in folder `path` with `families` of [`Content::Records`], making what is missing.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn open(path: &Path, families: &[&'static str]) -> Result<Self, KvError> {
        Self::open_for(path, families, |_| Content::Records)
    }

    /// Opens the store in folder `path` with `families`, of which `content` says what they hold, making
    /// what is missing.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn open_for(
        path: &Path,
        families: &[&'static str],
        content: impl Fn(&str) -> Content,
    ) -> Result<Self, KvError> {
        Self::open_as(path, families, content, true)
    }

    /// As [`Kv::open_for`], to read alone: no byte of the folder changes and no lock is taken, so nobody else may be
    /// writing there. A write fails.
    ///
    /// # Errors
    /// [`KvError`], also where there is no store.
    pub fn open_read_only(
        path: &Path,
        families: &[&'static str],
        content: impl Fn(&str) -> Content,
    ) -> Result<Self, KvError> {
        // The folder would be made where it is missing.
        if !path.is_dir() {
            let reason = "there is no such folder".into();
            return Err(KvError::Other { doing: "open", path: path.to_path_buf(), reason });
        }
        Self::open_as(path, families, content, false)
    }

    fn open_as(
        path: &Path,
        families: &[&'static str],
        content: impl Fn(&str) -> Content,
        writes: bool,
    ) -> Result<Self, KvError> {
        let mut options = Options::default();
        options.create_if_missing(writes);
        options.create_missing_column_families(writes);
        options.set_paranoid_checks(true);
        options.set_max_log_file_size(INFO_LOG_BYTES);
        options.set_keep_log_file_num(10);
        options.set_max_background_jobs(2);
        options.set_max_open_files(512);
        options.set_db_write_buffer_size(WRITE_BUFFERS_BYTES);
        options.set_max_total_wal_size(WAL_BYTES);
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let describe =
            |family: &&'static str| ColumnFamilyDescriptor::new(*family, options_of(content(family), &cache));
        let descriptors = families.iter().map(describe);
        logs::check(path)?;
        families::check(path, families)?;
        let opened = match writes {
            true => DB::open_cf_descriptors(&options, path, descriptors),
            false => DB::open_cf_descriptors_read_only(&options, path, descriptors, false),
        };
        let db = opened.map_err(|error| explain("open", path, &error))?;
        let (broken, _) = watch::channel(None);
        Ok(Self {
            db: Arc::new(db),
            path: Arc::new(path.to_path_buf()),
            families: families.into(),
            broken: Arc::new(broken),
        })
    }

    /// The value under `key`.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.db.get_cf(self.family(family), key).map_err(|error| explain("read", &self.path, &error))
    }

    /// Up to `limit` rows whose keys start with `prefix`, from key `from` on, ascending.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scan(&self, family: &str, from: &[u8], prefix: &[u8], limit: usize) -> Result<Rows, KvError> {
        let start = if from < prefix { prefix } else { from };
        self.rows(family, ReadOptions::default(), IteratorMode::From(start, Direction::Forward), prefix, limit)
    }

    /// Up to `limit` rows whose keys start with `prefix`, from key `from` down, descending.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scan_back(&self, family: &str, from: &[u8], prefix: &[u8], limit: usize) -> Result<Rows, KvError> {
        self.rows(family, ReadOptions::default(), IteratorMode::From(from, Direction::Reverse), prefix, limit)
    }

    /// Rows from key `from` on, ascending: none only where there is none, otherwise at least one, and no
    /// more once they have `bytes` of keys and values together or are `limit`.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn page(&self, family: &str, from: &[u8], limit: usize, bytes: usize) -> Result<Rows, KvError> {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        let (mut rows, mut taken) = (Rows::new(), 0);
        for row in self.db.iterator_cf_opt(self.family(family), options, IteratorMode::From(from, Direction::Forward)) {
            let (key, value) = row.map_err(|error| explain("read", &self.path, &error))?;
            taken += key.len() + value.len();
            rows.push((key.into_vec(), value.into_vec()));
            if rows.len() >= limit || taken >= bytes {
                break;
            }
        }
        Ok(rows)
    }

    /// Writes a batch. When this returns, it is durable.
    ///
    /// # Errors
    /// [`KvError`]; whether the batch is there is known when the store is opened anew, and until then
    /// every further write fails with the same error.
    pub fn write(&self, batch: Batch) -> Result<(), KvError> {
        if let Some(error) = self.broken.borrow().clone() {
            return Err(error);
        }
        let mut writes = WriteBatch::default();
        for (family, key, change) in batch.writes {
            let handle = self.family(family);
            match change {
                Change::Put(value) => writes.put_cf(handle, key, value),
                Change::Delete => writes.delete_cf(handle, key),
                Change::DeleteOnce => writes.single_delete_cf(handle, key),
                Change::DeleteTo(end) => writes.delete_range_cf(handle, key, end),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(writes, &options).map_err(|error| self.break_by(explain("write", &self.path, &error)))
    }

    /// Waits until a write has failed, which may never be. Whoever serves from this store has to stop
    /// then: it can be read still, and looks healthy.
    pub async fn broken(&self) -> KvError {
        let mut broken = self.broken.subscribe();
        match broken.wait_for(Option::is_some).await.map(|error| error.clone()) {
            Ok(Some(error)) => error,
            // The sender lives as long as this clone of the store.
            _ => std::future::pending().await,
        }
    }

    /// Takes no more writes, because of `error`: for whoever keeps something in step with this store and
    /// could not.
    pub fn break_by(&self, error: KvError) -> KvError {
        self.broken.send_if_modified(|broken| match broken {
            Some(_) => false,
            None => {
                *broken = Some(error.clone());
                true
            }
        });
        error
    }

    /// A view that does not change while it is read.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { kv: self, inner: self.db.snapshot() }
    }

    /// Rewrites `families` so that what was deleted leaves no bytes in their files, and starts a new
    /// write-ahead log. Part of erasure; slow on a large store.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scrub(&self, families: &[&str]) -> Result<(), KvError> {
        // A write-ahead log is deleted once no family has anything in it that is in no file yet.
        for family in self.families.iter() {
            self.db.flush_cf(self.family(family)).map_err(|error| explain("flush", &self.path, &error))?;
        }
        for family in families {
            let handle = self.family(family);
            let mut options = rocksdb::CompactOptions::default();
            options.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
            self.db.compact_range_cf_opt(handle, None::<&[u8]>, None::<&[u8]>, &options);
        }
        self.db.flush_wal(true).map_err(|error| explain("flush the log of", &self.path, &error))
    }

    /// Makes a second store in the new folder `to` that holds what this one holds now, while this one goes on. On one
    /// file system the files that no longer change are the same under a second name; elsewhere they are copied.
    ///
    /// # Errors
    /// [`KvError`], also where `to` is there already; nothing stays at `to` then.
    pub fn checkpoint(&self, to: &Path) -> Result<(), KvError> {
        let made = Checkpoint::new(&self.db).and_then(|checkpoint| checkpoint.create_checkpoint(to));
        made.map_err(|error| explain("make a checkpoint of", &self.path, &error))
    }

    /// Gives the room of what was deleted in `family` from key `from` up to and including key `last` back to the disk,
    /// as far as it fills files of its own. For a family that is written in the order of its keys, that is nearly all.
    /// Views of the store from before lose what filled files of its own. They keep the rest on the disk until they end
    /// and this is called again.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn reclaim(&self, family: &str, from: &[u8], last: &[u8]) -> Result<(), KvError> {
        self.drop_files(family, from, last)?;
        let handle = self.family(family);
        // Without force the lowest level would be left alone, where rows lie that a view still saw the last time.
        let mut options = rocksdb::CompactOptions::default();
        options.set_bottommost_level_compaction(rocksdb::BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(handle, Some(from), Some(last), &options);
        Ok(())
    }

    /// As [`Kv::reclaim`], but only of files that hold nothing else: no file is written anew for it.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn drop_files(&self, family: &str, from: &[u8], last: &[u8]) -> Result<(), KvError> {
        let dropped = self.db.delete_file_in_range_cf(self.family(family), from, last);
        dropped.map_err(|error| explain("prune", &self.path, &error))
    }

    /// Bytes of the files of `family` on disk.
    pub fn family_bytes(&self, family: &str) -> u64 {
        let of = |files: Vec<rocksdb::LiveFile>| {
            files.iter().filter(|file| file.column_family_name == family).map(|file| file.size as u64).sum()
        };
        self.db.live_files().map_or(0, of)
    }

    /// Bytes of its files on disk, without the write-ahead log.
    pub fn disk_bytes(&self) -> u64 {
        self.db.live_files().map(|files| files.iter().map(|file| file.size as u64).sum()).unwrap_or(0)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads every block of every file against its checksum.
    ///
    /// # Errors
    /// [`KvError::Damaged`], naming the first place.
    pub fn verify(&self, families: &[&str]) -> Result<u64, KvError> {
        let mut rows = 0;
        for family in families {
            let mut options = ReadOptions::default();
            options.set_verify_checksums(true);
            options.fill_cache(false);
            for row in self.db.iterator_cf_opt(self.family(family), options, IteratorMode::Start) {
                row.map_err(|error| explain("read", &self.path, &error))?;
                rows += 1;
            }
        }
        Ok(rows)
    }

    fn rows(
        &self,
        family: &str,
        mut options: ReadOptions,
        mode: IteratorMode,
        prefix: &[u8],
        limit: usize,
    ) -> Result<Rows, KvError> {
        options.set_total_order_seek(true);
        let mut rows = Vec::new();
        for row in self.db.iterator_cf_opt(self.family(family), options, mode) {
            let (key, value) = row.map_err(|error| explain("read", &self.path, &error))?;
            if !key.starts_with(prefix) || rows.len() >= limit {
                break;
            }
            rows.push((key.into_vec(), value.into_vec()));
        }
        Ok(rows)
    }

    fn family(&self, name: &str) -> &rocksdb::ColumnFamily {
        self.db.cf_handle(name).expect("families are named when the store is opened")
    }
}

/// A view of a store that does not change while it is read.
pub struct Snapshot<'a> {
    kv: &'a Kv,
    inner: rocksdb::SnapshotWithThreadMode<'a, DB>,
}

impl Snapshot<'_> {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn get(&self, family: &str, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.inner.get_cf(self.kv.family(family), key).map_err(|error| explain("read", &self.kv.path, &error))
    }

    /// As [`Kv::scan`].
    ///
    /// # Errors
    /// [`KvError`].
    pub fn scan(&self, family: &str, from: &[u8], prefix: &[u8], limit: usize) -> Result<Rows, KvError> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        let start = if from < prefix { prefix } else { from };
        self.kv.rows(family, options, IteratorMode::From(start, Direction::Forward), prefix, limit)
    }

    /// All rows of a family, ascending, one after the other.
    pub fn rows(&self, family: &str) -> impl Iterator<Item = Result<Row, KvError>> + '_ {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        options.set_total_order_seek(true);
        options.fill_cache(false);
        let rows = self.kv.db.iterator_cf_opt(self.kv.family(family), options, IteratorMode::Start);
        rows.map(|row| row.map_err(|error| explain("read", &self.kv.path, &error)))
    }

    /// Up to `limit` rows from key `from` up to but not including key `end`, ascending. Nothing
    /// outside is touched: a store walks over what was deleted as over what is there.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn range(&self, family: &str, from: &[u8], end: &[u8], limit: usize) -> Result<Rows, KvError> {
        if from >= end {
            return Ok(Rows::new());
        }
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.inner);
        options.set_iterate_upper_bound(end);
        self.kv.rows(family, options, IteratorMode::From(from, Direction::Forward), &[], limit)
    }
}

fn options_of(content: Content, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    table.set_block_size(16 * 1024);
    table.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    let (upper, last) = match content {
        Content::Archive => (DBCompressionType::Lz4, DBCompressionType::Zstd),
        Content::Records => (DBCompressionType::Lz4, DBCompressionType::Lz4),
        Content::Hashes => (DBCompressionType::None, DBCompressionType::None),
    };
    options.set_compression_type(upper);
    options.set_bottommost_compression_type(last);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

#[cfg(test)]
mod tests;
