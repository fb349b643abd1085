//! The demonstration market: made by the same commands that anybody can type, over HTTP.
//!
//! Sixteen listings of a port that does not exist, with small files of invented values: every spectrum
//! value and price form, two currencies, personal data with consents, a derivation, refusals, a
//! withdrawn consent and a withdrawn listing. It owns its script, its assets and a journal of the
//! steps that are done, by which it goes on after it was stopped.

mod script;

use crate::{
    cli::Cli,
    command,
    context::Context,
    problem::{Exit, Problem, file},
    progress,
};
use clap::Parser as _;
use genesis::files::{self, Access};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The contents, by name.
const DATA: [(&str, &[u8]); 17] = [
    ("air-quality.csv", include_bytes!("data/air-quality.csv")),
    ("berth-calls.csv", include_bytes!("data/berth-calls.csv")),
    ("berth-delay.csv", include_bytes!("data/berth-delay.csv")),
    ("buoy-positions.csv", include_bytes!("data/buoy-positions.csv")),
    ("cold-store.csv", include_bytes!("data/cold-store.csv")),
    ("container-dwell.csv", include_bytes!("data/container-dwell.csv")),
    ("crane-energy.csv", include_bytes!("data/crane-energy.csv")),
    ("dredging-survey.csv", include_bytes!("data/dredging-survey.csv")),
    ("ferry-passengers.csv", include_bytes!("data/ferry-passengers.csv")),
    ("ferry-timetable.csv", include_bytes!("data/ferry-timetable.csv")),
    ("gate-traffic.csv", include_bytes!("data/gate-traffic.csv")),
    ("hearing-summary.csv", include_bytes!("data/hearing-summary.csv")),
    ("hearing-tests-2.csv", include_bytes!("data/hearing-tests-2.csv")),
    ("hearing-tests.csv", include_bytes!("data/hearing-tests.csv")),
    ("patrol-rounds.csv", include_bytes!("data/patrol-rounds.csv")),
    ("quay-inventory.csv", include_bytes!("data/quay-inventory.csv")),
    ("tide-gauge.csv", include_bytes!("data/tide-gauge.csv")),
];

/// Bytes of the journal that are read back. A whole one has about 60,000.
const JOURNAL_BYTES_MAX: u64 = 4 << 20;

/// Makes the demonstration market, or what is missing of it.
///
/// # Errors
/// The first step that does not do what the script expects of it.
pub async fn make(context: &Context, node_url: &str, market_url: &str) -> Result<(), Problem> {
    let folder = context.layout().root().join("demo");
    let mut demo = Demo::open(context, folder, node_url, market_url)?;
    if demo.done.contains_key(script::LAST) {
        return Ok(());
    }
    eprintln!("Making the demonstration market (once).");
    script::play(&mut demo).await
}

/// The script at work.
struct Demo<'a> {
    context: &'a Context,
    folder: PathBuf,
    urls: [String; 2],
    done: BTreeMap<String, Value>,
    wheel: indicatif::ProgressBar,
}

impl<'a> Demo<'a> {
    fn open(context: &'a Context, folder: PathBuf, node_url: &str, market_url: &str) -> Result<Self, Problem> {
        if !folder.exists() {
            files::create_directory(&folder)?;
        }
        for (name, bytes) in DATA {
            place(&folder.join(name), bytes)?;
        }
        let journal = folder.join("journal.json");
        let done = if journal.exists() {
            serde_json::from_slice(&files::read(&journal, JOURNAL_BYTES_MAX)?).map_err(|error| {
                Problem::new(format!("{} is damaged", journal.display()))
                    .because(error)
                    .help("remove it: steps that are done are refused by the ledger, and passed over")
                    .exits(Exit::File)
            })?
        } else {
            BTreeMap::new()
        };
        let urls = [node_url.to_owned(), market_url.to_owned()];
        Ok(Self { context, folder, urls, done, wheel: progress::wheel("making the demonstration market") })
    }

    /// Where the asset `name` lies.
    fn asset(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    /// Runs `lonja ARGUMENTS --as SIGNER`, once.
    async fn run(&mut self, step: &str, signer: &str, arguments: &[&str]) -> Result<Value, Problem> {
        if let Some(known) = self.done.get(step) {
            return Ok(known.clone());
        }
        let answer = self.attempt(step, signer, arguments).await.map_err(|problem| {
            Problem::new(format!("the demonstration stopped at `{step}`: lonja {}", arguments.join(" ")))
                .because(problem)
                .help("run `lonja up --demo` again: it goes on at this step")
        })?;
        self.note(step, answer)
    }

    /// Runs a command that the rules are to refuse.
    async fn refused(&mut self, step: &str, signer: &str, arguments: &[&str]) -> Result<(), Problem> {
        if self.done.contains_key(step) {
            return Ok(());
        }
        match self.attempt(step, signer, arguments).await {
            Err(problem) if problem.exit() == Exit::Refused => {
                self.note(step, Value::String(problem.to_string())).map(drop)
            }
            Err(problem) => Err(problem),
            Ok(_) => Err(Problem::new(format!("the rules let `{step}` pass: lonja {}", arguments.join(" ")))),
        }
    }

    /// As [`Demo::run`], where a run that was cut short may have done it already.
    async fn once(&mut self, step: &str, signer: &str, arguments: &[&str]) -> Result<(), Problem> {
        if self.done.contains_key(step) {
            return Ok(());
        }
        match self.attempt(step, signer, arguments).await {
            Ok(answer) => self.note(step, answer).map(drop),
            Err(problem) if problem.exit() == Exit::Refused => {
                self.note(step, Value::String(problem.to_string())).map(drop)
            }
            Err(problem) => Err(problem),
        }
    }

    async fn attempt(&self, step: &str, signer: &str, arguments: &[&str]) -> Result<Value, Problem> {
        self.wheel.set_message(format!("making the demonstration market: {step}"));
        let layout = self.context.layout();
        let dir = layout.root().to_string_lossy();
        let globals =
            ["lonja", "--dir", &dir, "--node-url", &self.urls[0], "--market-url", &self.urls[1], "--as", signer];
        let cli = Cli::try_parse_from(globals.iter().chain(arguments))
            .map_err(|error| Problem::new(format!("the script has a wrong line: {error}")))?;
        let inner = self.context.inside(cli.global);
        Box::pin(command::run_in(&inner, cli.command)).await?;
        Ok(inner.answer())
    }

    /// Durable before the next step, so that a step is repeated only when it was cut short itself.
    fn note(&mut self, step: &str, answer: Value) -> Result<Value, Problem> {
        self.done.insert(step.to_owned(), answer.clone());
        let text = serde_json::to_vec_pretty(&self.done).expect("answers are plain data with text keys");
        files::replace(&self.folder.join("journal.json"), &text, Access::Private)?;
        Ok(answer)
    }
}

/// Writes an asset, whole, where it is not there as it should be.
fn place(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    match fs::read(path) {
        Ok(there) if there == bytes => Ok(()),
        Ok(_) => Ok(files::replace(path, bytes, Access::Public)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(files::write_new(path, bytes, Access::Public)?)
        }
        Err(error) => Err(file("read", path)(error)),
    }
}
