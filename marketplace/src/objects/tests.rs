use super::*;
use futures_util::{StreamExt, TryStreamExt};

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

async fn whole(objects: &Objects, blake3: &Blake3, range: std::ops::Range<u64>) -> Result<Vec<u8>, ObjectsError> {
    let pieces: Vec<bytes::Bytes> = objects.stream(blake3, range).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test]
async fn what_goes_in_comes_out_at_every_length_and_range() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path(), Limits::of(8 << 20)).unwrap();
    for bytes in [0, 1, 1_024, 16_384, 16_385, 100_000, (1 << 20) + 5, 3 << 20] {
        let content = content(bytes);
        let stored = objects.put(&content).await.unwrap();
        assert_eq!(stored.blake3.0, *blake3::hash(&content).as_bytes());
        assert_eq!(stored.sha256, Digest::of(&[&content]));
        assert!(objects.has(&stored.blake3).await.unwrap());
        let total = bytes as u64;
        assert_eq!(whole(&objects, &stored.blake3, 0..total).await.unwrap(), content);
        for (start, length) in [(0, total.min(10)), (total / 3, total / 2), (total.saturating_sub(1), total.min(1))] {
            if length == 0 && total > 0 {
                continue;
            }
            let expected = &content[start as usize..(start + length) as usize];
            assert_eq!(whole(&objects, &stored.blake3, start..start + length).await.unwrap(), expected);
            let slice = objects.slice(&stored.blake3, start, length).await.unwrap();
            assert_eq!(verify_slice(&stored.blake3, &slice).unwrap(), expected, "{bytes} {start} {length}");
        }
        assert!(objects.slice(&stored.blake3, total, 1).await.is_err());
        assert!(objects.slice(&stored.blake3, u64::MAX, 2).await.is_err());
    }
}

#[tokio::test]
async fn every_flip_of_a_slice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path(), Limits::of(8 << 20)).unwrap();
    let stored = objects.put(&content(70_000)).await.unwrap();
    let slice = objects.slice(&stored.blake3, 33_000, 500).await.unwrap();
    for at in 0..slice.encoded.len() {
        let mut flipped = slice.clone();
        flipped.encoded[at] ^= 1;
        assert!(verify_slice(&stored.blake3, &flipped).is_err(), "byte {at}");
    }
    // Another total is not tried: only a slice that reaches the end shows it, and the reader has the
    // length from the ledger.
    for wrong in [
        Slice { start: slice.start + 16_384, ..slice.clone() },
        Slice { encoded: slice.encoded[..slice.encoded.len() - 1].to_vec(), ..slice.clone() },
        Slice { encoded: [slice.encoded.as_slice(), b"x"].concat(), ..slice.clone() },
    ] {
        assert!(verify_slice(&stored.blake3, &wrong).is_err());
    }
}

