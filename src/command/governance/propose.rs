//! Proposing: the arguments, and the change that they stand for.

use super::{accuse, in_force, seats, unsigned};
use crate::{
    context::{Context, Done},
    output,
    problem::Problem,
    validator::Ours,
};
use clap::Args;
use contracts::{
    action::Action,
    founding::Parameters,
    governance::{Ballot, Change, PROTOCOL_NEWEST, Propose},
    id::ProposalId,
    party::{Party, Role, Roles, Standing},
    validators::{Validator, ValidatorSet},
};
use genesis::SignedMember;
use serde::Serialize;
use std::path::PathBuf;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// How long a proposal may wait.
#[derive(Args)]
pub struct Until {
    /// Days that it may wait for ballots and readiness, 92 at most
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=92))]
    days: u16,
}

/// Another set of validators.
#[derive(Args)]
pub struct Set {
    /// Files of those who join, as `lonja key new NAME --validator HOST:PORT` wrote them; new keys of a validator come
    /// under a new name, and the old one leaves
    #[arg(long, value_name = "FILE")]
    add: Vec<PathBuf>,
    /// Names of those who leave
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
    /// Names of those who leave whose keys may be in other hands
    #[arg(long, value_name = "NAME")]
    compromised: Vec<String>,
    #[command(flatten)]
    until: Until,
}

/// Where a party stands.
#[derive(Args)]
pub struct OfParty {
    /// A party's id, or the name of its key
    party: String,
    /// All roles that it has from then on
    #[arg(long, value_delimiter = ',', value_parser = crate::parse::role)]
    role: Vec<Role>,
    /// Suspend it
    #[arg(long)]
    suspend: bool,
    #[command(flatten)]
    until: Until,
}

/// What a party may write in a window of blocks; what is left out stays.
#[derive(Args)]
pub struct OfParameters {
    /// Transactions
    #[arg(long, value_name = "N")]
    transactions: Option<u64>,
    /// Bytes of signed transactions
    #[arg(long, value_name = "N")]
    bytes: Option<u64>,
    /// Bytes of records written
    #[arg(long, value_name = "N")]
    state_bytes: Option<u64>,
    #[command(flatten)]
    until: Until,
}

/// Another version of the rules.
#[derive(Args)]
pub struct OfProtocol {
    /// The next version
    #[arg(value_name = "VERSION")]
    next: u16,
    /// The first height of it: some thousand blocks ahead, so that everybody sees it coming
    #[arg(long, value_name = "HEIGHT")]
    from: u64,
    #[command(flatten)]
    until: Until,
}

#[derive(Serialize)]
struct Made {
    proposal: ProposalId,
    until: String,
}

impl Set {
    pub(super) async fn run(self, context: &Context) -> Result<(), Problem> {
        let now = in_force(context).await?;
        let number = |name: &String| {
            let found = now.validators.iter().position(|validator| validator.name == *name);
            found.ok_or_else(|| {
                let names: Vec<_> = now.validators.iter().map(|validator| validator.name.as_str()).collect();
                let problem =
                    Problem::usage(format!("`{name}` is no validator"), format!("they are {}", names.join(", ")));
                match genesis::nearest(name, names.iter().copied()) {
                    Some(meant) => problem.help(format!("did you mean `{meant}`?")),
                    None => problem,
                }
            })
        };
        let leaving = self.remove.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let mut compromised = Vec::new();
        for name in &self.compromised {
            compromised.push(number(name)? as u8);
        }
        compromised.sort_unstable();
        compromised.dedup();
        let staying = now.validators.iter().enumerate().filter(|(number, _)| !leaving.contains(number));
        let mut set = ValidatorSet { validators: staying.map(|(_, validator)| validator.clone()).collect() };
        for path in &self.add {
            let joins = SignedMember::read(path)?.member.validator;
            check_name(&now, &joins)?;
            set.validators.push(joins);
        }
        check_compromised(&now, &set, &compromised)?;
        set.check().map_err(|error| Problem::usage("no network can have this set", error.to_string()))?;
        if let (2 | 3, quorum) = (set.validators.len(), set.quorum()) {
            eprintln!(
                "Of {} validators, {quorum} must be up: none may fail. Four bear one failure.",
                set.validators.len()
            );
        }
        let next = "The others approve it, each in its own directory; when a quorum has, each of the new set says that it \
                    is ready:\n  lonja governance approve ID --as PARTY\n  lonja governance ready ID --as PARTY";
        propose(context, Change::Validators { set, compromised }, &self.until, next).await
    }
}

