//! An embedded key-value store with families, durable batches and snapshots, on RocksDB.
//!
//! The only file besides this folder's own that names RocksDB. Services use it for read models and
//! vault; the ledger's typed floor in [`super`] stands on it. Every write is one batch and fsynced
//! before it returns, so what was acknowledged survives `kill -9` and power loss.

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, Direction, IteratorMode, Options,
    ReadOptions, WriteBatch, WriteOptions,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Bytes of decompressed blocks kept in memory for one store.
const CACHE_BYTES: usize = 192 * 1024 * 1024;
/// Bytes of writes kept in memory for one family before they are written out as a file.
const WRITE_BUFFER_BYTES: usize = 32 * 1024 * 1024;
/// Bytes of RocksDB's own text logs, of which it keeps at most ten files.
const INFO_LOG_BYTES: usize = 4 * 1024 * 1024;

/// An open store. Cheap to clone; closed when the last clone goes.
#[derive(Clone)]
pub struct Kv {
    db: Arc<DB>,
    path: Arc<PathBuf>,
    families: Arc<[&'static str]>,
}

/// Why the store could not do something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KvError {
    /// Another process has it open.
    #[error("{path} is in use by another process: stop that one first, or choose another directory")]
    InUse {
        /// Which store.
        path: PathBuf,
    },
    /// Its files do not fit together or cannot be read.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which store.
        path: PathBuf,
        /// What RocksDB says.
        reason: String,
    },
    /// No space is left.
    #[error("the disk of {path} is full: make room and start again; nothing that was acknowledged is lost")]
    DiskFull {
        /// Which store.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot {doing} {path}: {reason}")]
    Other {
        /// What was tried.
        doing: &'static str,
        /// Which store.
        path: PathBuf,
        /// What RocksDB says.
        reason: String,
    },
}

/// Family, key, and the value; none to remove what is there.
type Write = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// Writes that happen together or not at all.
#[derive(Default)]
pub struct Batch {
    writes: Vec<Write>,
}

impl Batch {
    /// Writes `value` under `key` in `family`.
    pub fn put(&mut self, family: &'static str, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push((family, key.into(), Some(value.into())));
    }

    /// Removes what is under `key` in `family`.
    pub fn delete(&mut self, family: &'static str, key: impl Into<Vec<u8>>) {
        self.writes.push((family, key.into(), None));
    }

    /// Its writes in order: family, key, and the value; none where what is there is removed.
    pub fn writes(&self) -> impl Iterator<Item = (&'static str, &[u8], Option<&[u8]>)> {
        self.writes.iter().map(|(family, key, value)| (*family, key.as_slice(), value.as_deref()))
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

impl Kv {
    /// Opens the store in folder `path` with `families`, making what is missing.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn open(path: &Path, families: &[&'static str]) -> Result<Self, KvError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_paranoid_checks(true);
        options.set_max_log_file_size(INFO_LOG_BYTES);
        options.set_keep_log_file_num(10);
        options.set_max_background_jobs(2);
        options.set_max_open_files(512);
        options.set_max_total_wal_size(4 * WRITE_BUFFER_BYTES as u64);
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let descriptors = families.iter().map(|family| ColumnFamilyDescriptor::new(*family, family_options(&cache)));
        let db = DB::open_cf_descriptors(&options, path, descriptors).map_err(|error| explain("open", path, &error))?;
        Ok(Self { db: Arc::new(db), path: Arc::new(path.to_path_buf()), families: families.into() })
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

    /// Writes a batch. When this returns, it is durable.
    ///
    /// # Errors
    /// [`KvError`]; then nothing of it was written, or, after [`KvError::Other`], the store must be
    /// opened anew to know.
    pub fn write(&self, batch: Batch) -> Result<(), KvError> {
        let mut writes = WriteBatch::default();
        for (family, key, value) in batch.writes {
            match value {
                Some(value) => writes.put_cf(self.family(family), key, value),
                None => writes.delete_cf(self.family(family), key),
            }
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.db.write_opt(writes, &options).map_err(|error| explain("write", &self.path, &error))
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
}

fn family_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_bloom_filter(10.0, false);
    table.set_block_size(16 * 1024);
    table.set_format_version(5);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_bottommost_compression_type(DBCompressionType::Zstd);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

fn explain(doing: &'static str, path: &Path, error: &rocksdb::Error) -> KvError {
    use rocksdb::ErrorKind;
    let (path, reason) = (path.to_path_buf(), error.to_string());
    match error.kind() {
        ErrorKind::IOError if reason.contains("lock") || reason.contains("LOCK") => KvError::InUse { path },
        _ if reason.contains("No space left") => KvError::DiskFull { path },
        ErrorKind::Corruption => KvError::Damaged { path, reason },
        _ => KvError::Other { doing, path, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_scans_and_a_second_opener() {
        let folder = tempfile::tempdir().unwrap();
        let kv = Kv::open(folder.path(), &["a", "b"]).unwrap();
        let mut batch = Batch::default();
        for n in 0u8..10 {
            batch.put("a", vec![1, n], vec![n]);
        }
        batch.put("b", vec![1], vec![]);
        kv.write(batch).unwrap();
        let keys = |rows: Rows| rows.into_iter().map(|(key, _)| key[1]).collect::<Vec<_>>();
        assert_eq!(keys(kv.scan("a", &[1, 3], &[1], 3).unwrap()), [3, 4, 5]);
        assert_eq!(keys(kv.scan_back("a", &[1, 3], &[1], 9).unwrap()), [3, 2, 1, 0]);
        assert_eq!(kv.scan("a", &[], &[2], 9).unwrap(), vec![]);
        assert!(matches!(Kv::open(folder.path(), &["a", "b"]), Err(KvError::InUse { .. })));
        let mut batch = Batch::default();
        batch.delete("a", vec![1, 3]);
        let snapshot = kv.snapshot();
        kv.write(batch).unwrap();
        assert_eq!(snapshot.get("a", &[1, 3]).unwrap(), Some(vec![3]));
        assert_eq!(kv.get("a", &[1, 3]).unwrap(), None);
    }
}
