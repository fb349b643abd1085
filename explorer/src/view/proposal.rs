//! A proposal of governance: what it would change, whose word it has, and what came of it.

use super::{
    AsOf, Cell, Missing, Origin, Said, Timeline, agreement::history, as_of, era::link as era_link, event::event_at,
    list, origin, timeline, unknown,
};
use crate::{
    index::{At, Era, Kind, ListKind, Listed, Reader, Row, Thing},
    limits::BALLOTS_MAX,
    view::format::{Moment, moment},
    view::tell::{Link, Names, Piece, ballot_of, details, what},
};
use contracts::{
    action::Action,
    event::Event,
    governance::{Change, Governance, Proposal, ProposalState},
    id::{ProposalId, TimeMs},
    state::Reading,
    validators::ValidatorSet,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The word of one validator on a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BallotView {
    /// Its number in the set that is asked, or in the new one where it says that it is ready.
    pub number: u8,
    /// What it is called there.
    pub name: String,
    /// Its page, if it ever was in force.
    pub href: Option<String>,
    /// Its consensus key.
    pub key: String,
    /// `proposed`, `approved` or `ready`.
    pub word: &'static str,
    /// When, and in which transaction.
    pub origin: Origin,
    /// Who handed it in.
    pub sender: Link,
    /// The signature by the consensus key.
    pub signature: String,
}

/// What a proposal led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DecisionView {
    /// When, and in which transaction: that of the ballot that made the quorum.
    pub origin: Origin,
    /// What was decided.
    pub said: Said,
}

/// A proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProposalView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id: the digest of all that ballots approve.
    pub id: String,
    /// What it would change, in one sentence.
    pub what: Said,
    /// The same in detail.
    pub details: Vec<Said>,
    /// `validators`, `parameters`, `party` or `protocol`.
    pub change: &'static str,
    /// `open`, `passed`, `carried`, `expired`, `void` or `replaced`.
    pub state: &'static str,
    /// The same in a sentence.
    pub state_said: String,
    /// `good`, `bad` or `calm`.
    #[serde(skip)]
    pub tone: &'static str,
    /// Where it was made.
    pub origin: Origin,
    /// When its time is over.
    pub until: Moment,
    /// The era whose validators are asked.
    pub era: Link,
    /// How many of them must approve.
    pub needed: u32,
    /// How many validators are asked.
    pub asked: u32,
    /// Their words, oldest first.
    pub ballots: Vec<BallotView>,
    /// Those who have not approved, by name.
    pub silent: Vec<String>,
    /// For a new set: how many of it must be ready.
    pub ready_needed: Option<u32>,
    /// For a new set: who said that it is ready, oldest first.
    pub ready: Vec<BallotView>,
    /// What was decided, oldest first: a new set is decided, and then it is complete.
    pub decisions: Vec<DecisionView>,
    /// Count and root of its history in the state tree.
    pub history: Option<(u64, String)>,
    /// What happened to it.
    pub timeline: Timeline,
}

/// The proposal `id`; `now_ms` is our own clock.
///
/// # Errors
/// [`Missing`].
pub fn proposal(
    reader: &Reader,
    id: &ProposalId,
    now_ms: TimeMs,
    before: Option<At>,
    limit: usize,
) -> Result<ProposalView, Missing> {
    let found: Proposal = reader.value(&Proposal::key(id))?.ok_or_else(|| unknown(reader, "proposal", id))?;
    let (names, thing) = (Names(reader), Thing::new(Kind::Proposal, id.as_bytes()));
    let era = asked(reader, &found)?;
    let made = made(reader, &thing)?;
    let (words, decisions) = words(reader, &thing)?;
    let (ready, ballots): (Vec<_>, Vec<_>) = words.into_iter().partition(|one| one.word == "ready");
    let approved = |number: usize| found.ballots.iter().any(|ballot| usize::from(ballot.validator) == number);
    let silent = era.set.validators.iter().enumerate().filter(|(number, _)| !approved(*number));
    let silent = silent.map(|(_, one)| one.name.clone()).collect();
    let state = state_of(reader, id, &found, &era, now_ms)?;
    Ok(ProposalView {
        as_of: as_of(reader),
        id: id.to_string(),
        what: what(&names, &found.change, Some(&era.set))?.into(),
        details: details(&names, &found.change, Some(&era.set))?.into_iter().map(Said::from).collect(),
        change: change_word(&found.change),
        state: state.word,
        state_said: state.said,
        tone: state.tone,
        origin: origin(reader, &made)?,
        until: moment(found.until_ms),
        era: era_link(era.number),
        needed: era.set.quorum() as u32,
        asked: era.set.validators.len() as u32,
        ballots,
        silent,
        ready_needed: next_set(&found.change).map(|set| set.quorum() as u32),
        ready,
        decisions,
        history: history(reader, &thing)?,
        timeline: timeline(reader, &thing, before, limit)?,
    })
}

