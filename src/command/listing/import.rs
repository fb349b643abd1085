//! `lonja listing import`: a catalogue of others, brought by the party that signs.
//!
//! What is on the ledger decides what is sent, never a note of an earlier run: stopped at any moment
//! and started again, an import goes on where the ledger says it is. Should an answer be lost and the
//! same record be sent twice, the second is refused by the rules and counted as there.

use crate::{
    context::Context,
    output,
    problem::{Exit, Problem, file},
    progress,
};
use clap::Args;
use contracts::{
    action::Action,
    dataset::{Dataset, Publish, Revise},
    event::Event,
    id::{DatasetId, Height, PartyId, SideId},
    outcome::Outcome,
    party::Party,
    rejection::Rejection,
    side::SideBody,
    takedown::TakenDown,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use genesis::files::{self, Access};
use ledger::{
    api::client::{Client, ClientError, Identity},
    submission::Submission,
};
use marketplace::import::{self, Catalogue, Existing, ImportSecret, Plan, Planned, Record, Standing};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
};
use zeroize::Zeroizing;

/// Transactions of one request. Larger ones gain nothing: a block of 500 is committed in one batch.
const BATCH: usize = 500;
/// Bytes of one request: half of what a node takes.
const BATCH_BYTES: usize = ledger::limits::REQUEST_BYTES_MAX / 2;
/// Questions to the node at a time.
const QUESTIONS: usize = 32;

/// Import a DCAT or DCAT-US catalogue.
#[derive(Args)]
pub struct Import {
    /// The catalogue: DCAT-US JSON, or DCAT as JSON-LD
    file: PathBuf,
    /// Name of the catalogue; the file's name without its ending where it is left out
    #[arg(long, value_name = "NAME")]
    catalogue: Option<String>,
}

#[derive(Serialize)]
struct Report {
    catalogue: String,
    publisher: PartyId,
    read: usize,
    published: usize,
    revised: usize,
    unchanged: usize,
    withdrawn: Vec<Standing_>,
    vanished: Vec<Standing_>,
    /// Records whose prose was taken down, and is not brought again.
    taken_down: usize,
    rejected: Vec<Rejected>,
    withheld_values: usize,
    classifications: BTreeMap<&'static str, Origins>,
}

#[derive(Serialize)]
struct Standing_ {
    dataset: DatasetId,
    identifier: String,
}

#[derive(Serialize)]
struct Rejected {
    record: String,
    reason: String,
}

#[derive(Serialize)]
struct Origins {
    stated: usize,
    inferred: usize,
    not_stated: usize,
}

impl Import {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let catalogue = self.read()?;
        let usual = context.keyring().names().ok().and_then(only_party);
        let identity = context.identity(usual.as_deref())?;
        let secret = secret(context, &identity)?;
        let client = context.client()?;
        let existing = existing(context, &client, &catalogue, &identity.party).await?;
        let mut report = Report::of(&catalogue, identity.party);
        let mut plan = Plan::of(catalogue, &identity.party, &secret, existing);
        report.taken_down = plan.without(&gone(&client, &plan.revise).await?);
        report.standing(&plan);
        send(&client, &identity, plan, &mut report).await?;
        let rejected = report.rejected.len();
        context.print(&report, || report.people());
        if rejected == 0 {
            Ok(())
        } else {
            let help = "correct the records named above and import again; the others are on the ledger";
            Err(Problem::new(format!("{rejected} records were rejected")).help(help).exits(Exit::Refused))
        }
    }

    fn read(&self) -> Result<Catalogue, Problem> {
        let path = &self.file;
        let length = std::fs::metadata(path).map_err(file("look at", path))?.len();
        if length > import::FILE_BYTES_MAX as u64 {
            let text = format!("{} has {length} bytes, at most {} are read", path.display(), import::FILE_BYTES_MAX);
            return Err(Problem::new(text).help("split the catalogue"));
        }
        let bytes = std::fs::read(path).map_err(file("read the catalogue", path))?;
        let stem = || path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = self.catalogue.clone().unwrap_or_else(stem);
        import::read(&bytes, &name).map_err(|error| {
            Problem::new(format!("cannot import {}", path.display()))
                .because(error)
                .help("nothing was imported; the file is read as a whole or not at all")
        })
    }
}

/// In a demonstration directory the importing party is obvious: `importer`.
fn only_party(names: Vec<genesis::KeyName>) -> Option<String> {
    names.iter().map(ToString::to_string).find(|name| name == "importer")
}

/// The secret that blinds side bodies: a file beside the party's key, made at the first import.
fn secret(context: &Context, identity: &Identity) -> Result<ImportSecret, Problem> {
    let path = context.layout().keys_path().join(format!("{}.import", identity.party));
    if !path.exists() {
        let fresh: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        files::write_new(&path, hex::encode(fresh.as_slice()).as_bytes(), Access::Private)?;
    }
    let text = Zeroizing::new(files::read_private(&path, 64)?);
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.as_slice(), &mut bytes).map_err(|error| {
        Problem::new(format!("{} is no import secret", path.display()))
            .because(error)
            .help("put it back from a copy; with another one, every record with prose becomes a revision")
            .exits(Exit::File)
    })?;
    Ok(ImportSecret(bytes))
}

