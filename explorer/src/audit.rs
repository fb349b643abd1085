//! Auditing the explorer's folder while it is stopped: its rows are made anew from a ledger that was
//! verified, and compared one by one; where none could be, nothing but that they can be read is audited. Nothing in it counts; what is damaged is deleted and built again.

use crate::index::{BlockRow, Index, decode_block, family, format_of};
use contracts::id::Height;
use ledger::{
    audit::{Findings, Replayed, compare_rows},
    store::kv::{Kv, KvError},
};
use serde::Serialize;
use std::{fs, path::Path};

/// What an audit of the explorer read.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audited {
    /// Up to which block its rows are. Behind the ledger is no damage: an explorer that starts catches up.
    pub height: Height,
    /// Rows that are what the ledger gives.
    pub rows: u64,
    /// What could not be audited for lack of a ledger, for people.
    #[serde(skip)]
    pub not_audited: Vec<&'static str>,
    /// What is not as it must be.
    #[serde(skip)]
    pub findings: Findings,
}

/// Audits the explorer's folder `dir`, against `ledger` where that could be made anew. `scratch` is an empty folder that the audit may fill.
///
/// # Errors
/// [`KvError::InUse`] while an explorer runs on it.
pub fn folder(dir: &Path, ledger: Option<&Replayed>, scratch: &Path) -> Result<Audited, KvError> {
    let mut audited = Audited::default();
    let Ok(mut entries) = fs::read_dir(dir) else {
        audited.findings.find(dir.display().to_string(), "is missing");
        return Ok(audited);
    };
    // Laid out, and no explorer has run yet.
    if entries.next().is_none() {
        return Ok(audited);
    }
    let remedy =
        format!("delete what is in {} and start the explorer: it is built again from the ledger", dir.display());
    let mut findings = Findings::default();
    let mut find =
        |place: &str, what: String| findings.find(format!("{} {place}", dir.display()), format!("{what}; {remedy}"));
    match Kv::open(dir, family::ALL) {
        Err(error @ KvError::InUse { .. }) => return Err(error),
        Err(error) => find("", error.to_string()),
        Ok(kv) => match height(&kv, ledger) {
            Err(reason) => find(family::META, reason),
            Ok(height) => {
                audited.height = height;
                match ledger.map(|ledger| anew(ledger, height, scratch)) {
                    None => audited.not_audited.push("explorer: whether its rows are what the ledger gives"),
                    Some(Err(reason)) => find("", format!("its rows could not be made anew for comparing: {reason}")),
                    // Before the first block only the founding state may be there, written or not.
                    Some(Ok(_)) if height == 0 => {}
                    Some(Ok(expected)) => {
                        let mut tell = |place: String, what: String| find(&place, what);
                        audited.rows = compare_rows(&kv, expected.kv(), family::ALL, &mut tell);
                    }
                }
            }
        },
    }
    audited.findings = findings;
    Ok(audited)
}

/// Up to which block the rows are.
fn height(kv: &Kv, ledger: Option<&Replayed>) -> Result<Height, String> {
    format_of(kv)?;
    let newest = kv.scan_back(family::BLOCKS, &u64::MAX.to_be_bytes(), &[], 1).map_err(|error| error.to_string())?;
    let height = match newest.first() {
        None => 0,
        Some((_, bytes)) => {
            let row: BlockRow = decode_block(bytes).map_err(|error| error.to_string())?;
            row.entry.height
        }
    };
    if let Some(verified) = ledger.map(Replayed::height).filter(|verified| height > *verified) {
        return Err(format!("it is of block {height}, the ledger was verified up to {verified}"));
    }
    Ok(height)
}

fn anew(ledger: &Replayed, height: Height, scratch: &Path) -> Result<Index, String> {
    let index = Index::open(scratch, ledger.network()).map_err(|error| error.to_string())?;
    for block in ledger.blocks() {
        let block = block?;
        if block.height > height {
            break;
        }
        index.take(&block).map_err(|error| error.to_string())?;
    }
    Ok(index)
}
