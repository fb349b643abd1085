//! A look at RocksDB's manifest and write-ahead logs before RocksDB reads them.
//!
//! Both are logs of blocks of 32 KiB with records in them (`db/log_format.h`). Some types of record are
//! written only into log files that are used again, which no store here does. RocksDB 11.8.1 takes no
//! step forward at such a type after the first record (`Reader::ReadPhysicalRecord`) and so never ends:
//! one flipped bit of a manifest, and neither start nor audit came back. At the first record it takes
//! the file for one of an earlier life, and for empty. Both are damage, and are named here.

use super::KvError;
use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

/// Bytes of a block; no record reaches over its end.
const BLOCK_BYTES: usize = 32 * 1024;
/// Bytes before the content of a record: a checksum of four, a length of two, a type.
const HEADER_BYTES: usize = 7;

/// Refuses the store in folder `path` if one of its logs holds what RocksDB would not come back from.
///
/// # Errors
/// [`KvError::Damaged`], naming file and place; [`KvError::Other`] if a file cannot be read.
pub(super) fn check(path: &Path) -> Result<(), KvError> {
    let unreadable = |reason: std::io::Error| KvError::Other {
        doing: "look at the logs of",
        path: path.to_path_buf(),
        reason: reason.to_string(),
    };
    let entries = match std::fs::read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(unreadable)?,
    };
    for entry in entries {
        let file = entry.map_err(unreadable)?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("MANIFEST-") && !name.ends_with(".log") {
            continue;
        }
        if let Some(place) = File::open(&file).and_then(reused).map_err(unreadable)? {
            let reason = format!("{name} has a record of a type that is never written here, at byte {place}");
            return Err(KvError::Damaged { path: path.to_path_buf(), reason });
        }
    }
    Ok(())
}

/// The first byte of the first record of a type that only logs have which are used again.
fn reused(mut log: impl Read) -> std::io::Result<Option<u64>> {
    let (mut block, mut start) = (Vec::with_capacity(BLOCK_BYTES), 0);
    loop {
        block.clear();
        log.by_ref().take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        let mut at = 0;
        while let Some([_, _, _, _, low, high, kind]) = block.get(at..at + HEADER_BYTES) {
            let length = usize::from(u16::from_le_bytes([*low, *high]));
            match kind {
                5..=8 | 11 | 131 => return Ok(Some(start + at as u64)),
                // Where nothing was written yet, a block goes on with zeros.
                0 if length == 0 => break,
                _ => at += HEADER_BYTES + length,
            }
        }
        if block.len() < BLOCK_BYTES {
            return Ok(None);
        }
        start += BLOCK_BYTES as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::{Batch, Kv};
    use std::{fs, path::PathBuf};

    fn logs(folder: &Path) -> Vec<PathBuf> {
        let mut logs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        logs.retain(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("MANIFEST-") || name.ends_with(".log")
        });
        logs
    }

    /// Where the records of the first block start, going by their lengths.
    fn records(bytes: &[u8]) -> Vec<usize> {
        let mut starts = vec![0];
        while let Some(header) = bytes.get(starts[starts.len() - 1]..).and_then(|rest| rest.get(..HEADER_BYTES)) {
            starts.push(
                starts[starts.len() - 1] + HEADER_BYTES + usize::from(u16::from_le_bytes([header[4], header[5]])),
            );
        }
        starts.pop();
        starts
    }

    #[test]
    fn a_type_that_is_never_written_is_named_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let kv = Kv::open(folder.path(), &["a"]).unwrap();
        for n in 0u8..5 {
            let mut batch = Batch::default();
            batch.put("a", vec![n], vec![n; 20_000]);
            kv.write(batch).unwrap();
        }
        drop(kv);
        check(folder.path()).unwrap();
        let logs = logs(folder.path());
        assert_eq!(logs.len(), 2, "{logs:?}");
        for log in logs {
            let whole = fs::read(&log).unwrap();
            let starts = records(&whole[..whole.len().min(BLOCK_BYTES)]);
            assert!(starts.len() > 1, "{log:?}");
            let later = (whole.len() > BLOCK_BYTES).then_some(BLOCK_BYTES);
            for start in starts.into_iter().chain(later) {
                for kind in [5, 6, 7, 8, 11, 131] {
                    let mut flipped = whole.clone();
                    flipped[start + 6] = kind;
                    fs::write(&log, &flipped).unwrap();
                    let Err(error) = Kv::open(folder.path(), &["a"]) else { panic!("opened with {kind} at {start}") };
                    let name = log.file_name().unwrap().to_str().unwrap();
                    let expected = format!("{name} has a record of a type that is never written here, at byte {start}");
                    assert!(matches!(&error, KvError::Damaged { reason, .. } if *reason == expected), "{error}");
                }
            }
            fs::write(&log, whole).unwrap();
        }
        assert_eq!(Kv::open(folder.path(), &["a"]).unwrap().get("a", &[4]).unwrap(), Some(vec![4; 20_000]));
    }

    #[test]
    fn whatever_else_a_log_holds_is_left_to_rocksdb() {
        for log in [vec![], vec![5; HEADER_BYTES - 1], vec![0; 3 * BLOCK_BYTES], vec![1; BLOCK_BYTES + 3]] {
            assert_eq!(reused(log.as_slice()).unwrap(), None);
        }
        // Of two blocks of zeros, the second has the type.
        let mut log = vec![0; 2 * BLOCK_BYTES];
        log[BLOCK_BYTES + 6] = 8;
        assert_eq!(reused(log.as_slice()).unwrap(), Some(BLOCK_BYTES as u64));
    }
}