/// What the ledger holds of this publisher and catalogue: every dataset that it ever published, by the
/// marketplace's word for their names and the ledger's proof for their state.
async fn existing(
    context: &Context,
    client: &Client,
    catalogue: &Catalogue,
    publisher: &PartyId,
) -> Result<Vec<Existing>, Problem> {
    let mut ids: BTreeSet<DatasetId> =
        catalogue.records.iter().map(|record: &Record| record.dataset(publisher)).collect();
    ids.extend(elsewhere(context, catalogue, publisher).await);
    let bar = progress::bar("comparing with the ledger", ids.len() as u64);
    let found = futures_util::stream::iter(ids)
        .map(|id| async move { client.record::<Dataset>(&Dataset::key(&id)).await })
        .buffered(QUESTIONS)
        .inspect(|_| bar.inc(1))
        .try_collect::<Vec<_>>()
        .await?;
    bar.finish_and_clear();
    Ok(found
        .into_iter()
        .filter_map(|proven| proven.record)
        .map(|record| Existing {
            identifier: record.value.identifier,
            revision: record.value.revision,
            jacket: record.value.jacket,
            side: record.value.side,
            listing: record.value.listing,
        })
        .collect())
}

/// Which prose of `planned` was taken down: only what is there already can have been.
async fn gone(client: &Client, planned: &[Planned]) -> Result<HashSet<SideId>, Problem> {
    let sides = planned.iter().filter_map(|planned| planned.side.as_ref().map(SideBody::id));
    let bar = progress::bar("looking for what was taken down", planned.len() as u64);
    let asked = futures_util::stream::iter(sides)
        .map(|side| async move {
            let gone = client.record::<TakenDown>(&TakenDown::key(&side)).await?.record.is_some();
            Ok::<_, ClientError>(gone.then_some(side))
        })
        .buffered(QUESTIONS)
        .inspect(|_| bar.inc(1));
    let found = asked.try_collect::<Vec<_>>().await?;
    bar.finish_and_clear();
    Ok(found.into_iter().flatten().collect())
}

/// Datasets that the marketplace knows under the same publisher and catalogue: only by them records
/// that have vanished from the file can be named, since the ledger is not searched by catalogue.
async fn elsewhere(context: &Context, catalogue: &Catalogue, publisher: &PartyId) -> Vec<DatasetId> {
    let asked = match context.market() {
        Ok(market) => market.search("", &[("catalogue", &catalogue.name)], import::RECORDS_MAX).await,
        Err(problem) => Err(problem),
    };
    let publisher = publisher.to_string();
    match asked {
        Ok(found) => {
            if found.left() > 0 {
                let (read, all) = (found.rows.len(), found.total);
                eprintln!(
                    "Records that have vanished are looked for among {read} of the {all} listings of this catalogue: a search reaches no further."
                );
            }
            let ours = found
                .rows
                .iter()
                .filter(|row| row["publisher"] == publisher.as_str() && row["catalogue"] == catalogue.name.as_str());
            ours.filter_map(|row| row["id"].as_str()?.parse().ok()).collect()
        }
        Err(problem) => {
            eprintln!("Records that have vanished from the catalogue are not reported: {problem}.");
            Vec::new()
        }
    }
}

async fn send(client: &Client, identity: &Identity, plan: Plan, report: &mut Report) -> Result<(), Problem> {
    let planned: Vec<Planned> = plan.publish.into_iter().chain(plan.revise).collect();
    if planned.is_empty() {
        return Ok(());
    }
    must_be_provider(client, identity).await?;
    let bar = progress::bar("publishing", planned.len() as u64);
    let mut rest = planned.as_slice();
    while !rest.is_empty() {
        let height = client.status().await?.height;
        let submissions = batch(client, identity, rest, height)?;
        let (now, later) = rest.split_at(submissions.len());
        let answers = client.submit_all(&submissions).await?;
        for (record, answer) in now.iter().zip(answers) {
            match answer {
                Ok(committed) => report.outcome(record, &committed.outcome, &committed.events),
                Err(problem) if problem.retryable => return Err(ClientError::from(problem).into()),
                Err(problem) => report.reject(record, problem.to_string()),
            }
        }
        bar.inc(now.len() as u64);
        rest = later;
    }
    bar.finish_and_clear();
    Ok(())
}

/// As many of the next records as fit one request, at least one.
fn batch(client: &Client, identity: &Identity, rest: &[Planned], height: Height) -> Result<Vec<Submission>, Problem> {
    let (mut submissions, mut bytes) = (Vec::new(), 0);
    for record in rest.iter().take(BATCH) {
        let submission = sign(client, identity, record, height)?;
        bytes += borsh::to_vec(&submission).expect("writing to memory does not fail").len();
        if bytes > BATCH_BYTES && !submissions.is_empty() {
            break;
        }
        submissions.push(submission);
    }
    Ok(submissions)
}

