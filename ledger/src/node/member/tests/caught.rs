//! Validators that lie, caught by nodes that run.

use super::*;
use crate::{node::Evidence, ordering::bft::forge};
use contracts::{event::Event, execute::digest_of_transactions, key::Signer};

/// The engine tells of it when the height is decided; from there on the evidence outlasts the node, and the rules
/// take it from whoever hands it in.
#[tokio::test(flavor = "multi_thread")]
async fn who_votes_for_two_blocks_in_one_round_is_caught_and_accused() {
    let mut four = Four::start();
    four.all_at(four.commit(0, 1).await).await;
    // Its place is taken by one that lies. What it says itself would contradict that, and be blamed.
    four.down(3);
    let (liar, network) = (testing::consensus_signer(3), four.document.network);
    let mut number = 2;
    while four.handle(0).misconduct().is_empty() {
        assert!(number < 60, "both votes are heard in none of so many heights");
        let height = four.handle(0).status().height + 1;
        for block in [1, 2] {
            let said = forge::Said { who: liar.public(), kind: 0, height, round: 0 };
            let vote = forge::message(&network, &liar, &said, Some(Digest([block; 32])));
            assert!(four.handle(0).deliver(3, Frame::Message(height, vote).encode()));
        }
        four.all_at(four.commit(1, number).await).await;
        number += 1;
    }
    let caught = four.handle(0).misconduct();
    assert_eq!(caught.iter().map(Evidence::against).collect::<Vec<_>>(), [liar.public()]);
    caught[0].verify(&network).unwrap();
    four.down(0);
    four.up(0);
    assert_eq!(four.handle(0).misconduct(), caught);

    let (height, events) = four.act(1, 200, caught[0].clone().action()).await;
    assert!(matches!(events[..], [Event::Accused { validator: 3, .. }]), "{events:?}");
    four.up(3);
    four.all_at(height).await;
    four.audit();
}

impl Four {
    /// Has validator 3 propose blocks that break the rules at the next height of node `to`, in the rounds in which it
    /// may have its turn, each with its signature.
    fn propose_breaking(&self, to: u16) {
        let (liar, handle) = (testing::consensus_signer(3), self.handle(to));
        let tip = handle.shared.tip.borrow().clone();
        let mut header = handle.shared.store.reader().header(tip.height).unwrap().unwrap();
        header.transactions = digest_of_transactions(&[]);
        header.entry.transactions = 0;
        header.entry.height = tip.height + 1;
        header.entry.parent = tip.block;
        header.entry.log_root_before = tip.log.root();
        header.entry.time_ms = tip.time_ms + 1;
        header.entry.state_root = Digest([7; 32]);
        for round in 0..u32::from(COUNT) {
            header.entry.round = round;
            let (block, height) = (Block { header: header.clone(), transactions: Vec::new() }, tip.height + 1);
            let said = forge::Said { who: liar.public(), kind: 2, height, round };
            let message = forge::message(&self.document.network, &liar, &said, Some(block.header.id()));
            for frame in [Frame::Proposed { round, block }, Frame::Message(height, message)] {
                assert!(handle.deliver(3, frame.encode()));
            }
        }
    }

    /// Hands `action` in at node `at`, and returns what it did.
    async fn act(&self, at: u16, nonce: u8, action: Action) -> (Height, Vec<Event>) {
        let (settlement, handle) = (testing::settlement(), self.handle(at));
        let body = Body {
            network: self.document.network,
            sender: settlement.party,
            key: settlement.signer.public(),
            nonce: [nonce; 16],
            last_valid: handle.status().height + 100,
            action,
        };
        let submission = Submission { transaction: body.sign(&*settlement.signer).unwrap(), side: None };
        let (id, receiver) = take_in(&handle, &submission);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
        let fate = handle.fate(id, receiver, deadline).await.unwrap();
        let Fate::Committed(decided, place) = fate else { panic!("it was not committed") };
        (decided.header.entry.height, decided.results[place as usize].events.clone())
    }
}

/// Each node that executed the block gives its word once, keeps it, and the rules take it: of two of four it is
/// established.
#[tokio::test(flavor = "multi_thread")]
async fn who_proposes_what_breaks_the_rules_is_protested_against() {
    let mut four = Four::start();
    four.all_at(four.commit(0, 1).await).await;
    // Its place is taken by one that lies.
    four.down(3);
    let mut number = 2;
    while [0, 1].iter().any(|node| four.handle(*node).misconduct().is_empty()) {
        assert!(number < 60, "both nodes execute it in none of so many heights");
        [0, 1].into_iter().for_each(|node| four.propose_breaking(node));
        four.all_at(four.commit(1, number).await).await;
        number += 1;
    }
    let words: Vec<_> = [0, 1].into_iter().map(|node| four.handle(node).misconduct()).collect();
    for (node, word) in words.iter().enumerate() {
        let [Evidence::Protest(protest)] = word.as_slice() else { panic!("{word:?}") };
        protest.verify(&four.document.network).unwrap();
        let keys = [3, node as u16].map(|number| testing::validator_keys(number).consensus.public());
        assert_eq!([protest.proposer, protest.by], keys);
    }
    assert!(four.handle(0).metrics().contains("accusations 1"), "{}", four.handle(0).metrics());
    four.down(0);
    four.up(0);
    assert_eq!(four.handle(0).misconduct(), words[0]);
    // Another block of it is protested against by the same word, if at all.
    four.propose_breaking(1);
    let mut newest = four.commit(1, number).await;
    assert_eq!(four.handle(1).misconduct(), words[1]);

    for (count, word) in (1..).zip(words) {
        let (height, events) = four.act(1, 200 + count, word[0].clone().action()).await;
        let [Event::Protested { validator: 3, protests, established, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!((protests, established), (count, count == 2));
        newest = height;
    }
    four.up(3);
    four.all_at(newest).await;
    four.audit();
}
