//! A copy of a ledger, looked at before anybody relies on it.
//!
//! That no byte of a copy changed is for whoever keeps digests of its files. Here is asked what digests cannot tell:
//! whether the store that was copied says one thing about where it stands. An audit executes everything again; this
//! reads a few hundred rows, so that it can be done at every copy.

use super::{Store, StoreError, Tip};
use crate::{
    log::{self, LogError},
    tree::{self, TreeError},
};
use contracts::id::NetworkId;
use std::path::Path;

/// Why a copy is no ledger to rely on.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error("the log of the copy")]
    Log(#[from] LogError),
    /// The state's tree cannot be read.
    #[error("the state of the copy")]
    Tree(#[from] TreeError),
    /// Two of its rows exclude each other.
    #[error("the copy does not hold: {0}")]
    Untrue(String),
}

/// Opens the copy in folder `path`, changing nothing there, and computes the roots of log and state again from
/// their hashes, which must be those that the newest header and the tip name. Returns the store and where it stands.
///
/// # Errors
/// [`CopyError`].
pub fn check_copy(path: &Path, network: NetworkId) -> Result<(Store, Tip), CopyError> {
    let store = Store::open_read_only(path)?;
    let reader = store.reader();
    let tip = reader.tip()?.ok_or_else(|| CopyError::Untrue("the founding was never written".into()))?;
    if tip.network != network {
        return Err(StoreError::OtherNetwork { found: tip.network, expected: network }.into());
    }
    let untrue = |what: &str| CopyError::Untrue(format!("{what} at height {}", tip.height));
    if log::root(&reader, tip.log.count())? != tip.log.root() {
        return Err(untrue("the hashes of the log do not give its root"));
    }
    if tree::root(&reader, tip.height)? != tip.state_root {
        return Err(untrue("the tree of the state does not give its root"));
    }
    if tip.height > 0 {
        let header = reader.header(tip.height)?.ok_or_else(|| untrue("the newest block is missing"))?;
        let named = (header.log_size, header.log_root, header.entry.state_root, header.id());
        if named != (tip.log.count(), tip.log.root(), tip.state_root, tip.block) {
            return Err(untrue("the newest block names other roots than the tip"));
        }
    }
    drop(reader);
    Ok((store, tip))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Batch, encode};
    use contracts::{id::Digest, merkle::Frontier};
    use std::collections::BTreeMap;

    #[test]
    fn a_copy_of_another_network_or_with_another_root_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, network) = (folder.path().join("db"), NetworkId([7; 32]));
        let store = Store::open(&path).unwrap();
        let made = tree::update(&tree::MemoryNodes::default(), None, 0, []).unwrap();
        let mut tip = Tip {
            network,
            height: 0,
            block: Digest(network.0),
            time_ms: 0,
            log: Frontier::EMPTY,
            state_root: made.root,
        };
        store.found(&tip, &BTreeMap::new(), made).unwrap();
        let copied = |name: &str| {
            let copy = folder.path().join(name);
            store.kv().checkpoint(&copy).unwrap();
            copy
        };
        let whole = copied("whole");
        assert_eq!(check_copy(&whole, network).unwrap().1, tip);
        let other = check_copy(&whole, NetworkId([8; 32]));
        assert!(matches!(other, Err(CopyError::Store(StoreError::OtherNetwork { .. }))));
        tip.state_root = Digest([1; 32]);
        let mut batch = Batch::default();
        batch.put("meta", b"tip".as_slice(), encode(&tip));
        store.kv().write(batch).unwrap();
        assert!(matches!(check_copy(&copied("changed"), network), Err(CopyError::Untrue(_))));
        assert!(check_copy(&folder.path().join("nowhere"), network).is_err());
    }
}
