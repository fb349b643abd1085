//! `lonja governance`: what a quorum of the validators decides, and no organisation alone.

use crate::{
    context::{Context, Done},
    output,
    problem::{Exit, Problem},
    validator::Ours,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    event::Event,
    founding::Parameters,
    governance::{Approve, Ballot, Change, Governance as Record, Proposal, Propose, Ready},
    id::{Height, ProposalId, TimeMs},
    party::{Party, Role, Roles, Standing},
    validators::ValidatorSet,
};
use genesis::SignedMember;
use serde::Serialize;
use std::path::PathBuf;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Propose and approve what a quorum of the validators decides: other validators or keys, parameters, parties.
#[derive(Subcommand)]
pub enum Governance {
    /// Propose another set of validators: who joins, leaves, is expelled, or has other keys
    Set(Set),
    /// Propose where a party stands and its roles, operators included
    Party(OfParty),
    /// Propose other parameters of the rules
    Parameters(OfParameters),
    /// Approve a proposal as the validator whose keys the directory holds
    Approve {
        /// Its id
        proposal: ProposalId,
    },
    /// Say, as a validator of a set that has passed, that this directory's node has replayed everything and runs
    Ready {
        /// The proposal's id
        proposal: ProposalId,
    },
    /// Every proposal there ever was, proven to be all
    List,
    /// A proposal, who approved it, and who is ready
    Show {
        /// Its id
        proposal: ProposalId,
    },
}

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
    /// Files of those who join, as `lonja key new NAME --validator HOST:PORT` wrote them; where one has the name of
    /// a validator, it takes that one's place with its new keys
    #[arg(long, value_name = "FILE")]
    add: Vec<PathBuf>,
    /// Names of those who leave
    #[arg(long, value_name = "NAME")]
    remove: Vec<String>,
    /// Names of those, leaving or replaced, whose keys may be in other hands
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

#[derive(Serialize)]
struct Made {
    proposal: ProposalId,
    until: String,
}

#[derive(Serialize)]
struct Shown {
    id: ProposalId,
    made: Height,
    by: u8,
    until: String,
    state: &'static str,
    what: String,
    approved_by: Vec<u8>,
    ready: Vec<u8>,
}

impl Governance {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Set(set) => set.run(context).await,
            Self::Party(party) => party.run(context).await,
            Self::Parameters(parameters) => parameters.run(context).await,
            Self::Approve { proposal } => approve(context, proposal).await,
            Self::Ready { proposal } => ready(context, proposal).await,
            Self::List => list(context).await,
            Self::Show { proposal } => show(context, proposal).await,
        }
    }
}

