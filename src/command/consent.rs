//! `lonja consent`: grounds on which personal data may be shared.
//!
//! Nothing about a person goes on the ledger: a consent is a random id, a dataset, purposes, a day,
//! and two digests. The record itself (whose consent, under which notice) lies in the marketplace's
//! vault, under a key of its own that is wrapped by its subject's, so that it can be erased; that
//! holds also for custodians who keep their own signing key. See [`give`] for those who have a vault
//! of their own.

mod give;
mod subject;

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    basis::{BasisKind, StateBasis},
    consent::{Consent as Record, ConsentStart, ConsentState, End, Scope},
    id::{ConsentId, DatasetId},
    party::Country,
    vocabulary::Purpose,
};
use serde::Serialize;
use std::path::PathBuf;

/// Record, end and show consents and other legal bases.
#[derive(Subcommand)]
pub enum Consent {
    /// Record that a subject has consented (a custodian)
    Give(give::GiveArgs),
    /// End a consent: the next delivery is refused (the custodian that recorded it)
    End {
        /// Which
        consent: ConsentId,
        /// withdrawn, revoked, invalidated, objected or expired
        #[arg(long, default_value = "withdrawn", value_parser = parse::word::<ConsentState>)]
        state: ConsentState,
    },
    /// Show a consent, proven from the ledger
    Show {
        /// Which
        consent: ConsentId,
        /// Keep the evidence bundle, for `lonja verify` or anybody's verifier, in this new file
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
    },
    /// Show the vault's record of a consent (the custodian that recorded it)
    Record {
        /// Which
        consent: ConsentId,
    },
    /// Show everything that the vault has of a subject, for access and portability (its custodian)
    Access {
        /// The subject as the custodian knows them
        #[arg(long)]
        subject: String,
    },
    /// Withdraw all consents of a subject and erase what the vault has of it (its custodian)
    Erase {
        /// The subject as the custodian knows them
        #[arg(long)]
        subject: String,
    },
    /// Show how the consents for a dataset stand, for each purpose
    Scope {
        /// Which dataset
        dataset: DatasetId,
    },
    /// State a legal basis other than consent, or end it (the dataset's publisher)
    Basis(BasisArgs),
}

/// State a legal basis other than consent.
#[derive(Args)]
pub struct BasisArgs {
    /// For which dataset
    dataset: DatasetId,
    /// What for
    #[arg(long, value_parser = parse::purpose)]
    purpose: Purpose,
    /// contract, legal-obligation, vital-interests, public-task or legitimate-interests
    #[arg(long, value_parser = parse::word::<BasisKind>)]
    kind: BasisKind,
    /// Under the law of which country
    #[arg(long)]
    country: Country,
    /// The provision, contract or decision, as lawyers cite it
    #[arg(long)]
    reference: String,
    /// The party that answers for the processing
    #[arg(long)]
    controller: String,
    /// A protocol or control that is in place; may be given again
    #[arg(long = "control", required = true)]
    controls: Vec<String>,
    /// No longer relied on from now on
    #[arg(long)]
    ended: bool,
}

#[derive(Serialize)]
struct Shown {
    id: ConsentId,
    #[serde(flatten)]
    consent: Record,
}

#[derive(Serialize)]
struct WithConsent {
    consent: ConsentId,
}

#[derive(Serialize)]
struct Line {
    purpose: Purpose,
    #[serde(flatten)]
    scope: Scope,
    /// From which version on those in force speak of the data.
    since_version: Option<u32>,
}

impl Consent {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Give(give) => give.run(context).await,
            Self::End { consent, state } => {
                let committed = context.act(None, Action::EndConsent(End { consent, state }), None).await?;
                context.print(&Done::new(&committed, WithConsent { consent }), || {
                    format!("ended consent {consent} in block {}", committed.height)
                });
                Ok(())
            }
            Self::Show { consent, bundle } => {
                context.keep_bundle(&Record::key(&consent), bundle.as_deref()).await?;
                show(context, consent).await
            }
            Self::Record { consent } => subject::record(context, consent).await,
            Self::Access { subject } => subject::access(context, &subject).await,
            Self::Erase { subject } => subject::erase(context, &subject).await,
            Self::Scope { dataset } => scope(context, dataset).await,
            Self::Basis(basis) => basis.run(context).await,
        }
    }
}

impl BasisArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let basis = StateBasis {
            dataset: self.dataset,
            purpose: self.purpose,
            kind: self.kind,
            jurisdiction: self.country,
            reference: self.reference,
            controller: context.party(&self.controller)?,
            controls: self.controls,
            ended: self.ended,
        };
        let word = if basis.ended { "ended" } else { "stated" };
        let committed = context.act(None, Action::StateBasis(basis), None).await?;
        context.print(&Done::new(&committed, serde_json::Map::new()), || {
            format!("{word} the legal basis in block {}", committed.height)
        });
        Ok(())
    }
}

async fn show(context: &Context, id: ConsentId) -> Result<(), Problem> {
    let consent: Record = context.known(&Record::key(&id), &id).await?;
    let shown = Shown { id, consent };
    context.print(&shown, || {
        let consent = &shown.consent;
        let purposes: Vec<_> = consent.purposes.iter().map(|purpose| purpose.slug()).collect();
        output::lines(&[
            ("consent", id.to_string()),
            ("state", format!("{:?}", consent.state).to_lowercase()),
            ("dataset", consent.dataset.to_string()),
            ("from version", consent.since_version.to_string()),
            ("purposes", purposes.join(", ")),
            ("controller", consent.controller.to_string()),
            ("given", output::time(consent.from_ms)),
            ("until", output::time(u64::from(consent.until_day) * 86_400_000)),
        ])
    });
    Ok(())
}

async fn scope(context: &Context, dataset: DatasetId) -> Result<(), Problem> {
    let mut lines = Vec::new();
    for purpose in Purpose::ALL {
        if let Some(scope) = context.proven::<Scope>(&Scope::key(&dataset, *purpose)).await? {
            let start: Option<ConsentStart> = context.proven(&ConsentStart::key(&dataset, *purpose)).await?;
            let since_version = start.filter(|_| scope.required > 0).map(|start| start.version);
            lines.push(Line { purpose: *purpose, scope, since_version });
        }
    }
    context.print(&lines, || {
        let rows = lines.iter().map(|line| {
            let scope = &line.scope;
            [
                line.purpose.slug().into(),
                scope.required.to_string(),
                line.since_version.map_or_else(String::new, |version| version.to_string()),
                scope.outstanding.to_string(),
                scope.clean_from.to_string(),
            ]
        });
        output::table(
            ["purpose", "in force", "of versions from", "ended, still in the data", "deliverable from version"],
            rows,
        )
    });
    Ok(())
}
