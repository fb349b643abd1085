//! What waits for ballots and for readiness, kept at hand: whoever watches a node learns of it without asking for
//! proposals, of which nobody else would tell.

use crate::{
    limits::PROPOSALS_PAGE,
    store::{Reader, StoreError},
};
use contracts::{
    governance::{Governance, Proposal, ProposalState},
    id::{Digest, ProposalId, TimeMs},
    state::{Fault, Key, Reading, Subject},
};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Proposals that are open, by their keys. Those whose time is over go when somebody looks, so there are no more
/// than validators make in the time that a proposal may have.
pub(crate) struct Ballots(Mutex<BTreeMap<Key, Open>>);

/// One that is open.
struct Open {
    /// Digest of the set that is asked.
    base: Digest,
    until_ms: TimeMs,
    /// Numbers of those who approved.
    approved: Vec<u8>,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Proposals that the set in force may approve.
    pub open: usize,
    /// Those among them that this validator has not approved; none where the node is no validator.
    pub unanswered: usize,
    /// When the time is over of a set that passed and whose readiness is awaited, if there is one.
    pub set_until_ms: Option<TimeMs>,
}

impl Ballots {
    /// Those of a store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(reader: &Reader) -> Result<Self, StoreError> {
        Self::by_pages(reader, PROPOSALS_PAGE)
    }

    /// As [`Self::of`], so many at once.
    pub(super) fn by_pages(reader: &Reader, most: usize) -> Result<Self, StoreError> {
        let mut all = BTreeMap::new();
        let mut from = Key::new(Proposal::TAG, &[]);
        loop {
            let page = reader.records_of::<Proposal>(&from, most)?;
            let next = page.last().filter(|_| page.len() == most).map(|(last, _)| last.as_bytes());
            let next = next.map(|last| Key::from_bytes([last, &[0]].concat()));
            page.into_iter().for_each(|(key, proposal)| note(&mut all, key, proposal));
            match next {
                Some(next) => from = next,
                None => return Ok(Self(Mutex::new(all))),
            }
        }
    }

    /// Takes up what became of a proposal.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn changed(&self, reader: &Reader, proposal: &ProposalId) -> Result<(), Fault> {
        let key = Proposal::key(proposal);
        if let Some(proposal) = reader.value(&key)? {
            note(&mut self.0.lock(), key, proposal);
        }
        Ok(())
    }

    /// What waits for those of the set with digest `set`, and for number `ours` of them, at block time `now_ms`.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn wanted(&self, reader: &Reader, set: &Digest, ours: Option<u16>, now_ms: TimeMs) -> Result<Wanted, Fault> {
        let mut all = self.0.lock();
        all.retain(|_, one| one.until_ms >= now_ms);
        let asked = || all.values().filter(|one| one.base == *set);
        let is_unanswered =
            |one: &&Open| ours.is_some_and(|ours| !one.approved.iter().any(|by| u16::from(*by) == ours));
        let (open, unanswered) = (asked().count(), asked().filter(is_unanswered).count());
        let governance: Governance = reader.value(&Governance::key())?.unwrap_or_default();
        let passed: Option<Proposal> = match governance.pending {
            Some(pending) => reader.value(&Proposal::key(&pending))?,
            None => None,
        };
        let set_until_ms = passed.map(|passed| passed.until_ms).filter(|until_ms| *until_ms >= now_ms);
        Ok(Wanted { open, unanswered, set_until_ms })
    }
}

/// Takes a proposal in while it is open, and out when it is not.
fn note(all: &mut BTreeMap<Key, Open>, key: Key, proposal: Proposal) {
    let Proposal { base, until_ms, state, ballots, .. } = proposal;
    match state {
        ProposalState::Open => {
            let approved = ballots.iter().map(|ballot| ballot.validator).collect();
            all.insert(key, Open { base, until_ms, approved });
        }
        ProposalState::Passed | ProposalState::InForce => drop(all.remove(&key)),
    }
}
