//! What was proposed, and what came of it.

use super::{in_force, seats::Seats, unknown};
use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use contracts::{
    event::Event,
    founding::Parameters,
    governance::{Ballot, Change, Governance as Record, Proposal, ProposalState},
    id::{Digest, Height, ProposalId, TimeMs},
    party::{Role, Standing},
    validators::ValidatorSet,
};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    id: ProposalId,
    made: Height,
    by: u8,
    until: String,
    state: &'static str,
    what: String,
    /// Of a set: who joins and leaves, beside the one that is asked.
    #[serde(flatten)]
    seats: Option<Seats>,
    approved_by: Vec<u8>,
    ready: Vec<u8>,
}

pub(super) async fn list(context: &Context) -> Result<(), Problem> {
    let made = proposals(context).await?;
    let mut all = Vec::new();
    for (id, by, height) in made {
        all.push(shown(context, id, by, height).await?);
    }
    context.print(&all, || {
        let row = |one: &Shown| {
            let what = one.what.clone() + &one.seats.as_ref().map(Seats::said).unwrap_or_default();
            [one.id.to_string(), one.state.to_string(), one.until.clone(), numbers(&one.approved_by), what]
        };
        output::table(["proposal", "state", "until", "approved by", "what"], all.iter().map(row))
    });
    Ok(())
}

/// All proposals there ever were: id, validator and height.
async fn proposals(context: &Context) -> Result<Vec<(ProposalId, u8, Height)>, Problem> {
    let client = context.client()?;
    if client.record::<Record>(&Record::key()).await?.record.is_none() {
        return Ok(Vec::new());
    }
    let (_, items) = client.history(&Record::key()).await?;
    let made = items.into_iter().filter_map(|item| match item.event {
        Event::Proposed { proposal, validator, .. } => Some((proposal, validator, item.height)),
        _ => None,
    });
    Ok(made.collect())
}

pub(super) async fn show(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
    let made = proposals(context).await?.into_iter().find(|(id, ..)| *id == proposal);
    let (id, by, height) = made.ok_or_else(|| unknown(&proposal))?;
    let shown = shown(context, id, by, height).await?;
    context.print(&shown, || {
        let mut lines = vec![("proposal", shown.id.to_string()), ("what", shown.what.clone())];
        lines.extend(shown.seats.iter().flat_map(Seats::lines));
        lines.extend([
            ("state", shown.state.to_string()),
            ("made", format!("at height {} by validator {}", shown.made, shown.by)),
            ("open until", shown.until.clone()),
            ("approved by", numbers(&shown.approved_by)),
            ("ready", numbers(&shown.ready)),
        ]);
        output::lines(&lines)
    });
    Ok(())
}

async fn shown(context: &Context, id: ProposalId, by: u8, made: Height) -> Result<Shown, Problem> {
    let record: Option<Proposal> = context.proven(&Proposal::key(&id)).await?;
    let Proposal { change, base, until_ms, state, ballots, ready } = record.ok_or_else(|| unknown(&id))?;
    let by_number = |ballots: &[Ballot]| {
        let mut numbers: Vec<_> = ballots.iter().map(|ballot| ballot.validator).collect();
        numbers.sort_unstable();
        numbers
    };
    let is_over = is_over(context, until_ms).await?;
    let state = match state {
        ProposalState::InForce => state.word(),
        _ if is_over => "over",
        ProposalState::Passed => awaited(context, id).await?,
        ProposalState::Open => state.word(),
    };
    let seats = Seats::of(&asked(context, &base).await?, &change);
    Ok(Shown {
        id,
        made,
        by,
        until: output::time(until_ms),
        state,
        what: what(&change),
        seats,
        approved_by: by_number(&ballots),
        ready: by_number(&ready),
    })
}

/// The validators that are asked, which are gone where the proposal is an old one.
async fn asked(context: &Context, base: &Digest) -> Result<ValidatorSet, Problem> {
    let now = in_force(context).await?;
    if now.digest() == *base {
        return Ok(now);
    }
    let before = context.client()?.trust().set_of(base).cloned();
    before.ok_or_else(|| Problem::new("nobody proves which validators a proposal asked").exits(Exit::Untrue))
}

/// What became of a set that passed: of several, only the one that passed last awaits readiness.
async fn awaited(context: &Context, id: ProposalId) -> Result<&'static str, Problem> {
    let governance: Record = context.proven(&Record::key()).await?.unwrap_or_default();
    Ok(match governance {
        // Since the proposal was read.
        Record { in_force, .. } if in_force == Some(id) => ProposalState::InForce.word(),
        Record { pending, .. } if pending == Some(id) => ProposalState::Passed.word(),
        _ => "replaced",
    })
}

async fn is_over(context: &Context, until_ms: TimeMs) -> Result<bool, Problem> {
    Ok(context.client()?.status().await?.time_ms > until_ms)
}

fn what(change: &Change) -> String {
    match change {
        Change::Validators { set, compromised } => {
            let names: Vec<_> = set.validators.iter().map(|validator| validator.name.as_str()).collect();
            let lost = match compromised.as_slice() {
                [] => String::new(),
                lost => format!("; keys of {} may be in other hands", numbers(lost)),
            };
            format!("validators {}{lost}", names.join(", "))
        }
        Change::Parameters { parameters: Parameters { quota } } => format!(
            "a party may write {} transactions of {} bytes and {} bytes of state in a window",
            quota.count_max, quota.bytes_max, quota.state_bytes_max
        ),
        Change::Protocol { version, from } => format!("version {version} of the rules from height {from} on"),
        Change::Party { party, standing, roles } => {
            let roles: Vec<_> = roles.list().into_iter().map(Role::slug).collect();
            let standing = if *standing == Standing::Suspended { "suspended" } else { "active" };
            format!(
                "party {party} {standing}, roles: {}",
                if roles.is_empty() { "none".into() } else { roles.join(", ") }
            )
        }
    }
}

fn numbers(numbers: &[u8]) -> String {
    let all: Vec<_> = numbers.iter().map(u8::to_string).collect();
    if all.is_empty() { "nobody".into() } else { all.join(", ") }
}
