//! Routes and handlers. Each parses, asks one thing, and answers.

use super::{
    Answer, Decision, HistoryAnswer, Problem, StateAnswer,
    answers::{Answering, Answers, counted},
    blocks::blocks,
    checkpoint::{checkpoint, consistency, witnessed},
    connections::{self, Door},
    problem::{NO_BLOCK, UNSEALED},
    room::{self, Room},
    snapshots,
    submit::submit,
    trace,
    trust::{misconduct, trust},
    types::{CommittedAnswer, HistoryItem, HistoryQuery, RefusedDecision},
};
use crate::{
    limits::*,
    log::{proof, tile},
    node::{Handle, Refused},
    receipt::{HeightProof, Receipt, Seal, StateEvidence, Statement},
    store::{Place, Reader, StoreError},
    tree,
};
use axum::{
    Extension, Json, Router,
    error_handling::HandleErrorLayer,
    extract::{DefaultBodyLimit, Path, Query, State},
    http::header,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use borsh::BorshDeserialize;
use contracts::{
    delivery,
    id::{AgreementId, Height, SideId, TransactionId, VersionId},
    outcome::Entry,
    rejection::{Rejection, Stop},
    state::{Key, View},
};
use std::{
    future::Future,
    time::{SystemTime, UNIX_EPOCH},
};
use tower::{ServiceBuilder, limit::GlobalConcurrencyLimitLayer};

/// What a node answers, for whoever opens its address in a browser.
const ROUTES: &str = "\
/health                               is it well? 503 where it is not
/v1/status                            network, newest block, log and state
/v1/network                           the founding document
/v1/submissions                       POST: signed transactions
/v1/blocks?after=H                    blocks from a height on
/v1/trust?after=N                     records of changes of the validator set
/v1/misconduct                        validators that this node caught, with the evidence
/v1/headers?after=H                   headers of blocks from a height on
/v1/snapshots                         the height of which the state can be had, for a node that joins
/v1/snapshots/{height}                what that snapshot consists of, which is made now
/v1/snapshots/{height}/{number}       one of its 256 chunks
/v1/transactions/{id}                 a transaction with its receipt
/v1/state/{key}                       a record with its proof, or the proof that there is none
/v1/history/{key}                     all events of a subject
/v1/bundles/{key}                     the evidence bundle of a subject
/v1/sides/{id}                        a side body
/v1/decisions/{agreement}/{version}   may this be delivered now?
/v1/tlog-proof/{id}                   the receipt as C2SP text
/v1/consistency?from=A&to=B           the proof that the log only grew
/checkpoint                           the newest checkpoint, C2SP
/witnessed                            the newest checkpoint that witnesses cosigned, C2SP
/tile/...                             tiles of the log, C2SP
/metrics                              OpenMetrics
";

/// The node's routes.
pub fn router(handle: Handle) -> Router {
    routes(handle, Answers::new())
}

fn routes(handle: Handle, answers: Answers) -> Router {
    let routes = Router::new()
        .route("/", get(index))
        .route("/v1/submissions", post(submit).layer(middleware::from_fn_with_state(Room::new(), room::within)))
        .route("/v1/status", get(status))
        .route("/v1/network", get(network))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/v1/blocks", get(blocks))
        .route("/v1/trust", get(trust))
        .route("/v1/misconduct", get(misconduct))
        .route("/v1/headers", get(snapshots::headers))
        .route("/v1/snapshots", get(snapshots::offered))
        .route("/v1/snapshots/{height}", get(snapshots::manifest))
        .route("/v1/snapshots/{height}/{chunk}", get(snapshots::chunk))
        .route("/v1/transactions/{id}", get(transaction))
        .route("/v1/state/{key}", get(state))
        .route("/v1/history/{key}", get(history))
        .route("/v1/bundles/{key}", get(bundle))
        .route("/v1/sides/{id}", get(side))
        .route("/v1/decisions/{agreement}/{version}", get(decision))
        .route("/v1/tlog-proof/{id}", get(tlog_proof))
        .route("/v1/consistency", get(consistency))
        .route("/checkpoint", get(checkpoint))
        .route("/witnessed", get(witnessed))
        .route("/tile/{*path}", get(tiles))
        .fallback(|| async { Problem::not_found("there is no such route; the README lists them") })
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(|_| async { Problem::busy("too many requests are at work") }))
                .load_shed()
                .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_MAX)),
        )
        .layer(middleware::from_fn_with_state(answers, counted))
        .with_state(handle);
    trace::requests(routes, "node")
}

