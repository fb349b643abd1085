//! A store that was begun by a snapshot, against one that was made anew from all blocks. Its tree has the same root by
//! other nodes, since those that came with the snapshot are all of one version: it is walked instead.

use super::compare;
use crate::{
    snapshot::Base,
    store::{FAMILIES, Store, StoreError},
    tree::{self, TreeError},
};

/// Families whose rows are others in such a store.
const OTHERS: [&str; 3] = ["meta", "nodes", "stale"];

/// Compares everything, and tells `find` of what differs. Returns how many rows stand in both.
pub(super) fn rows(found: &Store, expected: &Store, base: &Base, find: &mut dyn FnMut(String, String)) -> u64 {
    let families: Vec<_> = FAMILIES.iter().copied().filter(|family| !OTHERS.contains(family)).collect();
    let rows = compare::rows_after(base.height, found.kv(), expected.kv(), &families, find);
    if let Err(reason) = meta(found, expected, base) {
        find("meta".into(), reason);
    }
    if let Err(reason) = nodes(found, expected) {
        find("nodes".into(), reason);
    }
    rows
}

fn meta(found: &Store, expected: &Store, base: &Base) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    if found.tip().map_err(text)? != expected.tip().map_err(text)? {
        return Err("the tip is another".into());
    }
    if base.height == 0 {
        return Ok(());
    }
    let reader = expected.reader();
    let header = reader.header(base.height).map_err(text)?.ok_or("it begins above the newest block")?;
    let log = crate::log::frontier(&reader, header.log_size).map_err(|error| error.to_string())?;
    if (header.id(), log) != (base.block, base.log.clone()) {
        return Err(format!("it begins after another block {}", base.height));
    }
    Ok(())
}

fn nodes(found: &Store, expected: &Store) -> Result<(), String> {
    let tip = expected.tip().map_err(|error| error.to_string())?.ok_or("there is no ledger")?;
    let root = tree::walk(&found.reader(), tip.height, &mut |_| Ok::<(), TreeError>(()));
    match root {
        Ok(root) if root == tip.state_root => Ok(()),
        Ok(root) => Err(format!("the tree has root {root}")),
        Err(error) => Err(error.to_string()),
    }
}
