//! What one party may have kept in side bodies. The ledger counts the bytes of transactions, which hold no more of a side
//! body than its commitment; so each node counts the bodies itself, in the ledger's windows.

use super::{Handle, Refused};
use crate::limits::{SIDE_OF_STRANGER_BYTES_MAX, SIDES_OF_STRANGERS_BYTES_MAX};
use contracts::{
    founding::Parameters,
    id::{Height, PartyId, SideId},
    limits::QUOTA_WINDOW_BLOCKS,
    party::{Party, Standing},
    side::SideBody,
    state::Reading,
    takedown::TakenDown,
};
use std::collections::HashMap;

/// Side bodies of this size find no room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SideShare {
    /// Of somebody who is not admitted, or suspended.
    #[error(
        "a side body of a party that is not active has at most {SIDE_OF_STRANGER_BYTES_MAX} bytes, this one {0}: \
         shorten it"
    )]
    Stranger(u64),
    /// It was taken down.
    #[error("side body {0} was taken down and does not come back: write another text")]
    Gone(SideId),
    /// The party's share of this window is used up.
    #[error(
        "side bodies of the party have {used} bytes in this window, and with this one would have more than {max}; it \
         starts anew at height {next_window}"
    )]
    UsedUp {
        /// Bytes so far.
        used: u64,
        /// Bytes that it may have.
        max: u64,
        /// First height at which there is room again.
        next_window: Height,
    },
}

/// Bytes of side bodies that were kept in the window at work, by party: one number for each member, since
/// each has paid for it with a transaction. A restart forgets them, so that a window may have twice as many.
#[derive(Default)]
pub struct Shares {
    window: u64,
    used: HashMap<PartyId, u64>,
}

impl Shares {
    /// Counts `bytes` of `party` at `height`, of which it may have `max` in a window.
    ///
    /// # Errors
    /// [`SideShare::UsedUp`]; nothing is counted then.
    pub fn take(&mut self, height: Height, party: PartyId, bytes: u64, max: u64) -> Result<(), SideShare> {
        let window = height / QUOTA_WINDOW_BLOCKS;
        if window != self.window {
            *self = Self { window, used: HashMap::new() };
        }
        let used = self.used.get(&party).copied().unwrap_or_default();
        let next = used.saturating_add(bytes);
        if next > max {
            return Err(SideShare::UsedUp { used, max, next_window: (window + 1) * QUOTA_WINDOW_BLOCKS });
        }
        self.used.insert(party, next);
        Ok(())
    }
}

/// What a sender may have kept, by where it stands, as the ledger's quota is of transactions.
#[derive(Debug, PartialEq, Eq)]
struct Share {
    /// Whose it is.
    party: PartyId,
    /// Bytes of one side body.
    one_max: u64,
    /// Bytes of all in a window.
    max: u64,
}

impl Share {
    fn of(sender: PartyId, standing: Option<Standing>, parameters: &Parameters) -> Self {
        let few = Self { party: sender, one_max: SIDE_OF_STRANGER_BYTES_MAX, max: SIDES_OF_STRANGERS_BYTES_MAX };
        match standing {
            Some(Standing::Active) => Self { party: sender, one_max: u64::MAX, max: parameters.quota.bytes_max },
            Some(Standing::Suspended) => few,
            Some(Standing::Applied) | None => Self { party: PartyId::STRANGERS, ..few },
        }
    }
}

impl Handle {
    /// Refuses a side body that was taken down.
    pub(super) fn check_there(&self, side: &SideId) -> Result<(), Refused> {
        let gone: Option<TakenDown> = self.shared.store.reader().value(&TakenDown::key(side))?;
        gone.map_or(Ok(()), |_| Err(SideShare::Gone(*side).into()))
    }

    /// Counts a side body of `sender` that is to be kept, unless it is kept already.
    pub(super) fn count_side(&self, sender: PartyId, side: &SideBody) -> Result<(), Refused> {
        if self.shared.sides.has(&side.id()) {
            return Ok(());
        }
        let reader = self.shared.store.reader();
        let party: Option<Party> = reader.value(&Party::key(&sender))?;
        let parameters: Parameters = reader.value(&Parameters::key())?.unwrap_or_default();
        let share = Share::of(sender, party.map(|party| party.standing), &parameters);
        let (Share { party, one_max, max }, bytes) = (share, side.bytes() as u64);
        if bytes > one_max {
            return Err(SideShare::Stranger(bytes).into());
        }
        let height = self.shared.tip.borrow().height + 1;
        Ok(self.shared.side_shares.lock().take(height, party, bytes, max)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspended_member_has_what_strangers_have_and_an_applicant_a_part_of_that() {
        let (sender, parameters) = (PartyId([1; 32]), Parameters::default());
        let of = |standing| {
            let Share { party, one_max, max } = Share::of(sender, standing, &parameters);
            (party, one_max, max)
        };
        let (one_max, max) = (SIDE_OF_STRANGER_BYTES_MAX, SIDES_OF_STRANGERS_BYTES_MAX);
        assert_eq!(of(Some(Standing::Active)), (sender, u64::MAX, parameters.quota.bytes_max));
        assert_eq!(of(Some(Standing::Suspended)), (sender, one_max, max));
        for standing in [Some(Standing::Applied), None] {
            assert_eq!(of(standing), (PartyId::STRANGERS, one_max, max), "{standing:?}");
        }
    }

    #[test]
    fn a_window_has_so_many_bytes_of_each_and_the_next_begins_with_none() {
        let (mut shares, [one, other]) = (Shares::default(), [1, 2].map(|number| PartyId([number; 32])));
        shares.take(5, one, 60, 100).unwrap();
        let full = SideShare::UsedUp { used: 60, max: 100, next_window: QUOTA_WINDOW_BLOCKS };
        assert_eq!(shares.take(6, one, 41, 100), Err(full));
        shares.take(6, one, 40, 100).unwrap();
        assert!(shares.take(7, one, 1, 100).is_err());
        shares.take(7, other, 100, 100).unwrap();
        assert!(shares.take(7, other, u64::MAX, 100).is_err());
        shares.take(QUOTA_WINDOW_BLOCKS, one, 100, 100).unwrap();
        assert_eq!(shares.used.len(), 1);
    }
}