/// All kinds of changes, as lists and filters call them.
pub const CHANGES: [&str; 4] = ["validators", "parameters", "party", "protocol"];
/// All states of proposals, likewise, with what they mean.
pub const STATES: [(&str, &str); 6] = [
    ("open", "open"),
    ("passed", "passed, and waits for the new set"),
    ("carried", "carried"),
    ("expired", "expired"),
    ("void", "void: the validators changed before"),
    ("replaced", "replaced by a set that passed later"),
];

fn change_word(change: &Change) -> &'static str {
    match change {
        Change::Validators { .. } => "validators",
        Change::Parameters { .. } => "parameters",
        Change::Party { .. } => "party",
        Change::Protocol { .. } => "protocol",
    }
}

fn next_set(change: &Change) -> Option<&ValidatorSet> {
    match change {
        Change::Validators { set, .. } => Some(set),
        _ => None,
    }
}

/// The newest era of the set that a proposal asks, which was in force when it was made.
fn asked(reader: &Reader, proposal: &Proposal) -> Result<Era, Missing> {
    Ok(reader.era_of_set(&proposal.base)?.ok_or(crate::index::IndexError::Damaged("era"))?)
}

/// Where a proposal was made.
fn made(reader: &Reader, thing: &Thing) -> Result<At, Missing> {
    let page = reader.list(ListKind::Proposals, Some(thing), None, 1)?;
    Ok(page.items.first().map(|listed| listed.at).unwrap_or_default())
}

/// Where a proposal stands.
struct State {
    word: &'static str,
    tone: &'static str,
    said: String,
}

/// Where `proposal` stands at the later of our own clock and the newest block.
fn state_of(
    reader: &Reader,
    id: &ProposalId,
    proposal: &Proposal,
    era: &Era,
    now_ms: TimeMs,
) -> Result<State, Missing> {
    let state = |word, tone, said: String| Ok(State { word, tone, said });
    let now_ms = now_ms.max(reader.tip().time_ms);
    let (had, needed, until) = (proposal.ballots.len(), era.set.quorum(), moment(proposal.until_ms).text);
    let ready = next_set(&proposal.change).map(|set| (proposal.ready.len(), set.quorum()));
    let governance: Governance = reader.value(&Governance::key())?.unwrap_or_default();
    if proposal.state == ProposalState::InForce {
        let of = era.set.validators.len();
        return state("carried", "good", format!("{had} of {of} validators approved it; a quorum is {needed}."));
    }
    // A set that passed came into force, or gave way to one that passed later.
    if proposal.state == ProposalState::Passed && governance.pending != Some(*id) {
        return state("replaced", "bad", "A quorum approved it, and later another set, which took its place.".into());
    }
    // The set that is asked was in force when the proposal was made, so it is in force now or in an era that ended.
    let ended = reader.newest_era(None)?.filter(|now| now.set.digest() != proposal.base);
    if ended.is_some() {
        let next = reader.era(era.number + 1)?.ok_or(crate::index::IndexError::Damaged("era"))?;
        let changed = reader.block(next.from - 1)?.map_or(0, |block| block.entry.time_ms);
        if changed <= proposal.until_ms {
            let why = "before that; ballots count for the validators that were asked only.";
            return state("void", "bad", format!("It had {had} of {needed} ballots, and the validators changed {why}"));
        }
    }
    let over = now_ms > proposal.until_ms;
    match (proposal.state, ready) {
        (ProposalState::Passed, Some((ready, of))) if over => {
            let why = format!("{ready} of {of} of the new set were ready when its time was over, {until}.");
            state("expired", "bad", format!("A quorum approved it; {why}"))
        }
        (ProposalState::Passed, Some((ready, of))) => {
            let waits = format!("it waits until {of} of the new set are ready ({ready} are), at most until {until}.");
            state("passed", "calm", format!("A quorum approved it; {waits}"))
        }
        _ if over => {
            state("expired", "bad", format!("It had {had} of {needed} ballots when its time was over, {until}."))
        }
        _ => state("open", "calm", format!("It has {had} of {needed} ballots, and is open until {until}.")),
    }
}

