//! `lonja party`: become a member, admit and suspend members, show them.

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    group::SetGroup,
    id::{GroupId, PartyId},
    party::{Admit, Apply, Country, Party as Record, PartyKind, Role, Roles, Suspend, SuspensionReason},
};
use genesis::keyfile::Purpose;
use serde::Serialize;

/// Apply, admit, suspend and show parties.
#[derive(Subcommand)]
pub enum Party {
    /// Ask to become a member; makes the key that `--as` names when there is none
    Apply(ApplyArgs),
    /// Admit an applicant, end a suspension, or change roles (an operator; signs as `operator` where
    /// --as is left out). Where several validate, `governance party` makes operators and settlement agents
    Admit {
        /// A party's id, or the name of its key
        party: String,
        /// All roles that it has from now on: provider, buyer, custodian, regulator, gateway,
        /// settlement-agent, operator
        #[arg(long = "role", required = true, value_delimiter = ',', value_parser = parse::role)]
        roles: Vec<Role>,
    },
    /// Suspend a member (an operator; signs as `operator` where --as is left out)
    Suspend {
        /// A party's id, or the name of its key
        party: String,
        /// Why: own-request, breach, key-compromise or dissolved
        #[arg(long, value_parser = parse::word::<SuspensionReason>)]
        reason: SuspensionReason,
    },
    /// Form a group that data can be shared with, or change its members (a provider)
    Group {
        /// What it is called
        name: String,
        /// A member: a party's id, or the name of its key; may be given again
        #[arg(long = "member", required = true)]
        members: Vec<String>,
        /// The group to change; a new one where it is left out
        #[arg(long)]
        group: Option<GroupId>,
    },
    /// Issue a one-time sign-in link to a party that applied in the browser (an operator)
    Link {
        /// A party's id
        party: String,
    },
    /// List the parties that the marketplace knows
    List,
    /// Show a party, proven from the ledger
    Show {
        /// A party's id, or the name of its key
        party: String,
    },
}

/// Ask to become a member.
#[derive(Args)]
pub struct ApplyArgs {
    /// The organisation's name, on one line
    name: String,
    /// What kind of organisation: city, third-sector, business, citizens, academic, other-city or authority
    #[arg(long, default_value = "business", value_parser = parse::word::<PartyKind>)]
    kind: PartyKind,
    /// Country whose law it is under (ISO 3166-1, two letters)
    #[arg(long, default_value = "ES")]
    country: Country,
    /// How to reach it; kept beside the ledger, where it can be erased
    #[arg(long)]
    contact: Option<String>,
}

#[derive(Serialize)]
struct WithParty {
    party: PartyId,
}

#[derive(Serialize)]
struct WithGroup {
    group: GroupId,
}

#[derive(Serialize)]
struct Shown {
    id: PartyId,
    #[serde(flatten)]
    party: Record,
}

impl Party {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Apply(apply) => apply.run(context).await,
            Self::Admit { party, roles } => {
                let party = context.party(&party)?;
                let action = Action::Admit(Admit { party, roles: Roles::of(&roles) });
                told(context, Some("operator"), action, party, "admitted").await
            }
            Self::Suspend { party, reason } => {
                let party = context.party(&party)?;
                told(context, Some("operator"), Action::Suspend(Suspend { party, reason }), party, "suspended").await
            }
            Self::Group { name, members, group: known } => group(context, name, &members, known).await,
            Self::Link { party } => link(context, context.party(&party)?).await,
            Self::List => list(context).await,
            Self::Show { party } => show(context, context.party(&party)?).await,
        }
    }
}

impl ApplyArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let name = context.key_name(None)?;
        let ring = context.keyring();
        if !ring.has(&name) {
            ring.generate(&name, Purpose::Sign, None, &context.new_passphrase()?)?;
        }
        let side = self.contact.map(|contact| crate::side::body(vec![("contact", contact)])).transpose()?;
        let identity = context.identity(None)?;
        let apply = Apply {
            name: self.name,
            kind: self.kind,
            jurisdiction: self.country,
            side: side.as_ref().map(contracts::side::SideBody::id),
        };
        let committed = context.act_as(&identity, Action::Apply(apply), side).await?;
        let party = identity.party;
        context.print(&Done::new(&committed, WithParty { party }), || {
            format!(
                "applied as {party} in block {}; an operator admits it:\n  lonja party admit {name} --role ROLE",
                committed.height
            )
        });
        Ok(())
    }
}

async fn told(
    context: &Context,
    usual: Option<&str>,
    action: Action,
    party: PartyId,
    word: &str,
) -> Result<(), Problem> {
    let committed = context.act(usual, action, None).await?;
    context
        .print(&Done::new(&committed, WithParty { party }), || format!("{word} {party} in block {}", committed.height));
    Ok(())
}

async fn show(context: &Context, id: PartyId) -> Result<(), Problem> {
    let party: Record = context.known(&Record::key(&id), &id).await?;
    let shown = Shown { id, party };
    context.print(&shown, || {
        let party = &shown.party;
        let standing = format!("{:?}", party.standing).to_lowercase();
        let head = output::lines(&[
            ("party", id.to_string()),
            ("name", party.name.clone()),
            ("standing", standing),
            ("roles", super::network::roles(party.roles)),
            ("country", party.jurisdiction.to_string()),
        ]);
        let rows = party.keys.iter().map(|key| {
            let revoked = key.revoked.map_or_else(|| "no".into(), |height| format!("in block {height}"));
            [key.key.to_string(), format!("{:?}", key.usage).to_lowercase(), key.since.to_string(), revoked]
        });
        format!("{head}\n{}", output::table(["key", "for", "since block", "revoked"], rows))
    });
    Ok(())
}

async fn group(context: &Context, name: String, members: &[String], known: Option<GroupId>) -> Result<(), Problem> {
    let mut members = members.iter().map(|member| context.party(member)).collect::<Result<Vec<_>, _>>()?;
    members.sort();
    members.dedup();
    let count = members.len();
    let committed = context.act(None, Action::SetGroup(SetGroup { group: known, name, members }), None).await?;
    let group = known.unwrap_or(GroupId(committed.id.0));
    context.print(&Done::new(&committed, WithGroup { group }), || {
        format!("group {group}\n{count} members, set in block {}", committed.height)
    });
    Ok(())
}

async fn link(context: &Context, party: PartyId) -> Result<(), Problem> {
    let link = context.session(Some("operator")).await?.sign_in_link(&party).await?;
    context.print(&link, || {
        let url = link["url"].as_str().unwrap_or_default();
        format!("{url}\nIt lets its reader in once, as {party}: send it to them alone.")
    });
    Ok(())
}

async fn list(context: &Context) -> Result<(), Problem> {
    let columns = [("party", "id"), ("name", "party.name"), ("standing", "party.standing"), ("roles", "party.roles")];
    context.market()?.parties().print(context, &columns).await
}
