//! The bundle as JSON: fields, their order, and what stands beside the raw bytes for people.
//!
//! Numbers that may pass 2^53 are strings; raw bytes are hexadecimal in lower case and hold borsh.

use super::{Bundle, BundleError, RECORDS_MAX, RecordEvidence, kind_of, show};
use crate::receipt::{HeightProof, HistoryLeaf, Receipt, StateEvidence};
use borsh::BorshDeserialize;
use contracts::{
    event::Event,
    id::{NetworkId, TransactionId},
    outcome::Entry,
    state::Key,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const FORMAT: &str = "lonja-bundle/v1";

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    network: NetworkId,
    subject: Subject<'a>,
    as_of: AsOf,
    counts: Counts,
    trust: Vec<String>,
    height: Sealed<'a>,
    records: Vec<Record<'a>>,
    receipts: Vec<Sealed<'a>>,
}

#[derive(Serialize)]
struct Subject<'a> {
    kind: &'static str,
    key: &'a Key,
}

#[derive(Serialize)]
struct AsOf {
    height: String,
    time_ms: String,
}

#[derive(Serialize)]
struct Counts {
    changes: usize,
    records: usize,
    events: usize,
    receipts: usize,
}

/// A receipt: what it says, and its bytes.
#[derive(Serialize)]
struct Sealed<'a> {
    index: String,
    says: &'a Entry,
    log_size: String,
    log_root: contracts::id::Digest,
    raw: String,
}

#[derive(Serialize)]
struct Record<'a> {
    kind: &'static str,
    key: &'a Key,
    value: Option<Value>,
    raw: Option<String>,
    proof: String,
    history: Option<Vec<Leaf<'a>>>,
}

#[derive(Serialize)]
struct Leaf<'a> {
    height: String,
    transaction: &'a TransactionId,
    number: u16,
    event: &'a Event,
    raw: String,
}

pub(super) fn encode(bundle: &Bundle) -> Result<Vec<u8>, BundleError> {
    let subject = &bundle.records.first().ok_or(BundleError::Order("a bundle has a subject"))?.state.key;
    let statement = &bundle.height.receipt.statement;
    let Entry::Block(block) = &statement.entry else {
        return Err(BundleError::Order("a bundle's height is proven by a block entry"));
    };
    let document = Document {
        format: FORMAT,
        network: statement.network,
        subject: Subject { kind: kind(subject)?, key: subject },
        as_of: AsOf { height: block.height.to_string(), time_ms: block.time_ms.to_string() },
        counts: Counts {
            changes: bundle.changes.len(),
            records: bundle.records.len(),
            events: bundle.events().count(),
            receipts: bundle.receipts.len(),
        },
        trust: bundle.changes.iter().map(raw).collect(),
        height: sealed(&bundle.height.receipt),
        records: bundle.records.iter().map(record).collect::<Result<_, _>>()?,
        receipts: bundle.receipts.iter().map(sealed).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| BundleError::Form(error.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn kind(key: &Key) -> Result<&'static str, BundleError> {
    kind_of(key).ok_or_else(|| BundleError::Kind(key.clone()))
}

fn raw(part: &impl borsh::BorshSerialize) -> String {
    hex::encode(borsh::to_vec(part).expect("writing to memory does not fail"))
}

fn sealed(receipt: &Receipt) -> Sealed<'_> {
    let statement = &receipt.statement;
    Sealed {
        index: statement.index.to_string(),
        says: &statement.entry,
        log_size: statement.checkpoint.size.to_string(),
        log_root: statement.checkpoint.root,
        raw: hex::encode(receipt.encode()),
    }
}

fn record(record: &RecordEvidence) -> Result<Record<'_>, BundleError> {
    let StateEvidence { key, value, proof } = &record.state;
    let shown = match value {
        None => None,
        Some(bytes) => Some(show(key, bytes).ok_or_else(|| BundleError::Kind(key.clone()))?),
    };
    let leaves = record.history.as_ref().map(|leaves| leaves.iter().map(leaf).collect());
    Ok(Record {
        kind: kind(key)?,
        key,
        value: shown,
        raw: value.as_ref().map(hex::encode),
        proof: raw(proof),
        history: leaves,
    })
}

fn leaf(leaf: &HistoryLeaf) -> Leaf<'_> {
    let HistoryLeaf { height, transaction, number, event } = leaf;
    Leaf { height: height.to_string(), transaction, number: *number, event, raw: hex::encode(leaf.bytes()) }
}

/// The raw parts; everything beside them is derived again and compared.
#[derive(Deserialize)]
struct Raw {
    format: String,
    trust: Vec<String>,
    height: RawPart,
    records: Vec<RawRecord>,
    receipts: Vec<RawPart>,
}

#[derive(Deserialize)]
struct RawPart {
    raw: String,
}

#[derive(Deserialize)]
struct RawRecord {
    key: Key,
    raw: Option<String>,
    proof: String,
    history: Option<Vec<RawPart>>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Bundle, BundleError> {
    let form = |error: &dyn std::fmt::Display| BundleError::Form(error.to_string());
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| form(&error))?;
    if raw.format != FORMAT {
        return Err(form(&format_args!("its format is not {FORMAT}")));
    }
    if raw.records.len() > RECORDS_MAX {
        return Err(BundleError::TooLarge);
    }
    let receipt = |part: &RawPart| Receipt::decode(&unhex(&part.raw)?).map_err(|error| form(&error));
    Ok(Bundle {
        changes: raw.trust.iter().map(|text| part(text)).collect::<Result<_, _>>()?,
        height: HeightProof { receipt: receipt(&raw.height)? },
        records: raw.records.into_iter().map(raw_record).collect::<Result<_, _>>()?,
        receipts: raw.receipts.iter().map(receipt).collect::<Result<_, _>>()?,
    })
}

fn raw_record(record: RawRecord) -> Result<RecordEvidence, BundleError> {
    let value = record.raw.as_deref().map(unhex).transpose()?;
    let state = StateEvidence { key: record.key, value, proof: part(&record.proof)? };
    let leaves = |leaves: Vec<RawPart>| leaves.iter().map(|leaf| part(&leaf.raw)).collect::<Result<_, _>>();
    Ok(RecordEvidence { state, history: record.history.map(leaves).transpose()? })
}

fn unhex(text: &str) -> Result<Vec<u8>, BundleError> {
    hex::decode(text).map_err(|error| BundleError::Form(error.to_string()))
}

fn part<T: BorshDeserialize>(text: &str) -> Result<T, BundleError> {
    borsh::from_slice(&unhex(text)?).map_err(|error| BundleError::Form(error.to_string()))
}
