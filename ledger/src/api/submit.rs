//! Handing in: a list of signed transactions goes in, and what became of each comes out.

use super::{
    Answer, Problem,
    server::{aside, binary, committed, encode},
    types::CommittedAnswer,
};
use crate::{
    limits::{SUBMISSIONS_PER_REQUEST_MAX, SUBMIT_WAIT_MS},
    node::{Fate, Handle, Refused},
    spans::number,
    submission::Submission,
};
use axum::{body::Bytes, extract::State, response::Response};
use borsh::BorshDeserialize;
use contracts::{id::TransactionId, outcome::Outcome};
use std::time::Duration;
use tracing::{
    Span,
    field::{Empty, display},
    info_span,
};

/// `POST /v1/submissions`.
pub(super) async fn submit(State(handle): State<Handle>, body: Bytes) -> Result<Response, Problem> {
    let submissions = watched(decode_submissions(&body)?);
    let taken = {
        let handle = handle.clone();
        aside(move || Ok(take_all(&handle, submissions))).await?
    };
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

/// Fewer submissions than this are not worth waking other threads for, and only so few have a span each.
const FEW: usize = 8;

type Taken = Result<(TransactionId, Option<tokio::sync::oneshot::Receiver<Fate>>), Refused>;

/// Submissions with their spans, by which a trace leads from each to its block.
fn watched(submissions: Vec<Submission>) -> Vec<(Submission, Span)> {
    let few = submissions.len() < FEW;
    let span = || info_span!("submission", lonja.transaction = Empty, lonja.height = Empty, lonja.outcome = Empty);
    submissions.into_iter().map(|one| (one, if few { span() } else { Span::none() })).collect()
}

fn take_all(handle: &Handle, submissions: Vec<(Submission, Span)>) -> Vec<(Taken, Span)> {
    use rayon::prelude::*;
    let take = |(one, span): (Submission, Span)| (span.in_scope(|| handle.take(one)), span);
    // Many are mostly signatures.
    if submissions.len() < FEW {
        submissions.into_iter().map(take).collect()
    } else {
        submissions.into_par_iter().map(take).collect()
    }
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