/// Refuses other keys behind a name that everybody knows: who approves compares names.
fn check_name(now: &ValidatorSet, joins: &Validator) -> Result<(), Problem> {
    let Validator { name, .. } = joins;
    if now.validators.iter().all(|there| there.name != *name || there == joins) {
        return Ok(());
    }
    let help = format!(
        "make new keys under a new name, such as `lonja key new {name}-2 --validator HOST:PORT`, and propose them with \
         `--remove {name} --add {name}-2.member.json`"
    );
    Err(Problem::usage(format!("`{name}` has other keys: a validator that keeps its name keeps them"), help))
}

/// Refuses a set that keeps a key of whose loss it tells.
fn check_compromised(now: &ValidatorSet, set: &ValidatorSet, compromised: &[u8]) -> Result<(), Problem> {
    for lost in compromised.iter().map(|number| &now.validators[usize::from(*number)]) {
        let kept = set.validators.iter().find(|next| next.keys().iter().any(|key| lost.keys().contains(key)));
        let Some(kept) = kept else { continue };
        let name = &lost.name;
        return Err(if kept == lost {
            Problem::usage(
                format!("`{name}` would stay in the set, and its keys may be in other hands"),
                format!("take it out as well: `--remove {name} --compromised {name}`"),
            )
        } else {
            Problem::usage(
                format!("`{}` has a key of `{name}`, which may be in other hands", kept.name),
                "make all three keys anew, under a new name: `lonja key new NEW --validator HOST:PORT`",
            )
        });
    }
    Ok(())
}

impl OfParty {
    pub(super) async fn run(self, context: &Context) -> Result<(), Problem> {
        let party = context.party(&self.party)?;
        let standing = if self.suspend { Standing::Suspended } else { Standing::Active };
        let mut roles = Roles::of(&self.role);
        if self.suspend && self.role.is_empty() {
            let record: Option<Party> = context.proven(&Party::key(&party)).await?;
            roles = record.map(|party| party.roles).unwrap_or_default();
        }
        let next = "The others approve it: lonja governance approve ID --as PARTY";
        propose(context, Change::Party { party, standing, roles }, &self.until, next).await
    }
}

impl OfParameters {
    pub(super) async fn run(self, context: &Context) -> Result<(), Problem> {
        let mut parameters: Parameters = context.proven(&Parameters::key()).await?.unwrap_or_default();
        let quota = &mut parameters.quota;
        quota.count_max = self.transactions.unwrap_or(quota.count_max);
        quota.bytes_max = self.bytes.unwrap_or(quota.bytes_max);
        quota.state_bytes_max = self.state_bytes.unwrap_or(quota.state_bytes_max);
        let next = "The others approve it: lonja governance approve ID --as PARTY";
        propose(context, Change::Parameters { parameters }, &self.until, next).await
    }
}

/// Refuses a version of the rules that this release does not know: it would stop at the first block of it.
pub(super) fn check_version(change: &Change) -> Result<(), Problem> {
    let Change::Protocol { version, .. } = change else { return Ok(()) };
    if *version <= PROTOCOL_NEWEST {
        return Ok(());
    }
    Err(Problem::usage(
        format!("this lonja knows the rules up to version {PROTOCOL_NEWEST}, and the proposal is of version {version}"),
        "put in a release that knows it, on all validators one by one, and only then propose and approve it",
    ))
}

impl OfProtocol {
    pub(super) async fn run(self, context: &Context) -> Result<(), Problem> {
        let change = Change::Protocol { version: self.next, from: self.from };
        let next = "The others approve it: lonja governance approve ID --as PARTY";
        propose(context, change, &self.until, next).await
    }
}

/// Proposes a change, which is the own word for it too.
async fn propose(context: &Context, change: Change, until: &Until, next: &str) -> Result<(), Problem> {
    check_version(&change)?;
    let (set, client) = (in_force(context).await?, context.client()?);
    let ours = Ours::of(context, &set)?;
    seats::tell(&set, &change);
    accuse::warn(context, &set, &change).await?;
    let (base, now_ms) = (set.digest(), client.status().await?.time_ms);
    let until_ms = now_ms + u64::from(until.days) * DAY_MS;
    let id = Propose::id_of(&change, &base, until_ms);
    let key = context.open(&ours.key_name("consensus")?)?;
    let ballot = Ballot::approve(&client.network(), &id, ours.number as u8, &key).map_err(unsigned)?;
    let proposal = Propose { change: change.clone(), base, until_ms, ballot };
    let committed = context.act(None, Action::Propose(proposal), None).await?;
    let done = Done::new(&committed, Made { proposal: id, until: output::time(until_ms) });
    context.print(&done, || {
        let lines = [("proposal", id.to_string()), ("open until", output::time(until_ms))];
        let next = match &change {
            Change::Validators { .. } => next,
            // The only validator has said yes by proposing it.
            _ if set.quorum() == 1 => "It is in force: one validator is the quorum.",
            _ => next,
        };
        format!("{}\n{}", output::lines(&lines), next.replace("ID", &id.to_string()))
    });
    Ok(())
}
