//! Routes about the validators: how their set changed, and what they were caught at.

use super::{
    Problem,
    server::{aside, binary, encode},
    types::TrustQuery,
};
use crate::{
    era,
    limits::TRUST_CHANGES_MAX,
    node::{Evidence, Handle},
};
use axum::{
    Json,
    extract::{Query, State},
    response::Response,
};

/// Records of changes of the set, each signed by a quorum of the set before it.
pub(super) async fn trust(State(handle): State<Handle>, Query(query): Query<TrustQuery>) -> Result<Response, Problem> {
    aside(move || {
        let changes = era::changes_after(&handle.store().reader(), query.after, TRUST_CHANGES_MAX)?;
        Ok(binary(encode(&changes)))
    })
    .await
}

/// What this node caught validators at. The signatures in it hold, whoever tells it.
pub(super) async fn misconduct(State(handle): State<Handle>) -> Json<Vec<Evidence>> {
    Json(handle.misconduct())
}
