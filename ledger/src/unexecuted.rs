//! What holds of a decided block without executing it: that it follows the one before, that its transactions and
//! events are those that its entries commit to, and that its entries give the log that it says.
//!
//! Followers check this of each block that they are sent, and the audit of a ledger of which transactions are missing
//! of each block that is there.

use crate::{
    block::{Header, entries},
    log::{self, SubtreeHash, proof::TreeHead},
    store::StoredResult,
};
use contracts::{
    event::Event,
    execute,
    id::{Digest, Height, NetworkId},
    merkle::Frontier,
    transaction::{Checked, Transaction},
};

/// Where a chain of blocks is, before the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The height of the newest block; 0 before the first.
    pub height: Height,
    /// Its id; the network's id before the first.
    pub block: Digest,
    /// The log after it.
    pub log: Frontier,
}

/// Size and root of the log after the block.
pub(crate) fn head(header: &Header) -> TreeHead {
    TreeHead { size: header.log_size, root: header.log_root }
}

/// Checks that the block follows `place`, and that its results give the log that its header says. Returns where the
/// chain is after it, and the hashes that it adds to the log.
///
/// # Errors
/// What does not hold, for people.
pub(crate) fn follows(
    place: &Place,
    header: &Header,
    results: &[StoredResult],
) -> Result<(Place, Vec<SubtreeHash>), String> {
    let said = &header.entry;
    if (said.height, said.parent, said.log_root_before) != (place.height + 1, place.block, place.log.root()) {
        return Err(format!("it does not follow block {}", place.height));
    }
    if said.transactions as usize != results.len() {
        return Err("it has not one result for each transaction".into());
    }
    if results.iter().any(|result| result.entry.events != Event::digest_all(&result.events)) {
        return Err("events are not those of the log".into());
    }
    let leaves = entries(results.iter().map(|result| &result.entry), said).map(|entry| entry.leaf());
    let (log, hashes) = log::append(&place.log, leaves);
    if (log.count(), log.root()) != (header.log_size, header.log_root) {
        return Err("its entries do not give the log that it says".into());
    }
    Ok((Place { height: said.height, block: header.id(), log }, hashes))
}

/// Decodes the block's transactions, and checks that they are those of its header and results. Their signatures were
/// verified by a quorum before it signed the block.
///
/// # Errors
/// What does not hold, for people.
pub(crate) fn transactions(
    network: &NetworkId,
    bodies: &[Vec<u8>],
    header: &Header,
    results: &[StoredResult],
) -> Result<Vec<Checked>, String> {
    let check = |bytes: &Vec<u8>| {
        let decoded = Transaction::decode(bytes).and_then(|transaction| transaction.check_unsigned(network));
        decoded.map_err(|error| error.to_string())
    };
    let checked = bodies.iter().map(check).collect::<Result<Vec<_>, _>>()?;
    let is_of = |(one, result): (&Checked, &StoredResult)| {
        (one.id(), one.digest()) == (result.entry.transaction, result.entry.digest)
    };
    let same = checked.len() == results.len()
        && header.transactions == execute::digest_of_transactions(&checked)
        && checked.iter().zip(results).all(is_of);
    if same { Ok(checked) } else { Err("it has other transactions than it says".into()) }
}
