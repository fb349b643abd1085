//! What a reader checks by itself: receipts, the newest checkpoint, the anchor, evidence bundles.
//!
//! All of it is passed through from the node; the client has verified it before, and the reader's
//! own browser or command verifies it again. Nothing here is a verdict.

use super::{
    App,
    errors::Failure,
    shell::{json, tagged},
};
use crate::{
    limits::NODE_TIMEOUT,
    view::{Missing, redact, transaction::signed_bytes},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
    routing::get,
};
use contracts::{
    agreement::Agreement, consent::Consent, dataset::Dataset, governance::Proposal, id::*, state::Key, state::Reading,
};
use ledger::api::client::ClientError;
use std::{future::Future, str::FromStr};

/// Routes of everything that proves.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/receipt/{id}", get(receipt))
        .route("/signed/{id}", get(signed))
        .route("/checkpoint", get(checkpoint))
        .route("/tlog-proof/{id}", get(tlog_proof))
        .route("/anchor.json", get(anchor))
        .route("/bundle/{kind}/{id}", get(bundle))
}

/// The anchor as JSON: network id and first validator set.
pub fn anchor_json(app: &App) -> String {
    let trust = app.client.trust();
    let set = trust.era(0);
    let anchor = serde_json::json!({ "network": app.client.network(), "set": set });
    serde_json::to_string_pretty(&anchor).unwrap_or_default()
}

/// Waits for the node, but not for ever.
async fn asked<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
    match tokio::time::timeout(NODE_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(Failure::Node),
        Err(_) => Err(Failure::Busy("the node took too long to answer")),
    }
}

fn id<T: FromStr>(text: &str) -> Result<T, Missing>
where
    T::Err: std::fmt::Display,
{
    text.to_lowercase().parse().map_err(|error: T::Err| Missing::Malformed(error.to_string()))
}

fn unknown(app: &App, what: &'static str, id: &impl ToString) -> Failure {
    Missing::Unknown { what, id: id.to_string(), height: app.index.tip().height }.into()
}

/// Bytes as a file of their own.
fn file(headers: &HeaderMap, kind: &'static str, name: &str, bytes: Vec<u8>) -> Response {
    let mut response = tagged(headers, kind, bytes);
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

const BINARY: &str = "application/octet-stream";

async fn receipt(State(app): State<App>, Path(text): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let transaction: TransactionId = id(text.trim_end_matches(".receipt"))?;
    let committed = asked(app.client.committed(transaction)).await?;
    let committed = committed.ok_or_else(|| unknown(&app, "transaction", &transaction))?;
    Ok(file(&headers, BINARY, &format!("{transaction}.receipt"), committed.receipt))
}

async fn tlog_proof(State(app): State<App>, Path(text): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let transaction: TransactionId = id(&text)?;
    let bytes = asked(app.client.get(&format!("/v1/tlog-proof/{transaction}"))).await?;
    Ok(file(&headers, "text/plain; charset=utf-8", &format!("{transaction}.tlog-proof"), bytes))
}

async fn signed(State(app): State<App>, Path(text): Path<String>, headers: HeaderMap) -> Result<Response, Failure> {
    let transaction: TransactionId = id(&text)?;
    let bytes = app.read(move |reader| signed_bytes(reader, &transaction)).await?.map_err(Failure::Withheld)?;
    Ok(file(&headers, BINARY, &format!("{transaction}.signed"), bytes))
}

async fn checkpoint(State(app): State<App>, headers: HeaderMap) -> Result<Response, Failure> {
    let bytes = asked(app.client.get("/checkpoint")).await?;
    Ok(tagged(&headers, "text/plain; charset=utf-8", bytes))
}

async fn anchor(State(app): State<App>, headers: HeaderMap) -> Response {
    let mut response =
        json(&headers, &serde_json::from_str::<serde_json::Value>(&anchor_json(&app)).unwrap_or_default());
    let name = HeaderValue::from_static("inline; filename=\"anchor.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

/// The evidence bundle of a dataset, agreement, consent or proposal, as the node makes it.
async fn bundle(
    State(app): State<App>,
    Path((kind, text)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let text = text.to_lowercase();
    let key = bundle_key(&app, &kind, &text).await?;
    let (bytes, _) = asked(app.client.bundle(&key)).await?;
    Ok(file(&headers, "application/json", &format!("lonja-{kind}-{}.bundle.json", &text[..16]), bytes))
}

/// The key of a thing that is there and not closed.
async fn bundle_key(app: &App, kind: &str, text: &str) -> Result<Key, Failure> {
    let (kind, text) = (kind.to_string(), text.to_string());
    let found: Result<Key, &'static str> = app
        .read(move |reader| {
            let missing = |what| Missing::Unknown { what, id: text.clone(), height: reader.tip().height };
            if kind == "proposal" {
                let key = Proposal::key(&id(&text)?);
                reader.value::<Proposal>(&key)?.ok_or_else(|| missing("proposal"))?;
                return Ok(Ok(key));
            }
            let (key, dataset) = match kind.as_str() {
                "dataset" => {
                    let dataset: DatasetId = id(&text)?;
                    reader.value::<Dataset>(&Dataset::key(&dataset))?.ok_or_else(|| missing("dataset"))?;
                    (Dataset::key(&dataset), dataset)
                }
                "agreement" => {
                    let key = Agreement::key(&id(&text)?);
                    let held: Agreement = reader.value(&key)?.ok_or_else(|| missing("agreement"))?;
                    (key, held.dataset)
                }
                "consent" => {
                    let key = Consent::key(&id(&text)?);
                    let held: Consent = reader.value(&key)?.ok_or_else(|| missing("consent"))?;
                    (key, held.dataset)
                }
                _ => {
                    return Err(Missing::Malformed(
                        "bundles are made of a dataset, an agreement, a consent or a proposal".into(),
                    ));
                }
            };
            Ok(if redact::closed(reader, &dataset)? { Err(redact::CLOSED) } else { Ok(key) })
        })
        .await?;
    found.map_err(Failure::Withheld)
}