/// Serves on `listener` until `stop` is done. Whoever waits for the next block is then sent home, and
/// others have [`DRAIN`].
///
/// # Errors
/// What the socket says.
pub async fn serve(
    listener: tokio::net::TcpListener,
    handle: Handle,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_within(listener, handle, stop, Answers::new()).await
}

/// As [`serve`], with room for so many answers.
pub(super) async fn serve_within(
    listener: tokio::net::TcpListener,
    handle: Handle,
    stop: impl Future<Output = ()> + Send + 'static,
    answers: Answers,
) -> std::io::Result<()> {
    let mut server = axum_server::from_tcp(listener.into_std()?)?;
    connections::bound(&mut server);
    let (closing, door) = (handle.clone(), axum_server::Handle::new());
    let shut = door.clone();
    let stopping = tokio::spawn(async move {
        stop.await;
        closing.close();
        shut.graceful_shutdown(Some(DRAIN));
    });
    let served = server.map(Door::new).handle(door).serve(routes(handle, answers).into_make_service()).await;
    stopping.abort();
    served
}

pub(super) fn binary(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

pub(super) fn encode(value: &impl borsh::BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}

/// Runs what reads the store or verifies signatures away from the threads that serve sockets.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Problem::internal("the request failed; the node goes on")),
    }
}

pub(super) fn committed(reader: &Reader, handle: &Handle, id: &TransactionId) -> Result<CommittedAnswer, Problem> {
    let place = place_of(reader, id)?;
    let (receipt, time_ms) = receipt_at(reader, handle, place)?;
    let results = reader.results(place.height)?.ok_or_else(|| missing(place.height))?;
    let result = results.into_iter().nth(place.place as usize).ok_or_else(|| missing(place.height))?;
    Ok(CommittedAnswer { id: *id, height: place.height, time_ms, events: result.events, receipt: receipt.encode() })
}

/// Where a transaction is. Without all blocks, nobody can say that it is nowhere.
fn place_of(reader: &Reader, id: &TransactionId) -> Result<Place, Problem> {
    match (reader.place(id)?, reader.base()?) {
        (Some(place), _) => Ok(place),
        (None, 0) => Err(Problem::not_found(format!("transaction {id} is not in the ledger"))),
        (None, base) => Err(StoreError::Before { what: format!("transaction {id}, if there is one,"), base }.into()),
    }
}

pub(super) fn missing(height: Height) -> Problem {
    Problem::internal(format!("the store lacks a part of block {height}: run `lonja audit`"))
}

pub(super) fn receipt_at(reader: &Reader, handle: &Handle, place: Place) -> Result<(Receipt, u64), Problem> {
    let header = reader.header(place.height)?.ok_or_else(|| missing(place.height))?;
    let results = reader.results(place.height)?.ok_or_else(|| missing(place.height))?;
    let result = results.get(place.place as usize).ok_or_else(|| missing(place.height))?;
    let index = header.log_size - 1 - u64::from(header.entry.transactions) + u64::from(place.place);
    let receipt = receipt(reader, handle, place.height, index, Entry::Transaction(result.entry))?;
    Ok((receipt, header.entry.time_ms))
}

/// The receipt of entry `index` under the checkpoint of its own block.
fn receipt(reader: &Reader, handle: &Handle, height: Height, index: u64, entry: Entry) -> Result<Receipt, Problem> {
    let header = reader.header(height)?.ok_or_else(|| missing(height))?;
    let checkpoint = proof::TreeHead { size: header.log_size, root: header.log_root };
    let path =
        proof::inclusion(reader, index, checkpoint.size).map_err(|error| Problem::internal(error.to_string()))?;
    let statement = Statement { network: handle.network(), index, entry, path, checkpoint };
    Ok(Receipt { statement, seal: seal(reader, height)? })
}

pub(super) fn seal(reader: &Reader, height: Height) -> Result<Seal, Problem> {
    // Who asks has waited for it (`Handle::settled`); without a quorum it does not come.
    let bytes = reader.seal(height)?.ok_or_else(|| {
        Problem::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            UNSEALED,
            "Not sealed yet",
            format!("block {height} is being sealed; ask again"),
        )
    })?;
    Seal::try_from_slice(&bytes).map_err(|_| missing(height))
}

/// The receipt of the block entry at `height`.
pub(crate) fn height_proof(reader: &Reader, handle: &Handle, height: Height) -> Result<HeightProof, Problem> {
    let header = reader.header(height)?.ok_or_else(|| Problem::not_found(format!("there is no block {height} yet")))?;
    Ok(HeightProof { receipt: receipt(reader, handle, height, header.log_size - 1, Entry::Block(header.entry))? })
}

