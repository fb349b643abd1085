//! Seals of a network of many: every validator signs each height that it has committed, sends its
//! signatures to the others, and keeps the first quorum that it has as the seal.

use crate::{
    limits::VOTES_AHEAD_HEIGHTS_MAX,
    log::proof::TreeHead,
    receipt::{Seal, SealError, Vote},
    store::{Reader, StoreError},
};
use contracts::{
    id::{Height, NetworkId},
    validators::ValidatorSet,
};
use std::{collections::BTreeMap, io};

/// The seal of `height`, if it is kept.
///
/// # Errors
/// [`StoreError`].
pub fn kept(reader: &Reader, height: Height) -> Result<Option<Seal>, StoreError> {
    let decoded = reader.seal(height)?.map(|bytes| borsh::from_slice(&bytes)).transpose();
    let damaged =
        |error: io::Error| StoreError::Damaged { what: "seal", at: height.to_string(), reason: error.to_string() };
    decoded.map_err(damaged)
}

/// A committed height that has no seal yet.
struct Open {
    head: TreeHead,
    set: ValidatorSet,
    votes: BTreeMap<u8, Vote>,
}

/// Signatures that were gathered.
#[derive(Default)]
pub struct Seals {
    open: BTreeMap<Height, Open>,
    /// Of heights that the others have committed and we have not, one of each validator.
    early: BTreeMap<Height, BTreeMap<u8, Vote>>,
}

impl Seals {
    /// Height `height` is committed and durable, and `ours` are our signatures, if we give them. Returns the
    /// seal where there are enough with those that came early.
    ///
    /// # Errors
    /// [`SealError`], which only broken code can make.
    pub fn committed(
        &mut self,
        network: &NetworkId,
        height: Height,
        head: TreeHead,
        set: ValidatorSet,
        ours: Option<Vote>,
    ) -> Result<Option<Seal>, SealError> {
        let votes = ours.into_iter().map(|vote| (vote.validator, vote)).collect();
        self.open.insert(height, Open { head, set, votes });
        let early = self.early.remove(&height).unwrap_or_default();
        self.early = self.early.split_off(&height);
        let mut seal = self.count(height)?;
        for vote in early.into_values() {
            if seal.is_none() {
                seal = self.voted(network, height, height, vote)?;
            }
        }
        Ok(seal)
    }

    /// Validator `vote.validator` signed `height`; our newest block is at `tip`. Returns the seal if that
    /// was the one that was missing. Signatures that do not verify count for nothing.
    ///
    /// # Errors
    /// As [`Seals::committed`].
    pub fn voted(
        &mut self,
        network: &NetworkId,
        tip: Height,
        height: Height,
        vote: Vote,
    ) -> Result<Option<Seal>, SealError> {
        if height > tip && height - tip <= VOTES_AHEAD_HEIGHTS_MAX {
            self.early.entry(height).or_default().insert(vote.validator, vote);
            return Ok(None);
        }
        let Some(open) = self.open.get_mut(&height) else { return Ok(None) };
        if open.votes.contains_key(&vote.validator) || vote.verify(network, &open.set, &open.head).is_err() {
            return Ok(None);
        }
        open.votes.insert(vote.validator, vote);
        self.count(height)
    }

    /// Somebody sent the seal of `height`. Returns it if we wait for it and it holds.
    pub fn sealed(&mut self, network: &NetworkId, height: Height, seal: Seal) -> Option<Seal> {
        let open = self.open.get(&height)?;
        seal.verify_by(network, &open.set, &open.head).ok()?;
        self.open.remove(&height);
        Some(seal)
    }

    /// Heights that wait for signatures, lowest first.
    pub fn waiting(&self) -> impl Iterator<Item = Height> {
        self.open.keys().copied()
    }

    fn count(&mut self, height: Height) -> Result<Option<Seal>, SealError> {
        let enough = self.open.get(&height).is_some_and(|open| open.votes.len() >= open.set.quorum());
        if !enough {
            return Ok(None);
        }
        let Some(Open { set, votes, .. }) = self.open.remove(&height) else { return Ok(None) };
        let quorum = set.quorum();
        Seal::of(&set, votes.into_values().take(quorum).collect()).map(Some)
    }
}
