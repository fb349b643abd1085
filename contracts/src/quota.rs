//! Quotas: what one party may put on the ledger in a window of blocks.
//!
//! Refused and applied transactions both count, so refusals cannot be used to flood. Windows are
//! fixed stretches of [`QUOTA_WINDOW_BLOCKS`] heights; a party's use starts at zero in each.

use crate::{
    id::{Height, PartyId},
    limits::QUOTA_WINDOW_BLOCKS,
    state::{Key, Subject},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a party has used in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Quota {
    /// Number of the window: height divided by [`QUOTA_WINDOW_BLOCKS`].
    pub window: u64,
    /// Transactions.
    pub count: u64,
    /// Bytes of signed transactions.
    pub bytes: u64,
    /// Bytes of records written.
    pub state_bytes: u64,
}

impl Subject for Quota {
    const TAG: u8 = 2;
    const KIND: &'static str = "quota";
}

/// What a party may use in a window. The founding document sets it for the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaLimits {
    /// Transactions in a window.
    pub count_max: u64,
    /// Bytes of signed transactions in a window.
    pub bytes_max: u64,
    /// Bytes of records written in a window.
    pub state_bytes_max: u64,
}

impl Default for QuotaLimits {
    /// Enough for one party to import a national catalogue (100,000 records of 2 KiB) in a window.
    fn default() -> Self {
        Self { count_max: 2_000_000, bytes_max: 4 << 30, state_bytes_max: 8 << 30 }
    }
}

/// Strangers share one quota: applications that wait for an operator, not a way to fill disks. Each member that is
/// suspended has as much, of its own.
pub const STRANGER_LIMITS: QuotaLimits = QuotaLimits { count_max: 1_000, bytes_max: 4 << 20, state_bytes_max: 8 << 20 };

/// A party has used up what a window allows; the transaction is inadmissible until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} of the party is used up in this window ({used} of {max}); it starts anew at height {next_window}")]
pub struct QuotaExceeded {
    what: &'static str,
    used: u64,
    max: u64,
    /// First height at which the party may write again.
    pub next_window: Height,
}

impl Quota {
    /// Where `party`'s use is kept.
    pub fn key(party: &PartyId) -> Key {
        Key::new(Self::TAG, &[&party.0])
    }

    /// The use after one more transaction of `bytes` at `height`.
    ///
    /// # Errors
    /// [`QuotaExceeded`], naming the limit and the height at which it starts anew.
    pub fn admit(self, height: Height, bytes: u64, limits: &QuotaLimits) -> Result<Self, QuotaExceeded> {
        let window = height / QUOTA_WINDOW_BLOCKS;
        let now = if self.window == window { self } else { Self { window, ..Self::default() } };
        let next = Self { count: now.count.saturating_add(1), bytes: now.bytes.saturating_add(bytes), ..now };
        let next_window = window.saturating_add(1).saturating_mul(QUOTA_WINDOW_BLOCKS);
        for (what, used, max) in [
            ("the count of transactions", next.count, limits.count_max),
            ("the bytes of transactions", next.bytes, limits.bytes_max),
            ("the bytes of state", next.state_bytes, limits.state_bytes_max),
        ] {
            if used > max {
                return Err(QuotaExceeded { what, used, max, next_window });
            }
        }
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_up_and_the_next_one_is_empty() {
        let limits = QuotaLimits { count_max: 2, bytes_max: 1_000, state_bytes_max: 10 };
        let one = Quota::default().admit(1, 400, &limits).unwrap();
        let two = one.admit(2, 400, &limits).unwrap();
        assert!(two.admit(3, 1, &limits).is_err());
        assert!(one.admit(2, 601, &limits).is_err());
        assert!(Quota { state_bytes: 11, ..one }.admit(2, 1, &limits).is_err());
        assert_eq!(two.admit(QUOTA_WINDOW_BLOCKS, 1, &limits).unwrap().count, 1);
    }
}