/// Better one clear answer than a refusal for each record.
async fn must_be_provider(client: &Client, identity: &Identity) -> Result<(), Problem> {
    let party = client.record::<Party>(&Party::key(&identity.party)).await?.record;
    match party {
        Some(party) if party.value.is_active_as(contracts::party::Role::Provider) => Ok(()),
        _ => Err(Problem::new(format!("party {} is not an active provider", identity.party))
            .help("apply with `lonja party apply NAME --as KEY`, then `lonja party admit KEY --role provider`")
            .exits(Exit::Refused)),
    }
}

fn sign(client: &Client, identity: &Identity, record: &Planned, height: Height) -> Result<Submission, Problem> {
    let (side, jacket) = (record.side.as_ref().map(SideBody::id), record.record.jacket.clone());
    let action = if record.follows == 0 {
        let (catalogue, identifier) = (record.record.catalogue.clone(), record.record.identifier.clone());
        Action::Publish(Publish { catalogue, identifier, jacket, side })
    } else {
        Action::Revise(Revise { dataset: record.dataset, follows: record.follows, jacket, side })
    };
    Ok(client.sign(identity, action, record.side.clone(), height)?)
}

impl Report {
    fn of(catalogue: &Catalogue, publisher: PartyId) -> Self {
        let report = &catalogue.report;
        let rejected = report.rejected.iter().map(|rejected| Rejected {
            record: rejected.identifier.clone().unwrap_or_else(|| format!("number {}", rejected.number)),
            reason: rejected.reason.clone(),
        });
        let origins = report.classifications.iter().map(|tally| {
            let origins = Origins { stated: tally.stated, inferred: tally.inferred, not_stated: tally.not_stated };
            (tally.classification, origins)
        });
        Self {
            catalogue: catalogue.name.clone(),
            publisher,
            read: report.read,
            published: 0,
            revised: 0,
            unchanged: 0,
            withdrawn: Vec::new(),
            vanished: Vec::new(),
            taken_down: 0,
            rejected: rejected.collect(),
            withheld_values: report.withheld,
            classifications: origins.collect(),
        }
    }

    fn standing(&mut self, plan: &Plan) {
        let name =
            |standing: &Standing| Standing_ { dataset: standing.dataset, identifier: standing.identifier.clone() };
        self.unchanged = plan.unchanged.len();
        self.withdrawn = plan.withdrawn.iter().map(name).collect();
        self.vanished = plan.vanished.iter().map(name).collect();
    }

    fn outcome(&mut self, record: &Planned, outcome: &Outcome, events: &[Event]) {
        match outcome {
            Outcome::Applied if record.follows == 0 => self.published += 1,
            Outcome::Applied => self.revised += 1,
            Outcome::Refused { code } => {
                // Sent before, by a run that did not hear the answer.
                if Rejection::name_of(*code) == Some("DatasetExists") {
                    self.unchanged += 1;
                    return;
                }
                let said = events.iter().find_map(|event| match event {
                    Event::Refused { rejection, .. } => Some(rejection.to_string()),
                    _ => None,
                });
                self.reject(record, said.unwrap_or_else(|| format!("refused with code {code}")));
            }
        }
    }

    fn reject(&mut self, record: &Planned, reason: String) {
        self.rejected.push(Rejected { record: record.record.identifier.clone(), reason });
    }

    fn people(&self) -> String {
        let counts = output::lines(&[
            ("read", self.read.to_string()),
            ("published", self.published.to_string()),
            ("revised", self.revised.to_string()),
            ("unchanged", self.unchanged.to_string()),
            ("withdrawn before", self.withdrawn.len().to_string()),
            ("vanished", self.vanished.len().to_string()),
            ("prose taken down", self.taken_down.to_string()),
            ("rejected", self.rejected.len().to_string()),
        ]);
        let rows = self.classifications.iter().map(|(name, origins)| {
            [
                (*name).to_owned(),
                origins.stated.to_string(),
                origins.inferred.to_string(),
                origins.not_stated.to_string(),
            ]
        });
        let origins = output::table(["classification", "stated", "inferred", "not stated"], rows);
        let rejected = self.rejected.iter().map(|rejected| [rejected.record.clone(), rejected.reason.clone()]);
        let vanished = self.vanished.iter().map(|standing| format!("vanished: {}\n", standing.identifier));
        let mut text = format!("{counts}\n{origins}\n{}", vanished.collect::<String>());
        if !self.rejected.is_empty() {
            text.push_str(&output::table(["rejected record", "reason"], rejected));
        }
        text
    }
}

const _: () = assert!(BATCH <= ledger::limits::SUBMISSIONS_PER_REQUEST_MAX);
