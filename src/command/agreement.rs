//! `lonja agreement`: licences held.

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::Subcommand;
use contracts::{
    action::Action,
    agreement::{Agreement as Record, Renew, RevocationReason, Revoke},
    id::AgreementId,
    money::Amount,
    offer::OfferRevision,
};
use serde::Serialize;
use std::path::PathBuf;

/// List, show and revoke agreements.
#[derive(Subcommand)]
pub enum Agreement {
    /// List what the party that signs has bought, as the marketplace knows it
    List {
        /// What it has sold instead
        #[arg(long)]
        sold: bool,
    },
    /// Show an agreement, proven from the ledger
    Show {
        /// The agreement's id
        agreement: AgreementId,
        /// Keep the evidence bundle, for `lonja verify` or anybody's verifier, in this new file
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
    },
    /// Prolong a subscription
    Renew {
        /// The agreement's id
        agreement: AgreementId,
        /// By how many periods
        #[arg(long, default_value_t = 1, value_name = "N")]
        periods: u32,
    },
    /// End an agreement before its time
    Revoke {
        /// The agreement's id
        agreement: AgreementId,
        /// by-buyer (the buyer gives it back); breach, legal or quality (the provider ends it)
        #[arg(long, value_parser = parse::word::<RevocationReason>)]
        reason: RevocationReason,
    },
}

#[derive(Serialize)]
struct Shown {
    id: AgreementId,
    #[serde(flatten)]
    agreement: Record,
}

#[derive(Serialize)]
struct WithAgreement {
    agreement: AgreementId,
}

impl Agreement {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::List { sold } => {
                let side = if sold { "sold" } else { "bought" };
                let columns = [
                    ("agreement", "id"),
                    ("dataset", "agreement.dataset"),
                    ("purpose", "agreement.purpose"),
                    ("in force", "in_force"),
                ];
                context.session(None).await?.agreements(side).print(context, &columns).await
            }
            Self::Show { agreement, bundle } => {
                context.keep_bundle(&Record::key(&agreement), bundle.as_deref()).await?;
                show(context, agreement).await
            }
            Self::Renew { agreement, periods } => renew(context, agreement, periods).await,
            Self::Revoke { agreement, reason } => {
                let action = Action::Revoke(Revoke { agreement, reason });
                let committed = context.act(None, action, None).await?;
                context.print(&Done::new(&committed, WithAgreement { agreement }), || {
                    format!("revoked {agreement} in block {}", committed.height)
                });
                Ok(())
            }
        }
    }
}

async fn show(context: &Context, id: AgreementId) -> Result<(), Problem> {
    let agreement: Record = context.known(&Record::key(&id), &id).await?;
    let shown = Shown { id, agreement };
    context.print(&shown, || {
        let held = &shown.agreement;
        let end = held.end_ms.map_or_else(|| "no end".into(), output::time);
        let paid = held.currency.map_or_else(|| "nothing".into(), |currency| held.paid.display(currency));
        let revoked = held.revoked.map_or_else(|| "no".into(), |reason| format!("{reason:?}"));
        output::lines(&[
            ("agreement", id.to_string()),
            ("dataset", held.dataset.to_string()),
            ("buyer", held.buyer.to_string()),
            ("provider", held.provider.to_string()),
            ("offer", format!("{} revision {}", held.offer, held.revision)),
            ("purpose", held.purpose.label().to_string()),
            ("paid", paid),
            ("from", output::time(held.start_ms)),
            ("to", end),
            ("revoked", revoked),
        ])
    });
    Ok(())
}

async fn renew(context: &Context, agreement: AgreementId, periods: u32) -> Result<(), Problem> {
    let held: Record = context.known(&Record::key(&agreement), &agreement).await?;
    // A subscription is prolonged at the price of the revision that it was bought at.
    let revision: OfferRevision = context.known(&OfferRevision::key(&held.offer, held.revision), &held.offer).await?;
    let amount: Amount =
        revision.price.of(periods).map_err(|no| Problem::usage(no.to_string(), "choose another --periods"))?;
    let action = Action::Renew(Renew { agreement, periods, amount });
    let committed = context.act(None, action, None).await?;
    context.print(&Done::new(&committed, WithAgreement { agreement }), || {
        format!("renewed {agreement} by {periods} periods in block {}", committed.height)
    });
    Ok(())
}
