//! Blocks that come late or in great numbers.

use super::*;
use crate::limits::VOTING_BLOCKS_BYTES;

/// The block comes last, so that its own precommit completes the quorum: what it says then is of the height that is
/// over, and wakes nobody who rests above.
#[test]
fn what_is_said_last_of_a_height_is_of_that_height_and_no_timer_goes_on() {
    let mut four = Four::new();
    four.waiting = vec![mint(&four.document, 1)];
    let mut put_off = 0;
    while four.height(3) == 0 {
        let is_block = |packet: &(u16, u16, Packet<Block>)| matches!(packet, (_, 3, Packet::Proposed { .. }));
        if four.packets.len() > put_off && four.packets.front().is_some_and(is_block) {
            four.packets.rotate_left(1);
            put_off += 1;
            continue;
        }
        put_off = 0;
        // Nobody begins the next height meanwhile.
        if four.height(0) > 0 {
            four.resting.clear();
        }
        four.step();
    }
    let replica = four.replicas[3].as_ref().unwrap();
    assert!(replica.is_resting() && replica.timers.is_empty(), "{:?}", replica.timers);
    four.until(2, &[0, 1, 2, 3]);
}

/// One that lies fills its own share of the room for blocks, and where there is none left at all that is known.
#[test]
fn blocks_of_one_validator_leave_room_for_those_of_the_others() {
    let mut four = Four::new();
    four.waiting = vec![mint(&four.document, 1)];
    while four.replicas[0].as_ref().unwrap().memory.height() == 0 {
        four.step();
    }
    let maker = four.replicas[1].as_mut().unwrap();
    let (header, replica) =
        (maker.ledger_mut().make(Vec::new(), 0).unwrap().0.header, four.replicas[0].as_mut().unwrap());
    let mut keep = |number: u8, from: Option<u16>| {
        let mut header = header.clone();
        header.transactions = Digest([number; 32]);
        let block = Block { header, transactions: vec![vec![number; 8 << 20]] };
        replica.keep(block.id(), &block, from).unwrap()
    };
    let kept = (1..=9).filter(|number| keep(*number, Some(2))).count() as u64;
    assert_eq!(kept, VOTING_BLOCKS_BYTES / u64::from(COUNT) / (8 << 20) - 1, "whole blocks of a quarter");
    assert!(keep(1, Some(2)), "it is there");
    assert!(keep(20, Some(3)), "and others have theirs");
    // Its own have what is left, which fills up here.
    let ours = (30..60).filter(|number| keep(*number, None)).count() as u64;
    assert!(ours > 10 && ours < 20, "{ours}");
    assert!(replica.is_full());
    four.until(1, &[0, 1, 2, 3]);
    assert!(!four.replicas[0].as_ref().unwrap().is_full(), "another height begins with all of it");
}
