//! How submissions are taken in: with side bodies on validators whose disks are slow, and more than there is room for.

use super::*;
use crate::{
    limits::{INTAKE_SUBMISSIONS_PER_PEER_MAX, SIDES_AT_ONCE},
    mempool::Busy,
};
use contracts::{
    id::PartyId,
    key::{Signer, TestSigner},
    party::{Apply, Country, PartyKind},
    quota::STRANGER_LIMITS,
};

impl Four {
    /// Somebody who is not known yet applies once more, with a side body.
    fn applies(&self, number: u16, nonce: u64, height: Height) -> Submission {
        let signer = TestSigner::of(7_000 + number);
        let field = SideField { name: "contact".into(), value: "harbour.master@example.org".into() };
        let side = SideBody::new([nonce as u8; 32], vec![field]).unwrap();
        let (kind, jurisdiction) = (PartyKind::City, Country(*b"ES"));
        let apply = Apply { name: format!("Applicant {number}"), kind, jurisdiction, side: Some(side.id()) };
        let body = Body {
            network: self.document.network,
            sender: PartyId::of_first_key(&signer.public()),
            key: signer.public(),
            nonce: [nonce.to_be_bytes(); 2].concat().try_into().unwrap(),
            last_valid: height + 100,
            action: Action::Apply(apply),
        };
        Submission { transaction: body.sign(&signer).unwrap(), side: Some(side) }
    }
}

/// They are handed in at one, and the disks of all others stand still: these order it all the same, and what they miss
/// they have as soon as their disks let them.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_others_hand_on_hold_up_no_vote_and_are_kept_also_after_their_block() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let others: Vec<Handle> = (1..COUNT).map(|number| four.handle(number)).collect();
    let held_up: Vec<_> = others.iter().map(|handle| handle.shared.sides.held_up()).collect();
    let (submission, handle) = (four.applies(1, 1, height), four.handle(0));
    let side = submission.side.clone().unwrap();
    let (id, receiver) = handle.take(submission).unwrap();
    assert_eq!(handle.side(&side.id()).unwrap().as_ref(), Some(&side), "it is kept before anybody can be told");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    let fate = handle.fate(id, receiver.unwrap(), deadline).await.unwrap();
    let Fate::Committed(decided, _) = fate else { panic!("it was not committed") };
    four.all_at(decided.header.entry.height).await;
    assert!(others.iter().all(|handle| handle.side(&side.id()).unwrap().is_none()));
    drop(held_up);
    let begun = Instant::now();
    while !others.iter().all(|handle| handle.side(&side.id()).unwrap().as_ref() == Some(&side)) {
        assert!(begun.elapsed() < Duration::from_secs(60), "a validator has lost it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop((handle, others));
    four.audit();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "the disk is slow for as long as the test lasts")]
async fn however_many_submissions_a_validator_hands_on_its_votes_find_room() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let handle = four.handle(1);
    let held_up = handle.shared.sides.held_up();
    let frame = Frame::Submission(Box::new(four.applies(1, 1, height))).encode();
    let taken = (0..2 * INTAKE_SUBMISSIONS_PER_PEER_MAX).filter(|_| handle.deliver(0, frame.clone())).count();
    let most = INTAKE_SUBMISSIONS_PER_PEER_MAX + SIDES_AT_ONCE;
    assert!((INTAKE_SUBMISSIONS_PER_PEER_MAX..=most).contains(&taken), "{taken}");
    assert!(handle.deliver(0, Frame::Status(height).encode()));
    four.all_at(four.commit(0, 2).await).await;
    drop(held_up);
}

/// It waited for the disk so long that it came into a block from another.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_before_its_turn_to_be_kept_is_known() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let (submission, handle) = (four.applies(1, 1, height), four.handle(0));
    let (id, entrant) = handle.check(submission.clone()).unwrap();
    let other = four.handle(1);
    let (_, receiver) = other.take(submission).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    let Fate::Committed(decided, _) = other.fate(id, receiver.unwrap(), deadline).await.unwrap() else {
        panic!("it was not committed")
    };
    four.all_at(decided.header.entry.height).await;
    assert!(matches!(handle.admit(entrant.unwrap()), Ok((known, None)) if known == id));
    assert!(handle.shared.queue.lock().mempool.is_empty());
    drop((handle, other));
    four.audit();
}

