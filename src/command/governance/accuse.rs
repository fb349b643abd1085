//! Validators that were caught: taking the evidence of a node to the ledger, and showing what is there.

use super::in_force;
use crate::{
    context::Context,
    output,
    problem::{Exit, Problem},
};
use contracts::{
    event::Event,
    governance::{Change, Governance, Misconduct, Protests},
    id::Height,
    key::PublicKey,
    validators::ValidatorSet,
};
use ledger::{node::Evidence, receipt::Trust};
use serde::Serialize;
use std::collections::BTreeMap;

/// What is said of a proposal that breaks the rules.
const INVALID: &str = "invalid-proposal";

/// What there is against one validator, of one kind.
#[derive(Serialize)]
struct Shown {
    name: String,
    key: PublicKey,
    height: Height,
    round: u32,
    what: &'static str,
    /// `None` where the node has evidence that no ledger takes any more.
    accused_at: Option<Height>,
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

/// The ledger's place for evidence.
#[derive(PartialEq, Eq)]
enum Place {
    Empty,
    Taken,
    /// A key has left the set, and the rules take nothing of it any more.
    Closed,
}

/// Hands in what the node has and the ledger has not, and shows what neither has nor can have.
pub(super) async fn accuse(context: &Context) -> Result<(), Problem> {
    let (client, set) = (context.client()?, in_force(context).await?);
    let (mut failed, mut late) = (None, Vec::new());
    for evidence in client.misconduct().await? {
        let place = place_of(context, &set, &evidence).await?;
        if place == Place::Taken {
            continue;
        }
        let validator = evidence.against();
        let done = match evidence.verify(&client.network()) {
            Ok(()) if place == Place::Closed => {
                late.push(evidence);
                Ok(())
            }
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
    let mut all = on_ledger(context).await?;
    if !late.is_empty() {
        client.refresh().await?;
        let trust = client.trust();
        all.extend(late.iter().map(|evidence| too_late(&trust, &set, evidence)));
    }
    print(context, &all);
    failed.map_or(Ok(()), Err)
}

/// Says what can be put on the ledger only as long as `set` is in force, before a word is given for `change`.
pub(super) async fn warn(context: &Context, set: &ValidatorSet, change: &Change) -> Result<(), Problem> {
    let Change::Validators { set: next, .. } = change else { return Ok(()) };
    for evidence in context.client()?.misconduct().await? {
        let key = evidence.against();
        let leaving = set.validators.iter().find(|one| one.consensus == key && next.number_of(&key).is_none());
        if let Some(validator) = leaving
            && place_of(context, set, &evidence).await? == Place::Empty
        {
            eprintln!(
                "Warning: the node caught {} with the key that this set takes away, and the ledger does not have it. Once \
                 the set is in force it takes no accusation of that key: `lonja governance accuse` first.",
                validator.name
            );
        }
    }
    Ok(())
}

/// Has the ledger a place for it that is empty? It takes nothing against a key that is no longer in the set; nor does
/// the protest of such a key count.
async fn place_of(context: &Context, set: &ValidatorSet, evidence: &Evidence) -> Result<Place, Problem> {
    let (known, keys) = match evidence {
        Evidence::Accusation(accusation) => {
            let known: Option<Misconduct> = context.proven(&Misconduct::key(&accusation.validator)).await?;
            (known.is_some(), vec![accusation.validator])
        }
        Evidence::Protest(protest) => {
            let known: Option<Protests> = context.proven(&Protests::key(&protest.proposer)).await?;
            let known = known.unwrap_or_default().protests.iter().any(|one| one.by == protest.by);
            (known, vec![protest.proposer, protest.by])
        }
    };
    if known {
        return Ok(Place::Taken);
    }
    Ok(if keys.iter().all(|key| set.number_of(key).is_some()) { Place::Empty } else { Place::Closed })
}

/// What the node alone has.
fn too_late(trust: &Trust, set: &ValidatorSet, evidence: &Evidence) -> Shown {
    let (height, round, what) = match evidence {
        Evidence::Accusation(accusation) => (accusation.height, accusation.round, accusation.first.said.word()),
        Evidence::Protest(protest) => (protest.height, protest.round, INVALID),
    };
    let key = evidence.against();
    let name = trust.name_of(&key).unwrap_or("unknown").to_owned();
    Shown { name, key, height, round, what, accused_at: None, in_force: set.number_of(&key).is_some(), protests: None }
}

/// Everybody who was ever accused, or protested against.
pub(super) async fn show(context: &Context) -> Result<(), Problem> {
    print(context, &on_ledger(context).await?);
    Ok(())
}

fn print(context: &Context, all: &[Shown]) {
    context.print(&all, || told(all));
}

async fn on_ledger(context: &Context) -> Result<Vec<Shown>, Problem> {
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
    Ok(all)
}

async fn accused(context: &Context, set: &ValidatorSet, key: PublicKey, accused_at: Height) -> Result<Shown, Problem> {
    let record: Option<Misconduct> = context.proven(&Misconduct::key(&key)).await?;
    let Misconduct { name, height, round, first, .. } = record.ok_or_else(missing)?;
    let (what, in_force) = (first.said.word(), set.number_of(&key).is_some());
    Ok(Shown { name, key, height, round, what, accused_at: Some(accused_at), in_force, protests: None })
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
    let (what, in_force) = (INVALID, set.number_of(&key).is_some());
    let (protests, accused_at) = (Some(Word { by, of, established }), Some(accused_at));
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
        let what = match one.what {
            INVALID => format!("a proposal of {place} that breaks the rules"),
            what => format!("two {what}s of {place}"),
        };
        let proven = match &one.protests {
            Some(Word { by, of, established }) => {
                let so = if *established { "established" } else { "not established" };
                format!("by {by} of {of} validators: {so}")
            }
            None if one.what == INVALID => "by this node alone".into(),
            None => "by itself".into(),
        };
        let since = one.accused_at.map_or_else(|| "never".into(), |height| height.to_string());
        [one.name.clone(), what, proven, since, now.to_owned()]
    };
    let mut text = output::table(["validator", "signed", "shown", "on the ledger since", "now"], all.iter().map(row));
    if all.iter().any(|one| one.in_force) {
        text += "\nTo expel one: lonja governance set --remove NAME --compromised NAME --as PARTY";
    }
    if all.iter().any(|one| one.accused_at.is_none()) {
        text += "\nNever: the ledger takes nothing against a key that has left the set. /v1/misconduct of the node has the \
                 evidence, for the other members: its validator may go on under another key";
    }
    text
}
