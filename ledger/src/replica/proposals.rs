//! Which proposed blocks are executed: what validators that lie can make us do has a bound.
//!
//! To execute a block costs more than to make one up. So a block is taken from the validator whose turn
//! the round is, and from nobody else; so many for a round; and none for a round far above ours. A round
//! that we have not reached costs time to reach, so the work is bounded per time as well. What is passed
//! over here does no harm to others' honesty: a block that was decided comes with its certificate, and an
//! honest one that we had no place for is proposed again in a later round.

use super::Orderable;
use crate::{
    limits::{
        ORDERING_AHEAD_HEIGHTS_MAX, REPLICA_EARLY_BLOCKS_MAX, REPLICA_PROPOSALS_PER_ROUND_MAX, REPLICA_ROUNDS_AHEAD_MAX,
    },
    ordering::Turn,
};
use contracts::id::{Digest, Height};
use std::collections::BTreeMap;

/// A block that validator `from` proposed.
#[derive(Clone, Debug)]
pub struct Proposal<B> {
    /// The validator whose link it came by.
    pub from: u16,
    /// In this round.
    pub round: u32,
    /// The block.
    pub block: B,
}

/// What was proposed at the height at work, and above it.
#[derive(Debug)]
pub struct Proposals<B> {
    /// The round at work.
    round: u32,
    /// For each round, what was executed.
    judged: BTreeMap<u32, Vec<Digest>>,
    /// For heights above the one at work.
    early: Vec<Proposal<B>>,
}

impl<B: Orderable> Proposals<B> {
    pub fn new() -> Self {
        Self { round: 0, judged: BTreeMap::new(), early: Vec::new() }
    }

    /// A step of `round` has begun.
    pub fn reached(&mut self, round: u32) {
        self.round = self.round.max(round);
    }

    /// The block's id, if `proposal`, which is for the height at work, is to be executed: at most once for a
    /// block and round. `turns` are that height's.
    pub fn admit(&mut self, proposal: &Proposal<B>, turns: &[Turn]) -> Option<Digest> {
        let Proposal { from, round, block } = proposal;
        let whose = turns.get(*round as usize % turns.len().max(1)).map(|turn| turn.number);
        if whose != Some(*from) || *round > self.round.saturating_add(REPLICA_ROUNDS_AHEAD_MAX) {
            return None;
        }
        let (id, judged) = (block.id(), self.judged.entry(*round).or_default());
        if judged.len() >= REPLICA_PROPOSALS_PER_ROUND_MAX || judged.contains(&id) {
            return None;
        }
        judged.push(id);
        Some(id)
    }

    /// Holds a proposal for a height above `next`, the one at work, if there is room.
    pub fn hold(&mut self, proposal: Proposal<B>, next: Height) {
        let height = proposal.block.height();
        let soon = height > next && height - next <= ORDERING_AHEAD_HEIGHTS_MAX as u64;
        let held = self.early.iter().filter(|held| held.from == proposal.from).count();
        if soon && held < REPLICA_EARLY_BLOCKS_MAX {
            self.early.push(proposal);
        }
    }

    /// A block was committed and `next` is the height at work: forgets the one before, and gives what was
    /// held for it.
    pub fn advance(&mut self, next: Height) -> Vec<Proposal<B>> {
        self.round = 0;
        self.judged.clear();
        let held = std::mem::take(&mut self.early).into_iter().filter(|held| held.block.height() >= next);
        let (now, later) = held.partition(|held| held.block.height() == next);
        self.early = later;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use borsh::{BorshDeserialize, BorshSerialize};

    #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
    struct Block(Height, u8);

    impl Orderable for Block {
        fn id(&self) -> Digest {
            Digest([self.1; 32])
        }

        fn height(&self) -> Height {
            self.0
        }

        fn is_whole(&self) -> bool {
            true
        }
    }

    const fn turn(number: u16) -> Turn {
        Turn { number, doubtful: false }
    }

    const TURNS: [Turn; 4] = [turn(2), turn(3), turn(0), turn(1)];

    fn proposal(from: u16, round: u32, content: u8) -> Proposal<Block> {
        Proposal { from, round, block: Block(7, content) }
    }

    #[test]
    fn a_block_is_taken_from_whose_turn_it_is() {
        for round in 0..=REPLICA_ROUNDS_AHEAD_MAX {
            let admitted = |from: &u16| Proposals::new().admit(&proposal(*from, round, 1), &TURNS).is_some();
            assert_eq!((0..9).filter(admitted).collect::<Vec<_>>(), [TURNS[round as usize % 4].number], "{round}");
        }
        assert_eq!(Proposals::new().admit(&proposal(0, 0, 1), &[]), None);
    }

    #[test]
    fn each_is_executed_once_and_so_many_for_a_round() {
        let mut proposals = Proposals::new();
        assert_eq!(proposals.admit(&proposal(2, 0, 1), &TURNS), Some(Digest([1; 32])));
        assert_eq!(proposals.admit(&proposal(2, 0, 1), &TURNS), None, "again");
        let admitted = (2..=255).filter(|content| proposals.admit(&proposal(2, 0, *content), &TURNS).is_some()).count();
        assert_eq!(admitted + 1, REPLICA_PROPOSALS_PER_ROUND_MAX);
        assert!(proposals.admit(&proposal(3, 1, 1), &TURNS).is_some(), "in a later round somebody else may");
        proposals.advance(8);
        assert!(proposals.admit(&proposal(2, 0, 1), &TURNS).is_some(), "at another height all begins anew");
    }

    #[test]
    fn rounds_far_ahead_wait_until_we_are_near() {
        let mut proposals = Proposals::new();
        let far = proposal(TURNS[(REPLICA_ROUNDS_AHEAD_MAX as usize + 1) % 4].number, REPLICA_ROUNDS_AHEAD_MAX + 1, 1);
        assert_eq!(proposals.admit(&far, &TURNS), None);
        proposals.reached(1);
        assert!(proposals.admit(&far, &TURNS).is_some());
        proposals.reached(u32::MAX);
        assert!(proposals.admit(&proposal(TURNS[(u32::MAX % 4) as usize].number, u32::MAX, 1), &TURNS).is_some());
    }

    #[test]
    fn nobody_takes_the_room_of_others_for_later_heights() {
        let mut proposals = Proposals::new();
        let later = |from, height, content| Proposal { from, round: 0, block: Block(height, content) };
        (0..=255).for_each(|content| proposals.hold(later(3, 8, content), 7));
        proposals.hold(later(1, 8, 1), 7);
        proposals.hold(later(1, 9, 2), 7);
        proposals.hold(later(0, 7, 3), 7);
        proposals.hold(later(0, 8 + ORDERING_AHEAD_HEIGHTS_MAX as u64, 3), 7);
        let now: Vec<_> = proposals.advance(8).into_iter().map(|held| held.from).collect();
        assert_eq!(now.iter().filter(|from| **from == 3).count(), REPLICA_EARLY_BLOCKS_MAX);
        assert_eq!(now.iter().filter(|from| **from != 3).collect::<Vec<_>>(), [&1]);
        assert_eq!(proposals.advance(9).len(), 1, "the one for the height after it is still held");
        assert_eq!(proposals.advance(10).len(), 0);
    }
}
