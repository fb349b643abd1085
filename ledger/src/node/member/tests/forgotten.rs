//! What a validator has lost of what it said, and is not to forget that it lost it, however often it is stopped.

use super::*;
use crate::{
    highwater::HighWater,
    limits::STALLED_AFTER,
    node::member::gate::{Signed, observes_to},
    voting::Voting,
};

impl Four {
    /// Waits until validator `number` says that it takes no part, because of `what`.
    async fn observes(&self, number: u16, what: &str) {
        self.says(number, &["it observes", what]).await;
    }

    /// Waits until validator `number` is not well, for a reason that has all of `words`.
    async fn says(&self, number: u16, words: &[&str]) {
        let begun = Instant::now();
        let says = || self.handle(number).status().reason.is_some_and(|it| words.iter().all(|word| it.contains(word)));
        while !says() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{words:?}: {:?}", self.handle(number).status());
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

impl Four {
    /// From now on, only validators 0 and 3 hear votes, and of each other's alone.
    fn hush(&self) {
        self.hushed.write().extend([1, 2]);
    }

    /// Has validator 3 vote at the height above all, of which only validator 0 hears, since the others are hushed; all
    /// are down afterwards.
    async fn votes_heard_by_one(&mut self, nonce: u8) -> Height {
        let newest = self.handle(3).status().height;
        take_in(&self.handle(0), &self.mint(nonce, newest));
        let (begun, key) = (Instant::now(), testing::validator_keys(3).consensus.public());
        let voting = self.path(0).join("voting");
        // The first frame ends with the height.
        let heard = || {
            let bytes = std::fs::read(&voting).unwrap();
            let at_work = bytes.get(45..53) == Some(&(newest + 1).to_be_bytes());
            at_work && bytes.windows(32).any(|part| part == key.0)
        };
        while !heard() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not vote");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (0..COUNT).for_each(|number| self.down(number));
        self.hushed.write().clear();
        newest + 1
    }
}

/// At the first height of a network, or of an era, nothing is signed that would say that there were votes.
#[tokio::test(flavor = "multi_thread")]
async fn that_what_was_voted_for_is_gone_is_known_at_the_very_first_height() {
    let mut four = Four::laid_out();
    four.hush();
    (0..COUNT).for_each(|number| four.up(number));
    let height = four.votes_heard_by_one(1).await;
    assert_eq!(height, 1);
    let (path, backup) = (four.path(3).join("voting"), std::fs::read(four.path(3).join("voting")).unwrap());
    let mut changed = backup.clone();
    changed[20] ^= 1;
    for left in [None, Some(Vec::new()), Some(changed)] {
        match &left {
            None => std::fs::remove_file(&path).unwrap(),
            Some(left) => std::fs::write(&path, left).unwrap(),
        }
        for _ in 0..2 {
            four.up(3);
            four.observes(3, "up to height 1").await;
            four.down(3);
            assert_eq!(four.votes_from(3), 2);
        }
        std::fs::write(&path, &backup).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
    (0..COUNT).for_each(|number| four.up(number));
    four.all_at(1).await;
    four.all_at(four.commit(3, 2).await).await;
    four.audit();
}

/// An image that was made after the last height was signed, and before it voted at the next: neither its mark nor any
/// signature of a height tells. Who heard the vote does.
#[tokio::test(flavor = "multi_thread")]
async fn a_vote_that_an_image_does_not_have_is_shown_by_who_heard_it() {
    let mut four = Four::start();
    let newest = four.commit(3, 1).await;
    four.all_at(newest).await;
    four.rest();
    four.down(3);
    let (folder, backup) = (four.path(3), four.folder.path().join("backup"));
    testing::copied(&folder, &backup);
    four.hush();
    four.up(3);
    four.up_to(3, newest);
    let height = four.votes_heard_by_one(2).await;
    assert_eq!(height, newest + 1);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::rename(&backup, &folder).unwrap();
    four.up(0);
    for _ in 0..2 {
        four.up(3);
        four.observes(3, &format!("up to height {height}")).await;
        four.down(3);
        assert_eq!(four.votes_from(3), height + 1);
    }
    (1..COUNT).for_each(|number| four.up(number));
    four.all_at(height).await;
    four.down(0);
    four.commit(3, 3).await;
    four.up(0);
    four.audit();
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

/// More than may be faulty observe up to a height that nobody decides without them. Each says so, and the others say who
/// is missing; nobody votes all the same.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_be_faulty_that_lost_what_they_voted_for_stay_without_blocks_and_say_so() {
    let mut four = Four::start();
    let newest = four.commit(3, 1).await.max(four.commit(0, 2).await);
    four.all_at(newest).await;
    four.rest();
    // One without transactions may have come meanwhile.
    let newest = four.handle(0).status().height;
    (0..COUNT).for_each(|number| four.down(number));
    for number in [2, 3] {
        std::fs::rename(four.path(number).join("voting"), four.path(number).join("voting.away")).unwrap();
    }
    (0..COUNT).for_each(|number| four.up(number));
    for number in [2, 3] {
        four.observes(number, &format!("up to height {}", newest + 1)).await;
        // Until it has heard the others, one of them is away for all it knows, or they may all be there.
        four.observes(number, "more than 1 of 4 validators observe or are away, no block comes").await;
    }
    let (id, receiver) = four.handle(0).take(four.mint(3, newest)).unwrap();
    let soon = tokio::time::Instant::now() + STALLED_AFTER + 4 * STATUS_EVERY;
    assert!(four.handle(0).fate(id, receiver.unwrap(), soon).await.is_err());
    four.says(0, &["3 of 4 validators must be up and reached, and take part: one that observes"]).await;
    assert!((0..COUNT).all(|number| four.handle(number).status().height == newest));
    // What was put away, and not lost, is put back.
    for number in [2, 3] {
        four.down(number);
        std::fs::rename(four.path(number).join("voting.away"), four.path(number).join("voting")).unwrap();
        four.up(number);
    }
    four.all_at(newest + 1).await;
    four.all_at(four.commit(2, 4).await).await;
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
