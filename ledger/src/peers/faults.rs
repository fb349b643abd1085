//! What a peer did that no honest validator does, and when that is too much.
//!
//! A validator of the set cannot be thrown out by one of the others: the ledger says who it is. But one
//! that sends what nobody honest sends costs us work, so its link is held off for a while when that comes
//! faster than a mistake here and there would. What is said twice, late or out of turn is no fault, since
//! links lose and delay.

use std::time::{Duration, Instant};

/// Faults that are borne before a link is held off: a version that is wrong about something small is not
/// cut off by it, and none of these costs us more than one check of a signature.
const FAULTS_MAX: u32 = 64;

/// One fault is forgiven in such a time.
const FORGIVEN_EVERY: Duration = Duration::from_secs(1);

/// The faults of one peer: a count that falls as time goes by.
#[derive(Debug)]
pub struct Faults {
    count: u32,
    /// When the count was last right.
    at: Instant,
    held_off_until: Option<Instant>,
}

impl Faults {
    /// None, as of `now`.
    pub fn none(now: Instant) -> Self {
        Self { count: 0, at: now, held_off_until: None }
    }

    /// One more, at `now`. Returns whether that is one too many: the peer is held off for `time` then, and
    /// begins anew afterwards.
    pub fn one_more(&mut self, now: Instant, time: Duration) -> bool {
        let forgiven = now.duration_since(self.at).as_secs() / FORGIVEN_EVERY.as_secs();
        self.count = self.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        self.at += FORGIVEN_EVERY * u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.count += 1;
        if self.count < FAULTS_MAX {
            return false;
        }
        *self = Self { count: 0, at: now, held_off_until: Some(now + time) };
        true
    }

    /// How long the peer is still held off at `now`, if it is.
    pub fn held_off(&self, now: Instant) -> Option<Duration> {
        self.held_off_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Duration = Duration::from_secs(60);

    #[test]
    fn many_at_once_are_too_many_and_a_few_now_and_then_are_not() {
        let begun = Instant::now();
        let mut faults = Faults::none(begun);
        // One in two seconds for an hour.
        for second in (0..3_600).step_by(2) {
            assert!(!faults.one_more(begun + Duration::from_secs(second), TIME), "after {second} s");
        }
        let later = begun + Duration::from_secs(4_000);
        let too_many = (1..=FAULTS_MAX).find(|_| faults.one_more(later, TIME));
        assert_eq!(too_many, Some(FAULTS_MAX));
        assert_eq!(faults.held_off(later + TIME / 2), Some(TIME / 2));
        assert_eq!(faults.held_off(later + TIME), None);
        assert!(!faults.one_more(later + TIME, TIME), "it begins anew");
    }

    #[test]
    fn more_than_is_forgiven_adds_up() {
        let begun = Instant::now();
        let mut faults = Faults::none(begun);
        let third = FORGIVEN_EVERY / 3;
        let too_many = (0..1_000).find(|number| faults.one_more(begun + third * *number, TIME));
        // Three come while one is forgiven.
        assert!(too_many.is_some_and(|number| (90..=100).contains(&number)), "{too_many:?}");
    }
}
