//! `lonja take-down`: prose beside the ledger that is to go.

use crate::{
    context::{Context, Done},
    output,
    problem::Problem,
};
use clap::Args;
use contracts::{
    action::Action,
    agreement::Agreement,
    dataset::Dataset,
    event::Event,
    id::{AgreementId, DatasetId, SideId},
    party::Party,
    takedown::{TakeSideDown, TakenDown},
};
use serde::Serialize;

/// Take prose down that lies beside the ledger.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct TakeDown {
    /// Outlines and contacts of all revisions of this dataset
    #[arg(long, value_name = "DATASET")]
    dataset: Option<DatasetId>,
    /// Contacts in the application of this party: its id, or the name of its key
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    /// Why the buyer of this agreement needs personal data
    #[arg(long, value_name = "AGREEMENT")]
    agreement: Option<AgreementId>,
    /// The side body with this commitment
    #[arg(long, value_name = "SIDE")]
    side: Option<SideId>,
}

#[derive(Serialize)]
struct Gone {
    side: SideId,
}

impl TakeDown {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let there = self.named(context).await?;
        if there.is_empty() {
            let nothing = "there is nothing to take down: no side body was committed to, or all are gone already";
            return Err(Problem::usage(nothing, "the explorer shows which side body a dataset, party or licence has"));
        }
        if there.len() > 1 && context.keeps_receipt() {
            let many = format!("{} side bodies are taken down, and --receipt keeps one receipt", there.len());
            return Err(Problem::usage(many, "leave it out, or take each down by --side"));
        }
        let (mut gone, mut refused) = (Vec::new(), None);
        for side in there {
            match context.act(None, Action::TakeSideDown(TakeSideDown { side }), None).await {
                Ok(committed) => gone.push(Done::new(&committed, Gone { side })),
                Err(problem) => refused = Some(problem),
            }
        }
        // What is gone is told also where another one stays.
        if !gone.is_empty() {
            context.print(&gone, || {
                let told =
                    gone.iter().map(|done| ("taken down", format!("{} in block {}", done.result.side, done.height)));
                output::lines(&told.collect::<Vec<_>>())
            });
        }
        refused.map_or(Ok(()), Err)
    }

    /// What is named and is there still.
    async fn named(self, context: &Context) -> Result<Vec<SideId>, Problem> {
        let mut there = Vec::new();
        for side in self.all(context).await? {
            if context.proven::<TakenDown>(&TakenDown::key(&side)).await?.is_none() {
                there.push(side);
            }
        }
        Ok(there)
    }

    async fn all(self, context: &Context) -> Result<Vec<SideId>, Problem> {
        let side = if let Some(dataset) = self.dataset {
            return of_dataset(context, dataset).await;
        } else if let Some(party) = self.party {
            let party = context.party(&party)?;
            context.known::<Party>(&Party::key(&party), &party).await?.side
        } else if let Some(agreement) = self.agreement {
            context.known::<Agreement>(&Agreement::key(&agreement), &agreement).await?.justification
        } else {
            self.side
        };
        Ok(side.into_iter().collect())
    }
}

/// Of all revisions. Each by its own name: the present one may be another by the time that a block takes it up.
async fn of_dataset(context: &Context, dataset: DatasetId) -> Result<Vec<SideId>, Problem> {
    let key = Dataset::key(&dataset);
    // A dataset that is not there has no history either, and is to be told.
    context.known::<Dataset>(&key, &dataset).await?;
    let (_, events) = context.client()?.history(&key).await?;
    let mut sides = Vec::new();
    for item in events {
        if let Event::DatasetPublished { side: Some(side), .. } | Event::DatasetRevised { side: Some(side), .. } =
            item.event
            && !sides.contains(&side)
        {
            sides.push(side);
        }
    }
    Ok(sides)
}