impl Set {
    async fn run(self, context: &Context) -> Result<(), Problem> {
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
            let member = SignedMember::read(path)?.member;
            let same = set.validators.iter_mut().find(|validator| validator.name == member.validator.name);
            match same {
                Some(validator) => *validator = member.validator,
                None => set.validators.push(member.validator),
            }
        }
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

impl OfParty {
    async fn run(self, context: &Context) -> Result<(), Problem> {
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
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let mut parameters: Parameters = context.proven(&Parameters::key()).await?.unwrap_or_default();
        let quota = &mut parameters.quota;
        quota.count_max = self.transactions.unwrap_or(quota.count_max);
        quota.bytes_max = self.bytes.unwrap_or(quota.bytes_max);
        quota.state_bytes_max = self.state_bytes.unwrap_or(quota.state_bytes_max);
        let next = "The others approve it: lonja governance approve ID --as PARTY";
        propose(context, Change::Parameters { parameters }, &self.until, next).await
    }
}

/// The set in force, proven.
async fn in_force(context: &Context) -> Result<ValidatorSet, Problem> {
    let set = context.proven(&ValidatorSet::key()).await?;
    set.ok_or_else(|| Problem::new("the ledger has no validator set").exits(Exit::Untrue))
}

async fn propose(context: &Context, change: Change, until: &Until, next: &str) -> Result<(), Problem> {
    let (set, client) = (in_force(context).await?, context.client()?);
    let ours = Ours::of(context, &set)?;
    let (base, now_ms) = (set.digest(), client.status().await?.time_ms);
    let until_ms = now_ms + u64::from(until.days) * DAY_MS;
    let id = Propose::id_of(&change, &base, until_ms);
    let key = context.open(&ours.key_name("consensus")?)?;
    let ballot = Ballot::approve(&client.network(), &id, ours.number as u8, &key).map_err(unsigned)?;
    let committed = context.act(None, Action::Propose(Propose { change, base, until_ms, ballot }), None).await?;
    let done = Done::new(&committed, Made { proposal: id, until: output::time(until_ms) });
    context.print(&done, || {
        let lines = [("proposal", id.to_string()), ("open until", output::time(until_ms))];
        format!("{}\n{}", output::lines(&lines), next.replace("ID", &id.to_string()))
    });
    Ok(())
}

async fn approve(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
    let (set, client) = (in_force(context).await?, context.client()?);
    let ours = Ours::of(context, &set)?;
    let record: Option<Proposal> = context.proven(&Proposal::key(&proposal)).await?;
    let record = record.ok_or_else(|| unknown(&proposal))?;
    // What is signed is what was just proven, and not what somebody says that the id stands for.
    if Propose::id_of(&record.change, &record.base, record.until_ms) != proposal {
        return Err(Problem::new("the ledger's proposal is not the one of this id").exits(Exit::Untrue));
    }
    let key = context.open(&ours.key_name("consensus")?)?;
    let ballot = Ballot::approve(&client.network(), &proposal, ours.number as u8, &key).map_err(unsigned)?;
    context.act(None, Action::Approve(Approve { proposal, ballot }), None).await?;
    show(context, proposal).await
}

async fn ready(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
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

fn unsigned(error: contracts::key::SignError) -> Problem {
    Problem::new("the validator's key cannot sign").because(error).exits(Exit::File)
}

fn unknown(proposal: &ProposalId) -> Problem {
    Problem::usage(format!("there is no proposal {proposal}"), "`lonja governance list` shows all")
}

async fn list(context: &Context) -> Result<(), Problem> {
    let made = proposals(context).await?;
    let mut all = Vec::new();
    for (id, by, height) in made {
        all.push(shown(context, id, by, height).await?);
    }
    context.print(&all, || {
        let row = |one: &Shown| {
            [one.id.to_string(), one.state.to_string(), one.until.clone(), numbers(&one.approved_by), one.what.clone()]
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

async fn show(context: &Context, proposal: ProposalId) -> Result<(), Problem> {
    let made = proposals(context).await?.into_iter().find(|(id, ..)| *id == proposal);
    let (id, by, height) = made.ok_or_else(|| unknown(&proposal))?;
    let shown = shown(context, id, by, height).await?;
    context.print(&shown, || {
        output::lines(&[
            ("proposal", shown.id.to_string()),
            ("what", shown.what.clone()),
            ("state", shown.state.to_string()),
            ("made", format!("at height {} by validator {}", shown.made, shown.by)),
            ("open until", shown.until.clone()),
            ("approved by", numbers(&shown.approved_by)),
            ("ready", numbers(&shown.ready)),
        ])
    });
    Ok(())
}

async fn shown(context: &Context, id: ProposalId, by: u8, made: Height) -> Result<Shown, Problem> {
    let record: Option<Proposal> = context.proven(&Proposal::key(&id)).await?;
    let Proposal { change, until_ms, state, ballots, ready, .. } = record.ok_or_else(|| unknown(&id))?;
    let by_number = |ballots: &[Ballot]| {
        let mut numbers: Vec<_> = ballots.iter().map(|ballot| ballot.validator).collect();
        numbers.sort_unstable();
        numbers
    };
    Ok(Shown {
        id,
        made,
        by,
        until: output::time(until_ms),
        state: if is_over(context, until_ms).await? && state.word() != "in force" { "over" } else { state.word() },
        what: what(&change),
        approved_by: by_number(&ballots),
        ready: by_number(&ready),
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
