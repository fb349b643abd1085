//! Evidence bundles: gathered by the node from one snapshot, so that everything in one is of one
//! height, and verified by the client before anybody sees it.

use super::{
    Problem,
    client::{Client, ClientError},
    server,
};
use crate::{
    bundle::{Bundle, RecordEvidence, Report, kind_of, related},
    limits::{BUNDLE_RECEIPTS_MAX, BUNDLE_RELATED_MAX, HISTORY_ITEMS_MAX},
    log::proof,
    node::Handle,
    receipt::{CHANGES_MAX, HistoryLeaf, Receipt, StateEvidence, Statement},
    store::{Place, Reader},
    tree,
};
use axum::http::StatusCode;
use contracts::state::{Key, View};

/// The file of a bundle about the record under `key`, at the newest height: all its events, the
/// records related to it (without their histories), and receipts of the newest transactions.
pub(super) fn bundle(handle: &Handle, key: &Key) -> Result<Vec<u8>, Problem> {
    if kind_of(key).is_none() {
        return Err(Problem::bad_request("there are no bundles about this kind of record"));
    }
    let bundle = gather(&handle.settled()?, handle, key)?;
    bundle.encode().map_err(|error| too_large(&error))
}

fn too_large(reason: &dyn std::fmt::Display) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bundle-too-large", "Too large for one bundle", reason.to_string())
}

fn gather(reader: &Reader, handle: &Handle, key: &Key) -> Result<Bundle, Problem> {
    let (height, state) = server::evidence(reader, handle, key)?;
    let receipt = Receipt::decode(&height).map_err(|error| Problem::internal(error.to_string()))?;
    let history = state.value.is_some().then(|| history(reader, &state)).transpose()?;
    let events = history.iter().flatten().map(|leaf| &leaf.event);
    let mut others = related(key, state.value.as_deref().unwrap_or_default(), events);
    while others.len() > BUNDLE_RELATED_MAX {
        others.pop_last();
    }
    let mut records = vec![RecordEvidence { state, history }];
    for other in others {
        let state = evidence(reader, other)?;
        records.push(RecordEvidence { state, history: None });
    }
    let changes =
        crate::era::changes_after(reader, 0, CHANGES_MAX).map_err(|error| Problem::internal(error.to_string()))?;
    let mut bundle = Bundle { changes, height: crate::receipt::HeightProof { receipt }, records, receipts: Vec::new() };
    let transactions = bundle.transactions();
    for id in &transactions[transactions.len().saturating_sub(BUNDLE_RECEIPTS_MAX)..] {
        let place =
            reader.place(id)?.ok_or_else(|| Problem::internal("a history names a transaction that is missing"))?;
        bundle.receipts.push(receipt_of(reader, handle, place, &bundle.height.receipt)?);
    }
    Ok(bundle)
}

/// The receipt of a transaction. Where a key under its seal may be in other hands by now, it is under the checkpoint of
/// the bundle's height instead: a bundle holds by itself.
fn receipt_of(reader: &Reader, handle: &Handle, place: Place, height: &Receipt) -> Result<Receipt, Problem> {
    let (receipt, _) = server::receipt_at(reader, handle, place)?;
    if receipt.seal.lost(&handle.trust(), &receipt.statement.checkpoint).is_none() {
        return Ok(receipt);
    }
    let checkpoint = height.statement.checkpoint;
    let path = proof::inclusion(reader, receipt.statement.index, checkpoint.size)
        .map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Receipt { statement: Statement { path, checkpoint, ..receipt.statement }, seal: height.seal.clone() })
}

fn evidence(reader: &Reader, key: Key) -> Result<StateEvidence, Problem> {
    let internal = |error: &dyn std::fmt::Display| Problem::internal(error.to_string());
    let tip = reader.tip()?.ok_or_else(|| Problem::internal("the ledger is not founded"))?;
    let value = reader.read(&key).map_err(|error| internal(&error))?;
    let proof = tree::prove(reader, tip.height, &key).map_err(|error| internal(&error))?;
    Ok(StateEvidence { key, value, proof })
}

fn history(reader: &Reader, state: &StateEvidence) -> Result<Vec<HistoryLeaf>, Problem> {
    let count = state.history().map_err(|error| Problem::internal(error.to_string()))?.count();
    if count > HISTORY_ITEMS_MAX as u64 {
        return Err(too_large(&format_args!("its history has {count} events, a bundle {HISTORY_ITEMS_MAX} at most")));
    }
    let items = server::history_items(reader, &state.key, 0, HISTORY_ITEMS_MAX)?;
    let leaf = |item: super::types::HistoryItem| HistoryLeaf {
        height: item.height,
        transaction: item.transaction,
        number: item.number,
        event: item.event,
    };
    Ok(items.into_iter().map(leaf).collect())
}

impl Client {
    /// An evidence bundle about the record under `key` (or its absence) at the newest height: the
    /// file as it may be handed on, verified, with what it proves.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn bundle(&self, key: &Key) -> Result<(Vec<u8>, Report), ClientError> {
        let bytes = self.get(&format!("/v1/bundles/{key}")).await?;
        let report = self.verified(|trust| crate::bundle::verify(&bytes, trust)).await?;
        if report.subject != *key {
            return Err(self.untrue("the bundle is about another record than was asked for"));
        }
        Ok((bytes, report))
    }
}
