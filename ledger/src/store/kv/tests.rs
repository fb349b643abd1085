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
    // Three bytes a row.
    assert_eq!(keys(kv.page("a", &[1, 3], 9, 7).unwrap()), [3, 4, 5]);
    assert_eq!(keys(kv.page("a", &[1, 3], 2, 7).unwrap()), [3, 4]);
    assert_eq!(keys(kv.page("a", &[1, 3], 9, 0).unwrap()), [3]);
    assert_eq!(kv.page("a", &[1, 10], 9, 7).unwrap(), vec![]);
    assert_eq!(kv.scan("a", &[], &[2], 9).unwrap(), vec![]);
    assert!(matches!(Kv::open(folder.path(), &["a", "b"]), Err(KvError::InUse { .. })));
    let mut batch = Batch::default();
    batch.delete("a", vec![1, 3]);
    let snapshot = kv.snapshot();
    kv.write(batch).unwrap();
    assert_eq!(snapshot.get("a", &[1, 3]).unwrap(), Some(vec![3]));
    assert_eq!(keys(snapshot.range("a", &[1, 2], &[1, 5], 9).unwrap()), [2, 3, 4]);
    assert_eq!(keys(snapshot.range("a", &[1, 2], &[1, 5], 2).unwrap()), [2, 3]);
    assert_eq!(keys(snapshot.range("a", &[1, 5], &[1, 5], 9).unwrap()), [0u8; 0]);
    assert_eq!(kv.get("a", &[1, 3]).unwrap(), None);
}

#[test]
fn a_checkpoint_holds_one_moment_and_is_read_without_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("db"), folder.path().join("copy"));
    let kv = Kv::open(&path, &["a", "b"]).unwrap();
    let put = |n: u8| {
        let mut batch = Batch::default();
        ["a", "b"].into_iter().for_each(|family| batch.put(family, vec![n], vec![n; 100]));
        kv.write(batch).unwrap();
    };
    (0..9).for_each(put);
    kv.checkpoint(&copy).unwrap();
    assert!(kv.checkpoint(&copy).is_err(), "it is there already");
    (9..20).for_each(put);
    let listed = || {
        let mut files: Vec<_> = std::fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (std::fs::read(&file).unwrap(), file)).collect::<Vec<_>>()
    };
    let before = listed();
    let read = Kv::open_read_only(&copy, &["a", "b"], |_| Content::Records).unwrap();
    for family in ["a", "b"] {
        assert_eq!(read.scan(family, &[], &[], 99).unwrap().len(), 9, "{family}");
    }
    let mut batch = Batch::default();
    batch.put("a", vec![9], vec![]);
    assert!(read.write(batch).is_err());
    drop(read);
    assert!(before == listed(), "reading changes nothing");
    assert!(Kv::open_read_only(&folder.path().join("nowhere"), &["a"], |_| Content::Records).is_err());
    assert!(!folder.path().join("nowhere").exists());
}
