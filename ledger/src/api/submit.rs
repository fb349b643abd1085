//! Handing in: a list of signed transactions goes in, and what became of each comes out.

use super::{
    Answer, Problem,
    server::{aside, binary, committed, encode},
    types::CommittedAnswer,
};
use crate::{
    limits::{CORES_PER_CHECK, SIDES_AT_ONCE, SUBMISSIONS_PER_REQUEST_MAX, SUBMIT_WAIT_MS},
    node::{Entrant, Fate, Handle, Refused},
    spans::number,
    submission::Submission,
};
use axum::{body::Bytes, extract::State, response::Response};
use borsh::BorshDeserialize;
use contracts::{id::TransactionId, outcome::Outcome};
use futures_util::future::try_join_all;
use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{
    Span,
    field::{Empty, display},
    info_span,
};

/// `POST /v1/submissions`.
pub(super) async fn submit(State(handle): State<Handle>, body: Bytes) -> Result<Response, Problem> {
    let taken = take_all(&handle, watched(decode_submissions(&body)?)).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(SUBMIT_WAIT_MS);
    let (taken, spans): (Vec<Taken>, Vec<Span>) = taken.into_iter().unzip();
    let mut fates = Vec::with_capacity(taken.len());
    // What a block just brought is answered from memory; for a few, another thread costs more.
    let from_memory = taken.len() < FEW && taken.iter().all(|one| !matches!(one, Ok((_, None))));
    for one in taken {
        fates.push(match one {
            Err(refused) => Err(refused),
            Ok((id, None)) => Ok((id, None)),
            Ok((id, Some(receiver))) => handle.fate(id, receiver, deadline).await.map(|fate| (id, Some(fate))),
        });
    }
    spans.iter().zip(&fates).for_each(|(span, fate)| tell(span, fate));
    let answers = move || fates.into_iter().map(|fate| answer(&handle, fate)).collect::<Vec<_>>();
    let answers = if from_memory { answers() } else { aside(move || Ok(answers())).await? };
    Ok(binary(encode(&answers)))
}

pub(crate) fn decode_submissions(body: &[u8]) -> Result<Vec<Submission>, Problem> {
    let mut rest = body;
    let undecodable = |error: std::io::Error| {
        Problem::new(
            axum::http::StatusCode::BAD_REQUEST,
            "undecodable",
            "The bytes are no list of submissions",
            error.to_string(),
        )
    };
    let count = u32::deserialize(&mut rest).map_err(undecodable)?;
    if count as usize > SUBMISSIONS_PER_REQUEST_MAX {
        return Err(Problem::bad_request(format!(
            "{count} submissions, {SUBMISSIONS_PER_REQUEST_MAX} at most in one request"
        )));
    }
    let submissions =
        (0..count).map(|_| Submission::deserialize(&mut rest)).collect::<Result<_, _>>().map_err(undecodable)?;
    if !rest.is_empty() {
        return Err(Problem::bad_request(format!("{} bytes follow after the last submission", rest.len())));
    }
    Ok(submissions)
}

/// Fewer submissions than this wait behind no request of more, and only so few have a span each.
const FEW: usize = 8;

type Taken = Result<crate::node::Taken, Refused>;

/// Whose turn it is to have its submissions checked, or their side bodies written. The process has one pool of threads
/// for work on blocks, and whoever verifies one in order to vote waits for it: what anybody may hand in must never be
/// in it, nor use all cores. Of each there are those of requests of few, and those of requests of many.
struct Turns {
    checks: [Arc<Semaphore>; 2],
    sides: [Arc<Semaphore>; 2],
}

static TURNS: LazyLock<Turns> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let of = |turns: usize| [(); 2].map(|()| Arc::new(Semaphore::new(turns.max(1))));
    Turns { checks: of(cores / CORES_PER_CHECK), sides: of(SIDES_AT_ONCE) }
});

/// Waits for a turn. It goes with the work, which goes on when whoever asked for it has left.
async fn turn(turns: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    turns.clone().acquire_owned().await.expect("turns are never closed")
}

/// Submissions with their spans, by which a trace leads from each to its block.
fn watched(submissions: Vec<Submission>) -> Vec<(Submission, Span)> {
    let few = submissions.len() < FEW;
    let span = || info_span!("submission", lonja.transaction = Empty, lonja.height = Empty, lonja.outcome = Empty);
    submissions.into_iter().map(|one| (one, if few { span() } else { Span::none() })).collect()
}

