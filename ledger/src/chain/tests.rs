//! The chain alone, without a node's thread: what it keeps of older states.

use super::*;
use crate::{ordering::solo::Solo, testing};
use contracts::key::TestSigner;
use std::{path::Path, sync::Arc};

fn open(folder: &Path) -> Chain {
    let document = testing::document();
    Chain::open(Store::open(folder).unwrap(), document.network, &document.document.founding).unwrap()
}

/// Commits `count` empty blocks.
fn grow(chain: &mut Chain, count: u64) {
    let mut ordering = Solo::new(chain.tip.network, Arc::new(TestSigner::of(1)));
    for _ in 0..count {
        let (prepared, _) = chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).unwrap();
        let certificate = ordering.order(prepared.header.entry.height, prepared.header.id()).unwrap();
        chain.commit(prepared, certificate).unwrap();
    }
}

/// A release that does not know the rules of the next block neither starts nor executes, and says what to do; it takes
/// such a block for no false one.
#[test]
fn a_version_of_the_rules_that_is_not_known_stops_whoever_would_execute_by_it() {
    use contracts::{governance::Protocol, merkle::Frontier, state::Record};
    let folder = tempfile::tempdir().unwrap();
    let mut chain = open(folder.path());
    grow(&mut chain, 3);
    let (prepared, _) = chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).unwrap();
    let mut batch = crate::store::Batch::default();
    let value = Protocol { version: 2, from: 4, before: 1 };
    let record = Record { history: Frontier::EMPTY, value }.encode();
    batch.put("state", Protocol::key().as_bytes(), record);
    chain.store.kv().write(batch).unwrap();
    // What only later rules know as a transaction is none to these, and that says nothing of the block either.
    let strange = holding(&prepared.block(), vec![vec![200; 40]]);
    for error in [
        chain.verify(&prepared.block()).err().unwrap(),
        chain.verify(&strange).err().unwrap(),
        chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).err().unwrap(),
    ] {
        assert!(error.is_ours() && error.to_string().contains("install a release that does"), "{error}");
    }
    drop(chain);
    let document = testing::document();
    let opened = Chain::open(Store::open(folder.path()).unwrap(), document.network, &document.document.founding);
    assert!(matches!(opened, Err(OpenError::Rules(ExecuteError::ProtocolUnknown { version: 2, height: 4 }))));
}

/// A transaction of somebody whom nobody knows, valid up to `last_valid`.
fn transaction(last_valid: Height) -> Vec<u8> {
    use contracts::{action::Action, key::Signer, transaction::Body};
    let mint = contracts::settlement::Mint {
        party: testing::buyer().party,
        amount: contracts::money::Amount::new(1).unwrap(),
        currency: "EUR".parse().unwrap(),
        reference: contracts::id::BankReference([7; 32]),
    };
    let signer = TestSigner::of(99);
    let body = Body {
        network: testing::document().network,
        sender: contracts::id::PartyId::of_first_key(&signer.public()),
        key: signer.public(),
        nonce: [1; 16],
        last_valid,
        action: Action::Mint(mint),
    };
    body.sign(&signer).unwrap().bytes()
}

/// `block` with these transactions, and a header that names them.
fn holding(block: &Block, transactions: Vec<Vec<u8>>) -> Block {
    let mut block = Block { transactions, ..block.clone() };
    let digests = block.transactions.iter().map(|bytes| Transaction::digest_of(bytes));
    block.header.transactions = execute::digest_of_digests(digests);
    block.header.entry.transactions = block.transactions.len() as u32;
    block
}

