//! One validator that lays a burden on the others which no honest one does.

use super::*;
use crate::{
    limits::{SETTLED_WAIT, UNSEALED_HEIGHTS_MAX},
    store::{Batch, Store},
};
use std::sync::atomic::{AtomicBool, Ordering};

/// Each frame of nine bytes makes them read sixteen blocks, or sign twice; and while one waits, nothing else was done.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_asks_without_end_stops_nobody() {
    let mut four = Four::start();
    let mut newest = 0;
    for number in 1..=20 {
        newest = four.commit(u16::from(number) % COUNT, number).await;
    }
    four.all_at(newest).await;
    four.down(3);
    let over = AtomicBool::new(false);
    let handles: Vec<Handle> = (0..3).map(|number| four.handle(number)).collect();
    std::thread::scope(|scope| {
        for handle in &handles {
            scope.spawn(|| {
                let asks = [Frame::Status(0), Frame::Status(4), Frame::Want(5), Frame::Want(6)].map(|ask| ask.encode());
                while !over.load(Ordering::Relaxed) {
                    // A full inbox is waited for, as a link does.
                    if !asks.iter().all(|ask| handle.deliver(3, ask.clone())) {
                        std::thread::sleep(Duration::from_micros(200));
                    }
                }
            });
        }
        let committed = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for number in 21..=28 {
                    // Two of them are the turn of the one that only asks.
                    newest = four.commit(u16::from(number) % 3, number).await;
                }
                newest
            })
        });
        over.store(true, Ordering::Relaxed);
        assert!(committed >= 28);
    });
    drop(handles);
    four.up(3);
    four.all_at(newest).await;
    four.audit();
}

/// What fails again and again may be too large for a slow link.
#[test]
fn blocks_of_late_rounds_are_smaller() {
    let bytes = |round| super::super::bytes_in_round(round);
    assert_eq!([0, 3, 4, 8].map(bytes), [8 << 20, 8 << 20, 4 << 20, 2 << 20]);
    assert_eq!([100, u32::MAX].map(bytes), [128 << 10; 2]);
}

/// Its line was cut between the signatures of two heights, and it was stopped before it had asked for those of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_seal_that_is_missing_below_another_is_asked_for_after_a_restart() {
    let mut four = Four::start();
    let mut newest = 0;
    for number in 1..=4 {
        newest = four.commit(0, number).await;
    }
    four.all_at(newest).await;
    four.rest();
    four.down(1);
    let (path, gap) = (four.path(1).join("db"), newest - 1);
    let store = Store::open(&path).unwrap();
    let mut batch = Batch::default();
    batch.delete("seals", gap.to_be_bytes());
    store.kv().write(batch).unwrap();
    drop(store);
    let report = four.audited(1);
    assert!(report.is_clean() && report.unsealed == 2, "{:?}", report.findings);
    four.up(1);
    four.all_at(four.commit(1, 5).await).await;
    let handle = four.handle(1);
    assert!(handle.store().reader().seal(gap).unwrap().is_some());
    let pages = crate::api::blocks::block_pages(&handle, gap - 1, 64).unwrap();
    let pages: Vec<crate::api::BlockPage> = borsh::from_slice(&pages).unwrap();
    assert!(pages.len() > 2, "whoever follows it gets past the gap");
    drop(handle);
    four.audit();
}

/// Where signatures travel longer than it takes to make a block, the newest block is never sealed; whoever asks is
/// answered all the same.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_is_answered_while_blocks_come_faster_than_seals() {
    let four = Four::start();
    let first = four.commit(0, 1).await;
    four.all_at(first).await;
    let begun = Instant::now();
    for number in 2..=5 {
        four.commit(1, number).await;
    }
    // Some blocks, whatever one takes here, and less than a reader waits.
    let lag = begun.elapsed().clamp(Duration::from_millis(150), SETTLED_WAIT * 6 / 10);
    *four.lag.write() = lag;
    let (handle, over) = (four.handle(1), AtomicBool::new(false));
    let newest = || handle.store().reader().tip().unwrap().unwrap().height;
    let until = |holds: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !holds() && !over.load(Ordering::Relaxed) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", handle.status());
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut numbers = 6..;
            while !over.load(Ordering::Relaxed) {
                let before = newest();
                take_in(&handle, &four.mint_of(numbers.next().unwrap(), before));
                until(&|| newest() > before);
            }
        });
        // A machine that pauses may lose more than a reader waits, or make no newer block in that time. Where only a
        // newest block with its seal was read, none would be sealed while newer ones are there, however often one asks.
        let (begun, mut sealed_and_overtaken, mut asked_times) = (Instant::now(), 0, 0);
        while sealed_and_overtaken < 3 && begun.elapsed() < Duration::from_secs(60) {
            until(&|| newest() > handle.status().height);
            let asked = newest();
            let reader = handle.settled().unwrap();
            let read = reader.tip().unwrap().unwrap().height;
            assert!(read >= asked, "it is not of before the question");
            let is_overtaken = newest() > read;
            sealed_and_overtaken += usize::from(is_overtaken && reader.seal(read).unwrap().is_some());
            asked_times += 1;
        }
        over.store(true, Ordering::Relaxed);
        assert!(sealed_and_overtaken == 3, "{sealed_and_overtaken} of {asked_times}, signatures take {lag:?}");
    });
    *four.lag.write() = Duration::ZERO;
    drop(handle);
    four.audit();
}

