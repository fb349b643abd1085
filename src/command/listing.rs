//! `lonja listing`: what is in the catalogue.

mod import;

use crate::{
    context::{Context, Done},
    output, parse,
    problem::{Exit, Problem},
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    dataset::{Dataset as Record, List, Listing as Standing, ListingReason, Publish, Revise},
    event::Event,
    id::DatasetId,
    jacket::Jacket,
    side::SideBody,
};
use genesis::files;
use serde::Serialize;
use std::path::PathBuf;

/// A jacket's file, in bytes: its borsh form has at most 40 KiB, and JSON takes a few times more.
const JACKET_JSON_BYTES_MAX: u64 = 1 << 20;

/// Publish, import, find and show listings.
#[derive(Subcommand)]
pub enum Listing {
    /// Publish a Data Jacket, or revise the one that stands under the same identifier
    Publish(PublishArgs),
    /// Import a DCAT or DCAT-US catalogue; may be repeated and stopped at any time
    Import(import::Import),
    /// Find listings
    Search(SearchArgs),
    /// Show a listing, proven from the ledger
    Show {
        /// The dataset's id
        dataset: DatasetId,
        /// Keep the evidence bundle, for `lonja verify` or anybody's verifier, in this new file
        #[arg(long, value_name = "FILE")]
        bundle: Option<PathBuf>,
    },
    /// Suspend, relist or withdraw a listing
    Set {
        /// The dataset's id
        dataset: DatasetId,
        /// listed; suspended (not traded and not delivered for now); withdrawn (not traded, for good; licences
        /// in force keep running)
        #[arg(value_parser = parse::word::<Standing>)]
        standing: Standing,
        /// Why: ready, quality (faults in the data), legal, or ended (no longer kept)
        #[arg(long, value_parser = parse::word::<ListingReason>)]
        reason: ListingReason,
    },
}

/// Publish a Data Jacket.
#[derive(Args)]
pub struct PublishArgs {
    /// The jacket, as JSON: `lonja listing show DATASET --json` prints one under `jacket_now`
    file: PathBuf,
    /// Catalogue that it belongs to: a name of your own choice, one line
    #[arg(long)]
    catalogue: String,
    /// Its identifier there
    #[arg(long)]
    identifier: String,
    /// What it is, in prose; kept beside the ledger
    #[arg(long)]
    outline: Option<String>,
    /// Whom to ask; kept beside the ledger
    #[arg(long)]
    contact: Option<String>,
}

/// Find listings.
#[derive(Args)]
pub struct SearchArgs {
    /// Words to look for
    words: Vec<String>,
    /// A facet and its value, such as spectrum=open; may be given again
    #[arg(long = "facet", value_name = "NAME=VALUE")]
    facets: Vec<String>,
    /// At most so many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
}

#[derive(Serialize)]
struct Published {
    dataset: DatasetId,
    revision: u32,
}

#[derive(Serialize)]
struct Shown {
    id: DatasetId,
    #[serde(flatten)]
    dataset: Record,
    jacket_now: Jacket,
    side_body: Option<SideBody>,
    missing_for_an_offer: Vec<&'static str>,
}

impl Listing {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Publish(publish) => publish.run(context).await,
            Self::Import(import) => import.run(context).await,
            Self::Search(search) => search.run(context).await,
            Self::Show { dataset, bundle } => {
                context.keep_bundle(&Record::key(&dataset), bundle.as_deref()).await?;
                show(context, dataset).await
            }
            Self::Set { dataset, standing, reason } => {
                let action = Action::List(List { dataset, listing: standing, reason });
                let committed = context.act(None, action, None).await?;
                context.print(&Done::new(&committed, serde_json::Map::new()), || {
                    format!("set {dataset} in block {}", committed.height)
                });
                Ok(())
            }
        }
    }
}