/// What validators give their word for follows from block and state alone: each way in which a block can be wrong.
#[test]
fn a_block_is_blamed_for_what_it_is_and_for_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = open(folder.path());
    grow(&mut chain, 3);
    let (prepared, _) = chain.propose(Vec::new(), chain.tip.time_ms + 1_000, 0).unwrap();
    let good = prepared.block();
    assert!(good.is_whole() && chain.verify(&good).is_ok());
    let found = |block: &Block| chain.verify(block).err().unwrap();
    let changed = |change: &dyn Fn(&mut Header)| {
        let mut block = good.clone();
        change(&mut block.header);
        found(&block)
    };
    let strange = holding(&good, vec![transaction(10)]);
    let blamed = [
        (changed(&|header| header.entry.time_ms = 0), "is not after"),
        (changed(&|header| header.entry.parent = Digest([7; 32])), "(parent)"),
        (changed(&|header| header.entry.transactions = 1), "(transactions)"),
        (changed(&|header| header.entry.log_root_before = Digest([7; 32])), "(log root before)"),
        (changed(&|header| header.entry.state_root = Digest([7; 32])), "(state root)"),
        (changed(&|header| header.entry.next_validators = Digest([7; 32])), "(validator set)"),
        (changed(&|header| header.entry.replay = Digest([7; 32])), "(replay set)"),
        (changed(&|header| header.log_size += 1), "(log root)"),
        (found(&holding(&good, vec![Vec::new(); BLOCK_TRANSACTIONS_MAX + 1])), "allowed are"),
        (found(&holding(&good, vec![vec![9; 40]])), "are no transaction"),
        (found(&holding(&good, vec![transaction(10); 2])), "in the ledger already"),
        (found(&holding(&good, vec![transaction(2)])), "was valid up to height 2"),
        (found(&strange), "is not known"),
    ];
    for (error, text) in blamed {
        assert_eq!(error.whose(), Whose::TheBlocks, "{error}");
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    // The same transaction, but the header names none: whoever made that header proposed something else.
    let not_whole = Block { header: good.header.clone(), ..strange.clone() };
    let (lacks, later) = (Block { transactions: Vec::new(), ..strange }, changed(&|header| header.entry.height += 1));
    let of_money = ExecuteError::MoneyOutOfBalance { currency: "EUR".into(), accounts: 1, supply: 0 };
    for error in [found(&not_whole), found(&lacks), later, of_money.into()] {
        assert_eq!(error.whose(), Whose::Unknown, "{error}");
    }
    let fault = || Fault::Damaged { key: ValidatorSet::key(), reason: "cut off".into() };
    let store = StoreError::Damaged { what: "header", at: "7".into(), reason: "cut off".into() };
    let ours: [BlockError; 5] = [
        fault().into(),
        ExecuteError::Fault(fault()).into(),
        TreeError::Missing("7".into()).into(),
        store.into(),
        BlockError::Damaged("there is no validator set"),
    ];
    assert!(ours.iter().all(BlockError::is_ours), "{ours:?}");
    // A set that the store has lost is no fault of a block.
    let mut batch = crate::store::Batch::default();
    batch.delete("state", ValidatorSet::key().as_bytes());
    chain.store.kv().write(batch).unwrap();
    let error = chain.verify(&good).err().unwrap();
    assert!(error.is_ours(), "{error}");
}

/// Exactly the last [`STATE_VERSIONS_KEPT`] versions before the tip can be read, and nothing else of
/// the tree is left in the store; also after a restart, which forgets how far the deletions came.
#[test]
fn older_states_are_deleted_and_newer_ones_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut chain = open(folder.path());
    for part in [STATE_VERSIONS_KEPT - 3, 10, 25, 1] {
        grow(&mut chain, part);
        let tip = chain.tip.height;
        let oldest = tip.saturating_sub(STATE_VERSIONS_KEPT);
        let reader = chain.store.reader();
        for version in oldest..=tip {
            assert!(tree::root(&reader, version).is_ok(), "version {version} at height {tip}");
        }
        for version in 0..oldest {
            assert!(matches!(tree::root(&reader, version), Err(TreeError::Missing(_))), "version {version} at {tip}");
        }
        assert_eq!(reader.stale(0, oldest, usize::MAX).unwrap(), []);
        let left = reader.stale(0, tip, usize::MAX).unwrap();
        let versions: Vec<u64> = left.iter().map(|stale| stale.since).collect();
        assert_eq!(versions, (oldest + 1..=tip).collect::<Vec<_>>());
        assert!(left.iter().all(|stale| stale.nodes.len() == 1), "each version made the root before it stale, no more");
        drop(reader);
        drop(chain);
        chain = open(folder.path());
    }
}
