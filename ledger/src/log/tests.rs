use super::{
    proof::{ProofError, TreeHead, consistency, inclusion, verify_consistency, verify_inclusion},
    tile::{Tile, TileKind, bundle, entries, hashes},
    *,
};
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;

fn entry(number: u64) -> Vec<u8> {
    format!("entry {number}").into_bytes()
}

fn log(size: u64) -> MemoryHashes {
    let mut log = MemoryHashes::default();
    (0..size).for_each(|number| log.push(merkle::leaf(&entry(number))));
    log
}

/// RFC 6962, 2.1: slow and obviously right.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => merkle::empty_root(),
        [one] => *one,
        many => {
            let middle = many.len().next_power_of_two() / 2;
            merkle::node(&naive_root(&many[..middle]), &naive_root(&many[middle..]))
        }
    }
}

/// RFC 6962, 2.1.1, word for word.
fn naive_path(index: usize, leaves: &[Digest]) -> Vec<Digest> {
    if leaves.len() == 1 {
        return vec![];
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut path, sibling) = match index.checked_sub(left.len()) {
        None => (naive_path(index, left), naive_root(right)),
        Some(index) => (naive_path(index, right), naive_root(left)),
    };
    path.push(sibling);
    path
}

/// RFC 6962, 2.1.2, word for word.
fn naive_consistency(old: usize, leaves: &[Digest], whole: bool) -> Vec<Digest> {
    if old == leaves.len() {
        return if whole { vec![] } else { vec![naive_root(leaves)] };
    }
    let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
    let (mut proof, sibling) = match old.checked_sub(left.len()) {
        None | Some(0) => (naive_consistency(old, left, whole), naive_root(right)),
        Some(old) => (naive_consistency(old, right, false), naive_root(left)),
    };
    proof.push(sibling);
    proof
}

fn leaves(size: u64) -> Vec<Digest> {
    (0..size).map(|number| merkle::leaf(&entry(number))).collect()
}

