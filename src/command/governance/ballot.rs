//! The word of the validator whose keys the directory holds.

use super::{accuse, in_force, seats, show::show, unknown, unsigned};
use crate::{
    context::Context,
    problem::{Exit, Problem},
    validator::Ours,
};
use contracts::{
    action::Action,
    governance::{Approve, Ballot, Change, Proposal, Propose, Ready},
    id::ProposalId,
    validators::ValidatorSet,
};

pub(super) async fn approve(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
    let (set, client) = (in_force(context).await?, context.client()?);
    let ours = Ours::of(context, &set)?;
    let record: Option<Proposal> = context.proven(&Proposal::key(&proposal)).await?;
    let record = record.ok_or_else(|| unknown(&proposal))?;
    // What is signed is what was just proven, and not what somebody says that the id stands for.
    if Propose::id_of(&record.change, &record.base, record.until_ms) != proposal {
        return Err(Problem::new("the ledger's proposal is not the one of this id").exits(Exit::Untrue));
    }
    super::propose::check_version(&record.change)?;
    seats::tell(&set, &record.change);
    accuse::warn(context, &set, &record.change).await?;
    let key = context.open(&ours.key_name("consensus")?)?;
    let ballot = Ballot::approve(&client.network(), &proposal, ours.number as u8, &key).map_err(unsigned)?;
    context.act(None, Action::Approve(Approve { proposal, ballot }), None).await?;
    show(context, proposal).await
}

pub(super) async fn ready(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
    let record: Option<Proposal> = context.proven(&Proposal::key(&proposal)).await?;
    let record = record.ok_or_else(|| unknown(&proposal))?;
    let Change::Validators { set, .. } = &record.change else {
        return Err(Problem::usage("the proposal is about no validator set", "nothing has to be ready for it"));
    };
    let ours = Ours::of(context, set)?;
    let client = context.client()?;
    let status = client.status().await?;
    if let Some(reason) = status.reason {
        return Err(Problem::new("the node is not well")
            .because(reason)
            .help("see its /health")
            .exits(Exit::Unreachable));
    }
    check_addresses(context, set, &ours)?;
    seats::tell(&in_force(context).await?, &record.change);
    let key = context.open(&ours.key_name("consensus")?)?;
    let ballot =
        Ballot::ready(&client.network(), &proposal, status.height, ours.number as u8, &key).map_err(unsigned)?;
    let action = Action::Ready(Ready { proposal, height: status.height, ballot });
    context.act(None, action, None).await?;
    show(context, proposal).await
}

/// Who says that it is ready knows where the others of the new set are.
fn check_addresses(context: &Context, set: &ValidatorSet, ours: &Ours) -> Result<(), Problem> {
    if set.validators.len() == 1 {
        return Ok(());
    }
    let peers = context.config()?.peers;
    let known = |name: &String| peers.as_ref().is_some_and(|peers| peers.addresses.contains_key(name));
    let missing =
        set.validators.iter().map(|validator| &validator.name).filter(|name| **name != ours.name && !known(name));
    let missing: Vec<_> = missing.map(String::as_str).collect();
    if peers.is_some() && missing.is_empty() {
        return Ok(());
    }
    Err(Problem::new("lonja.toml does not say how to reach all validators of the new set")
        .because(format!("missing: {}", if missing.is_empty() { "listen of [peers]".into() } else { missing.join(", ") }))
        .help("[peers] has `listen`, where the others reach this node, and [peers.addresses] host and port of each of them")
        .exits(Exit::File))
}
