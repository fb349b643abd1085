//! `lonja governance`: what a quorum of the validators decides, and no organisation alone.

mod accuse;
mod ballot;
mod propose;
mod seats;
mod show;

use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use clap::Subcommand;
use contracts::{id::ProposalId, validators::ValidatorSet};
use propose::{OfParameters, OfParty, OfProtocol, Set};

/// Propose and approve what a quorum of the validators decides: other validators or keys, parameters, parties.
#[derive(Subcommand)]
pub enum Governance {
    /// Propose another set of validators: who joins, leaves, is expelled, or has other keys
    Set(Set),
    /// Propose where a party stands and its roles, operators included
    Party(OfParty),
    /// Propose other parameters of the rules
    Parameters(OfParameters),
    /// Propose the next version of the rules, from a height on, once all validators run a release that knows it
    Protocol(OfProtocol),
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
    /// Put on the ledger what the node caught validators at, with its own word where it takes that
    Accuse,
    /// Validators that were caught at two statements that exclude each other, or protested against for a proposal that
    /// breaks the rules, proven to be all
    Accused,
    /// Every proposal there ever was, proven to be all
    List,
    /// A proposal, who approved it, and who is ready
    Show {
        /// Its id
        proposal: ProposalId,
    },
}

impl Governance {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Set(set) => set.run(context).await,
            Self::Party(party) => party.run(context).await,
            Self::Parameters(parameters) => parameters.run(context).await,
            Self::Protocol(protocol) => protocol.run(context).await,
            Self::Approve { proposal } => ballot::approve(context, proposal).await,
            Self::Ready { proposal } => ballot::ready(context, proposal).await,
            Self::Accuse => accuse::accuse(context).await,
            Self::Accused => accuse::show(context).await,
            Self::List => show::list(context).await,
            Self::Show { proposal } => show::show(context, proposal).await,
        }
    }
}

/// The set in force, proven.
async fn in_force(context: &Context) -> Result<ValidatorSet, Problem> {
    let set = context.proven(&ValidatorSet::key()).await?;
    set.ok_or_else(|| Problem::new("the ledger has no validator set").exits(Exit::Untrue))
}

fn unsigned(error: contracts::key::SignError) -> Problem {
    Problem::new("the validator's key cannot sign").because(error).exits(Exit::File)
}

fn unknown(proposal: &ProposalId) -> Problem {
    Problem::usage(format!("there is no proposal {proposal}"), "`lonja governance list` shows all")
}
