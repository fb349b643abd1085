//! Of whom something came lately.
//!
//! Every validator says twice a second how far it is. One of whom nothing came for longer is away, or the
//! network between us is cut: the link, which hears of neither, takes several times as long to give up.

use crate::limits::UNHEARD_AFTER;
use std::{collections::BTreeMap, time::Instant};

/// When something came last of each of the others.
#[derive(Debug, Default)]
pub struct Heard(BTreeMap<u16, Instant>);

impl Heard {
    /// Something came of validator `from`, at `now`. Returns whether nothing had for a while.
    pub fn of(&mut self, from: u16, now: Instant) -> bool {
        let was_near = self.is_near(from, now);
        self.0.insert(from, now);
        !was_near
    }

    /// Did something come of validator `number` shortly before `now`?
    pub fn is_near(&self, number: u16, now: Instant) -> bool {
        self.0.get(&number).is_some_and(|at| now.duration_since(*at) <= UNHEARD_AFTER)
    }

    /// Of how many others something came shortly before `now`.
    pub fn near(&self, now: Instant) -> usize {
        self.0.keys().filter(|number| self.is_near(**number, now)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn who_said_something_lately_is_near() {
        let (mut heard, begun) = (Heard::default(), Instant::now());
        assert_eq!(heard.near(begun), 0);
        assert!(heard.of(2, begun));
        assert!(heard.of(3, begun));
        assert!(!heard.of(3, begun + UNHEARD_AFTER / 2));
        assert_eq!(heard.near(begun + UNHEARD_AFTER), 2);
        let later = begun + UNHEARD_AFTER + Duration::from_millis(1);
        assert!(!heard.is_near(2, later) && heard.is_near(3, later) && !heard.is_near(1, later));
        assert_eq!((heard.near(later), heard.near(later + UNHEARD_AFTER)), (1, 0));
        assert!(heard.of(2, later), "it is back");
    }
}