#[test]
fn every_proof_up_to_64_entries_is_the_definitions() {
    let log = log(64);
    let all = leaves(64);
    for size in 1..=64u64 {
        let part = &all[..size as usize];
        let head = TreeHead { size, root: root(&log, size).unwrap() };
        assert_eq!(head.root, naive_root(part));
        for index in 0..size {
            let path = inclusion(&log, index, size).unwrap();
            assert_eq!(path, naive_path(index as usize, part), "{index} of {size}");
            assert_eq!(verify_inclusion(&part[index as usize], index, size, &path, &head.root), Ok(()));
        }
        for old in 1..=size {
            let proof = consistency(&log, old, size).unwrap();
            assert_eq!(proof, naive_consistency(old as usize, part, true), "{old} to {size}");
            let before = TreeHead { size: old, root: naive_root(&part[..old as usize]) };
            assert_eq!(verify_consistency(&before, &head, &proof), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn an_independent_implementation_agrees() {
    let mut oracle = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    let mut log = MemoryHashes::default();
    for size in 1..=300u64 {
        oracle.push(entry(size - 1));
        log.push(merkle::leaf(&entry(size - 1)));
        assert_eq!(oracle.root().as_bytes().as_slice(), log.frontier().root().as_bytes(), "root of {size}");
        for index in [0, size / 3, size - 1] {
            let ours = inclusion(&log, index, size).unwrap().concat_bytes();
            assert_eq!(oracle.prove_inclusion(index as usize).as_bytes(), ours, "{index} of {size}");
        }
        for old in [1, size / 2, size - 1] {
            if old > 0 && old < size {
                let ours = consistency(&log, old, size).unwrap().concat_bytes();
                let theirs = oracle.prove_consistency((size - old) as usize);
                assert_eq!(theirs.as_bytes(), ours, "{old} to {size}");
            }
        }
    }
}

trait ConcatBytes {
    fn concat_bytes(&self) -> Vec<u8>;
}

impl ConcatBytes for Vec<Digest> {
    fn concat_bytes(&self) -> Vec<u8> {
        self.iter().flat_map(|digest| digest.0).collect()
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let (index, size, old) = (37, 100, 45);
    let log = log(size);
    let (leaf, head) = (leaves(size)[index as usize], TreeHead { size, root: root(&log, size).unwrap() });
    let before = TreeHead { size: old, root: root(&log, old).unwrap() };
    let (path, proof) = (inclusion(&log, index, size).unwrap(), consistency(&log, old, size).unwrap());
    let mut refused = 0;
    for bit in 0..256 {
        let flip = |digest: &Digest| {
            let mut flipped = *digest;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            flipped
        };
        for hash in 0..path.len() {
            let mut wrong = path.clone();
            wrong[hash] = flip(&wrong[hash]);
            assert!(verify_inclusion(&leaf, index, size, &wrong, &head.root).is_err());
            refused += 1;
        }
        for hash in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[hash] = flip(&wrong[hash]);
            assert!(verify_consistency(&before, &head, &wrong).is_err());
        }
        assert!(verify_inclusion(&flip(&leaf), index, size, &path, &head.root).is_err());
        assert!(verify_inclusion(&leaf, index, size, &path, &flip(&head.root)).is_err());
        assert!(verify_consistency(&TreeHead { root: flip(&before.root), ..before }, &head, &proof).is_err());
        assert!(verify_consistency(&before, &TreeHead { root: flip(&head.root), ..head }, &proof).is_err());
    }
    assert_eq!(refused, 256 * path.len());
}

#[test]
fn a_proof_of_the_wrong_length_or_place_is_refused() {
    let log = log(100);
    let leaf = leaves(100)[37];
    let head = root(&log, 100).unwrap();
    let path = inclusion(&log, 37, 100).unwrap();
    for wrong in [&path[1..], &path[..path.len() - 1], &[path.clone(), path.clone()].concat()] {
        assert!(matches!(verify_inclusion(&leaf, 37, 100, wrong, &head), Err(ProofError::Length { .. })));
    }
    for index in (0..100).filter(|index| *index != 37) {
        assert!(verify_inclusion(&leaf, index, 100, &path, &head).is_err(), "{index}");
    }
    assert_eq!(verify_inclusion(&leaf, 100, 100, &path, &head), Err(ProofError::Outside { index: 100, size: 100 }));
    assert_eq!(verify_inclusion(&leaf, 0, 0, &[], &head), Err(ProofError::Outside { index: 0, size: 0 }));
    assert_eq!(inclusion(&log, 100, 100), Err(LogError::NoSuchEntry { index: 100, size: 100 }));
    assert_eq!(consistency(&log, 9, 8), Err(LogError::Shrinking { old: 9, new: 8 }));
    assert!(matches!(inclusion(&log, 3, 1 << 40), Err(LogError::Missing { .. })));
}

#[test]
fn sizes_at_the_end_of_the_number_range_do_not_panic() {
    let digest = Digest([7; 32]);
    for (index, size) in [(u64::MAX - 1, u64::MAX), (0, u64::MAX), (1 << 63, u64::MAX), (0, 1 << 63)] {
        for length in 0..=65 {
            let path = vec![digest; length];
            assert!(verify_inclusion(&digest, index, size, &path, &digest).is_err());
            let (old, new) = (TreeHead { size: index, root: digest }, TreeHead { size, root: digest });
            assert!(verify_consistency(&old, &new, &path).is_err());
        }
    }
}

#[test]
fn tile_paths_are_spelled_as_the_specification_says() {
    let check = |kind, index, width, expected: &str| {
        let tile = Tile::new(kind, index, width).unwrap();
        assert_eq!(tile.to_string(), expected);
        assert_eq!(expected.parse(), Ok(tile));
    };
    check(TileKind::Hashes { level: 0 }, 1_234_067, 256, "tile/0/x001/x234/067");
    check(TileKind::Hashes { level: 0 }, 273, 112, "tile/0/273.p/112");
    check(TileKind::Hashes { level: 2 }, 0, 1, "tile/2/000.p/1");
    check(TileKind::Entries, 1_000, 256, "tile/entries/x001/000");
    check(TileKind::Entries, 5, 255, "tile/entries/005.p/255");
    for bad in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/00/000",
        "tile/8/000",
        "tile/64/000",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/+0/000",
        "tile/0/+00",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000.p/",
        "tile/-1/000",
        "tile/0/../000",
        "tile/data/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/entries/x072/x057/x594/x037/x927/936",
        "tile/7/001",
        "tile/0/٠٠٠",
    ] {
        assert!(bad.parse::<Tile>().is_err(), "{bad}");
    }
    assert!("tile/0/x072/x057/x594/x037/x927/935".parse::<Tile>().is_ok(), "the last there can be");
}

#[test]
fn a_log_of_70_000_entries_has_the_specifications_tiles() {
    let tiles: Vec<Tile> = Tile::all(70_000).collect();
    let of = |level: u8| tiles.iter().filter(move |tile| tile.kind() == TileKind::Hashes { level });
    assert_eq!(of(0).filter(|tile| tile.width() == 256).count(), 273);
    let partial: Vec<String> = tiles.iter().filter(|tile| tile.width() < 256).map(ToString::to_string).collect();
    assert_eq!(partial, ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]);
    assert!(tiles.iter().all(|tile| tile.is_within(70_000)));
    assert!(!Tile::new(TileKind::Hashes { level: 0 }, 273, 113).unwrap().is_within(70_000));
}

#[test]
fn tiles_hold_what_the_definition_says() {
    let log = log(600);
    let all = leaves(600);
    let full = hashes(&log, &"tile/0/001".parse().unwrap(), 600).unwrap();
    assert_eq!(full, all[256..512].to_vec().concat_bytes());
    let above = hashes(&log, &"tile/1/000.p/2".parse().unwrap(), 600).unwrap();
    assert_eq!(above, vec![naive_root(&all[..256]), naive_root(&all[256..512])].concat_bytes());
    for beyond in ["tile/0/002", "tile/1/000.p/3", "tile/2/000.p/1", "tile/entries/000"] {
        assert!(matches!(hashes(&log, &beyond.parse().unwrap(), 600), Err(LogError::Tile(_))), "{beyond}");
    }
}

#[test]
fn an_entry_bundle_gives_its_entries_back() {
    let parts: Vec<Vec<u8>> = vec![vec![], b"one".to_vec(), vec![7; 65_535]];
    let bytes = bundle(parts.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(&bytes[..7], [0, 0, 0, 3, b'o', b'n', b'e']);
    assert_eq!(entries(&bytes).unwrap(), parts);
    assert_eq!(entries(&bytes[..bytes.len() - 1]), None);
    assert_eq!(entries(&[0]), None);
    assert!(bundle([vec![0; 65_536].as_slice()]).is_err());
}

proptest! {
    #[test]
    fn random_sizes_agree_with_the_naive_model(size in 1u64..2_000, a in any::<u64>(), b in any::<u64>()) {
        let log = log(size);
        let all = leaves(size);
        let (index, old) = (a % size, 1 + b % size);
        let head = TreeHead { size, root: root(&log, size).unwrap() };
        prop_assert_eq!(head.root, naive_root(&all));
        prop_assert_eq!(frontier(&log, old).unwrap().root(), naive_root(&all[..old as usize]));
        let path = inclusion(&log, index, size).unwrap();
        prop_assert_eq!(&path, &naive_path(index as usize, &all));
        prop_assert_eq!(verify_inclusion(&all[index as usize], index, size, &path, &head.root), Ok(()));
        let proof = consistency(&log, old, size).unwrap();
        prop_assert_eq!(&proof, &naive_consistency(old as usize, &all, true));
        let before = TreeHead { size: old, root: naive_root(&all[..old as usize]) };
        prop_assert_eq!(verify_consistency(&before, &head, &proof), Ok(()));
    }

    #[test]
    fn appending_in_batches_is_appending_one_by_one(sizes in prop::collection::vec(0u64..50, 1..12)) {
        let mut frontier = Frontier::EMPTY;
        let mut stored = std::collections::BTreeMap::new();
        for size in sizes {
            let first = frontier.count();
            let (next, complete) = append(&frontier, (first..first + size).map(|number| merkle::leaf(&entry(number))));
            complete.into_iter().for_each(|subtree| {
                assert!(stored.insert((subtree.level, subtree.index), subtree.hash).is_none(), "a hash is stored once");
            });
            frontier = next;
        }
        let whole = log(frontier.count());
        prop_assert_eq!(&frontier, whole.frontier());
        for ((level, index), hash) in stored {
            prop_assert_eq!(whole.hash(level, index), Ok(hash));
        }
    }
}
