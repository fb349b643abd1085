//! The demonstration market: made by the same commands that anybody can type, over HTTP.
//!
//! Sixteen listings of a port that does not exist, with small files of invented values: every spectrum
//! value and price form, two currencies, personal data with consents, a derivation, refusals, a
//! withdrawn consent and a withdrawn listing. It owns its script, its assets and a journal of the
//! steps that are done, by which it goes on after it was stopped.
//!
//! Stopped at any moment, it makes nothing twice: what a step signs is durable before it is sent
//! (`intent`), and is sent again, the same bytes, by the run that finds it without a line in the
//! journal; a delivery carries an `Idempotency-Key` that is made from the step's name.

mod script;

use crate::{
    cli::Cli,
    command,
    context::{Context, Done, Intent},
    problem::{Exit, Problem, file},
    progress,
};
use clap::Parser as _;
use contracts::{action::Action, id::VersionId, transaction::Body};
use genesis::files::{self, Access};
use ledger::{
    api::client::{ClientError, Committed},
    submission::Submission,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
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
/// Bytes of the intent that are read back: a signed transaction and its side body at their largest.
const INTENT_BYTES_MAX: u64 = 256 << 10;
/// How often a step is begun while a service asks to wait, and how long it waits in between.
const ATTEMPTS_MAX: u32 = 40;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(500);
/// What helps when the demonstration's own notes are lost.
const ANEW: &str = "the demonstration cannot go on without it; `lonja up --demo --dir OTHER` makes another";

const _: () = assert!(
    INTENT_BYTES_MAX as usize > contracts::limits::TRANSACTION_BYTES_MAX + contracts::limits::SIDE_BYTES_MAX + 1_024
);

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
    script::play(&mut demo).await?;
    // Every step is in the journal now; that the last one was signed before it was sent helps nobody.
    let intent = demo.intent_path();
    if intent.exists() { fs::remove_file(&intent).map_err(file("remove", &intent)) } else { Ok(()) }
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
                Problem::new(format!("{} is damaged", journal.display())).because(error).help(ANEW).exits(Exit::File)
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
        match self.outcome(step, signer, arguments).await? {
            Ok(answer) => Ok(answer),
            Err(refused) => Err(stopped(step, arguments, refused)),
        }
    }

    /// Runs a command that the rules are to refuse.
    async fn refused(&mut self, step: &str, signer: &str, arguments: &[&str]) -> Result<(), Problem> {
        match self.outcome(step, signer, arguments).await? {
            Err(_) => Ok(()),
            Ok(_) => Err(Problem::new(format!("the rules let `{step}` pass: lonja {}", arguments.join(" ")))),
        }
    }

    /// What the step came to: the answer, or the refusal. Either is in the journal then.
    async fn outcome(
        &mut self,
        step: &str,
        signer: &str,
        arguments: &[&str],
    ) -> Result<Result<Value, Problem>, Problem> {
        let noted = match self.done.get(step) {
            Some(Value::String(refusal)) => return Ok(Err(Problem::new(refusal.clone()).exits(Exit::Refused))),
            Some(known) => return Ok(Ok(known.clone())),
            None => self.patiently(step, signer, arguments).await.map_err(|no| stopped(step, arguments, no))?,
        };
        match noted {
            Ok(answer) => self.note(step, answer).map(Ok),
            Err(refused) => self.note(step, Value::String(refused.to_string())).map(|_| Err(refused)),
        }
    }

    /// What became of the step if it was signed by a run that was stopped: the same bytes are sent
    /// again, which the ledger takes once.
    async fn begun_before(&self, step: &str) -> Result<Option<Result<Value, Problem>>, Problem> {
        let Some(submission) = self.intended(step)? else { return Ok(None) };
        let client = self.context.client_at(&self.urls[0])?;
        let committed = match client.submit(&submission).await {
            Ok(committed) => committed,
            Err(ClientError::Problem(problem)) if problem.retryable => return Err(ClientError::Problem(problem).into()),
            // Not on the ledger, and too late now: nothing came of it, so it is signed anew.
            Err(ClientError::Problem(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(match committed.applied() {
            Ok(_) => Ok(answer(&submission.transaction.body, &committed)),
            Err(rejection) => Err(crate::context::refused(&rejection)),
        }))
    }

    fn intended(&self, step: &str) -> Result<Option<Submission>, Problem> {
        let path = self.intent_path();
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read(&path, INTENT_BYTES_MAX)?;
        let (of, submission): (String, Submission) = borsh::from_slice(&bytes).map_err(|error| {
            Problem::new(format!("{} is damaged", path.display())).because(error).help(ANEW).exits(Exit::File)
        })?;
        Ok((of == step).then_some(submission))
    }

    fn intent_path(&self) -> PathBuf {
        self.folder.join("intent")
    }

    /// Finishes what was begun before, or attempts it; again where a service only asks to wait, as
    /// after a restart in the middle.
    async fn patiently(&self, step: &str, signer: &str, arguments: &[&str]) -> Result<Result<Value, Problem>, Problem> {
        let mut left = ATTEMPTS_MAX;
        loop {
            left -= 1;
            let tried = match self.begun_before(step).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => self.attempt(step, signer, arguments).await,
                Err(problem) => Err(problem),
            };
            match tried {
                Ok(answer) => return Ok(Ok(answer)),
                Err(problem) if problem.exit() == Exit::Refused => return Ok(Err(problem)),
                Err(problem) if problem.exit() == Exit::Unreachable && left > 0 => {
                    tokio::time::sleep(BETWEEN_ATTEMPTS).await;
                }
                Err(problem) => return Err(problem),
            }
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
        let intent = Intent { step: step.to_owned(), path: self.intent_path() };
        let inner = self.context.inside(cli.global, intent);
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

fn stopped(step: &str, arguments: &[&str], problem: Problem) -> Problem {
    let exit = problem.exit();
    Problem::new(format!("the demonstration stopped at `{step}`: lonja {}", arguments.join(" ")))
        .because(problem)
        .help("run `lonja up --demo` again: it goes on at this step")
        .exits(exit)
}

/// What a command would have answered, as far as later steps ask for it.
fn answer(body: &Body, committed: &Committed) -> Value {
    let id = committed.id;
    let result = match &body.action {
        Action::SetGroup(_) => json!({ "group": id }),
        Action::Publish(publish) => json!({ "dataset": publish.id(&body.sender), "revision": 1 }),
        Action::AddVersion(version) => json!({
            "dataset": version.dataset,
            "version": VersionId::of(&version.dataset, version.number),
            "number": version.number,
        }),
        Action::MakeOffer(_) => json!({ "offer": id }),
        Action::Buy(_) => json!({ "agreement": id }),
        Action::GiveConsent(give) => json!({ "consent": give.consent }),
        _ => json!({ "party": body.sender }),
    };
    serde_json::to_value(Done::new(committed, result)).expect("answers are plain data with text keys")
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
