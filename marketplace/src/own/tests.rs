use super::*;
use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
};

fn put(own: &Own, key: &[u8], value: &[u8]) {
    let mut batch = Batch::default();
    batch.put("orders", key, value);
    own.write(batch).unwrap();
}

fn reopened(dir: &Path) -> Result<Own, OwnError> {
    Own::open(dir)
}

#[test]
fn the_tally_follows_every_change_and_equals_what_is_added_up() {
    let dir = tempfile::tempdir().unwrap();
    let own = Own::open(dir.path()).unwrap();
    for round in 0u8..60 {
        let mut batch = Batch::default();
        batch.put("orders", vec![round % 7], vec![round]);
        batch.put("keys", vec![round % 5], vec![round; 3]);
        // The last write of a key in a batch is the one that counts.
        batch.put("orders", vec![round % 7], vec![round, round]);
        batch.delete("keys", vec![round % 3]);
        own.write(batch).unwrap();
        own.write(Batch::default()).unwrap();
        let stored = Tally::try_from_slice(&own.get(META, TALLY).unwrap().unwrap()).unwrap();
        assert_eq!(stored.batches, u64::from(round) + 1);
        assert_eq!(Tally { batches: 0, ..stored }, own.adopted().unwrap(), "round {round}");
    }
    drop(own);
    let found = Found::open(dir.path()).unwrap();
    found.check().unwrap();
    assert_eq!(found.add_up().unwrap(), found.tally.unwrap());
}

#[test]
fn a_lost_tail_is_refused_and_removing_the_mark_accepts_it() {
    let dir = tempfile::tempdir().unwrap();
    let own = Own::open(dir.path()).unwrap();
    (0u8..20).for_each(|n| put(&own, &[n], &[n; 100]));
    drop(own);
    let log = std::fs::read_dir(dir.path().join(FOLDER)).unwrap().map(|entry| entry.unwrap().path());
    let log = log.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let log = log.max_by_key(|path| std::fs::metadata(path).unwrap().len()).unwrap();
    let bytes = std::fs::metadata(&log).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(bytes - 150).unwrap();
    let error = reopened(dir.path()).err().unwrap();
    assert!(matches!(error, OwnError::RolledBack { marked: 20, .. }), "{error}");
    assert!(error.to_string().contains("own.mark"));
    std::fs::remove_file(dir.path().join(MARK)).unwrap();
    put(&reopened(dir.path()).unwrap(), b"x", b"y");
    drop(reopened(dir.path()).unwrap());
}

#[test]
fn one_batch_ahead_is_a_crash_and_more_is_another_copy() {
    let dir = tempfile::tempdir().unwrap();
    let own = Own::open(dir.path()).unwrap();
    put(&own, b"a", b"1");
    let early = std::fs::read(dir.path().join(MARK)).unwrap();
    put(&own, b"a", b"2");
    drop(own);
    std::fs::write(dir.path().join(MARK), &early).unwrap();
    let own = reopened(dir.path()).unwrap();
    put(&own, b"a", b"3");
    drop(own);
    std::fs::write(dir.path().join(MARK), &early).unwrap();
    assert!(matches!(reopened(dir.path()), Err(OwnError::MarkIsOld { found: 3, marked: 1, .. })));
    std::fs::write(dir.path().join(MARK), [0; 256]).unwrap();
    assert!(reopened(dir.path()).err().unwrap().to_string().contains("remove it"));
    std::fs::remove_dir_all(dir.path().join(FOLDER)).unwrap();
    std::fs::write(dir.path().join(MARK), &early).unwrap();
    assert!(matches!(reopened(dir.path()), Err(OwnError::RolledBack { found: 0, marked: 1, .. })));
}

#[test]
fn a_copy_of_a_busy_store_is_of_one_moment_with_its_mark() {
    let dir = tempfile::tempdir().unwrap();
    let own = Own::open(&dir.path().join("market")).unwrap();
    let written = AtomicU64::new(0);
    std::thread::scope(|scope| {
        // It is written to for as long as copies are made, and copies are made until there is something to be proven.
        let copying = scope.spawn(|| {
            let mut heights = BTreeSet::new();
            while heights.len() < 2 || written.load(Ordering::Relaxed) < 200 {
                let to = dir.path().join("of-now");
                std::fs::create_dir(&to).unwrap();
                own.checkpoint(&to).unwrap();
                check_copy(&to).unwrap();
                let found = Found::open(&to).unwrap();
                let height = found.mark.unwrap().height;
                assert_eq!(found.tally.unwrap_or_default().mark().height, height);
                drop(found);
                drop(reopened(&to).unwrap());
                std::fs::remove_dir_all(&to).unwrap();
                heights.insert(height);
            }
        });
        while !copying.is_finished() {
            let n = written.fetch_add(1, Ordering::Relaxed) as u8;
            put(&own, &[n % 9], &[n; 100]);
        }
    });
    // A mark of another moment.
    let to = dir.path().join("copy");
    std::fs::create_dir(&to).unwrap();
    own.checkpoint(&to).unwrap();
    put(&own, b"a", b"1");
    std::fs::copy(dir.path().join("market").join(MARK), to.join(MARK)).unwrap();
    assert!(matches!(check_copy(&to), Err(OwnError::RolledBack { .. })));
    assert!(own.checkpoint(&to).is_err(), "it is there already");
}
