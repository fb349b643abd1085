//! Validators that were caught: taking the evidence of a node to the ledger, and showing what is there.

use super::in_force;
use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use contracts::{
    event::Event,
    governance::{Governance, Misconduct, Protests},
    id::Height,
    key::PublicKey,
    validators::ValidatorSet,
};
use ledger::node::Evidence;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the ledger has against one validator, of one kind.
#[derive(Serialize)]
struct Shown {
    name: String,
    key: PublicKey,
    height: Height,
    round: u32,
    what: &'static str,
    accused_at: Height,
    in_force: bool,
    /// Where it takes the word of others: of how many that are in force, and whether it was ever of enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    protests: Option<Word>,
}

#[derive(Serialize)]
struct Word {
    by: usize,
    of: usize,
    established: bool,
}

/// Hands in what the node has and the ledger has not.
pub(super) async fn accuse(context: &Context) -> Result<(), Problem> {
    let (client, set) = (context.client()?, in_force(context).await?);
    let mut failed = None;
    for evidence in client.misconduct().await? {
        if !is_wanted(context, &set, &evidence).await? {
            continue;
        }
        let validator = evidence.against();
        let done = match evidence.verify(&client.network()) {
            Ok(()) => context.act(None, evidence.action(), None).await.map(drop),
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

/// Has the ledger a place for it that is empty? Whose key is no longer in the set cannot be accused any more, and need
/// not be; nor does its protest count.
async fn is_wanted(context: &Context, set: &ValidatorSet, evidence: &Evidence) -> Result<bool, Problem> {
    let is_in_force = |key: &PublicKey| set.number_of(key).is_some();
    match evidence {
        Evidence::Accusation(accusation) => {
            let known: Option<Misconduct> = context.proven(&Misconduct::key(&accusation.validator)).await?;
            Ok(known.is_none() && is_in_force(&accusation.validator))
        }
        Evidence::Protest(protest) => {
            let known: Option<Protests> = context.proven(&Protests::key(&protest.proposer)).await?;
            let known = known.unwrap_or_default().protests.iter().any(|one| one.by == protest.by);
            Ok(!known && is_in_force(&protest.proposer) && is_in_force(&protest.by))
        }
    }
}

/// Everybody who was ever accused, or protested against.
pub(super) async fn show(context: &Context) -> Result<(), Problem> {
    let (client, set) = (context.client()?, in_force(context).await?);
    let mut all = Vec::new();
    // Of each validator that was protested against: where in the list, since one protest follows another.
    let mut places: BTreeMap<PublicKey, usize> = BTreeMap::new();
    if client.record::<Governance>(&Governance::key()).await?.record.is_some() {
        let (_, items) = client.history(&Governance::key()).await?;
        for item in items {
            match item.event {
                Event::Accused { key, .. } => all.push(accused(context, &set, key, item.height).await?),
                Event::Protested { key, height, round, established, .. } => {
                    let place = match places.get(&key) {
                        Some(place) => *place,
                        None => {
                            let first = protested(context, &set, key, (height, round), item.height).await?;
                            all.push(first);
                            places.insert(key, all.len() - 1);
                            all.len() - 1
                        }
                    };
                    if let Some(word) = &mut all[place].protests {
                        word.established |= established;
                    }
                }
                _ => {}
            }
        }
    }
    context.print(&all, || told(&all));
    Ok(())
}

async fn accused(context: &Context, set: &ValidatorSet, key: PublicKey, accused_at: Height) -> Result<Shown, Problem> {
    let record: Option<Misconduct> = context.proven(&Misconduct::key(&key)).await?;
    let Misconduct { name, height, round, first, .. } = record.ok_or_else(missing)?;
    let (what, in_force) = (first.said.word(), set.number_of(&key).is_some());
    Ok(Shown { name, key, height, round, what, accused_at, in_force, protests: None })
}

async fn protested(
    context: &Context,
    set: &ValidatorSet,
    key: PublicKey,
    (height, round): (Height, u32),
    accused_at: Height,
) -> Result<Shown, Problem> {
    let record: Option<Protests> = context.proven(&Protests::key(&key)).await?;
    let record = record.ok_or_else(missing)?;
    let (by, of, established) = (record.count_of(set), set.validators.len(), record.established(set));
    let (what, in_force) = ("invalid-proposal", set.number_of(&key).is_some());
    let protests = Some(Word { by, of, established });
    Ok(Shown { name: record.name, key, height, round, what, accused_at, in_force, protests })
}

fn missing() -> Problem {
    Problem::new("the ledger tells of an accusation that it does not have").exits(Exit::Untrue)
}

fn told(all: &[Shown]) -> String {
    if all.is_empty() {
        return "No validator was ever caught at two statements that exclude each other, or protested against for a \
                proposal that breaks the rules."
            .into();
    }
    let row = |one: &Shown| {
        let now = if one.in_force { "a validator" } else { "no validator any more" };
        let place = format!("height {}, round {}", one.height, one.round);
        let (what, proven) = match &one.protests {
            None => (format!("two {}s of {place}", one.what), "by itself".to_owned()),
            Some(Word { by, of, established }) => {
                let so = if *established { "established" } else { "not established" };
                (format!("a proposal of {place} that breaks the rules"), format!("by {by} of {of} validators: {so}"))
            }
        };
        [one.name.clone(), what, proven, one.accused_at.to_string(), now.to_owned()]
    };
    let table = output::table(["validator", "signed", "shown", "on the ledger since", "now"], all.iter().map(row));
    if all.iter().any(|one| one.in_force) {
        return format!("{table}\nTo expel one: lonja governance set --remove NAME --compromised NAME --as PARTY");
    }
    table
}
