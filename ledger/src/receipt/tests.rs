use super::{evidence::*, seal::*, trust::*, *};
use crate::{
    log::{MemoryHashes, proof},
    tree::{self, MemoryNodes},
};
use contracts::{
    event::Event,
    id::{PartyId, TransactionId},
    key::{Signer, TestSigner},
    merkle::Frontier,
    outcome::{BlockEntry, Outcome, TransactionEntry},
    party::{Roles, SuspensionReason},
    state::{Key, history_leaf},
    validators::{Validator, ValidatorSet},
};

/// A small network in memory: a log of blocks with two transactions each, and a state with one
/// record whose history is two events long.
pub(crate) struct World {
    pub network: NetworkId,
    pub set: ValidatorSet,
    pub trust: Trust,
    pub entries: Vec<Entry>,
    pub log: MemoryHashes,
    pub nodes: MemoryNodes,
    pub key: Key,
    pub record: Vec<u8>,
    pub leaves: Vec<HistoryLeaf>,
}

fn signer(validator: u8, purpose: u16) -> TestSigner {
    TestSigner::of(100 + 3 * u16::from(validator) + purpose)
}

/// Set of `count` validators, whose keys begin at those of validator number `first`.
pub(crate) fn set(first: u8, count: u8) -> ValidatorSet {
    let validator = |number| Validator {
        name: format!("validator-{number}"),
        consensus: signer(number, 0).public(),
        log: signer(number, 1).public(),
        cosigner: signer(number, 2).public(),
    };
    ValidatorSet { validators: (first..first + count).map(validator).collect() }
}

impl World {
    pub(crate) fn new(validators: u8, entries: u64) -> Self {
        let (network, set) = (NetworkId([7; 32]), set(0, validators));
        let trust = Trust::new(network, set.clone()).unwrap();
        let party = PartyId([3; 32]);
        let events = [
            Event::PartyAdmitted { party, roles: Roles::default(), by: PartyId([4; 32]) },
            Event::PartySuspended { party, reason: SuspensionReason::Breach, by: PartyId([4; 32]) },
        ];
        let leaf = |(number, event): (usize, &Event)| HistoryLeaf {
            height: 1 + number as u64,
            transaction: TransactionId([number as u8; 32]),
            number: 0,
            event: event.clone(),
        };
        let leaves: Vec<HistoryLeaf> = events.iter().enumerate().map(leaf).collect();
        let mut history = Frontier::EMPTY;
        leaves.iter().for_each(|leaf| history.append(leaf.hash()));
        let record = [borsh::to_vec(&history).unwrap(), b"the value".to_vec()].concat();
        let key = Key::new(1, &[&party.0]);
        let mut nodes = MemoryNodes::default();
        let others: Vec<(Key, Vec<u8>)> = (0..20u8).map(|number| (Key::new(2, &[&[number]]), vec![number])).collect();
        let changes = others.iter().map(|(key, value)| (key, value.as_slice())).chain([(&key, record.as_slice())]);
        let update = tree::update(&nodes, None, 0, changes).unwrap();
        let state_root = update.root;
        nodes.keep(update);
        let mut world =
            Self { network, set, trust, entries: Vec::new(), log: MemoryHashes::default(), nodes, key, record, leaves };
        (0..entries).for_each(|index| world.push(index, state_root));
        world
    }

    fn push(&mut self, index: u64, state_root: Digest) {
        let entry = if index % 3 == 2 {
            Entry::Block(BlockEntry {
                height: index / 3 + 1,
                time_ms: 1_700_000_000_000 + index,
                parent: Digest([1; 32]),
                round: 0,
                transactions: 2,
                log_root_before: Digest([2; 32]),
                state_root,
                validators: self.set.digest(),
                next_validators: self.set.digest(),
                replay: Digest([4; 32]),
            })
        } else {
            Entry::Transaction(TransactionEntry {
                transaction: TransactionId([index as u8; 32]),
                digest: Digest([6; 32]),
                outcome: if index.is_multiple_of(2) { Outcome::Applied } else { Outcome::Refused { code: 60 } },
                events: Digest([8; 32]),
            })
        };
        self.log.push(entry.leaf());
        self.entries.push(entry);
    }

    pub(crate) fn seal(&self, head: &TreeHead) -> Seal {
        signed(&self.network, &self.set, 0, head)
    }

