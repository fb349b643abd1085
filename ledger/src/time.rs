//! Block time: stamps that never go back, a solo node that does not trust a clock that jumps, and how far the clocks of
//! several are from each other.

use crate::limits::{CLOCK_JUMP_AFTER_RESTART_MS_MAX, CLOCK_JUMP_MS_MAX, CLOCK_WINDOW_MS};
use contracts::id::TimeMs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, in milliseconds since 1970; 0 before that.
pub(crate) fn now_ms() -> TimeMs {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as u64)
}

/// The stamp of a block: its clock, and at least a millisecond after its parent.
pub fn stamp(parent_ms: TimeMs, clock_ms: TimeMs) -> TimeMs {
    clock_ms.max(parent_ms + 1)
}

/// The clock says a time that cannot be: it jumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock runs {} ahead of the last block and the time since, {} are allowed: set the clock right, or, where it is right, start once with `--confirm-time`",
    span(*ahead_ms),
    span(*allowed_ms)
)]
pub struct ClockJumped {
    /// By how much.
    pub ahead_ms: u64,
    /// By how much it may.
    pub allowed_ms: u64,
}

/// A length of time for people, to its second-largest unit.
fn span(ms: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        (..48, _) => format!("{hours} h {minutes} min"),
        _ => format!("{} days {} h", hours / 24, hours % 24),
    }
}

/// Watches a solo node's clock. Nobody else would notice if it lied.
#[derive(Clone, Debug)]
pub struct ClockGuard {
    last_stamp_ms: TimeMs,
    /// Monotonic time of the last stamp; `None` since a restart.
    last_monotonic_ms: Option<u64>,
}

impl ClockGuard {
    /// After a restart with the last block at `last_stamp_ms`.
    pub fn restarted(last_stamp_ms: TimeMs) -> Self {
        Self { last_stamp_ms, last_monotonic_ms: None }
    }

    /// May a block be stamped `stamp_ms` now?
    ///
    /// # Errors
    /// [`ClockJumped`].
    pub fn check(&self, stamp_ms: TimeMs, monotonic_ms: u64) -> Result<(), ClockJumped> {
        // The founding has no block before it to compare with.
        if self.last_stamp_ms == 0 {
            return Ok(());
        }
        let (elapsed_ms, allowed_ms) = match self.last_monotonic_ms {
            Some(last) => (monotonic_ms.saturating_sub(last), CLOCK_JUMP_MS_MAX),
            None => (0, CLOCK_JUMP_AFTER_RESTART_MS_MAX),
        };
        let ahead_ms = stamp_ms.saturating_sub(self.last_stamp_ms).saturating_sub(elapsed_ms);
        if ahead_ms > allowed_ms { Err(ClockJumped { ahead_ms, allowed_ms }) } else { Ok(()) }
    }

    /// Takes note of a block that was committed.
    pub fn stamped(&mut self, stamp_ms: TimeMs, monotonic_ms: u64) {
        self.last_stamp_ms = stamp_ms;
        self.last_monotonic_ms = Some(monotonic_ms);
    }

    /// Somebody confirmed that the clock is right.
    pub fn confirm(&mut self) {
        self.last_stamp_ms = 0;
    }
}

/// How far the blocks of others were ahead of our clock at most, of late: in the window that runs and the one before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead {
    window: u64,
    now_ms: u64,
    before_ms: u64,
}

impl Ahead {
    /// Takes note of one that was so far ahead, at a monotonic time.
    pub fn note(&mut self, ahead_ms: u64, monotonic_ms: u64) {
        self.turn(monotonic_ms);
        self.now_ms = self.now_ms.max(ahead_ms);
    }

    /// The most, at a monotonic time.
    pub fn most_ms(&mut self, monotonic_ms: u64) -> u64 {
        self.turn(monotonic_ms);
        self.now_ms.max(self.before_ms)
    }

    fn turn(&mut self, monotonic_ms: u64) {
        let window = monotonic_ms / CLOCK_WINDOW_MS;
        match window.saturating_sub(self.window) {
            0 => return,
            1 => self.before_ms = self.now_ms,
            _ => self.before_ms = 0,
        }
        (self.window, self.now_ms) = (window, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_ahead_is_forgotten_after_two_windows() {
        let mut ahead = Ahead::default();
        assert_eq!(ahead.most_ms(5), 0);
        ahead.note(300, 10);
        ahead.note(200, 20);
        assert_eq!(ahead.most_ms(CLOCK_WINDOW_MS - 1), 300);
        ahead.note(100, CLOCK_WINDOW_MS);
        assert_eq!(ahead.most_ms(2 * CLOCK_WINDOW_MS - 1), 300, "of the window before");
        assert_eq!(ahead.most_ms(2 * CLOCK_WINDOW_MS), 100);
        assert_eq!(ahead.most_ms(3 * CLOCK_WINDOW_MS), 0);
        ahead.note(700, 3 * CLOCK_WINDOW_MS);
        assert_eq!(ahead.most_ms(9 * CLOCK_WINDOW_MS), 0, "nothing came for long");
    }

    #[test]
    fn stamps_never_go_back() {
        assert_eq!(stamp(10, 20), 20);
        assert_eq!(stamp(20, 10), 21);
        assert_eq!(stamp(20, 20), 21);
    }

    #[test]
    fn the_error_says_by_how_much_and_what_to_do() {
        let jumped = ClockJumped { ahead_ms: 200_638_104, allowed_ms: CLOCK_JUMP_AFTER_RESTART_MS_MAX };
        let text = jumped.to_string();
        assert!(text.contains("2 days 7 h ahead") && text.contains("24 h 0 min are allowed"), "{text}");
        assert!(text.contains("`--confirm-time`"), "{text}");
        let spans = [0, 59_999, 60_000, 3_599_999, 3_600_000, 172_799_999, 172_800_000].map(span);
        let expected = ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "47 h 59 min", "2 days 0 h"];
        assert_eq!(spans, expected);
    }

    #[test]
    fn a_jump_is_noticed_and_a_night_off_is_not() {
        let mut guard = ClockGuard::restarted(1_000_000);
        assert!(guard.check(1_000_000 + CLOCK_JUMP_AFTER_RESTART_MS_MAX, 5).is_ok());
        assert!(guard.check(1_000_001 + CLOCK_JUMP_AFTER_RESTART_MS_MAX, 5).is_err());
        guard.stamped(2_000_000, 1_000);
        assert!(guard.check(2_000_000 + CLOCK_JUMP_MS_MAX + 500, 1_500).is_ok());
        assert!(guard.check(2_000_000 + CLOCK_JUMP_MS_MAX + 501, 1_500).is_err());
        guard.confirm();
        assert!(guard.check(u64::MAX, 1_500).is_ok());
    }
}