impl PublishArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let bytes = files::read(&self.file, JACKET_JSON_BYTES_MAX).map_err(|error| {
            Problem::new(format!("cannot read the jacket: {error}")).help("check the path").exits(Exit::File)
        })?;
        let jacket: Jacket = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::new(format!("{} is no jacket", self.file.display())).because(error).help(
                "`lonja listing show DATASET --json` prints one under `jacket_now`; `title` and `classification` are required",
            )
        })?;
        let mut fields = Vec::new();
        fields.extend(self.outline.map(|text| ("outline", text)));
        fields.extend(self.contact.map(|text| ("contact", text)));
        let side = if fields.is_empty() { None } else { Some(crate::side::body(fields)?) };
        let identity = context.identity(None)?;
        let client = context.client()?;
        let id = DatasetId::of(&identity.party, &self.catalogue, &self.identifier);
        let known = client.record::<Record>(&Record::key(&id)).await?.record.map(|record| record.value);
        let commitment = side.as_ref().map(SideBody::id);
        let action = match known {
            None => Action::Publish(Publish {
                catalogue: self.catalogue,
                identifier: self.identifier,
                jacket,
                side: commitment,
            }),
            Some(known) => Action::Revise(Revise { dataset: id, follows: known.revision, jacket, side: commitment }),
        };
        let committed = context.act_as(&identity, action, side).await?;
        let revision = committed.events.iter().find_map(|event| match event {
            Event::DatasetPublished { .. } => Some(1),
            Event::DatasetRevised { revision, .. } => Some(*revision),
            _ => None,
        });
        let revision = revision.ok_or_else(|| Problem::new("the node does not say which revision this is"))?;
        context.print(&Done::new(&committed, Published { dataset: id, revision }), || {
            format!("dataset {id}\npublished as revision {revision} in block {}", committed.height)
        });
        Ok(())
    }
}

impl SearchArgs {
    async fn run(self, context: &Context) -> Result<(), Problem> {
        let facets = self.facets.iter().map(|facet| {
            facet.split_once('=').ok_or_else(|| {
                Problem::usage(format!("`{facet}` is no facet"), "write NAME=VALUE, such as spectrum=open")
            })
        });
        let facets = facets.collect::<Result<Vec<_>, _>>()?;
        let found = context.market()?.search(&self.words.join(" "), &facets, self.limit).await?;
        let columns = [("dataset", "id"), ("title", "title"), ("spectrum", "spectrum"), ("catalogue", "catalogue")];
        let left = found.left();
        let shown = found.rows.len();
        context.print(&found.rows, || {
            let mut out = Vec::new();
            let mut list = output::List::new(false, &columns, &mut out);
            list.add(found.rows.clone());
            list.end();
            String::from_utf8_lossy(&out).into_owned()
        });
        // Beside the answer, so that a program reads the same array as ever.
        if left > 0 {
            let reach = marketplace::search::REACH_MAX;
            eprintln!(
                "These are {shown} of {} listings that fit: --limit shows more, up to {reach}; further words or facets find fewer.",
                found.total
            );
        }
        Ok(())
    }
}

async fn show(context: &Context, id: DatasetId) -> Result<(), Problem> {
    let dataset: Record = context.known(&Record::key(&id), &id).await?;
    let jacket_now: Jacket = context.known(&Jacket::key(&id), &id).await?;
    let side_body = match dataset.side {
        Some(side) => context.client()?.side(side).await?,
        None => None,
    };
    let missing_for_an_offer = dataset.classification.gaps().into_iter().map(|gap| gap.field()).collect();
    let shown = Shown { id, dataset, jacket_now, side_body, missing_for_an_offer };
    context.print(&shown, || people(&shown));
    Ok(())
}

fn people(shown: &Shown) -> String {
    let Shown { id, dataset, jacket_now: jacket, side_body, missing_for_an_offer: gaps } = shown;
    let newest = dataset.newest(id).map_or_else(|| "none".into(), |version| version.to_string());
    let head = output::lines(&[
        ("dataset", id.to_string()),
        ("title", jacket.title.clone()),
        ("publisher", dataset.publisher.to_string()),
        ("catalogue", dataset.catalogue.clone()),
        ("identifier", dataset.identifier.clone()),
        ("revision", dataset.revision.to_string()),
        ("standing", format!("{:?}", dataset.listing).to_lowercase()),
        ("versions", dataset.versions.to_string()),
        ("newest version", newest),
        (
            "may be offered",
            if gaps.is_empty() { "yes".into() } else { format!("not yet: {} missing", gaps.join(", ")) },
        ),
    ]);
    let rows = dataset.classification.origins().map(|(name, origin)| {
        let field =
            serde_json::to_value(&dataset.classification).ok().and_then(|all| all.get(name)?.get("value").cloned());
        let value = field.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        [name.to_owned(), origin.to_owned(), value.unwrap_or_default()]
    });
    let fields = side_body.iter().flat_map(|body| body.fields());
    let prose: String = fields.map(|field| format!("\n{}: {}\n", field.name, field.value)).collect();
    format!("{head}\n{}\n{prose}", output::table(["classification", "origin", "value"], rows))
}
