//! Blocks that nobody executed, sealed by the test network's validator all the same: what followers believe.

use super::{buyer, document, settlement, solo_keys};
use crate::{
    api::BlockPage,
    block::{Block, Header, entries},
    log,
    ordering::solo::Solo,
    receipt::{Seal, Vote},
    store::StoredResult,
    unexecuted::{Place, head},
};
use contracts::{
    action::Action,
    event::Event,
    execute,
    id::{BankReference, Digest},
    merkle::Frontier,
    money::Amount,
    outcome::{BlockEntry, Outcome, TransactionEntry},
    settlement::Mint,
    transaction::Body,
};

/// Before the first block.
pub(crate) fn founding() -> Place {
    Place { height: 0, block: Digest(document().network.0), log: Frontier::EMPTY }
}

/// The block after `place`, whose only transaction says to have had `events`, and where the chain is after it.
///
/// # Panics
/// Never: a test's keys sign.
pub(crate) fn page(place: &Place, events: Vec<Event>) -> (BlockPage, Place) {
    let (document, height) = (document(), place.height + 1);
    let (network, set) = (document.network, &document.document.founding.validators);
    let identity = settlement();
    let mint = Mint {
        party: buyer().party,
        amount: Amount::new(100).expect("below the limit"),
        currency: "EUR".parse().expect("a currency"),
        reference: BankReference([height as u8; 32]),
    };
    let body = Body {
        network,
        sender: identity.party,
        key: identity.signer.public(),
        nonce: [height as u8; 16],
        last_valid: height + 100,
        action: Action::Mint(mint),
    };
    let signed = body.sign(&*identity.signer).expect("a test's key signs");
    let checked = signed.check(&network).expect("it was signed for this network");
    let transaction = TransactionEntry {
        transaction: checked.id(),
        digest: checked.digest(),
        outcome: Outcome::Applied,
        events: Event::digest_all(&events),
    };
    let entry = BlockEntry {
        height,
        time_ms: height * 1_000,
        parent: place.block,
        round: 0,
        transactions: 1,
        log_root_before: place.log.root(),
        state_root: Digest([0; 32]),
        validators: set.digest(),
        next_validators: set.digest(),
        replay: Digest([0; 32]),
    };
    let leaves = entries([&transaction].into_iter(), &entry).map(|entry| entry.leaf());
    let (log, _) = log::append(&place.log, leaves);
    let transactions = execute::digest_of_transactions(std::slice::from_ref(&checked));
    let header = Header { entry, transactions, log_size: log.count(), log_root: log.root() };
    let keys = solo_keys();
    let certificate = Solo::new(network, keys.consensus).order(height, header.id()).expect("a test's key signs");
    let vote = Vote::sign(&network, &head(&header), 0, height, &*keys.log, &*keys.cosigner);
    let seal = Seal::of(set, vec![vote.expect("a test's key signs")]).expect("it is the only validator");
    let after = Place { height, block: header.id(), log };
    let block = Block { header, transactions: vec![checked.bytes().to_vec()] };
    let results = vec![StoredResult { entry: transaction, events }];
    (BlockPage { block, results, certificate, seal, change: None }, after)
}
