//! Auditing the rows of a market that is stopped: they are made anew and compared one by one.

use super::{FORMAT, INDEX, META, Rows, STATE, Tip};
use borsh::BorshDeserialize;
use contracts::id::Height;
use ledger::{
    audit::{Findings, Replayed, compare_rows},
    store::kv::Kv,
};
use std::path::Path;

/// Audits the rows in `folder` against rows made anew in `scratch`. Gives them back for whoever asks
/// them further; nothing where they are of no use.
///
/// Rows that are behind the ledger are no damage: a market that starts catches up.
pub(crate) fn audit(folder: &Path, ledger: &Replayed, scratch: &Path, findings: &mut Findings) -> Option<Rows> {
    let mut find = finding(folder, findings);
    let (kv, tip) = open(folder, &mut find)?;
    let rows = Rows { kv, network: ledger.network(), tip: parking_lot::RwLock::new(tip) };
    if tip.height > ledger.height() {
        let height = ledger.height();
        find(META, format!("they are of block {}, the ledger was verified up to {height}", tip.height));
        return None;
    }
    // Before the first block only the founding state may be there, written or not.
    if tip.height == 0 {
        return Some(rows);
    }
    match anew(ledger, tip, scratch) {
        Ok(expected) => {
            compare_rows(&rows.kv, &expected.kv, &[STATE, INDEX, META], &mut |place, what| find(&place, what));
        }
        Err(reason) => find("", format!("they could not be made anew for comparing: {reason}")),
    }
    Some(rows)
}

/// Up to which block the rows in `folder` say that they are, which is all that is known of them without a ledger.
pub(crate) fn claimed_height(folder: &Path, findings: &mut Findings) -> Option<Height> {
    Some(open(folder, &mut finding(folder, findings))?.1.height)
}

/// Tells `findings` of a place in `folder`, and what to do.
fn finding<'f>(folder: &'f Path, findings: &'f mut Findings) -> impl FnMut(&str, String) + 'f {
    let remedy =
        format!("delete the folder {} and start the market: it is built again from the ledger", folder.display());
    move |place, what| findings.find(format!("{} {place}", folder.display()), format!("{what}; {remedy}"))
}

fn open(folder: &Path, find: &mut dyn FnMut(&str, String)) -> Option<(Kv, Tip)> {
    let kv = match Kv::open(folder, &[STATE, INDEX, META]) {
        Ok(kv) => kv,
        Err(error) => {
            find("", error.to_string());
            return None;
        }
    };
    let meta = |name: &[u8]| kv.get(META, name).map_err(|error| error.to_string());
    let tip = meta(b"format").and_then(|format| match format {
        Some(format) if format == FORMAT.to_be_bytes() => match meta(b"tip")? {
            Some(bytes) => Tip::try_from_slice(&bytes).map_err(|error| format!("the tip cannot be read: {error}")),
            None => Ok(Tip::default()),
        },
        Some(_) => Err("the rows are of another release".into()),
        None => Err("the rows have no format".into()),
    });
    match tip {
        Ok(tip) => Some((kv, tip)),
        Err(reason) => {
            find(META, reason);
            None
        }
    }
}

fn anew(ledger: &Replayed, tip: Tip, scratch: &Path) -> Result<Rows, String> {
    let expected = Rows::open(scratch, ledger.network()).map_err(|error| error.to_string())?;
    for block in ledger.blocks() {
        let block = block?;
        if block.height > tip.height {
            break;
        }
        expected.apply(&block).map_err(|error| error.to_string())?;
    }
    Ok(expected)
}
