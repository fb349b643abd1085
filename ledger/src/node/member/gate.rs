//! Before a validator takes part, it asks the others what it signed last.
//!
//! A mark that was restored together with its store, as with the image of a whole disk, knows nothing of
//! what was signed since, and a validator that goes by it votes a second time. The others know: they have
//! its signatures, which nobody else can make. A validator signs a height only after its mark is durable,
//! so one that is shown its own signature of a log larger than its mark's has lost something. It observes
//! then until it has that log, and two heights more: it may have voted at the height above, and its last
//! signature may have reached nobody.
//!
//! Of the height at work they show its votes as well, which an image of the same disk that was made a moment before does
//! not have; it leaves that height to the others.
//!
//! As many must answer as it needs for a quorum, without whom it can decide nothing anyway. Where all who
//! answer have lost their memory too, or lie, nothing is noticed.

use super::seals;
use crate::{
    limits::{REMEMBERED_SEALS, REMEMBERED_SIGNATURES_MAX},
    log::proof::TreeHead,
    receipt::Cosignature,
    store::{Reader, StoreError},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::Height;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Heights above the last that it is shown to have signed at which a validator may have said something.
const UNHEARD_HEIGHTS: Height = 2;

/// A height that somebody signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Signed {
    /// The log after it.
    pub head: TreeHead,
    /// The signature.
    pub cosignature: Cosignature,
}

/// The newest signatures of each validator that came to us. They are not verified: each came by the link of
/// its signer, who verifies what it is shown.
#[derive(Debug, Default)]
pub struct Remembered(BTreeMap<u8, VecDeque<(Height, Cosignature)>>);

impl Remembered {
    /// What the newest seals up to `tip` show.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn from_seals(reader: &Reader, tip: Height) -> Result<Self, StoreError> {
        let mut remembered = Self::default();
        for height in tip.saturating_sub(REMEMBERED_SEALS) + 1..=tip {
            let seal = seals::kept(reader, height)?;
            seal.into_iter().flat_map(|seal| seal.cosignatures).for_each(|signed| remembered.note(height, signed));
        }
        Ok(remembered)
    }

    /// Its signer sent `cosignature` of `height`.
    pub fn note(&mut self, height: Height, cosignature: Cosignature) {
        let newest = self.0.entry(cosignature.validator).or_default();
        let place = newest.partition_point(|(before, _)| *before < height);
        if newest.get(place).is_none_or(|(there, _)| *there != height) {
            newest.insert(place, (height, cosignature));
        }
        if newest.len() > REMEMBERED_SIGNATURES_MAX {
            newest.pop_front();
        }
    }

    /// The newest height above `after` that `validator` signed and that we have committed; numbers mean others
    /// below.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest(&self, validator: u8, after: Height, reader: &Reader) -> Result<Option<Signed>, StoreError> {
        let signed = self.0.get(&validator).into_iter().flatten().rev();
        for (height, cosignature) in signed.take_while(|(height, _)| *height > after) {
            if let Some(header) = reader.header(*height)? {
                let head = TreeHead { size: header.log_size, root: header.log_root };
                return Ok(Some(Signed { head, cosignature: cosignature.clone() }));
            }
        }
        Ok(None)
    }
}

/// Closed until enough of the others have answered.
#[derive(Debug)]
pub struct Gate {
    needed: usize,
    answered: BTreeSet<u16>,
}

impl Gate {
    /// Of a validator whose network decides by `quorum`.
    pub fn new(quorum: usize) -> Self {
        Self { needed: quorum.saturating_sub(1), answered: BTreeSet::new() }
    }

    /// Validator `from` has answered.
    pub fn answered(&mut self, from: u16) {
        if !self.is_open() {
            self.answered.insert(from);
        }
    }

    /// Is validator `to` still to be asked?
    pub fn asks(&self, to: u16) -> bool {
        !self.is_open() && !self.answered.contains(&to)
    }

    /// Have enough answered?
    pub fn is_open(&self) -> bool {
        self.answered.len() >= self.needed
    }
}

/// Up to which height a validator observes that has only now what it signed, at most at `height`.
pub fn observes_to(height: Height) -> Height {
    height.saturating_add(UNHEARD_HEIGHTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::key::Signature;

    #[test]
    fn the_newest_few_are_remembered_in_whatever_order_they_come() {
        let mut remembered = Remembered::default();
        let signed = |time_s| Cosignature { validator: 3, time_s, signature: Signature([9; 64]) };
        for height in [5, 9, 7, 6, 8, 9, 1] {
            remembered.note(height, signed(height));
            assert!(remembered.0[&3].len() <= REMEMBERED_SIGNATURES_MAX);
        }
        let heights: Vec<_> = remembered.0[&3].iter().map(|(height, _)| *height).collect();
        assert_eq!(heights, (10 - REMEMBERED_SIGNATURES_MAX as Height..10).collect::<Vec<_>>());
    }

    #[test]
    fn it_opens_when_a_quorum_with_ourselves_has_answered() {
        let mut gate = Gate::new(3);
        gate.answered(2);
        gate.answered(2);
        assert!(!gate.is_open() && gate.asks(1) && !gate.asks(2));
        gate.answered(0);
        assert!(gate.is_open() && !gate.asks(1));
        assert!(Gate::new(1).is_open());
    }
}
