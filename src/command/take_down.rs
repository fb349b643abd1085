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
    takedown::{TakeDown as TakeDatasetDown, TakeSideDown, TakenDown},
};
use serde::Serialize;

/// Take prose down that lies beside the ledger: an outline, contacts, why somebody needs personal data. Every node deletes
/// it, and it does not come back; what binds it stays on the ledger, and every proof holds. By whoever wrote it, or an
/// operator. Backups and copies of others are not reached.
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
        let (mut gone, mut refused) = (Vec::new(), None);
        for (side, action) in self.named(context).await? {
            if context.proven::<TakenDown>(&TakenDown::key(&side)).await?.is_some() {
                continue;
            }
            match context.act(None, action, None).await {
                Ok(committed) => gone.push(Done::new(&committed, Gone { side })),
                Err(problem) => refused = Some(problem),
            }
        }
        if gone.is_empty() && refused.is_none() {
            let nothing = "there is nothing to take down: no side body was committed to, or all are gone already";
            return Err(Problem::usage(nothing, "the explorer shows which side body a dataset, party or licence has"));
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

    /// What is named, each with the action that takes it down.
    async fn named(self, context: &Context) -> Result<Vec<(SideId, Action)>, Problem> {
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
        Ok(side.map(|side| (side, Action::TakeSideDown(TakeSideDown { side }))).into_iter().collect())
    }
}

/// Of all revisions, the present one last: it leaves the dataset's record as well.
async fn of_dataset(context: &Context, dataset: DatasetId) -> Result<Vec<(SideId, Action)>, Problem> {
    let key = Dataset::key(&dataset);
    let present = context.known::<Dataset>(&key, &dataset).await?.side;
    let (_, events) = context.client()?.history(&key).await?;
    let mut sides: Vec<SideId> = Vec::new();
    for item in events {
        if let Event::DatasetPublished { side: Some(side), .. } | Event::DatasetRevised { side: Some(side), .. } =
            item.event
            && Some(side) != present
            && !sides.contains(&side)
        {
            sides.push(side);
        }
    }
    let older = sides.into_iter().map(|side| (side, Action::TakeSideDown(TakeSideDown { side })));
    Ok(older.chain(present.map(|side| (side, Action::TakeDown(TakeDatasetDown { dataset })))).collect())
}
