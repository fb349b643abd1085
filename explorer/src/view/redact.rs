//! What the explorer keeps to itself: metadata can be sensitive (ISO/DIS 37156 7.4.2.3).
//!
//! Anybody may read the explorer, so it shows of a closed dataset only that it exists, of an access
//! list only how many are on it, and of a side body only that a commitment binds it. What is
//! withheld is named where it is withheld. It deletes nothing: receipts and histories stay whole,
//! and entitled readers check the rest against the same commitments.

use crate::index::{IndexError, Reader};
use contracts::{
    action::Action,
    dataset::Dataset,
    id::{DatasetId, PartyId, SideId},
    jacket::Access,
    state::{Fault, Reading},
    takedown::TakenDown,
    transaction::Transaction,
    vocabulary::{Spectrum, Stated},
};
use serde_json::{Value, json};

/// Why something is not shown.
pub const CLOSED: &str =
    "This dataset is closed: the explorer acknowledges it and shows no details (ISO/DIS 37156 5.5.2).";
/// See [`CLOSED`].
pub const ACCESS_LIST: &str = "Who is on an access list or in a group is shown to those concerned only.";
/// See [`CLOSED`].
const SIDE_BODY: &str = "Bound by this commitment and kept beside the ledger; shown to entitled readers, deletable without breaking a proof.";

/// What is said in the place of what the commitment `side` binds.
///
/// # Errors
/// A fault of the index.
pub fn side_note(reader: &Reader, side: Option<&SideId>) -> Result<Option<String>, Fault> {
    let Some(side) = side else { return Ok(None) };
    let gone: Option<TakenDown> = reader.value(&TakenDown::key(side))?;
    let said = gone.map(|gone| format!("Taken down in block {}; this commitment and every proof stay.", gone.height));
    Ok(Some(said.unwrap_or_else(|| SIDE_BODY.to_owned())))
}

/// Is a dataset closed now, or as a request would have had it?
pub fn is_closed(spectrum: &Stated<Spectrum>) -> bool {
    spectrum.value() == Some(&Spectrum::Closed)
}

/// Is the dataset `id` closed now?
///
/// # Errors
/// [`IndexError`] where the state cannot be read.
pub fn closed(reader: &Reader, id: &DatasetId) -> Result<bool, IndexError> {
    let dataset = reader.value::<Dataset>(&Dataset::key(id))?;
    Ok(dataset.is_some_and(|dataset| is_closed(&dataset.classification.spectrum)))
}

/// A transaction as JSON, and what of it is withheld, in sentences.
///
/// # Errors
/// [`IndexError`] where the state cannot be read.
pub fn transaction(reader: &Reader, transaction: &Transaction) -> Result<(Value, Vec<&'static str>), IndexError> {
    let mut value = serde_json::to_value(transaction).expect("a transaction has no map with keys that are no strings");
    let action = &mut value["body"]["action"];
    let sender = transaction.body.sender;
    let withheld = match &transaction.body.action {
        Action::Publish(ask) => jacket(reader, action, &ask.id(&sender), &ask.jacket)?,
        Action::Revise(ask) => jacket(reader, action, &ask.dataset, &ask.jacket)?,
        Action::SetGroup(ask) => {
            action["members"] = members(&ask.members);
            vec![ACCESS_LIST]
        }
        Action::AddVersion(ask) if closed(reader, &ask.dataset)? => cut(action, &["content", "parents", "excludes"]),
        Action::RecordStep(ask) if closed(reader, &ask.dataset)? => {
            cut(action, &["job", "tool", "inputs", "note", "started_ms", "ended_ms"])
        }
        Action::StateBasis(ask) if closed(reader, &ask.dataset)? => cut(action, &["reference", "controls"]),
        _ => Vec::new(),
    };
    Ok((value, withheld))
}

fn jacket(
    reader: &Reader,
    action: &mut Value,
    id: &DatasetId,
    jacket: &contracts::jacket::Jacket,
) -> Result<Vec<&'static str>, IndexError> {
    if is_closed(&jacket.classification.spectrum) || closed(reader, id)? {
        action["jacket"] = json!({ "title": jacket.title, "withheld": CLOSED });
        return Ok(vec![CLOSED]);
    }
    match jacket.classification.access.value() {
        Some(Access::Specific { parties }) => {
            action["jacket"]["classification"]["access"]["value"]["parties"] = members(parties);
            Ok(vec![ACCESS_LIST])
        }
        _ => Ok(Vec::new()),
    }
}

fn members(parties: &[PartyId]) -> Value {
    json!({ "count": parties.len(), "withheld": ACCESS_LIST })
}

fn cut(action: &mut Value, fields: &[&str]) -> Vec<&'static str> {
    for field in fields {
        action[*field] = json!({ "withheld": CLOSED });
    }
    vec![CLOSED]
}
