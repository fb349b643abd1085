//! Validators that were caught: taking the evidence of a node to the ledger, and showing what is there.

use super::in_force;
use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use contracts::{
    action::Action,
    event::Event,
    governance::{Governance, Misconduct},
    id::Height,
    key::PublicKey,
};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    name: String,
    key: PublicKey,
    height: Height,
    round: u32,
    what: &'static str,
    accused_at: Height,
    in_force: bool,
}

/// Hands in what the node has and the ledger has not.
pub(super) async fn accuse(context: &Context) -> Result<(), Problem> {
    let (client, set) = (context.client()?, in_force(context).await?);
    let mut failed = None;
    for accusation in client.misconduct().await? {
        // Whose key is no longer in the set cannot be accused any more, and need not be.
        let is_in_force = set.number_of(&accusation.validator).is_some();
        let known: Option<Misconduct> = context.proven(&Misconduct::key(&accusation.validator)).await?;
        if !is_in_force || known.is_some() {
            continue;
        }
        let validator = accusation.validator;
        let done = match accusation.verify(&client.network()) {
            Ok(()) => context.act(None, Action::Accuse(accusation), None).await.map(drop),
            Err(error) => Err(Problem::new("the node's evidence does not hold")
                .because(error)
                .help("ask another node: --node-url URL")
                .exits(Exit::Untrue)),
        };
        // The others are not to be hidden by one that somebody else has just handed in, or that is none.
        if let Err(problem) = done {
            eprintln!("of the validator with key {validator}: {problem}");
            failed = Some(problem);
        }
    }
    show(context).await?;
    failed.map_or(Ok(()), Err)
}

/// Everybody who was ever accused.
pub(super) async fn show(context: &Context) -> Result<(), Problem> {
    let (client, set) = (context.client()?, in_force(context).await?);
    let mut all = Vec::new();
    if client.record::<Governance>(&Governance::key()).await?.record.is_some() {
        let (_, items) = client.history(&Governance::key()).await?;
        for item in items {
            let Event::Accused { key, .. } = item.event else { continue };
            let record: Option<Misconduct> = context.proven(&Misconduct::key(&key)).await?;
            let Misconduct { name, height, round, first, .. } = record.ok_or_else(|| {
                Problem::new("the ledger tells of an accusation that it does not have").exits(Exit::Untrue)
            })?;
            let in_force = set.number_of(&key).is_some();
            all.push(Shown { name, key, height, round, what: first.said.word(), accused_at: item.height, in_force });
        }
    }
    context.print(&all, || {
        if all.is_empty() {
            return "No validator was ever caught at two statements that exclude each other.".into();
        }
        let row = |one: &Shown| {
            let so = if one.in_force { "a validator" } else { "no validator any more" };
            [
                one.name.clone(),
                format!("two {}s of height {}, round {}", one.what, one.height, one.round),
                one.accused_at.to_string(),
                so.to_owned(),
            ]
        };
        let table = output::table(["validator", "signed", "on the ledger since", "now"], all.iter().map(row));
        if all.iter().any(|one| one.in_force) {
            return format!("{table}\nTo expel one: lonja governance set --remove NAME --compromised NAME --as PARTY");
        }
        table
    });
    Ok(())
}
