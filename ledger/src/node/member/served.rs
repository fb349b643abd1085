//! What each of the others was given lately: blocks and signatures cost us more than it costs them to ask.

use crate::limits::{ASKED_AGAIN_AFTER, WANTED_SEALS_MAX};
use contracts::id::Height;
use std::{collections::BTreeMap, time::Instant};

#[derive(Debug, Default)]
struct Account {
    /// Up to where it was given blocks.
    blocks: Option<Height>,
    /// Its newest block as it said last, and since when it says so.
    newest: Option<(Height, Instant)>,
    /// How many signatures it was given since when.
    signatures: Option<(usize, Instant)>,
    /// When it was shown last what it signed and said.
    shown: Option<Instant>,
}

/// What each of the others was given lately.
#[derive(Debug, Default)]
pub struct Served(BTreeMap<u16, Account>);

impl Served {
    /// Is validator `to`, whose newest block is `theirs`, to be given the blocks up to `upto`? Not those that it was
    /// given and is taking up; those were lost with a link if for a while it gets no further.
    pub fn blocks(&mut self, to: u16, theirs: Height, upto: Height, now: Instant) -> bool {
        let account = self.0.entry(to).or_default();
        let (_, since) = account.newest.filter(|(newest, _)| *newest == theirs).unwrap_or((theirs, now));
        let stands = now.duration_since(since) >= ASKED_AGAIN_AFTER;
        let given = theirs < upto && account.blocks.is_none_or(|before| theirs >= before || stands);
        if given {
            account.blocks = Some(upto);
        }
        account.newest = Some((theirs, if given { now } else { since }));
        given
    }

    /// Is validator `to` to be given one more signature? As many as an honest one asks for at a time.
    pub fn signature(&mut self, to: u16, now: Instant) -> bool {
        let account = self.0.entry(to).or_default();
        let lately = account.signatures.filter(|(_, since)| now.duration_since(*since) < ASKED_AGAIN_AFTER);
        let (count, since) = lately.unwrap_or((0, now));
        account.signatures = Some((count + 1, since));
        count < WANTED_SEALS_MAX
    }

    /// Is validator `to` to be shown what it signed and said? An honest one asks with each status.
    pub fn shows(&mut self, to: u16, now: Instant) -> bool {
        let account = self.0.entry(to).or_default();
        let due = account.shown.is_none_or(|shown| now.duration_since(shown) >= ASKED_AGAIN_AFTER);
        if due {
            account.shown = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_given_once_and_again_after_a_while() {
        let (mut served, begun) = (Served::default(), Instant::now());
        assert!(served.blocks(3, 5, 16, begun));
        assert!((0..16).all(|theirs| !served.blocks(3, theirs, 16, begun)), "they are on their way");
        let slowly = |theirs: Height| begun + ASKED_AGAIN_AFTER * theirs as u32;
        assert!((1..16).all(|theirs| !served.blocks(3, theirs, 16, slowly(theirs))), "it takes them up");
        assert!(served.blocks(2, 5, 16, begun), "another one has its own account");
        assert!(served.blocks(3, 16, 32, begun), "it has them and goes on");
        let later = begun + ASKED_AGAIN_AFTER * 20;
        assert!(!served.blocks(3, 20, 32, later));
        assert!(!served.blocks(3, 20, 32, later + ASKED_AGAIN_AFTER / 2));
        assert!(served.blocks(3, 20, 32, later + ASKED_AGAIN_AFTER), "they were lost");
        assert!(!served.blocks(3, 32, 32, begun), "it has all");
    }

    #[test]
    fn signatures_are_given_as_often_as_an_honest_one_asks() {
        let (mut served, begun) = (Served::default(), Instant::now());
        let given = |served: &mut Served, now| (0..1_000).filter(|_| served.signature(1, now)).count();
        assert_eq!(given(&mut served, begun), WANTED_SEALS_MAX);
        assert!(served.signature(2, begun));
        assert_eq!(given(&mut served, begun + ASKED_AGAIN_AFTER / 2), 0);
        assert_eq!(given(&mut served, begun + ASKED_AGAIN_AFTER), WANTED_SEALS_MAX);
    }
}
