use super::{
    proof::{End, ProofError},
    *,
};
use contracts::state::Key;
use jmt::{
    JellyfishMerkleTree, KeyHash, OwnedValue, RootHash, SimpleHasher,
    storage::{LeafNode, Node, NodeKey, TreeReader},
};
use proptest::prelude::*;
use std::{cell::RefCell, collections::HashMap};

/// SHA-256 for the oracle, which is generic over its hash.
struct Sha(Sha256);

impl SimpleHasher for Sha {
    fn new() -> Self {
        Self(Sha256::new())
    }
    fn update(&mut self, data: &[u8]) {
        sha2::Digest::update(&mut self.0, data);
    }
    fn finalize(self) -> [u8; 32] {
        sha2::Digest::finalize(self.0).into()
    }
}

/// The crate `jmt` over memory.
#[derive(Default)]
struct Oracle {
    nodes: RefCell<HashMap<NodeKey, Node>>,
    values: RefCell<HashMap<KeyHash, OwnedValue>>,
}

impl TreeReader for Oracle {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.nodes.borrow().get(key).cloned())
    }
    fn get_value_option(&self, _: u64, key: KeyHash) -> anyhow::Result<Option<OwnedValue>> {
        Ok(self.values.borrow().get(&key).cloned())
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

impl Oracle {
    fn put(&self, version: u64, changes: &[(Key, Vec<u8>)]) -> Digest {
        let set = changes.iter().map(|(key, value)| (KeyHash::with::<Sha>(key.as_bytes()), Some(value.clone())));
        let (root, batch) = JellyfishMerkleTree::<_, Sha>::new(self).put_value_set(set, version).unwrap();
        self.nodes.borrow_mut().extend(batch.node_batch.nodes().clone());
        for ((_, key), value) in batch.node_batch.values() {
            self.values.borrow_mut().insert(*key, value.clone().unwrap());
        }
        Digest(root.0)
    }

    fn prove(&self, version: u64, key: &Key) -> (Option<OwnedValue>, jmt::proof::SparseMerkleProof<Sha>) {
        let hash = KeyHash::with::<Sha>(key.as_bytes());
        JellyfishMerkleTree::<_, Sha>::new(self).get_with_proof(hash, version).unwrap()
    }
}

/// Our proof in the oracle's own bytes. It carries a sibling's parts where we carry its hash, so
/// what is compared here is the hash of each part.
fn sibling_hashes(proof: &jmt::proof::SparseMerkleProof<Sha>) -> Vec<Digest> {
    let bytes = borsh::to_vec(proof).unwrap();
    let mut rest = match bytes[0] {
        0 => &bytes[1..],
        _ => &bytes[65..],
    };
    let count = u32::from_le_bytes(rest[..4].try_into().unwrap());
    rest = &rest[4..];
    let two = |rest: &mut &[u8]| {
        let digest = |range: &[u8]| Digest(range.try_into().unwrap());
        let pair = (digest(&rest[..32]), digest(&rest[32..64]));
        *rest = &rest[64..];
        pair
    };
    (0..count)
        .map(|_| {
            let tag = rest[0];
            rest = &rest[1..];
            match tag {
                0 => PLACEHOLDER,
                1 => {
                    let (left, right) = two(&mut rest);
                    inner_hash(&left, &right)
                }
                _ => {
                    let (key_hash, value_hash) = two(&mut rest);
                    Leaf { key_hash, value_hash }.hash()
                }
            }
        })
        .collect()
}

fn key(number: u64) -> Key {
    Key::new(7, &[&number.to_be_bytes()])
}

fn put(nodes: &mut MemoryNodes, version: u64, changes: &[(Key, Vec<u8>)]) -> Digest {
    let base = version.checked_sub(1);
    let update = update(nodes, base, version, changes.iter().map(|(key, value)| (key, value.as_slice()))).unwrap();
    let root = update.root;
    assert!(update.nodes.iter().all(|(key, _)| nodes.node(key) == Ok(None)), "no node is ever overwritten");
    assert!(update.stale.iter().all(|key| nodes.node(key).unwrap().is_some()), "what becomes stale was there");
    nodes.keep(update);
    root
}

/// The definition: hash the sorted leaves of one subtree, `depth` bits below the root.
fn naive_root(leaves: &[Leaf], depth: usize) -> Digest {
    match leaves {
        [] => PLACEHOLDER,
        [one] => one.hash(),
        many => {
            let right = |leaf: &Leaf| leaf.key_hash.0[depth / 8] >> (7 - depth % 8) & 1 == 1;
            let (left, right) = many.split_at(many.partition_point(|leaf| !right(leaf)));
            inner_hash(&naive_root(left, depth + 1), &naive_root(right, depth + 1))
        }
    }
}

fn naive_root_of(model: &BTreeMap<Key, Vec<u8>>) -> Digest {
    let mut leaves: Vec<Leaf> = model.iter().map(|(key, value)| Leaf::of(key.as_bytes(), value)).collect();
    leaves.sort();
    naive_root(&leaves, 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn random_updates_agree_with_the_definition_and_with_jmt(
        versions in prop::collection::vec(prop::collection::vec((0u64..400, any::<u16>()), 1..300), 1..8),
        probes in prop::collection::vec(0u64..500, 24),
    ) {
        let (mut nodes, oracle) = (MemoryNodes::default(), Oracle::default());
        let mut pruned = MemoryNodes::default();
        let mut model = BTreeMap::new();
        let mut roots = Vec::new();
        for (version, changes) in versions.iter().enumerate() {
            let version = version as u64;
            let changes: Vec<_> = changes.iter().map(|(number, value)| (key(*number), value.to_be_bytes().to_vec())).collect();
            let root = put(&mut nodes, version, &changes);
            model.extend(changes.iter().cloned());
            prop_assert_eq!(root, naive_root_of(&model));
            prop_assert_eq!(root, oracle.put(version, &changes));
            let again = update(&pruned, version.checked_sub(1), version, changes.iter().map(|(key, value)| (key, value.as_slice()))).unwrap();
            prop_assert_eq!(again.root, root);
            pruned.replace(again);
            roots.push((root, model.clone()));

            for probe in &probes {
                let key = key(*probe);
                let value = model.get(&key).map(Vec::as_slice);
                let proof = prove(&nodes, version, &key).unwrap();
                prop_assert_eq!(proof.verify(&root, &key, value), Ok(()));
                prop_assert_eq!(&prove(&pruned, version, &key).unwrap(), &proof, "nothing that is reached becomes stale");
                let (theirs, oracle_proof) = oracle.prove(version, &key);
                prop_assert_eq!(theirs.as_deref(), value);
                prop_assert_eq!(&sibling_hashes(&oracle_proof), &proof.siblings);
                let hash = KeyHash::with::<Sha>(key.as_bytes());
                prop_assert!(oracle_proof.verify(RootHash(root.0), hash, value.map(<[u8]>::to_vec)).is_ok());
            }
        }
        // Versions before stay what they were.
        for (version, (root, model)) in roots.iter().enumerate() {
            let mut leaves = 0;
            let walked: Result<Digest, TreeError> = walk(&nodes, version as u64, &mut |_| { leaves += 1; Ok(()) });
            prop_assert_eq!(walked, Ok(*root));
            prop_assert_eq!(leaves, model.len());
        }
        let mut reached = 0;
        let last = roots.len() as u64 - 1;
        walk::<TreeError>(&pruned, last, &mut |_| { reached += 1; Ok(()) }).unwrap();
        prop_assert_eq!(reached, model.len());
    }

    #[test]
    fn a_claim_that_is_not_so_is_refused(count in 1u64..200, asked in 0u64..400) {
        let mut nodes = MemoryNodes::default();
        let changes: Vec<_> = (0..count).map(|number| (key(number), vec![number as u8])).collect();
        let root = put(&mut nodes, 0, &changes);
        let proof = prove(&nodes, 0, &key(asked)).unwrap();
        let claim = |value: Option<&[u8]>| proof.verify(&root, &key(asked), value);
        if asked < count {
            prop_assert_eq!(claim(Some(&[asked as u8])), Ok(()));
            prop_assert!(claim(Some(&[asked as u8 ^ 1])).is_err(), "another value");
            prop_assert_eq!(claim(None), Err(ProofError::SaysPresent));
        } else {
            prop_assert_eq!(claim(None), Ok(()));
            prop_assert_eq!(claim(Some(b"x")), Err(ProofError::SaysAbsent));
        }
        for other in 0..400 {
            if other != asked {
                prop_assert!(proof.verify(&root, &key(other), Some(&[asked as u8])).is_err());
            }
        }
        // Whatever end is put on the path, a record is never absent and a stranger never present.
        let leaf = Leaf::of(key(asked).as_bytes(), &[asked as u8]);
        for end in [End::Nothing, End::Other { key_hash: leaf.key_hash, value_hash: leaf.value_hash }] {
            let forged = StateProof { end, ..proof.clone() };
            prop_assert!(asked >= count || forged.verify(&root, &key(asked), None).is_err());
        }
    }
}

#[test]
fn trees_of_none_and_of_one_are_proven_too() {
    let mut nodes = MemoryNodes::default();
    assert_eq!(put(&mut nodes, 0, &[]), PLACEHOLDER);
    let nothing = prove(&nodes, 0, &key(1)).unwrap();
    assert_eq!(nothing, StateProof { end: End::Nothing, siblings: vec![] });
    assert_eq!(nothing.verify(&PLACEHOLDER, &key(1), None), Ok(()));

    let one = put(&mut nodes, 1, &[(key(1), b"one".to_vec())]);
    assert_eq!(one, Leaf::of(key(1).as_bytes(), b"one").hash());
    assert_eq!(prove(&nodes, 1, &key(1)).unwrap().verify(&one, &key(1), Some(b"one")), Ok(()));
    assert_eq!(prove(&nodes, 1, &key(2)).unwrap().verify(&one, &key(2), None), Ok(()));

    assert_eq!(put(&mut nodes, 2, &[]), one, "a version without changes has its parent's root");
    assert_eq!(root(&nodes, 2), Ok(one));
    let two = put(&mut nodes, 3, &[(key(1), b"uno".to_vec()), (key(2), b"two".to_vec())]);
    assert_eq!(root(&nodes, 3), Ok(two));
    assert_eq!(root(&nodes, 1), Ok(one), "older versions stay readable");
}

#[test]
fn of_two_values_for_one_key_the_last_counts() {
    let mut nodes = MemoryNodes::default();
    let twice = put(&mut nodes, 0, &[(key(1), b"first".to_vec()), (key(2), vec![]), (key(1), b"last".to_vec())]);
    let mut other = MemoryNodes::default();
    assert_eq!(twice, put(&mut other, 0, &[(key(1), b"last".to_vec()), (key(2), vec![])]));
}

fn golden() -> (MemoryNodes, Digest) {
    let mut nodes = MemoryNodes::default();
    let changes: Vec<_> = (0..100u64).map(|number| (key(number), format!("value {number}").into_bytes())).collect();
    let root = put(&mut nodes, 0, &changes);
    (nodes, root)
}

#[test]
fn golden_root_and_proof() {
    let (nodes, root) = golden();
    assert_eq!(root.to_string(), "d4461d6246cceee70438de3a7e3291477ebcddb380fb676579b5df3c89410bee");
    let present = borsh::to_vec(&prove(&nodes, 0, &key(42)).unwrap()).unwrap();
    assert_eq!(Digest::of(&[&present]).to_string(), "1187b09bf521b8c714cfdc66e1190eb82f709f27e5c87dbf05ff21dc52181cf7");
    let absent = borsh::to_vec(&prove(&nodes, 0, &key(1_000)).unwrap()).unwrap();
    assert_eq!(
        hex::encode(absent),
        "01259c6f48c6eb8f122dae8f2ac6eac79400510c15108091235e519e269317408405e4820144c4bcc8c6a832c5e26e90b4b11d2d2fa375f7479142470c1e23f02106000000ab6bf0574764a45d33ca254cadc30e6ad7f1ad26ee7dc40a041cce08c800562f4dfc3242df001fa6285312e87b904f41b5af80596277b211270a1ebad6dcde0c048a87e6bf1a31d7baf05d080c2593e8bf209e0e17dfc65aced27b4ba6646332723224673a4edd1eed932c21445c4a08a32410374230d546f0df9dae3bdeb3511672d02fefb33fe7d634a413769e20fbd151fe59dde1dff29710ee3d84d61b45208c3db94c284c75b34e726836916ec06acd0a82eb16b1a752affdd6f244786e"
    );
}

#[test]
fn every_flipped_bit_of_a_proof_is_refused() {
    let (nodes, root) = golden();
    for (number, value) in [(42, Some(b"value 42".as_slice())), (1_000, None), (1_001, None), (1_002, None)] {
        let proof = prove(&nodes, 0, &key(number)).unwrap();
        let bytes = borsh::to_vec(&proof).unwrap();
        assert_eq!(borsh::from_slice::<StateProof>(&bytes).unwrap().verify(&root, &key(number), value), Ok(()));
        for bit in 0..8 * bytes.len() {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            let verdict = borsh::from_slice::<StateProof>(&wrong).map(|proof| proof.verify(&root, &key(number), value));
            assert!(!matches!(verdict, Ok(Ok(()))), "bit {bit} of the proof for {number}");
        }
        assert!(borsh::from_slice::<StateProof>(&[bytes.as_slice(), &[0]].concat()).is_err(), "a trailing byte");
        assert!(borsh::from_slice::<StateProof>(&bytes[..bytes.len() - 1]).is_err(), "a byte less");
    }
    let endless = [&[2][..], &u32::MAX.to_le_bytes()].concat();
    assert!(borsh::from_slice::<StateProof>(&endless).is_err());
    let long = StateProof { end: End::Nothing, siblings: vec![PLACEHOLDER; 257] };
    assert_eq!(long.verify(&root, &key(1), None), Err(ProofError::TooLong(257)));
}

#[test]
fn a_damaged_store_is_named_and_nothing_panics() {
    let (nodes, root) = golden();
    let keys: Vec<Vec<u8>> = nodes.nodes.keys().cloned().collect();
    let change = [(key(42), b"new".to_vec())];
    let mut located = 0;
    for node in &keys {
        let bytes = nodes.nodes[node].clone();
        for bit in 0..8 * bytes.len() {
            let mut damaged = nodes.clone();
            damaged.nodes.get_mut(node).unwrap()[bit / 8] ^= 1 << (bit % 8);
            let walked: Result<Digest, TreeError> = walk(&damaged, 0, &mut |_| Ok(()));
            assert_ne!(walked, Ok(root), "bit {bit} of node {}", hex::encode(node));
            located += u32::from(walked.is_err());
            let _ = update(&damaged, Some(0), 1, change.iter().map(|(key, value)| (key, value.as_slice())));
            let _ = prove(&damaged, 0, &key(42));
        }
    }
    assert!(located > 0);
    let mut lost = nodes.clone();
    lost.nodes.remove(&keys[3]);
    let walked: Result<Digest, TreeError> = walk(&lost, 0, &mut |_| Ok(()));
    assert_eq!(walked, Err(TreeError::Missing(hex::encode(&keys[3]))));
    let empty: [(&Key, &[u8]); 0] = [];
    assert_eq!(update(&nodes, Some(3), 3, empty), Err(TreeError::Order { version: 3, base: 3 }));
    assert!(matches!(update(&nodes, Some(5), 6, empty), Err(TreeError::Missing(_))));
}

/// Not a test of speed, but the way to measure it: `LONJA_MEASURE=1 cargo test --release -p ledger measure -- --nocapture`.
#[test]
fn measure_updates() {
    let keys = if std::env::var_os("LONJA_MEASURE").is_some() { 1_000_000u64 } else { 2_000 };
    let mut nodes = MemoryNodes::default();
    let started = std::time::Instant::now();
    let mut model = Vec::new();
    for (version, first) in (0..keys).step_by(keys as usize / 10).enumerate() {
        let changes: Vec<_> = (first..first + keys / 10).map(|number| (key(number), vec![1; 200])).collect();
        let base = (version as u64).checked_sub(1);
        nodes.replace(
            update(&nodes, base, version as u64, changes.iter().map(|(key, value)| (key, value.as_slice()))).unwrap(),
        );
        model.extend(changes);
    }
    println!("{keys} keys built in {:?}, {} nodes", started.elapsed(), nodes.len());
    for batch in [1_000u64, 10_000] {
        let (mut spent, mut done) = (std::time::Duration::ZERO, 0);
        let mut version = root_version(&nodes);
        for round in 0..20 {
            let changes: Vec<_> = (0..batch.min(keys))
                .map(|number| (key((number * 7_919 + round * 104_729) % keys), vec![round as u8; 200]))
                .collect();
            let started = std::time::Instant::now();
            let update =
                update(&nodes, Some(version), version + 1, changes.iter().map(|(key, value)| (key, value.as_slice())))
                    .unwrap();
            spent += started.elapsed();
            (done, version) = (done + changes.len(), version + 1);
            nodes.replace(update);
        }
        println!("batches of {batch}: {:.0} keys/s", done as f64 / spent.as_secs_f64());
        assert_eq!(root_version(&nodes), version);
    }
}

fn root_version(nodes: &MemoryNodes) -> u64 {
    nodes
        .nodes
        .keys()
        .filter(|key| key[8] == 0)
        .map(|key| u64::from_be_bytes(key[..8].try_into().unwrap()))
        .max()
        .unwrap()
}