async fn status(State(handle): State<Handle>) -> Response {
    Json(handle.status()).into_response()
}

async fn index(State(handle): State<Handle>) -> String {
    let status = handle.status();
    let (network, height) = (status.network, status.height);
    format!(
        "A lonja node of network {network}, at block {height}. It speaks to programs; the marketplace and the \
         explorer speak to people.\n\n{ROUTES}"
    )
}

async fn network(State(handle): State<Handle>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], handle.document().to_json()).into_response()
}

async fn health(State(handle): State<Handle>) -> Response {
    let status = handle.status();
    let code = if status.healthy { axum::http::StatusCode::OK } else { axum::http::StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(status)).into_response()
}

async fn metrics(State(handle): State<Handle>) -> Response {
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], handle.metrics())
        .into_response()
}

async fn transaction(State(handle): State<Handle>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: TransactionId = parse(&id)?;
    aside(move || Ok(binary(encode(&Answer::Committed(committed(&handle.settled()?, &handle, &id)?))))).await
}

async fn state(State(handle): State<Handle>, Path(key): Path<String>) -> Result<Response, Problem> {
    let key = parse_key(&key)?;
    aside(move || {
        let reader = handle.settled()?;
        let (height, state) = evidence(&reader, &handle, &key)?;
        Ok(binary(encode(&StateAnswer { height, state })))
    })
    .await
}

/// A record with its proof at the newest height.
pub(crate) fn evidence(reader: &Reader, handle: &Handle, key: &Key) -> Result<(Vec<u8>, StateEvidence), Problem> {
    let tip = reader.tip()?.ok_or_else(|| Problem::internal("the ledger is not founded"))?;
    if tip.height == 0 {
        return Err(Problem::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            NO_BLOCK,
            "No block yet",
            "the first block is on its way; ask again",
        ));
    }
    let value = reader.read(key).map_err(|error| Problem::internal(error.to_string()))?;
    let proof = tree::prove(reader, tip.height, key).map_err(|error| Problem::internal(error.to_string()))?;
    let height = height_proof(reader, handle, tip.height)?.receipt.encode();
    Ok((height, StateEvidence { key: key.clone(), value, proof }))
}

async fn history(
    State(handle): State<Handle>,
    Extension(answering): Extension<Answering>,
    Path(key): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, Problem> {
    let (key, turn) = (parse_key(&key)?, answering.turn(false).await?);
    aside(move || {
        let _turn = turn;
        let reader = handle.settled()?;
        let (height, state) = evidence(&reader, &handle, &key)?;
        let items = history_items(&reader, &key, query.from, HISTORY_ITEMS_MAX)?;
        Ok(binary(encode(&HistoryAnswer { height, state, items })))
    })
    .await
}

async fn bundle(
    State(handle): State<Handle>,
    Extension(answering): Extension<Answering>,
    Path(key): Path<String>,
) -> Result<Response, Problem> {
    let (key, turn) = (parse_key(&key)?, answering.turn(false).await?);
    let work = move || {
        let _turn = turn;
        super::evidence::bundle(&handle, &key)
    };
    let bytes = aside(work).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// Events of a record's history, from index `from` on.
pub(crate) fn history_items(reader: &Reader, key: &Key, from: u64, limit: usize) -> Result<Vec<HistoryItem>, Problem> {
    let mut items = Vec::new();
    let mut block: Option<(Height, Vec<crate::store::StoredResult>)> = None;
    for pointer in reader.history(key, from, limit)? {
        let height = pointer.place.height;
        if block.as_ref().is_none_or(|(loaded, _)| *loaded != height) {
            block = Some((height, reader.results(height)?.ok_or_else(|| missing(height))?));
        }
        let results = block.as_ref().map(|(_, results)| results).ok_or_else(|| missing(height))?;
        let result = results.get(pointer.place.place as usize).ok_or_else(|| missing(height))?;
        let event = result.events.get(usize::from(pointer.number)).ok_or_else(|| missing(height))?.clone();
        items.push(HistoryItem { height, transaction: result.entry.transaction, number: pointer.number, event });
    }
    Ok(items)
}

async fn side(State(handle): State<Handle>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: SideId = parse(&id)?;
    aside(move || {
        let body = handle.side(&id).map_err(|error| Problem::internal(error.to_string()))?;
        let body = body.ok_or_else(|| Problem::not_found("the side body was withheld or taken down"))?;
        Ok(binary(encode(&body)))
    })
    .await
}

async fn decision(
    State(handle): State<Handle>,
    Path((agreement, version)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (agreement, version): (AgreementId, VersionId) = (parse(&agreement)?, parse(&version)?);
    aside(move || {
        // Of what is decided by now: nothing of the answer is signed, and a withdrawal is not to be late by a seal.
        let reader = handle.store().reader();
        let tip = reader.tip()?.ok_or_else(|| Problem::internal("the ledger is not founded"))?;
        if let Some(reason) = handle.status().reason {
            return Err(Refused::Stopped(reason).into());
        }
        let clock_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64);
        let tested_ms = tip.time_ms.max(clock_ms);
        let refused = match delivery::decide(&reader, &agreement, &version, tested_ms) {
            Ok(_) => None,
            Err(Stop::Refused(rejection)) => Some(refused_decision(&rejection)),
            Err(Stop::Fault(fault)) => return Err(Problem::internal(fault.to_string())),
        };
        Ok(Json(Decision { height: tip.height, time_ms: tip.time_ms, tested_ms, refused }).into_response())
    })
    .await
}

fn refused_decision(rejection: &Rejection) -> RefusedDecision {
    let name = Rejection::name_of(rejection.code()).unwrap_or_default().to_string();
    RefusedDecision { code: rejection.code(), name, text: rejection.to_string() }
}

async fn tlog_proof(State(handle): State<Handle>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: TransactionId = parse(&id)?;
    aside(move || {
        let reader = handle.settled()?;
        let place = place_of(&reader, &id)?;
        let (receipt, _) = receipt_at(&reader, &handle, place)?;
        let proof = receipt.tlog_proof(&handle.trust()).map_err(|error| Problem::internal(error.to_string()))?;
        Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], proof.to_string()).into_response())
    })
    .await
}