    /// The receipt of entry `index` under the checkpoint of its own block.
    pub(crate) fn receipt(&self, index: u64) -> Receipt {
        let size = index / 3 * 3 + 3;
        let checkpoint = TreeHead { size, root: crate::log::root(&self.log, size).unwrap() };
        let path = proof::inclusion(&self.log, index, size).unwrap();
        let statement =
            Statement { network: self.network, index, entry: self.entries[index as usize], path, checkpoint };
        Receipt { statement, seal: self.seal(&checkpoint) }
    }

    pub(crate) fn height(&self, index: u64) -> HeightProof {
        HeightProof { receipt: self.receipt(index) }
    }

    pub(crate) fn state(&self, key: &Key, value: Option<&[u8]>) -> StateEvidence {
        StateEvidence {
            key: key.clone(),
            value: value.map(<[u8]>::to_vec),
            proof: tree::prove(&self.nodes, 0, key).unwrap(),
        }
    }
}

/// The seal over `head` by a quorum of `set`, whose validators' keys begin at number `first`.
pub(crate) fn signed(network: &NetworkId, set: &ValidatorSet, first: u8, head: &TreeHead) -> Seal {
    let vote = |number: u8| {
        let time = 1_700_000_000 + u64::from(number);
        Vote::sign(network, head, number, time, &signer(first + number, 1), &signer(first + number, 2)).unwrap()
    };
    // The last of the set, so that numbers do not begin at 0.
    let count = set.validators.len();
    Seal::of(set, (count - set.quorum()..count).map(|number| vote(number as u8)).collect()).unwrap()
}

/// A receipt as large as a transaction's can be with sixteen validators: a path of 30 hashes.
fn largest() -> (World, Receipt) {
    let world = World::new(16, 2);
    let (index, size) = (123_456_789u64, 1 << 30);
    let entry = world.entries[1];
    let path: Vec<Digest> = (0..30u8).map(|level| Digest([level; 32])).collect();
    let checkpoint = TreeHead { size, root: root_of_inclusion(&entry.leaf(), index, size, &path).unwrap() };
    let seal = world.seal(&checkpoint);
    let statement = Statement { network: world.network, index, entry, path, checkpoint };
    (world, Receipt { statement, seal })
}

#[test]
fn a_receipt_proves_its_entry() {
    for validators in [1, 2, 3, 4, 7, 16] {
        let world = World::new(validators, 12);
        for index in 0..12 {
            let receipt = world.receipt(index);
            let read = Receipt::decode(&receipt.encode()).unwrap();
            assert_eq!(read, receipt);
            let verified = read.verify(&world.trust).unwrap();
            assert_eq!((verified.index, verified.entry), (index, world.entries[index as usize]));
            assert_eq!(verified.signers.len(), world.set.quorum());
            assert_eq!(verified.sealed_s, 1_700_000_000 + u64::from(validators) - 1);
        }
    }
}

#[test]
fn the_largest_receipt_fits_two_kibibytes_and_verifies_as_fast_as_its_signatures() {
    let (world, receipt) = largest();
    let bytes = receipt.encode();
    assert_eq!(bytes.len(), fixed_bytes(30) + TRANSACTION_ENTRY_BYTES);
    assert!(bytes.len() <= RECEIPT_BYTES_TYPICAL, "{}", bytes.len());
    let (mut best, mut one) = (std::time::Duration::MAX, std::time::Duration::MAX);
    let (key, signature) = (signer(0, 0).public(), signer(0, 0).sign(b"one").unwrap());
    for _ in 0..20 {
        let started = std::time::Instant::now();
        Receipt::decode(&bytes).unwrap().verify(&world.trust).unwrap();
        best = best.min(started.elapsed());
        let started = std::time::Instant::now();
        key.verify_raw(b"one", &signature).unwrap();
        one = one.min(started.elapsed());
    }
    println!("a receipt of {} bytes with 12 signatures verifies in {best:?}, one signature in {one:?}", bytes.len());
    assert!(best < 24 * one, "{best:?}, and one signature {one:?}");
    let block = World::new(16, 3).receipt(2);
    assert_eq!(borsh::to_vec(&block.statement.entry).unwrap().len(), BLOCK_ENTRY_BYTES);
}