/// Takes submissions in. Each is checked first; those with side bodies are then let in by as many threads as a disk has
/// use for.
async fn take_all(handle: &Handle, submissions: Vec<(Submission, Span)>) -> Result<Vec<(Taken, Span)>, Problem> {
    let many = usize::from(submissions.len() >= FEW);
    let turn_to_check = turn(&TURNS.checks[many]).await;
    let checker = handle.clone();
    let checked = aside(move || {
        let _turn = turn_to_check;
        Ok(check_all(&checker, submissions))
    });
    let (mut taken, mut entrants) = checked.await?;
    let (part, mut parts) = (entrants.len().div_ceil(SIDES_AT_ONCE), Vec::new());
    while !entrants.is_empty() {
        let part = entrants.split_off(entrants.len().saturating_sub(part));
        parts.push(admit_part(handle.clone(), &TURNS.sides[many], part));
    }
    for (place, one) in try_join_all(parts).await?.into_iter().flatten() {
        taken[place].0 = Some(one);
    }
    let all = taken.into_iter().map(|(one, span)| (one.expect("what was not let in at once has been since"), span));
    Ok(all.collect())
}

/// An entrant, and its place in the request.
type Placed = (usize, Entrant);

/// Checks submissions and takes those in that wait for no disk. The others come back.
fn check_all(handle: &Handle, submissions: Vec<(Submission, Span)>) -> (Vec<(Option<Taken>, Span)>, Vec<Placed>) {
    let mut entrants = Vec::new();
    let taken = submissions.into_iter().enumerate().map(|(place, (submission, span))| {
        let taken = span.in_scope(|| match handle.check(submission) {
            Ok((_, Some(entrant))) if entrant.has_side() => {
                entrants.push((place, entrant));
                None
            }
            Ok((_, Some(entrant))) => Some(handle.admit(entrant)),
            Ok((id, None)) => Some(Ok((id, None))),
            Err(refused) => Some(Err(refused)),
        });
        (taken, span)
    });
    (taken.collect(), entrants)
}

async fn admit_part(handle: Handle, turns: &Arc<Semaphore>, part: Vec<Placed>) -> Result<Vec<(usize, Taken)>, Problem> {
    let turn = turn(turns).await;
    let admit = move || {
        let _turn = turn;
        Ok(part.into_iter().map(|(place, entrant)| (place, handle.admit(entrant))).collect())
    };
    aside(admit).await
}

/// Tells a submission's span what became of it.
fn tell(span: &Span, fate: &Result<(TransactionId, Option<Fate>), Refused>) {
    if span.is_disabled() {
        return;
    }
    // Entered for a moment, since a span ends where it was left last.
    let _told = span.enter();
    let outcome = match fate {
        Ok((id, fate)) => {
            span.record("lonja.transaction", display(id));
            match fate {
                Some(Fate::Committed(decided, place)) => {
                    span.record("lonja.height", number(decided.header.entry.height));
                    match decided.results[*place as usize].entry.outcome {
                        Outcome::Applied => "applied",
                        Outcome::Refused { .. } => "refused",
                    }
                }
                _ => "known",
            }
        }
        Err(Refused::Pending(id) | Refused::CutShort { id, .. }) => {
            span.record("lonja.transaction", display(id));
            "pending"
        }
        Err(_) => "not-taken",
    };
    span.record("lonja.outcome", outcome);
}

fn answer(handle: &Handle, fate: Result<(TransactionId, Option<Fate>), Refused>) -> Answer {
    let made = match fate {
        Err(refused) => Err(refused.into()),
        Ok((id, Some(Fate::Committed(decided, place)))) => decided
            .receipt(place)
            .map_err(|error| Problem::internal(error.to_string()))
            .map(|receipt| CommittedAnswer {
                id,
                height: decided.header.entry.height,
                time_ms: decided.header.entry.time_ms,
                events: decided.results[place as usize].events.clone(),
                receipt: receipt.encode(),
            }),
        Ok((id, _)) => handle.settled().map_err(Problem::from).and_then(|reader| committed(&reader, handle, &id)),
    };
    made.map_or_else(|problem| Answer::problem(&problem), Answer::Committed)
}