/// It would wait for one more block, which would be empty.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_on_is_not_taken_in_after_its_block() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let handle = four.handle(1);
    let submission = four.mint(2, height);
    let (_, entrant) = handle.check(submission.clone()).unwrap();
    four.all_at(four.commit(0, 2).await).await;
    handle.let_in(entrant.unwrap()).unwrap();
    assert!(handle.shared.queue.lock().mempool.is_empty());
}

/// The same bytes were handed in twice, and the first, which had its side body with it, could not keep that.
#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::await_holding_lock, reason = "the disk is slow until the second waits as well")]
async fn who_waits_for_what_could_not_be_kept_is_told_so() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let (handle, submission) = (four.handle(0), four.applies(1, 1, height));
    let id = submission.transaction.id();
    let folder = four.path(0).join("sides").join(&submission.side.as_ref().unwrap().id().to_string()[..2]);
    let held_up = handle.shared.sides.held_up();
    let (first, one) = (four.handle(0), submission.clone());
    let first = tokio::task::spawn_blocking(move || first.take(one));
    while !handle.shared.queue.lock().mempool.holds(&id) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (_, waits) = handle.take(Submission { side: None, ..submission.clone() }).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    drop(held_up);
    let refused = first.await.unwrap().err().unwrap();
    assert!(matches!(refused, Refused::Sides(_)), "{refused}");
    let soon = tokio::time::Instant::now() + Duration::from_secs(90);
    let refused = handle.fate(id, waits.unwrap(), soon).await.err().unwrap();
    assert!(matches!(refused, Refused::Sides(_)) && refused.to_string().contains("the same bytes"), "{refused}");
    assert!(handle.shared.queue.lock().mempool.is_empty());
    std::fs::remove_file(&folder).unwrap();
    let (_, taken) = handle.take(submission).unwrap();
    let soon = tokio::time::Instant::now() + Duration::from_secs(90);
    assert!(matches!(handle.fate(id, taken.unwrap(), soon).await, Ok(Fate::Committed(..))));
}

/// It would be in no quota, and nothing on the ledger would ever name it.
#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_turned_away_no_body_is_kept() {
    let mut four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    // Alone it makes no blocks, so what it takes in stays where it is.
    (1..COUNT).for_each(|number| four.down(number));
    let handle = four.handle(0);
    let bare = |nonce: u64| handle.take(Submission { side: None, ..four.applies(1, nonce, height) });
    let (first, _) = bare(1).unwrap();
    let refused = (2..).find_map(|nonce| bare(nonce).err()).unwrap();
    assert!(matches!(refused, Refused::Busy(Busy::Share)), "{refused}");
    let again = || four.applies(1, 0, height);
    let refused = handle.take(again()).err().unwrap();
    assert!(matches!(refused, Refused::Busy(Busy::Share)), "{refused}");
    handle.take_forwarded(Some(2), again());
    assert_eq!(handle.shared.sides.list().unwrap(), []);
    // Of one that waits without it, it is kept whoever brings it.
    let side = |nonce: u64| four.applies(1, nonce, height).side.unwrap();
    handle.take_forwarded(Some(2), four.applies(1, 2, height));
    assert!(handle.take(four.applies(1, 3, height)).unwrap().1.is_some());
    assert!([2, 3].iter().all(|nonce| handle.side(&side(*nonce).id()).unwrap().is_some()));
    handle.shared.queue.lock().mempool.remove(&[first].into());
    handle.take(again()).unwrap();
    assert_eq!(handle.shared.sides.list().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_with_ever_new_keys_keep_no_member_out() {
    let mut four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    (1..COUNT).for_each(|number| four.down(number));
    let (handle, most) = (four.handle(0), STRANGER_LIMITS.count_max as usize);
    let bare = |number: u16| Submission { side: None, ..four.applies(number, 1, height) };
    let taken = (0..).take_while(|number| handle.take(bare(*number)).is_ok()).take(most + 1).count();
    assert_eq!(taken, most, "more of them would be in no block");
    let (id, _) = handle.take(four.mint(2, height)).unwrap();
    let queue = handle.shared.queue.lock();
    assert!(queue.mempool.peek(2, usize::MAX).iter().any(|one| one.id() == id), "they have one turn together");
}