/// Every word of a validator on it, and every decision that one of them led to, oldest first.
fn words(reader: &Reader, thing: &Thing) -> Result<(Vec<BallotView>, Vec<DecisionView>), Missing> {
    let (mut ballots, mut decisions) = (Vec::new(), Vec::new());
    let mut listed = reader.list(ListKind::Ballots, Some(thing), None, BALLOTS_MAX)?.items;
    listed.reverse();
    for one in &listed {
        let Some(row) = reader.row(&one.at)? else { continue };
        ballots.extend(ballot(reader, &one.at, &row)?);
        for (number, event) in (0..).zip(&row.events) {
            if decides(event) {
                let at = At { event: number, ..one.at };
                let told = event_at(reader, &at)?;
                decisions.extend(
                    told.map(|told| Ok::<_, Missing>(DecisionView { origin: origin(reader, &at)?, said: told.said }))
                        .transpose()?,
                );
            }
        }
    }
    Ok((ballots, decisions))
}

fn decides(event: &Event) -> bool {
    matches!(
        event,
        Event::SetPassed { .. }
            | Event::SetChanged { .. }
            | Event::ParametersChanged { .. }
            | Event::PartyDecided { .. }
            | Event::ProtocolDecided { .. }
    )
}

/// Which proposal an action is a word on.
fn proposal_of(action: &Action) -> Option<ProposalId> {
    match action {
        Action::Propose(ask) => Some(ask.id()),
        Action::Approve(ask) => Some(ask.proposal),
        Action::Ready(ask) => Some(ask.proposal),
        _ => None,
    }
}

/// The ballot that the transaction at `at` handed in.
fn ballot(reader: &Reader, at: &At, row: &Row) -> Result<Option<BallotView>, Missing> {
    let (names, body) = (Names(reader), &row.transaction.body);
    let (Some(id), Some((ballot, word))) = (proposal_of(&body.action), ballot_of(&body.action)) else {
        return Ok(None);
    };
    let Some(found) = reader.value::<Proposal>(&Proposal::key(&id))? else { return Ok(None) };
    let era = asked(reader, &found)?;
    let set = match (word, next_set(&found.change)) {
        ("ready", Some(set)) => set,
        _ => &era.set,
    };
    let key = set.validators.get(usize::from(ballot.validator)).map(|one| one.consensus.to_string());
    let (name, href) = match names.member(Some(set), ballot.validator)? {
        Piece::Text(name) => (name, None),
        Piece::Link(link) => (link.name, Some(link.href)),
    };
    Ok(Some(BallotView {
        number: ballot.validator,
        name,
        href,
        key: key.unwrap_or_default(),
        word,
        origin: origin(reader, at)?,
        sender: names.party(&body.sender)?,
        signature: ballot.signature.to_string(),
    }))
}

fn voice_cell(ballot: &BallotView) -> Cell {
    Cell { href: ballot.href.clone(), ..Cell::valued(&ballot.name, &ballot.key) }
}

/// One row of the list of proposals.
pub(super) fn row(reader: &Reader, listed: &Listed, now_ms: TimeMs) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(row) = reader.row(&listed.at)? else { return Ok(None) };
    let (names, body) = (Names(reader), &row.transaction.body);
    let (Some(id), Some(by)) = (proposal_of(&body.action), ballot(reader, &listed.at, &row)?) else { return Ok(None) };
    let Some(found) = reader.value::<Proposal>(&Proposal::key(&id))? else { return Ok(None) };
    let era = asked(reader, &found)?;
    let state = state_of(reader, &id, &found, &era, now_ms)?;
    let (had, needed) = (found.ballots.len(), era.set.quorum());
    let href = format!("/proposal/{id}");
    Ok(Some(vec![
        Cell::id(&id.to_string(), href),
        Cell::text(change_word(&found.change)),
        Cell::text(what(&names, &found.change, Some(&era.set))?.text()),
        voice_cell(&by),
        list::time_of(reader, &listed.at)?,
        Cell::time(&moment(found.until_ms)),
        Cell::text(state.word).toned(state.tone),
        Cell::valued(format!("{had} of {needed}"), had),
        Cell::text(needed.to_string()),
        Cell::link(names.party(&body.sender)?),
        list::transaction_cell(reader, &listed.at)?,
        list::height_cell(&listed.at),
    ]))
}

/// One row of the list of ballots.
pub(super) fn ballot_row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(row) = reader.row(&listed.at)? else { return Ok(None) };
    let (Some(id), Some(by)) = (proposal_of(&row.transaction.body.action), ballot(reader, &listed.at, &row)?) else {
        return Ok(None);
    };
    Ok(Some(vec![
        Cell::height(listed.at.height),
        list::time_of(reader, &listed.at)?,
        Cell::id(&id.to_string(), format!("/proposal/{id}")),
        voice_cell(&by),
        Cell::text(by.word),
        Cell::link(by.sender),
        list::transaction_cell(reader, &listed.at)?,
        Cell::text(by.signature),
    ]))
}