#[tokio::test]
async fn a_damaged_disk_shows_as_an_error_and_never_as_data() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path(), Limits::of(8 << 20)).unwrap();
    let content = content(50_000);
    let stored = objects.put(&content).await.unwrap();
    let name = stored.blake3.to_string();
    let base = folder.path().join("whole").join(&name[..2]);
    for file in [base.join(&name), base.join(format!("{name}.obao4"))] {
        let bytes = std::fs::read(&file).unwrap();
        for at in (0..bytes.len()).step_by(97) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            std::fs::write(&file, flipped).unwrap();
            assert!(whole(&objects, &stored.blake3, 0..50_000).await.is_err(), "{} {at}", file.display());
        }
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(whole(&objects, &stored.blake3, 0..50_000).await.is_err(), "{} cut off", file.display());
        std::fs::write(&file, bytes).unwrap();
    }
    assert_eq!(whole(&objects, &stored.blake3, 0..50_000).await.unwrap(), content);
    std::fs::remove_file(base.join(format!("{name}.obao4"))).unwrap();
    assert!(!objects.has(&stored.blake3).await.unwrap());
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path(), Limits::of(1_000)).unwrap();
    assert!(matches!(objects.put(&content(1_001)).await, Err(ObjectsError::TooLarge { most: 1_000 })));
    let mut upload = objects.begin().await.unwrap();
    upload.write(b"half").await.unwrap();
    drop(upload);
    assert_eq!(std::fs::read_dir(folder.path().join("aside")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(folder.path().join("whole")).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_crash_cut_short_is_cleared_or_finished() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open(folder.path(), Limits::of(8 << 20)).unwrap();
    let (kept, cut) = (objects.put(&content(40_000)).await.unwrap(), objects.put(&content(90_000)).await.unwrap());
    drop(objects);
    let whole = |blake3: &Blake3, end: &str| {
        let name = blake3.to_string();
        folder.path().join("whole").join(&name[..2]).join(format!("{name}{end}"))
    };
    // Killed while it hashed, while it copied, while it wrote the outboard, and before it wrote it.
    let made = std::fs::read(whole(&cut.blake3, ".obao4")).unwrap();
    for path in [
        folder.path().join("aside/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        whole(&cut.blake3, "#1"),
        whole(&kept.blake3, ".obao4#12"),
    ] {
        std::fs::write(path, b"half of it").unwrap();
    }
    std::fs::remove_file(whole(&cut.blake3, ".obao4")).unwrap();
    // Damage is none of this: it stays where an audit finds it.
    let wrong = Blake3([9; 32]);
    std::fs::create_dir_all(whole(&wrong, "").parent().unwrap()).unwrap();
    std::fs::write(whole(&wrong, ""), b"something else").unwrap();
    std::fs::write(whole(&kept.blake3, "#x"), b"not ours").unwrap();

    let objects = Objects::open(folder.path(), Limits::of(8 << 20)).unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("aside")).unwrap().count(), 0);
    assert!(!whole(&cut.blake3, "#1").exists() && !whole(&kept.blake3, ".obao4#12").exists());
    assert_eq!(std::fs::read(whole(&cut.blake3, ".obao4")).unwrap(), made);
    assert_eq!(super::tests::whole(&objects, &cut.blake3, 0..90_000).await.unwrap(), content(90_000));
    assert!(!objects.has(&wrong).await.unwrap() && whole(&wrong, "").exists() && whole(&kept.blake3, "#x").exists());
    let findings = audit(&folder.path().join("whole")).unwrap().findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
}

#[tokio::test]
async fn uploads_under_way_have_so_much_room_and_so_much_time() {
    let folder = tempfile::tempdir().unwrap();
    let idle_max = std::time::Duration::from_millis(30);
    let limits = Limits { content_bytes_max: 1_000, aside_bytes_max: 1_500, idle_max };
    let objects = Objects::open(folder.path(), limits).unwrap();
    let (mut first, mut second) = (objects.begin().await.unwrap(), objects.begin().await.unwrap());
    first.write(&[1; 1_000]).await.unwrap();
    assert!(matches!(first.write(&[1]).await, Err(ObjectsError::TooLarge { most: 1_000 })));
    second.write(&[2; 500]).await.unwrap();
    assert!(matches!(second.write(&[2]).await, Err(ObjectsError::NoRoom { most: 1_500 })));
    // One that is finished, and one that is dropped, give their room back.
    first.finish().await.unwrap();
    second.write(&[2; 500]).await.unwrap();
    drop(second);
    objects.put(&[3; 1_000]).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("aside")).unwrap().count(), 0);

    let piece = || Ok::<_, std::io::Error>(bytes::Bytes::from_static(b"x"));
    let mut silent = Box::pin(futures_util::stream::iter([piece()]).chain(futures_util::stream::pending()));
    assert_eq!(next_piece(&mut silent, &limits).await.unwrap().unwrap(), "x");
    assert!(matches!(next_piece(&mut silent, &limits).await, Err(ObjectsError::Idle(_))));
    let mut over = futures_util::stream::iter([piece()]);
    assert!(next_piece(&mut over, &limits).await.unwrap().is_some());
    assert!(next_piece(&mut over, &limits).await.unwrap().is_none());
}
