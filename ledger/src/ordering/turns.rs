//! Whose turn it is to propose: a function of committed blocks alone, so that all agree on it.
//!
//! Each height begins with the next validator, and each round after the first goes on to the one behind.
//! A block says in which round it was made: whoever had the rounds before let them pass. Such a validator
//! is passed over for four of its turns, then sixteen, and so on, and is waited for a shorter time when it
//! is tried again; with the first block that it makes it is back. So one that is away costs ever less, and
//! one that comes back is found out without a vote, after at most three times as long as it was away.
//!
//! All is forgotten every [`TURNS_EPOCH_HEIGHTS`] heights: whoever starts anew reads no more blocks than
//! that.

use crate::limits::TURNS_EPOCH_HEIGHTS;
use contracts::id::Height;

/// Quadruplings at most: a thousand turns.
const QUADRUPLINGS_MAX: u32 = 5;

/// A validator's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its number in the validator set.
    pub number: u16,
    /// It let its last turn pass: it is not waited for as long as others.
    pub doubtful: bool,
}

/// What is known of one validator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Turns that it let pass, one after the other.
    missed: u32,
    /// From this height on it is tried again.
    back_at: Height,
}

/// Whose turn it is at the height above the newest block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turns {
    newest: Height,
    seen: Vec<Seen>,
}

impl Turns {
    /// Of `count` validators, after block `newest`, as if nothing was known. [`Turns::heights`] says which
    /// blocks must be told.
    pub fn new(count: usize, newest: Height) -> Self {
        Self { newest: newest - newest % TURNS_EPOCH_HEIGHTS, seen: vec![Seen::default(); count] }
    }

    /// The heights whose blocks decide the turns after block `newest`.
    pub fn heights(newest: Height) -> std::ops::RangeInclusive<Height> {
        newest - newest % TURNS_EPOCH_HEIGHTS + 1..=newest
    }

    /// Takes note of the next block, which was made in `round`.
    pub fn committed(&mut self, round: u32) {
        let (order, height, count) = (self.order(), self.newest + 1, self.seen.len() as u64);
        self.newest = height;
        if height.is_multiple_of(TURNS_EPOCH_HEIGHTS) {
            self.seen.fill(Seen::default());
            return;
        }
        // After all had a round, nothing more can be learned.
        for turn in order.iter().take(round as usize) {
            let seen = &mut self.seen[usize::from(turn.number)];
            seen.missed += 1;
            seen.back_at = height + (count << (2 * seen.missed.min(QUADRUPLINGS_MAX)));
        }
        let made = order[round as usize % order.len()];
        self.seen[usize::from(made.number)] = Seen::default();
    }

    /// Whose turn it is in each round of the next height; they go round.
    pub fn order(&self) -> Vec<Turn> {
        let (height, count) = (self.newest + 1, self.seen.len() as u64);
        let turn = |round: u64| {
            let number = ((height + round) % count) as u16;
            Turn { number, doubtful: self.seen[usize::from(number)].missed > 0 }
        };
        let passed_over = |turn: &Turn| self.seen[usize::from(turn.number)].back_at > height;
        let (late, mut order): (Vec<_>, Vec<_>) = (0..count).map(turn).partition(passed_over);
        order.extend(late);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Blocks of a network in which `away` answers whether a validator is away at a height. Returns the
    /// round in which each is made.
    fn rounds(count: usize, heights: Height, away: impl Fn(u16, Height) -> bool) -> Vec<u32> {
        let mut turns = Turns::new(count, 0);
        let block = |height| {
            let order = turns.order();
            let round = order.iter().position(|turn| !away(turn.number, height)).unwrap() as u32;
            turns.committed(round);
            round
        };
        (1..=heights).map(block).collect()
    }

    #[test]
    fn all_have_their_turns_while_all_are_there() {
        let mut turns = Turns::new(4, 0);
        for height in 1..=40u64 {
            let order = turns.order();
            let numbers: Vec<_> = order.iter().map(|turn| u64::from(turn.number)).collect();
            assert_eq!(numbers, (0..4).map(|round| (height + round) % 4).collect::<Vec<_>>());
            assert!(order.iter().all(|turn| !turn.doubtful));
            turns.committed(0);
        }
    }

    #[test]
    fn one_that_is_away_costs_ever_less() {
        let failed =
            |from: usize, to: usize, rounds: &[u32]| rounds[from..to].iter().filter(|round| **round > 0).count();
        let rounds = rounds(4, 2_000, |number, _| number == 2);
        assert!(failed(0, 100, &rounds) <= 3, "{}", failed(0, 100, &rounds));
        assert!(failed(100, 2_000, &rounds) <= 2, "{}", failed(100, 2_000, &rounds));
        assert!(rounds.iter().all(|round| *round <= 1));
        // Where every third may be away, two of seven are.
        let rounds = self::rounds(7, 2_000, |number, _| number == 2 || number == 3);
        assert!(failed(100, 2_000, &rounds) <= 10 && rounds.iter().all(|round| *round <= 2));
    }

    #[test]
    fn one_that_comes_back_has_its_turns_again() {
        let mut turns = Turns::new(4, 0);
        let mut made = Vec::new();
        for height in 1..=400u64 {
            let order = turns.order();
            let round = order.iter().position(|turn| turn.number != 1 || height > 40).unwrap();
            made.push(order[round].number);
            turns.committed(round as u32);
        }
        let since = made.iter().skip(40).position(|number| *number == 1).unwrap();
        assert!(since < 80, "it is tried again {since} heights after it came back");
        assert!(made[300..].chunks(4).all(|four| four.contains(&1)), "and has its turn as all others");
    }

    #[test]
    fn a_block_of_a_late_round_blames_nobody_twice() {
        let mut turns = Turns::new(4, 0);
        turns.committed(9);
        assert!(turns.seen.iter().all(|seen| seen.missed <= 1));
        assert_eq!(turns.seen.iter().filter(|seen| seen.missed == 0).count(), 1, "whoever made it is there");
    }

    proptest! {
        /// Whoever starts anew and reads the blocks of this epoch knows what all know; and every order
        /// holds every validator once.
        #[test]
        fn the_blocks_of_an_epoch_are_enough(
            count in 1usize..8, heights in 1u64..200, seed in any::<u64>(), before in 0u64..3,
        ) {
            let start = before * TURNS_EPOCH_HEIGHTS + TURNS_EPOCH_HEIGHTS - 100;
            let round = |height: Height| {
                let mixed = (height ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58;
                if mixed < 50 { 0 } else { mixed as u32 - 49 }
            };
            let fold = |newest: Height| {
                let mut turns = Turns::new(count, newest);
                Turns::heights(newest).for_each(|height| turns.committed(round(height)));
                turns
            };
            let mut turns = fold(start);
            for height in start + 1..=start + heights {
                turns.committed(round(height));
                let mut numbers: Vec<_> = turns.order().iter().map(|turn| turn.number).collect();
                numbers.sort_unstable();
                prop_assert_eq!(numbers, (0..count as u16).collect::<Vec<_>>());
            }
            prop_assert_eq!(turns, fold(start + heights));
        }
    }
}
