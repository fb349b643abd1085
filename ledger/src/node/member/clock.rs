//! Our clock, and those of the validators that propose.
//!
//! A block that is too far ahead of our clock has no vote of ours, and is decided by the others all the same: nothing
//! stands still, so nobody would notice that one more that fails stops everybody.

use super::Member;
use crate::{
    limits::{CLOCK_AHEAD_MS_MAX, CLOCK_SILENCE},
    replica::Judged,
};
use std::time::Instant;

impl Member {
    /// Takes up what the clock said of the blocks that were judged, and warns where it cost our vote.
    pub(super) fn compare_clocks(&mut self) {
        let judged = self.replica.ledger_mut().take_judged();
        if judged == Judged::default() {
            return;
        }
        self.shared.metrics.judged(judged);
        let now = Instant::now();
        if judged.unfit > 0 && is_due(self.warned_at, now) {
            self.warned_at = Some(now);
            tracing::warn!(
                ahead_ms = judged.ahead_ms,
                allowed_ms = CLOCK_AHEAD_MS_MAX,
                "a block is ahead of our clock and has no vote of ours: this machine's clock is late, or that of who \
                 proposed it is early. Synchronise both; this is not said again for an hour"
            );
        }
    }
}

/// Is it to be said, or said again? Not at each block.
fn is_due(warned_at: Option<Instant>, now: Instant) -> bool {
    warned_at.is_none_or(|at| now.duration_since(at) >= CLOCK_SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_is_warned_of_once_in_a_while() {
        let at = Instant::now();
        assert!(is_due(None, at));
        assert!(!is_due(Some(at), at));
        assert!(!is_due(Some(at), at + CLOCK_SILENCE - Duration::from_millis(1)));
        assert!(is_due(Some(at), at + CLOCK_SILENCE));
    }
}