#[test]
fn golden_statement_and_receipt() {
    let receipt = World::new(1, 6).receipt(3);
    assert_eq!(
        hex::encode(borsh::to_vec(&receipt.statement).unwrap()),
        "070707070707070707070707070707070707070707070707070707070707070703000000000000000103030303030303030303030303030303030303030303030303030303030303030606060606060606060606060606060606060606060606060606060606060606013c080808080808080808080808080808080808080808080808080808080808080803000000469b9bd76f00d9cb3454beb859971002589b659697a29f66a2e3b69e6c332d07f977263012472e0afe8b2cfaa199d1f433ed75a880dab87cd43b543fbafe43ac95400b4c2a71752a8b305431665f73f11a98ad37a635a52c00384d0990c8e55b060000000000000091d7fededc8be4999057e2ce6076d5bb7c124d3e93734152cd5469f2dd181377"
    );
    assert_eq!(
        hex::encode(receipt.encode()),
        "00070707070707070707070707070707070707070707070707070707070707070703000000000000000103030303030303030303030303030303030303030303030303030303030303030606060606060606060606060606060606060606060606060606060606060606013c080808080808080808080808080808080808080808080808080808080808080803000000469b9bd76f00d9cb3454beb859971002589b659697a29f66a2e3b69e6c332d07f977263012472e0afe8b2cfaa199d1f433ed75a880dab87cd43b543fbafe43ac95400b4c2a71752a8b305431665f73f11a98ad37a635a52c00384d0990c8e55b060000000000000091d7fededc8be4999057e2ce6076d5bb7c124d3e93734152cd5469f2dd181377892796f09e9a34fc88660bda680f6871673becd4502511aa3b4bbfe575a18a0a61bcb32de6f2a9b2dfa22fbc8bca763d81c051a05bd724cf7ffef0aaf5bc8b00010000000000f1536500000000b390a0542222cdbd5f74859916e5f587e79bbc225e40105f7f961e85a258fc5fab85f17f0e01d3bdab321295e05b862855ef3e03f41d8ce34ab65900d164e708"
    );
    let four = World::new(4, 9).receipt(8).encode();
    assert_eq!(Digest::of(&[&four]).to_string(), "d19b2d7cfcc0e3b984deb391b0875ad9ecef09a4edc19c903acc64c01dab880d");
}

#[test]
fn every_flipped_bit_of_a_receipt_is_refused() {
    for (validators, index) in [(1, 4), (1, 5), (4, 0)] {
        let world = World::new(validators, 9);
        let bytes = world.receipt(index).encode();
        let verdict = |bytes: &[u8]| Receipt::decode(bytes).and_then(|receipt| receipt.verify(&world.trust));
        assert!(verdict(&bytes).is_ok());
        for bit in 0..8 * bytes.len() {
            let mut wrong = bytes.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(verdict(&wrong).is_err(), "bit {bit} with {validators} validators");
        }
        assert!(matches!(verdict(&[bytes.as_slice(), &[0]].concat()), Err(ReceiptError::Form(_))));
        for length in 0..bytes.len() {
            assert!(matches!(verdict(&bytes[..length]), Err(ReceiptError::Form(_))), "the first {length} bytes");
        }
    }
}

