//! Blocks that the others cannot give us: where they keep old transactions in a bucket alone, or joined by a snapshot,
//! one that is further behind waits for them in vain. So it is told, and says what to do.
//!
//! Releases before that frame take it for a fault of its sender. Of those one a second is forgiven
//! ([`crate::peers`]), and nobody is told as often as that ([`LACKING_EVERY`]).

use super::{Frame, Member, heard::Heard};
use crate::limits::{LACKING_EVERY, LACKING_FOR};
use contracts::id::Height;
use std::{collections::BTreeMap, time::Instant};

#[derive(Debug, Default)]
struct Other {
    /// Its newest block.
    newest: Height,
    /// Up to where it has no transactions at hand, and when it said so.
    lacks: Option<(Height, Instant)>,
    /// Up to where we told it that we have none, and when.
    told: Option<(Height, Instant)>,
}

/// What the others lack, and know that we lack.
#[derive(Debug, Default)]
pub struct Lacking(BTreeMap<u16, Other>);

/// Blocks that nobody gives us.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// Up to this height.
    upto: Height,
    /// Who says so.
    by: Vec<u16>,
}

impl Lacking {
    /// The newest block of validator `from` is at `height`.
    pub fn is_at(&mut self, from: u16, height: Height) {
        self.0.entry(from).or_default().newest = height;
    }

    /// Validator `from` says that it has no transactions up to `upto` at hand.
    pub fn lacks(&mut self, from: u16, upto: Height, now: Instant) {
        self.0.entry(from).or_default().lacks = Some((upto, now));
    }

    /// Is validator `to` to be told that we have none up to `upto`? With whether that is new to it.
    pub fn tells(&mut self, to: u16, upto: Height, now: Instant) -> Option<bool> {
        let told = &mut self.0.entry(to).or_default().told;
        if told.is_some_and(|(_, at)| now.duration_since(at) < LACKING_EVERY) {
            return None;
        }
        let before = told.replace((upto, now)).map(|(before, _)| before);
        Some(before != Some(upto))
    }

    /// What we miss after block `ours`, where all who are there and ahead of us lack it.
    pub fn missing(&self, ours: Height, heard: &Heard, now: Instant) -> Option<Missing> {
        let mut missing: Option<Missing> = None;
        for (number, other) in &self.0 {
            if other.newest <= ours || !heard.is_near(*number, now) {
                continue;
            }
            let (upto, _) = other.lacks.filter(|(upto, at)| *upto > ours && now.duration_since(*at) < LACKING_FOR)?;
            let all = missing.get_or_insert(Missing { upto, by: Vec::new() });
            all.upto = all.upto.min(upto);
            all.by.push(*number);
        }
        missing
    }
}

impl Missing {
    /// What people are told, of whom the newest block is at `ours`.
    pub fn reason(&self, ours: Height) -> String {
        let (next, upto) = (ours + 1, self.upto);
        let by: Vec<String> = self.by.iter().map(u16::to_string).collect();
        format!(
            "it misses blocks {next} to {upto}, and all validators that are ahead of it (number {}) have their \
             transactions in an archive that is not at hand, or not at all: name nodes that serve them in [observe], as \
             validators do from their archive, and observers that have all; or let it begin anew by a snapshot",
            by.join(", ")
        )
    }
}

impl Member {
    /// Tells validator `to`, whose newest block is at `theirs`, where we have not the next one to give. Returns whether
    /// that is so.
    pub(super) fn tell_lacking(&mut self, to: u16, theirs: Height) -> bool {
        // What cannot be read is complained of where it is read, and stops us for nobody.
        let lacking = self.shared.store.reader().lacks_at_hand(theirs.saturating_add(1));
        let Ok(Some(upto)) = lacking else { return false };
        if let Some(is_new) = self.lacking.tells(to, upto, Instant::now()) {
            if is_new {
                tracing::warn!(
                    validator = to,
                    height = theirs,
                    upto,
                    "a validator is behind what is at hand here: it needs a node that serves older blocks"
                );
            }
            self.send(to, &Frame::Lacks(upto));
        }
        true
    }

    /// Why the others do not bring us on, where none of them has what we miss.
    pub(super) fn unhelped(&self) -> Option<String> {
        let ours = self.ours();
        self.lacking.missing(ours, &self.heard, Instant::now()).map(|missing| missing.reason(ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_is_missing_where_all_who_are_there_and_ahead_lack_it() {
        let (mut lacking, mut heard, now) = (Lacking::default(), Heard::default(), Instant::now());
        let missing = |upto, by: &[u16]| Some(Missing { upto, by: by.to_vec() });
        for other in 0..3 {
            heard.of(other, now);
            lacking.is_at(other, 40);
        }
        assert_eq!(lacking.missing(5, &heard, now), None);
        lacking.lacks(0, 30, now);
        lacking.lacks(1, 20, now);
        assert_eq!(lacking.missing(5, &heard, now), None, "the third may have it");
        lacking.lacks(2, 25, now);
        assert_eq!(lacking.missing(5, &heard, now), missing(20, &[0, 1, 2]));
        assert_eq!(lacking.missing(20, &heard, now), None, "the second has the next one");
        assert_eq!(lacking.missing(40, &heard, now), None);
        // One that is no further than we are, or away, is not asked.
        lacking.is_at(1, 20);
        assert_eq!(lacking.missing(20, &heard, now), missing(25, &[0, 2]));
        let later = now + LACKING_FOR;
        assert_eq!(lacking.missing(20, &heard, later), None, "nobody is there");
        heard.of(0, later);
        assert_eq!(lacking.missing(20, &heard, later), None, "it was long ago");
        lacking.lacks(0, 30, later);
        assert_eq!(lacking.missing(20, &heard, later), missing(30, &[0]));
    }

    #[test]
    fn nobody_is_told_so_often_that_it_could_be_taken_for_a_fault_too_many() {
        let (mut lacking, begun) = (Lacking::default(), Instant::now());
        assert_eq!(lacking.tells(3, 30, begun), Some(true));
        let after = |millis: u64| begun + Duration::from_millis(millis);
        let told = (0..60_000).filter(|millis| lacking.tells(3, 30, after(*millis)).is_some()).count();
        assert_eq!(told as u64, 60 / LACKING_EVERY.as_secs() - 1);
        assert!(LACKING_EVERY > Duration::from_secs(1));
        assert_eq!(lacking.tells(2, 30, begun), Some(true), "another one is told too");
        assert_eq!(lacking.tells(3, 40, after(90_000)), Some(true), "more was archived meanwhile");
    }
}
