//! One validator that is away for a while: cut off, or without its key.

use super::*;
use crate::{api::BlockPage, block::Block, limits::IDLE_BLOCK_MS, node::waiting::tests::on_a_token};

/// With nothing to put into a block it makes none and need not hear of anybody; but what it answers would be what
/// held when it last heard of the others.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_rests_says_when_it_hears_nobody_and_when_it_hears_them_again() {
    // When nothing was handed in for a while, a block without transactions comes.
    for _ in 0..4 {
        if one_that_rests_is_heard_again().await < Duration::from_millis(IDLE_BLOCK_MS) {
            return;
        }
    }
    panic!("the machine is too slow for a network that rests");
}

/// How long it took from the newest block on. Where no block was due by then, none came.
async fn one_that_rests_is_heard_again() -> Duration {
    let mut four = Four::start();
    let since = Instant::now();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    (0..3).for_each(|number| four.down(number));
    let begun = Instant::now();
    while four.handle(3).status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(60), "it looks healthy and hears nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let reason = four.handle(3).status().reason.unwrap();
    assert!(reason.contains("no word") && reason.contains("3 of 4 validators must be up"), "{reason}");
    four.up(0);
    four.up(1);
    let begun = Instant::now();
    while !four.handle(3).status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", four.handle(3).status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = four.handle(3).status().height;
    let took = since.elapsed();
    assert!(now == height || took >= Duration::from_millis(IDLE_BLOCK_MS), "no block was needed for it");
    four.up(2);
    four.audit();
    took
}

/// Though it never let a turn pass, or that is forgotten: nothing has come of it for a while.
#[tokio::test(flavor = "multi_thread")]
async fn the_turn_of_one_that_is_silent_is_not_waited_for() {
    // Whoever waits for the turn takes so much longer each time; a machine that pauses does not.
    let mut tries = Vec::new();
    for _ in 0..4 {
        let [all_up, one_silent] = four_heights_with_all_and_with_one_silent().await;
        if one_silent < all_up + Patience::default().propose {
            return;
        }
        tries.push([all_up, one_silent]);
    }
    panic!("{tries:?}");
}

/// How long four heights take with all up, at their shortest; and where one of them is the turn of one that is silent.
async fn four_heights_with_all_and_with_one_silent() -> [Duration; 2] {
    let mut four = Four::start();
    let mut newest = four.commit(0, 1).await;
    four.all_at(newest).await;
    let mut all_up = Duration::MAX;
    for numbers in [2..=5, 6..=9] {
        let begun = Instant::now();
        for number in numbers {
            newest = four.commit(u16::from(number) % 3, number).await;
        }
        all_up = all_up.min(begun.elapsed());
    }
    four.all_at(newest).await;
    four.down(3);
    tokio::time::sleep(UNHEARD_AFTER + STATUS_EVERY).await;
    assert!(four.handle(0).status().height - newest <= 1, "it had no turn yet");
    let begun = Instant::now();
    for number in 10..=13 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    let one_silent = begun.elapsed();
    four.up(3);
    four.all_at(newest).await;
    four.audit();
    [all_up, one_silent]
}

/// The others do not let it propose for a while, and what it was handed then never came to them.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_was_handed_while_it_was_cut_off_is_handed_on_when_it_is_back() {
    let four = Four::start();
    let mut newest = four.commit(0, 1).await;
    four.all_at(newest).await;
    four.cut.write().insert(3);
    let (id, fate) = take_in(&four.handle(3), &four.mint(100, newest));
    // Of 22 heights it lets pass two at least, and is tried again 64 after the second.
    for number in 2..=23 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.cut.write().clear();
    let soon = tokio::time::Instant::now() + Duration::from_secs(90);
    let fate = four.handle(3).fate(id, fate, soon).await.unwrap();
    let Fate::Committed(decided, _) = fate else { panic!("it was not committed") };
    let height = decided.header.entry.height;
    assert!((newest + 1..newest + 16).contains(&height), "at {height}, when {newest} were decided without it");
    four.all_at(height).await;
    four.audit();
}