#[test]
fn each_failure_is_named() {
    let world = World::new(4, 9);
    let receipt = world.receipt(4);
    let with = |change: &dyn Fn(&mut Receipt)| {
        let mut changed = receipt.clone();
        change(&mut changed);
        changed.verify(&world.trust).unwrap_err()
    };
    let elsewhere = Trust::new(NetworkId([8; 32]), world.set.clone()).unwrap();
    assert!(matches!(receipt.verify(&elsewhere), Err(ReceiptError::Network { .. })));
    assert!(matches!(with(&|r| r.statement.index = 3), ReceiptError::Path(_)));
    assert!(matches!(with(&|r| r.statement.index = 99), ReceiptError::Path(ProofError::Outside { .. })));
    assert!(matches!(with(&|r| r.statement.checkpoint.size = 0), ReceiptError::Path(ProofError::Outside { .. })));
    assert!(matches!(with(&|r| r.statement.path.truncate(1)), ReceiptError::Path(ProofError::Length { .. })));
    assert!(matches!(with(&|r| r.statement.checkpoint.root.0[0] ^= 1), ReceiptError::Path(ProofError::Root { .. })));
    let seal = |change: &dyn Fn(&mut Seal)| match with(&|r| change(&mut r.seal)) {
        ReceiptError::Seal(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(seal(&|s| s.cosignatures.truncate(2)), SealError::Count { expected: 3, got: 2 });
    assert_eq!(seal(&|s| s.cosignatures.push(s.cosignatures[2].clone())), SealError::Count { expected: 3, got: 4 });
    assert_eq!(seal(&|s| s.cosignatures.swap(0, 1)), SealError::Order(1));
    assert_eq!(seal(&|s| s.cosignatures[1] = s.cosignatures[0].clone()), SealError::Order(1));
    assert_eq!(seal(&|s| s.cosignatures[2].validator = 4), SealError::Unknown(4));
    assert_eq!(seal(&|s| s.cosignatures[2].time_s = u64::MAX), SealError::Time { validator: 3, time_s: u64::MAX });
    assert!(matches!(seal(&|s| s.cosignatures[1].time_s += 1), SealError::Cosignature { validator: 2, .. }));
    assert!(matches!(seal(&|s| s.cosignatures[0].validator = 0), SealError::Cosignature { validator: 0, .. }));
    assert!(matches!(seal(&|s| s.log.0[5] ^= 1), SealError::Log { validator: 1, .. }));

    // An entry at a place where it cannot stand, though the path leads to a signed root.
    let head = TreeHead { size: 1, root: world.entries[0].leaf() };
    let statement =
        Statement { network: world.network, index: 0, entry: world.entries[0], path: vec![], checkpoint: head };
    let lone = Receipt { statement, seal: world.seal(&head) };
    assert_eq!(lone.verify(&world.trust), Err(ReceiptError::Place { index: 0, size: 1 }));
    // A block that says that another set decided it.
    let mut strange = World::new(4, 0);
    strange.set = set(0, 5);
    (0..3).for_each(|index| strange.push(index, Digest([1; 32])));
    strange.set = set(0, 4);
    assert!(matches!(strange.receipt(2).verify(&strange.trust), Err(ReceiptError::Set { .. })));
}

#[test]
fn a_length_out_of_bounds_is_refused_before_it_is_reserved() {
    let receipt = World::new(1, 3).receipt(0);
    let bytes = receipt.encode();
    let path_at = 1 + 32 + 8 + borsh::to_vec(&receipt.statement.entry).unwrap().len();
    let seal_at = bytes.len() - 4 - 73;
    for at in [path_at, seal_at] {
        let mut wrong = bytes.clone();
        wrong[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Receipt::decode(&wrong), Err(ReceiptError::Form(_))));
    }
    assert!(matches!(Receipt::decode(&vec![0; RECEIPT_BYTES_MAX + 1]), Err(ReceiptError::Form(_))));
}

pub(crate) fn signed_change(
    before: &ValidatorSet,
    first: u8,
    number: u32,
    after_size: u64,
    next: ValidatorSet,
    compromised: Vec<u8>,
) -> SetChange {
    let mut change = SetChange { number, after_size, set: next, compromised, signatures: vec![] };
    let network = NetworkId([7; 32]);
    change.signatures =
        (0..before.quorum() as u8).map(|n| change.sign(&network, before, n, &signer(first + n, 0)).unwrap()).collect();
    change
}

#[test]
fn trust_follows_changes_that_a_quorum_of_the_set_before_signed() {
    let world = World::new(4, 12);
    let next = set(4, 4);
    let first = signed_change(&world.set, 0, 1, 6, next.clone(), vec![]);
    let bytes = borsh::to_vec(&first).unwrap();
    assert_eq!(borsh::from_slice::<SetChange>(&bytes).unwrap(), first);
    let mut trust = world.trust.clone();
    trust.extend(&first).unwrap();
    assert_eq!((trust.changes(), trust.newest(), trust.era(6), trust.era(7)), (1, &next, &world.set, &next));

    // Checkpoints up to size 6 are the old set's, later ones the new set's.
    assert!(world.receipt(4).verify(&trust).is_ok());
    assert!(matches!(world.receipt(7).verify(&trust), Err(ReceiptError::Seal(_))));
    let mut later = world.receipt(7);
    later.seal = signed(&world.network, &next, 4, &later.statement.checkpoint);
    assert!(later.verify(&trust).is_ok());
    assert!(later.verify(&world.trust).is_err(), "without the change the new set is unknown");

    let refused = |change: &SetChange| world.trust.clone().extend(change).unwrap_err();
    assert_eq!(refused(&SetChange { number: 2, ..first.clone() }), TrustError::Number { expected: 1, got: 2 });
    assert!(matches!(
        refused(&SetChange { after_size: 7, ..first.clone() }),
        TrustError::Signature { number: 1, validator: 0 }
    ));
    assert!(matches!(refused(&SetChange { after_size: 0, ..first.clone() }), TrustError::Size { .. }));
    assert!(matches!(refused(&SetChange { set: set(5, 4), ..first.clone() }), TrustError::Signature { .. }));
    assert!(matches!(refused(&SetChange { set: set(0, 0), ..first.clone() }), TrustError::Set(_)));
    assert!(matches!(refused(&SetChange { compromised: vec![9], ..first.clone() }), TrustError::Compromised(1)));
    for signatures in
        [first.signatures[1..].to_vec(), first.signatures.iter().rev().copied().collect(), vec![first.signatures[0]; 3]]
    {
        assert_eq!(refused(&SetChange { signatures, ..first.clone() }), TrustError::Quorum(1));
    }
    for bit in 0..8 * bytes.len() {
        let mut wrong = bytes.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        if let Ok(wrong) = borsh::from_slice::<SetChange>(&wrong) {
            assert!(world.trust.clone().extend(&wrong).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn after_a_compromise_old_receipts_verify_through_a_later_checkpoint() {
    let world = World::new(4, 12);
    let next = set(4, 4);
    let mut trust = world.trust.clone();
    trust.extend(&signed_change(&world.set, 0, 1, 6, next.clone(), vec![2])).unwrap();
    let receipt = world.receipt(4);
    assert!(matches!(receipt.verify(&trust), Err(ReceiptError::Seal(SealError::Compromised(_)))));

    let head = TreeHead { size: 12, root: crate::log::root(&world.log, 12).unwrap() };
    let proof = proof::consistency(&world.log, 6, 12).unwrap();
    let later = Later { checkpoint: head, proof, seal: signed(&world.network, &next, 4, &head) };
    assert_eq!(receipt.verify_through(&trust, &later).unwrap().entry, world.entries[4]);
    assert_eq!(receipt.verify_through(&world.trust, &later), Err(ReceiptError::NotLater));
    let kept = LaterFile { changes: Vec::new(), later: vec![later.clone()] };
    let text = String::from_utf8(kept.encode()).unwrap();
    let later_hex = hex::encode(borsh::to_vec(&later).unwrap());
    let golden = "{\n  \"format\": \"lonja-later/v1\",\n  \"trust\": [],\n  \"later\": [\n    \"HEX\"\n  ]\n}\n";
    assert_eq!(text, golden.replace("HEX", &later_hex));
    assert_eq!(LaterFile::decode(text.as_bytes()).unwrap(), kept);
    for wrong in [text.replace("later/v1", "later/v2"), text.to_uppercase(), text.trim_end().to_owned()] {
        assert!(LaterFile::decode(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let mut forked = later.clone();
    forked.proof[0].0[0] ^= 1;
    assert!(matches!(receipt.verify_through(&trust, &forked), Err(ReceiptError::Consistency(_))));
    let unsigned = Later { seal: signed(&world.network, &world.set, 0, &head), ..later };
    assert!(matches!(receipt.verify_through(&trust, &unsigned), Err(ReceiptError::Seal(_))));
}

#[test]
fn a_height_proves_records_absences_and_whole_histories() {
    let world = World::new(4, 6);
    let (block, _) = world.height(5).verify(&world.trust).unwrap();
    assert_eq!(block.height, 2);
    assert_eq!(world.height(4).verify(&world.trust), Err(EvidenceError::NotABlock(4)));
    let absent = Key::new(9, &[b"nobody"]);
    assert_eq!(world.state(&absent, None).verify(&block), Ok(()));
    assert!(world.state(&absent, Some(b"x")).verify(&block).is_err());
    assert!(world.state(&world.key, None).verify(&block).is_err());

    let state = world.state(&world.key, Some(&world.record));
    let whole = HistoryEvidence { state: state.clone(), leaves: world.leaves.clone() };
    assert_eq!(whole.verify(&block), Ok(()));
    let other = |leaves: Vec<HistoryLeaf>| HistoryEvidence { state: state.clone(), leaves }.verify(&block).unwrap_err();
    let [first, second] = world.leaves.clone().try_into().unwrap();
    assert!(matches!(other(vec![first.clone()]), EvidenceError::History { expected: 2, got: 1, .. }), "one is missing");
    assert!(matches!(other(vec![second.clone(), first.clone()]), EvidenceError::History { .. }), "moved");
    assert!(
        matches!(other(vec![first.clone(), second.clone(), second.clone()]), EvidenceError::History { .. }),
        "added"
    );
    assert!(
        matches!(other(vec![first.clone(), HistoryLeaf { height: 3, ..second }]), EvidenceError::History { .. }),
        "changed"
    );
    assert_eq!(first.bytes(), history_leaf(1, &TransactionId([0; 32]), 0, &first.event));
    assert!(matches!(world.state(&absent, None).history(), Err(EvidenceError::Absent(_))));
    for damaged in [vec![], vec![1; 12], [vec![1, 0, 0, 0, 0, 0, 0, 0], vec![255; 4]].concat()] {
        let evidence = StateEvidence { value: Some(damaged), ..state.clone() };
        assert!(matches!(evidence.history(), Err(EvidenceError::Record(_))));
    }
}
