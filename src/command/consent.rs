//! `lonja consent`: grounds on which personal data may be shared.
//!
//! Nothing about a person goes on the ledger: a consent is a random id, a dataset, purposes, a day,
//! and two digests. The record itself (whose consent, under which notice) stays with the custodian;
//! this command writes it, with its blinding, into a file that only its owner may read.

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    basis::{BasisKind, StateBasis},
    commitment,
    consent::{Consent as Record, ConsentState, End, Give, Scope},
    id::{ConsentId, DatasetId, Digest},
    party::Country,
    vocabulary::Purpose,
};
use genesis::files::{self, Access};
use serde::Serialize;
use std::path::PathBuf;

/// Record, end and show consents and other legal bases.
#[derive(Subcommand)]
pub enum Consent {
    /// Record that a subject has consented (a custodian)
    Give(GiveArgs),
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
    /// Show how the consents for a dataset stand, for each purpose
    Scope {
        /// Which dataset
        dataset: DatasetId,
    },
    /// State a legal basis other than consent, or end it (the dataset's publisher)
    Basis(BasisArgs),
}

/// Record that a subject has consented.
#[derive(Args)]
pub struct GiveArgs {
    /// For which dataset
    dataset: DatasetId,
    /// What for
    #[arg(long = "purpose", required = true, value_delimiter = ',', value_parser = parse::purpose)]
    purposes: Vec<Purpose>,
    /// For how many days from today
    #[arg(long, default_value_t = 365, value_name = "N")]
    days: u32,
    /// From which version on; the next one where it is left out and there is none yet
    #[arg(long, value_name = "N")]
    since_version: Option<u32>,
    /// The notice that the subject saw; its digest goes on the ledger
    #[arg(long, value_name = "FILE")]
    notice: PathBuf,
    /// The subject as the custodian knows them; only a blinded commitment goes on the ledger
    #[arg(long)]
    subject: String,
    /// Where the record is kept (new file, mode 600)
    #[arg(long, value_name = "FILE")]
    record: PathBuf,
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
}

/// What the custodian keeps: opens the commitment on the ledger.
#[derive(Serialize)]
struct Kept<'a> {
    consent: ConsentId,
    dataset: DatasetId,
    subject: &'a str,
    notice: Digest,
    blinding: String,
    commitment: Digest,
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
            Self::Scope { dataset } => scope(context, dataset).await,
            Self::Basis(basis) => basis.run(context).await,
        }
    }
}

impl GiveArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let dataset: contracts::dataset::Dataset =
            context.known(&contracts::dataset::Dataset::key(&self.dataset), &self.dataset).await?;
        let notice = std::fs::read(&self.notice).map_err(crate::problem::file("read the notice", &self.notice))?;
        let notice = Digest::of(&[&notice]);
        let (consent, blinding) = (ConsentId(rand::random()), rand::random());
        let id = consent.to_string();
        let fields = [("consent", id.as_str()), ("subject", self.subject.as_str())];
        let record = commitment::root(b"lonja/consent/v0\0", &blinding, fields.into_iter());
        let kept = Kept {
            consent,
            dataset: self.dataset,
            subject: &self.subject,
            notice,
            blinding: hex::encode(blinding),
            commitment: record,
        };
        let mut purposes = self.purposes;
        purposes.sort();
        purposes.dedup();
        let today = u32::try_from(jiff::Timestamp::now().as_second() / 86_400).unwrap_or(0);
        let give = Give {
            consent,
            dataset: self.dataset,
            since_version: self.since_version.unwrap_or(dataset.versions.max(1)),
            purposes,
            notice,
            until_day: today.saturating_add(self.days),
            record,
        };
        // Kept before it is sent: a commitment that nobody can open would prove nothing.
        let text = serde_json::to_vec_pretty(&kept).expect("plain data has a JSON form");
        files::write_new(&self.record, &text, Access::Private)?;
        let committed = context.act(None, Action::GiveConsent(give), None).await?;
        context.print(&Done::new(&committed, WithConsent { consent }), || {
            format!("consent {consent}\nrecorded in block {}; {} opens it", committed.height, self.record.display())
        });
        Ok(())
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
            lines.push(Line { purpose: *purpose, scope });
        }
    }
    context.print(&lines, || {
        let rows = lines.iter().map(|line| {
            let scope = &line.scope;
            [
                line.purpose.slug().into(),
                scope.required.to_string(),
                scope.outstanding.to_string(),
                scope.clean_from.to_string(),
            ]
        });
        output::table(["purpose", "in force", "ended, still in the data", "deliverable from version"], rows)
    });
    Ok(())
}
