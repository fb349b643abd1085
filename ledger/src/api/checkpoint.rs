//! Routes about the log as a whole: its newest checkpoint, the newest that witnesses cosigned, and how one grew from
//! another.

use super::{
    Problem,
    server::{aside, binary, encode, seal},
    types::ConsistencyQuery,
};
use crate::{
    log::proof::{self, TreeHead},
    node::Handle,
    note::Note,
};
use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};

/// The checkpoint of the newest sealed block, with the signatures of its seal.
///
/// # Errors
/// [`Problem`] where it cannot be read.
pub fn newest(handle: &Handle) -> Result<Note, Problem> {
    let reader = handle.settled()?;
    let tip = reader.tip()?.ok_or_else(|| Problem::internal("the ledger is not founded"))?;
    let head = TreeHead { size: tip.log.count(), root: tip.log.root() };
    let seal = seal(&reader, tip.height)?;
    let note = seal.note(&handle.network(), handle.trust().era(head.size), &head);
    note.map_err(|error| Problem::internal(error.to_string()))
}

fn text(note: &Note) -> Response {
    let head = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (head, note.to_string()).into_response()
}

pub(super) async fn checkpoint(State(handle): State<Handle>) -> Result<Response, Problem> {
    aside(move || Ok(text(&newest(&handle)?))).await
}

pub(super) async fn witnessed(State(handle): State<Handle>) -> Result<Response, Problem> {
    let none = "no witness has cosigned a checkpoint of this node: [witnesses] in lonja.toml names who is asked";
    handle.witnessed().map(|note| text(&note)).ok_or_else(|| Problem::not_found(none))
}

/// The proof that the log of size `from` is the beginning of the log of size `to` (RFC 9162, 2.1.4).
pub(super) async fn consistency(
    State(handle): State<Handle>,
    Query(query): Query<ConsistencyQuery>,
) -> Result<Response, Problem> {
    aside(move || {
        let reader = handle.settled()?;
        let size = reader.tip()?.map_or(0, |tip| tip.log.count());
        if query.from > query.to || query.to > size {
            return Err(Problem::bad_request(format!("`from` is at most `to`, which is at most {size}")));
        }
        let hashes = proof::consistency(&reader, query.from, query.to);
        Ok(binary(encode(&hashes.map_err(|error| Problem::internal(error.to_string()))?)))
    })
    .await
}
