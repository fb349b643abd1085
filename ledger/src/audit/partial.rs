//! A store against one that was made anew from all blocks, where it may lack what it says that it lacks: blocks before
//! the snapshot that it was begun by, and transactions that were pruned.
//!
//! The tree of a store that was begun by a snapshot has the same root by other nodes, since those that came with it
//! are all of one version: it is walked instead of being compared.

use super::compare::{self, Lacks};
use crate::{
    store::{Base, FAMILIES, Reader, Store, StoreError},
    tree::{self, TreeError},
};

/// Compares everything, and tells `find` of what differs. Returns how many rows stand in both.
pub(super) fn rows(found: &Store, expected: &Store, base: Option<&Base>, find: &mut dyn FnMut(String, String)) -> u64 {
    let reader = found.reader();
    let walked = base.is_some();
    let is_compared = |family: &&str| *family != "meta" && !(walked && ["nodes", "stale"].contains(family));
    let families: Vec<_> = FAMILIES.iter().copied().filter(is_compared).collect();
    let mut lacks = Lacks { blocks: base.map_or(0, |base| base.height), bodies: 0 };
    match reader.pruned() {
        Ok(pruned) => lacks.bodies = pruned,
        Err(error) => find("meta pruned".into(), error.to_string()),
    }
    let rows = compare::rows_but(&lacks, found.kv(), expected.kv(), &families, find);
    if let Err(reason) = meta(&reader, expected, base) {
        find("meta".into(), reason);
    }
    if walked && let Err(reason) = nodes(&reader, expected) {
        find("nodes".into(), reason);
    }
    rows
}

fn meta(found: &Reader, expected: &Store, base: Option<&Base>) -> Result<(), String> {
    let text = |error: StoreError| error.to_string();
    let tip = expected.tip().map_err(text)?.ok_or("there is no ledger")?;
    if found.tip().map_err(text)?.as_ref() != Some(&tip) {
        return Err("the tip is another".into());
    }
    if found.pruned().map_err(text)? > tip.height {
        return Err("more was pruned than there is".into());
    }
    let Some(base) = base.filter(|base| base.height > 0) else { return Ok(()) };
    let reader = expected.reader();
    let header = reader.header(base.height).map_err(text)?.ok_or("it begins above the newest block")?;
    let log = crate::log::frontier(&reader, header.log_size).map_err(|error| error.to_string())?;
    if (header.id(), &log) != (base.block, &base.log) {
        return Err(format!("it begins after another block {}", base.height));
    }
    Ok(())
}

fn nodes(found: &Reader, expected: &Store) -> Result<(), String> {
    let tip = expected.tip().map_err(|error| error.to_string())?.ok_or("there is no ledger")?;
    match tree::walk(found, tip.height, &mut |_| Ok::<(), TreeError>(())) {
        Ok(root) if root == tip.state_root => Ok(()),
        Ok(root) => Err(format!("the tree has root {root}")),
        Err(error) => Err(error.to_string()),
    }
}