/// With one that votes and does not sign, and one that is slower than the rest, nothing is sealed for as long.
#[tokio::test(flavor = "multi_thread")]
async fn heights_without_signatures_do_not_pile_up() {
    let mut four = Four::start();
    let first = four.commit(0, 1).await;
    four.all_at(first).await;
    four.mute.write().insert(3);
    four.cut.write().insert(2);
    let handle = four.handle(1);
    let committed = || handle.store().reader().tip().unwrap().unwrap().height;
    for number in 2..=120 {
        let before = committed();
        // By itself each says after a while that it makes no blocks, and takes nothing in.
        for validator in [0, 1, 3] {
            four.handle(validator).take_forwarded(None, four.mint(number, first));
        }
        // Before so many heights, the next one comes, if late; after them, none is to come.
        let most = if committed() - first < UNSEALED_HEIGHTS_MAX as u64 { 60 } else { 5 };
        let begun = Instant::now();
        while committed() == before && begun.elapsed() < Duration::from_secs(most) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if committed() == before {
            break;
        }
    }
    assert_eq!(handle.status().height, first, "nothing more is sealed");
    let unsealed = (committed() - first) as usize;
    assert!((UNSEALED_HEIGHTS_MAX..=UNSEALED_HEIGHTS_MAX + 1).contains(&unsealed), "{unsealed} heights");
    // So it is with whoever stops meanwhile: what is decided holds, and an audit says what is to come still.
    four.down(0);
    let report = four.audited(0);
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.height - first, report.unsealed), (unsealed as u64, unsealed as u64));
    four.up(0);
    // What was decided meanwhile is sealed as soon as the slow one signs it, and they go on.
    four.cut.write().clear();
    four.all_at(committed()).await;
    four.mute.write().clear();
    let last = four.commit(0, 200).await;
    four.all_at(last).await;
    drop(handle);
    let four = four.audit();
    // One that is missing below others was there.
    let store = Store::open(&four.path(1).join("db")).unwrap();
    let mut batch = Batch::default();
    batch.delete("seals", first.to_be_bytes());
    store.kv().write(batch).unwrap();
    drop(store);
    let findings = four.audited(1).findings;
    assert_eq!((findings.len(), findings[0].place.as_str()), (1, &*format!("block {first}")), "{findings:?}");
    assert!(findings[0].what.contains("seal is missing"), "{findings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_honest_validator_sends_is_blamed_on_its_sender() {
    let four = Four::start();
    let height = four.commit(0, 1).await;
    four.all_at(height).await;
    assert_eq!(*four.faults.lock(), []);
    let handle = four.handle(0);
    let reader = handle.shared.store.reader();
    let (mut header, certificate) =
        (reader.header(height).unwrap().unwrap(), reader.certificate(height).unwrap().unwrap());
    drop(reader);
    header.entry.height += 1;
    let above = Block { header, transactions: Vec::new() };
    let (mut unsigned, mut strange) = (four.mint(2, height), four.mint(3, height));
    unsigned.transaction.signature.0[5] ^= 1;
    strange.side = Some(SideBody::new([9; 32], vec![SideField { name: "a".into(), value: "b".into() }]).unwrap());
    let vote = Vote::sign(
        &four.document.network,
        &TreeHead { size: 1, root: Digest([1; 32]) },
        1,
        7,
        &*testing::validator_keys(1).log,
        &*testing::validator_keys(1).cosigner,
    )
    .unwrap();
    let certificate = Certificate { height: height + 1, block: above.header.id(), ..certificate };
    // Above our newest block another era may have begun, in which the numbers are others.
    assert!(handle.deliver(2, Frame::Vote(height + 9, vote.clone()).encode()));
    let frames = [
        (vec![200, 1, 2], "cannot be read"),
        // Before the message: that has the height begun, and whatever is decided of it meanwhile is not read again.
        (Frame::Decided(above, certificate).encode(), "the certificate of a decided block"),
        (Frame::Message(height + 1, vec![9; 40]).encode(), "there is no message"),
        (Frame::Vote(height, vote).encode(), "as validator 1"),
        (Frame::Submission(Box::new(unsigned)).encode(), "a transaction: "),
        (Frame::Submission(Box::new(strange)).encode(), "a transaction: "),
    ];
    for (number, (frame, fault)) in (1..).zip(frames) {
        assert!(handle.deliver(2, frame));
        let begun = Instant::now();
        while four.faults.lock().len() < number {
            assert!(begun.elapsed() < Duration::from_secs(60), "{fault}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let faults = four.faults.lock();
        let (from, last) = faults.last().unwrap();
        assert!((*from, faults.len()) == (2, number) && last.contains(fault), "{fault}: {faults:?}");
    }
    drop(handle);
    four.faults.lock().clear();
    four.all_at(four.commit(1, 4).await).await;
    four.audit();
}
