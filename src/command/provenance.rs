//! `lonja provenance`: what a version was made from, back to its sources, proven from the ledger.

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    dataset::Dataset,
    event::Event,
    id::{DatasetId, VersionId},
    provenance::{Activity, RecordStep},
    version::Version,
};
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};

/// Versions that one answer follows back. A wider graph is followed from one of its ancestors.
const VERSIONS_MAX: usize = 1_000;

/// Show what a version was made from, or record a step.
#[derive(Subcommand)]
pub enum Provenance {
    /// Show the ancestors of a version, or of a dataset's newest one
    Show {
        /// A version's or a dataset's id
        id: String,
    },
    /// Record a step of processing in a dataset's history (its publisher)
    Record(RecordArgs),
}

/// Record a step of processing.
#[derive(Args)]
pub struct RecordArgs {
    /// The dataset's id
    dataset: DatasetId,
    /// What was done: collect, refresh, calibrate, process, anonymise, archive or delete
    #[arg(long, value_parser = parse::word::<Activity>)]
    activity: Activity,
    /// The job that ran, such as a pipeline's name
    #[arg(long)]
    job: String,
    /// The tool and its release, such as `pandas 2.2`
    #[arg(long, default_value = "")]
    tool: String,
    /// A version's id that went in; may be given again
    #[arg(long = "input")]
    inputs: Vec<VersionId>,
    /// Anything else about the step; it stays for ever, so name no person
    #[arg(long, default_value = "")]
    note: String,
}

#[derive(Serialize)]
struct Ancestor {
    id: VersionId,
    steps_back: usize,
    #[serde(flatten)]
    version: Version,
}

#[derive(Serialize)]
struct Step {
    height: u64,
    transaction: contracts::id::TransactionId,
    event: Event,
}

#[derive(Serialize)]
struct Shown {
    versions: Vec<Ancestor>,
    steps: Vec<Step>,
}

impl Provenance {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Show { id } => show(context, &id).await,
            Self::Record(record) => record.run(context).await,
        }
    }
}

impl RecordArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let mut inputs = self.inputs;
        inputs.sort();
        inputs.dedup();
        let step = RecordStep {
            dataset: self.dataset,
            activity: self.activity,
            run: rand::random(),
            job: self.job,
            tool: self.tool,
            started_ms: now,
            ended_ms: now,
            inputs,
            note: self.note,
        };
        let run = hex::encode(step.run);
        let committed = context.act(None, Action::RecordStep(step), None).await?;
        let result = serde_json::Map::from_iter([("run".to_owned(), run.clone().into())]);
        context.print(&Done::new(&committed, result), || format!("recorded run {run} in block {}", committed.height));
        Ok(())
    }
}

async fn show(context: &Context, text: &str) -> Result<(), Problem> {
    let id = text.parse::<VersionId>().map_err(|error| Problem::usage(error.to_string(), "copy it from a listing"))?;
    let first = match context.proven::<Version>(&Version::key(&id)).await? {
        Some(_) => id,
        None => {
            let dataset = DatasetId(id.0);
            let known: Dataset = context.known(&Dataset::key(&dataset), &dataset).await?;
            known.newest(&dataset).ok_or_else(|| {
                Problem::new("the dataset has no version yet").help("`lonja dataset upload` anchors the first")
            })?
        }
    };
    let versions = ancestors(context, first).await?;
    let dataset = versions.first().map(|first| first.version.dataset);
    let mut steps = Vec::new();
    if let Some(dataset) = dataset {
        for item in context.client()?.history(&Dataset::key(&dataset)).await?.1 {
            if matches!(item.event, Event::StepRecorded { .. } | Event::VersionAdded { .. }) {
                steps.push(Step { height: item.height, transaction: item.transaction, event: item.event });
            }
        }
    }
    let shown = Shown { versions, steps };
    context.print(&shown, || people(&shown));
    Ok(())
}

async fn ancestors(context: &Context, first: VersionId) -> Result<Vec<Ancestor>, Problem> {
    let (mut seen, mut queue, mut found) = (BTreeSet::from([first]), VecDeque::from([(first, 0)]), Vec::new());
    while let Some((id, steps_back)) = queue.pop_front() {
        let version: Version = context.known(&Version::key(&id), &id).await?;
        for parent in &version.parents {
            if seen.insert(*parent) {
                queue.push_back((*parent, steps_back + 1));
            }
        }
        found.push(Ancestor { id, steps_back, version });
        if found.len() >= VERSIONS_MAX {
            let help = "ask again from one of its ancestors";
            return Err(Problem::new(format!("more than {VERSIONS_MAX} versions went into this one")).help(help));
        }
    }
    Ok(found)
}

fn people(shown: &Shown) -> String {
    let rows = shown.versions.iter().map(|ancestor| {
        let indent = "  ".repeat(ancestor.steps_back);
        let version = &ancestor.version;
        [
            format!("{indent}{}", ancestor.id),
            version.number.to_string(),
            version.dataset.to_string(),
            version.content.bytes.to_string(),
        ]
    });
    let versions = output::table(["version", "number", "dataset", "bytes"], rows);
    let rows = shown.steps.iter().map(|step| {
        let what = match &step.event {
            Event::StepRecorded { activity, .. } => format!("{activity:?}").to_lowercase(),
            Event::VersionAdded { number, .. } => format!("version {number}"),
            _ => String::new(),
        };
        [step.height.to_string(), what, step.transaction.to_string()]
    });
    format!("{versions}\n{}", output::table(["block", "step", "transaction"], rows))
}
