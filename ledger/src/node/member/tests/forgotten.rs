//! What a validator has lost of what it said, and is not to forget that it lost it, however often it is stopped.

use super::*;
use crate::{
    highwater::HighWater,
    node::member::gate::{Signed, observes_to},
    voting::Voting,
};

impl Four {
    /// Waits until validator `number` says that it takes no part, because of `what`.
    async fn observes(&self, number: u16, what: &str) {
        let begun = Instant::now();
        let says =
            || self.handle(number).status().reason.is_some_and(|it| it.contains("it observes") && it.contains(what));
        while !says() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}: {:?}", self.handle(number).status());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The height at which validator `number`, which is down, may vote next, as its file says.
    fn votes_from(&self, number: u16) -> Height {
        Voting::open(&self.path(number).join("voting"), self.document.network).unwrap().height()
    }

    fn mark(&self, number: u16) -> Height {
        HighWater::open(&self.path(number).join("highwater")).unwrap().mark().height
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_what_was_voted_for_is_gone_is_known_after_each_restart() {
    let mut four = Four::start();
    let newest = four.commit(3, 1).await.max(four.commit(0, 2).await);
    four.all_at(newest).await;
    (0..COUNT).for_each(|number| four.down(number));
    std::fs::remove_file(four.path(3).join("voting")).unwrap();
    let mark = four.mark(3);
    for _ in 0..2 {
        four.up(3);
        four.observes(3, &format!("up to height {}", mark + 1)).await;
        four.down(3);
        assert_eq!(four.votes_from(3), mark + 2);
    }
    (0..COUNT).for_each(|number| four.up(number));
    four.all_at(four.commit(0, 3).await.max(four.commit(1, 4).await)).await;
    four.down(0);
    four.commit(3, 5).await;
    four.up(0);
    four.audit();
}

/// The whole folder is of yesterday. While it observes, neither is its mark raised, by which that shows, nor does it
/// forget up to where it is to observe.
#[tokio::test(flavor = "multi_thread")]
async fn that_a_whole_folder_was_of_yesterday_is_known_after_each_restart() {
    let mut four = Four::start();
    let (_, mut newest) = four.of_yesterday(2..=6).await;
    let old = four.mark(3);
    for _ in 0..3 {
        four.up(3);
        four.up_to(3, newest);
        four.observes(3, &format!("up to height {}", observes_to(newest))).await;
        four.down(3);
        assert_eq!((four.mark(3), four.votes_from(3)), (old, observes_to(newest) + 1));
    }
    four.up(3);
    for number in 7..=9 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.all_at(newest).await;
    four.down(0);
    four.commit(3, 10).await;
    four.up(0);
    four.audit();
}

/// One that answers late shows what is there already. It takes part all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_shown_once_more_what_it_had_lost_is_not_held_back_for_good() {
    let mut four = Four::start();
    let (_, mut newest) = four.of_yesterday(2..=4).await;
    let header = four.handle(0).shared.store.reader().header(newest).unwrap().unwrap();
    let head = TreeHead { size: header.log_size, root: header.log_root };
    four.up(3);
    four.up_to(3, newest);
    four.observes(3, "up to height").await;
    let keys = testing::validator_keys(3);
    let vote = Vote::sign(&four.document.network, &head, 3, 7, &*keys.log, &*keys.cosigner).unwrap();
    let shown = Frame::Signed(Some(Signed { head, cosignature: vote.cosigned() })).encode();
    assert!(four.handle(3).deliver(2, shown));
    for number in 5..=7 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.all_at(newest).await;
    four.down(0);
    four.commit(1, 8).await;
    four.up(0);
    four.audit();
}

/// Where the set has changed, it has another number there and the same key.
#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_ours_is_ours_whatever_number_it_is_said_to_have() {
    let mut four = Four::start();
    let newest = four.commit(3, 1).await;
    four.all_at(newest).await;
    (0..3).for_each(|number| four.down(number));
    let keys = testing::validator_keys(3);
    let head = TreeHead { size: 5_000, root: Digest([1; 32]) };
    let vote = Vote::sign(&four.document.network, &head, 1, 7, &*keys.log, &*keys.cosigner).unwrap();
    let shown = Frame::Signed(Some(Signed { head, cosignature: vote.cosigned() })).encode();
    assert!(four.handle(3).deliver(2, shown));
    four.observes(3, "a log of 5000 entries").await;
}
