//! Which lists and identifiers the facts of governance belong to, and whom they are about.
//!
//! Ballots name validators by their numbers. In which set, the proposal says: its base for approvals, the new set for
//! readiness. The set in force at the block would be another one after a change in that block.

use super::{
    At, IndexError, Kind, ListKind, Thing,
    era::{self, Era, validator},
    mention::{After, Rows},
};
use contracts::{
    action::Action,
    event::Event,
    governance::{Change, Proposal, Propose},
    id::{Digest, ProposalId},
    state::Reading,
    validators::ValidatorSet,
};
use std::collections::BTreeSet;

/// Whom and what an event of governance is about; nothing for other events.
pub(super) fn things_of_event(
    after: &After,
    event: &Event,
    action: &Action,
    things: &mut BTreeSet<Thing>,
) -> Result<(), IndexError> {
    match event {
        Event::Proposed { proposal, validator, .. } => {
            things.insert(thing(proposal));
            things.extend(approving(after, proposal, *validator)?);
            if let Some(Proposal { change: Change::Party { party, .. }, .. }) = record(after, proposal)? {
                things.insert(Thing::new(Kind::Party, party.as_bytes()));
            }
        }
        Event::Approved { proposal, validator } => {
            things.insert(thing(proposal));
            things.extend(approving(after, proposal, *validator)?);
        }
        Event::SetReady { proposal, validator: number, .. } => {
            things.insert(thing(proposal));
            if let Some(Proposal { change: Change::Validators { set, .. }, .. }) = record(after, proposal)? {
                things.extend(set.validators.get(usize::from(*number)).map(|one| validator(&one.consensus)));
            }
        }
        Event::SetPassed { proposal, .. }
        | Event::SetChanged { proposal, .. }
        | Event::ParametersChanged { proposal }
        | Event::PartyDecided { proposal, .. }
        | Event::ProtocolDecided { proposal, .. } => {
            things.insert(thing(proposal));
        }
        Event::Accused { key, .. } => {
            things.insert(validator(key));
        }
        Event::Protested { key, .. } => {
            things.insert(validator(key));
            if let Action::Protest(protest) = action {
                things.insert(validator(&protest.by));
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a refused action of governance named.
pub(super) fn things_of_action(action: &Action, things: &mut BTreeSet<Thing>) {
    match action {
        Action::Propose(ask) => {
            things.insert(thing(&ask.id()));
            if let Propose { change: Change::Party { party, .. }, .. } = ask {
                things.insert(Thing::new(Kind::Party, party.as_bytes()));
            }
        }
        Action::Approve(ask) => {
            things.insert(thing(&ask.proposal));
        }
        Action::Ready(ask) => {
            things.insert(thing(&ask.proposal));
        }
        Action::Accuse(ask) => {
            things.insert(validator(&ask.validator));
        }
        Action::Protest(ask) => {
            things.extend([validator(&ask.proposer), validator(&ask.by)]);
        }
        _ => {}
    }
}

/// Lists, identifiers and eras that an event of governance adds to. `scopes` are all that it is about.
pub(super) fn list_event(
    rows: &mut Rows,
    after: &After,
    event: &Event,
    scopes: &[Thing],
    at: At,
) -> Result<(), IndexError> {
    match event {
        Event::Proposed { proposal, .. } => {
            rows.list(ListKind::Proposals, scopes, at, proposal.as_bytes());
            rows.list(ListKind::Ballots, scopes, at, proposal.as_bytes());
            rows.id(proposal.as_bytes(), Kind::Proposal, proposal.as_bytes());
        }
        Event::Approved { proposal, .. } | Event::SetReady { proposal, .. } => {
            rows.list(ListKind::Ballots, scopes, at, proposal.as_bytes());
        }
        Event::ParametersChanged { proposal } => rows.list(ListKind::Parameters, &[], at, proposal.as_bytes()),
        Event::ProtocolDecided { proposal, .. } => rows.list(ListKind::Protocols, &[], at, proposal.as_bytes()),
        // Whoever protests is not the one against whom that stands.
        Event::Accused { key, .. } | Event::Protested { key, .. } => {
            rows.list(ListKind::Accusations, &[validator(key)], at, &key.0);
        }
        Event::SetChanged { proposal, number, .. } => {
            let before = number.checked_sub(1).map(|number| era::read(after.index.kv(), number)).transpose()?;
            let before = before.flatten().ok_or(IndexError::Damaged("era"))?;
            let set = after.value::<ValidatorSet>(&ValidatorSet::key())?.ok_or(IndexError::Damaged("validator set"))?;
            before.next(at.height + 1, *proposal, set).rows(rows, at, Some(&before));
        }
        _ => {}
    }
    Ok(())
}

/// The founding set.
pub(super) fn found(rows: &mut Rows, set: &ValidatorSet) {
    Era::founding(set).rows(rows, At::default(), None);
}

fn thing(proposal: &ProposalId) -> Thing {
    Thing::new(Kind::Proposal, proposal.as_bytes())
}

fn record(after: &After, proposal: &ProposalId) -> Result<Option<Proposal>, IndexError> {
    Ok(after.value::<Proposal>(&Proposal::key(proposal))?)
}

/// The validator `number` of the set that `proposal` asks.
fn approving(after: &After, proposal: &ProposalId, number: u8) -> Result<Option<Thing>, IndexError> {
    let Some(proposal) = record(after, proposal)? else { return Ok(None) };
    let set = set_of(after, &proposal.base)?;
    Ok(set.and_then(|set| set.validators.get(usize::from(number)).map(|one| validator(&one.consensus))))
}

/// The set with this digest: one of an era before, or the one that this very block brought in.
fn set_of(after: &After, digest: &Digest) -> Result<Option<ValidatorSet>, IndexError> {
    let now = after.value::<ValidatorSet>(&ValidatorSet::key())?.filter(|set| set.digest() == *digest);
    match now {
        Some(set) => Ok(Some(set)),
        None => Ok(era::of_set(after.index.kv(), digest)?.map(|era| era.set)),
    }
}