/// What a node serves of a block.
fn page(handle: &Handle, height: Height) -> BlockPage {
    let reader = handle.store().reader();
    BlockPage {
        block: Block {
            header: reader.header(height).unwrap().unwrap(),
            transactions: reader.bodies(height).unwrap().unwrap(),
        },
        results: reader.results(height).unwrap().unwrap(),
        certificate: reader.certificate(height).unwrap().unwrap(),
        seal: seals::kept(&reader, height).unwrap().unwrap(),
        change: None,
    }
}

/// After a power cut, with one of four whose machine is gone: one that was a block behind fetches it where blocks are
/// served, before enough of the others are up to say what it signed. It has lost nothing, and is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_was_fetched_before_the_others_were_there_holds_nobody_back() {
    let mut four = Four::start();
    let before = four.commit(0, 1).await;
    four.all_at(before).await;
    four.cut.write().insert(0);
    let height = four.commit(1, 2).await;
    (1..4).for_each(|number| four.up_to(number, height));
    let pages: Vec<_> = (before + 1..=height).map(|height| page(&four.handle(1), height)).collect();
    (0..4).for_each(|number| four.down(number));
    four.cut.write().clear();
    four.up(0);
    four.up(1);
    four.handle(0).observe(pages);
    four.up_to(0, height);
    four.up(2);
    let last = four.commit(0, 3).await;
    four.up_to(2, last);
    four.up(3);
    four.all_at(last).await;
    four.audit();
}

/// The same of one that has lost what it signed: that it fetched blocks hides nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_shows_though_blocks_were_fetched() {
    let mut four = Four::start();
    let (first, newest) = four.of_yesterday(2..=4).await;
    let pages: Vec<_> = (first + 1..=newest).map(|height| page(&four.handle(0), height)).collect();
    four.cut.write().insert(3);
    four.up(3);
    four.handle(3).observe(pages);
    four.up_to(3, newest);
    // It may have voted at the next height already, and hears so from those who remember what it signed.
    four.cut.write().clear();
    let begun = Instant::now();
    while four.handle(3).status().reason.is_none_or(|reason| !reason.contains("it observes")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", four.handle(3).status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let last = four.commit(0, 5).await.max(four.commit(0, 6).await);
    four.all_at(last).await;
    four.all_at(four.commit(3, 7).await).await;
    four.audit();
}

/// As one that observed gets it that has just become a validator. Held back for it, two of four would wait for
/// heights which nobody decides without them.
#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_it_has_holds_nobody_back_that_is_given_it_again() {
    let mut four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    let page = page(&four.handle(0), height);
    (1..4).for_each(|number| four.down(number));
    four.cut.write().extend(0..COUNT);
    for number in [1, 2] {
        // Nothing comes to it yet, so it does not know what it signed.
        four.up(number);
        let handle = four.handle(number);
        handle.observe(vec![page.clone()]);
        while !handle.shared.queue.lock().pages.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    four.cut.write().clear();
    let newest = four.commit(0, 2).await;
    four.all_at(newest).await;
    four.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_go_on_without_the_token_of_the_fourth_and_it_goes_on_when_that_is_back() {
    let mut four = Four::start();
    four.down(3);
    let (keys, out) = on_a_token(testing::validator_keys(3));
    four.up_with(3, keys);
    let first = four.commit(3, 1).await;
    four.all_at(first).await;
    out.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut newest = first;
    for number in 2..=7 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    let begun = Instant::now();
    while four.handle(3).status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(30), "it looks healthy and cannot sign");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(four.handle(3).status().reason.unwrap().contains("pulled out"));
    out.store(false, std::sync::atomic::Ordering::SeqCst);
    four.all_at(newest).await;
    // It is one of a quorum again.
    four.down(0);
    let last = four.commit(3, 8).await;
    four.up(0);
    four.all_at(last).await;
    four.audit();
}