async fn tiles(State(handle): State<Handle>, Path(path): Path<String>) -> Result<Response, Problem> {
    let tile: tile::Tile =
        format!("tile/{path}").parse().map_err(|error: tile::TileError| Problem::not_found(error.to_string()))?;
    aside(move || {
        let reader = handle.settled()?;
        let size = reader.tip()?.map_or(0, |tip| tip.log.count());
        if !tile.is_within(size) {
            return Err(Problem::not_found(format!("the log has {size} entries; this tile is not there yet")));
        }
        let bytes = match tile.kind() {
            tile::TileKind::Entries => entry_bundle(&reader, &tile)?,
            _ => tile::hashes(&reader, &tile, size).map_err(|error| Problem::internal(error.to_string()))?,
        };
        let cache = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
        Ok(([(header::CONTENT_TYPE, "application/octet-stream"), cache], bytes).into_response())
    })
    .await
}

fn entry_bundle(reader: &Reader, tile: &tile::Tile) -> Result<Vec<u8>, Problem> {
    let (mut index, end) = (tile.first(), tile.first() + u64::from(tile.width()));
    let mut bundle: Vec<Vec<u8>> = Vec::new();
    while index < end {
        let height =
            reader.height_of_entry(index)?.ok_or_else(|| Problem::not_found("the entries are not there yet"))?;
        reader.reaches(height)?;
        let entries = reader.entries(height)?.ok_or_else(|| missing(height))?;
        let size = reader.header(height)?.ok_or_else(|| missing(height))?.log_size;
        let first = size - entries.len() as u64;
        // Of an entry before the oldest block that is here, the next block's are found.
        let from = index.checked_sub(first).map(|from| from as usize);
        let from = match (from, reader.base()?) {
            (Some(from), _) => from,
            (None, 0) => return Err(missing(height)),
            (None, base) => return Err(StoreError::Before { what: format!("log entry {index}"), base }.into()),
        };
        let to = ((end - first) as usize).min(entries.len());
        bundle.extend(entries[from..to].iter().map(Entry::bytes));
        index = first + to as u64;
    }
    tile::bundle(bundle.iter().map(Vec::as_slice)).map_err(|error| Problem::internal(error.to_string()))
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::bad_request(error.to_string()))
}

fn parse_key(text: &str) -> Result<Key, Problem> {
    match hex::decode(text) {
        Ok(bytes) if !bytes.is_empty() && bytes.len() <= 128 => Ok(Key::from_bytes(bytes)),
        _ => Err(Problem::bad_request("a key is 1 to 128 bytes in hexadecimal")),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Before { .. } => {
                Problem::new(axum::http::StatusCode::GONE, "before", "Not on this node", error.to_string())
            }
            // Its words name places that are nobody's business; they are in the log.
            error if error.is_away() => Problem::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                "archive-away",
                "The archive does not answer",
                "old blocks are in an archive that cannot be asked now: ask again, or another node",
            ),
            error => Problem::internal(error.to_string()),
        }
    }
}
