//! The audit of a ledger of which blocks or transactions are missing, and that nobody completes: everything but the
//! execution. What a quorum of validators signed is here, hash by hash, and the state is the one that they signed;
//! that the rules lead from one to the other is not shown, and the report says so.

use super::{AuditError, Missed, Report};
use crate::{
    block::{Header, entries},
    era,
    log::{self, HashReader, proof::TreeHead},
    receipt::{Seal, Trust},
    store::{Reader, Store, StoreError, StoredResult},
    tree::{self, Leaf, TreeError},
};
use borsh::BorshDeserialize;
use contracts::{
    event::Event,
    execute,
    id::{Digest, Height},
    merkle::Frontier,
    transaction::Transaction,
};

/// The first part of its blocks that `store` lacks, for people; `None` where it has everything.
pub(super) fn lacking(store: &Store) -> Result<Option<String>, StoreError> {
    let reader = store.reader();
    let (base, pruned) = (reader.base()?, reader.pruned()?);
    if base > 0 {
        return Ok(Some(format!("the node joined by a snapshot, and has no blocks up to {base}")));
    }
    for height in 1..=pruned {
        match reader.has_bodies(height) {
            Ok(false) => {
                return Ok(Some(format!("the transactions of block {height} were pruned, and no archive has them")));
            }
            Err(error) if error.is_away() => return Err(error),
            // What is damaged is there: whoever executes it names it.
            _ => {}
        }
    }
    Ok(None)
}

/// Where the audit is.
struct Place {
    block: Digest,
    log: Frontier,
}

/// Verifies everything that `store` has, and puts into `report` what does not hold.
///
/// # Errors
/// [`AuditError::Away`].
pub(super) fn check(
    store: &Store,
    trust: &mut Trust,
    report: &mut Report,
    progress: &dyn Fn(Height, Height),
) -> Result<(), AuditError> {
    match all(&store.reader(), trust, report, progress) {
        Ok(()) => Ok(()),
        Err((place, Missed::Wrong(what))) => {
            report.find(place, what);
            Ok(())
        }
        Err((_, Missed::Away(reason))) => Err(AuditError::Away(reason)),
    }
}

type Found = (String, Missed);

fn all(
    reader: &Reader,
    trust: &mut Trust,
    report: &mut Report,
    progress: &dyn Fn(Height, Height),
) -> Result<(), Found> {
    let at_meta = |error: StoreError| ("meta".to_owned(), Missed::from(error));
    let tip = reader.tip().map_err(at_meta)?.ok_or_else(|| ("tip".to_owned(), "the store is empty".into()))?;
    let (first, mut place) = match reader.begins().map_err(at_meta)? {
        Some(base) => (base.height + 1, Place { block: base.block, log: base.log }),
        None => (1, Place { block: Digest(tip.network.0), log: Frontier::EMPTY }),
    };
    for height in first..=tip.height {
        let checked = block(reader, trust, &place, height).map_err(|what| (format!("block {height}"), what))?;
        let (header, results) = checked;
        report.block(results.iter().map(|result| &result.entry));
        let leaves = entries(results.iter().map(|result| &result.entry), &header.entry).map(|entry| entry.leaf());
        place = Place { block: header.id(), log: log::append(&place.log, leaves).0 };
        let head = TreeHead { size: header.log_size, root: header.log_root };
        report.head(height, head, header.entry.state_root);
        progress(height, tip.height);
    }
    if (place.block, &place.log) != (tip.block, &tip.log) || report.state_root != tip.state_root {
        return Err(("tip".into(), "it is not what the newest block says".into()));
    }
    state(reader, tip.height, tip.state_root).map_err(|what| ("state".into(), what.into()))
}

/// Verifies the block at `height` as far as it is there.
fn block(
    reader: &Reader,
    trust: &mut Trust,
    place: &Place,
    height: Height,
) -> Result<(Header, Vec<StoredResult>), Missed> {
    let header = reader.header(height)?.ok_or("its header is missing")?;
    let results = reader.results(height)?.ok_or("its results are missing")?;
    let said = &header.entry;
    if (said.height, said.parent, said.log_root_before) != (height, place.block, place.log.root()) {
        return Err("it does not follow the block before".into());
    }
    if said.transactions as usize != results.len() {
        return Err("it has not one result for each transaction".into());
    }
    if results.iter().any(|result| result.entry.events != Event::digest_all(&result.events)) {
        return Err("events are not those of the log".into());
    }
    let leaves = entries(results.iter().map(|result| &result.entry), said).map(|entry| entry.leaf());
    let (log, hashes) = log::append(&place.log, leaves);
    let head = TreeHead { size: header.log_size, root: header.log_root };
    if (log.count(), log.root()) != (head.size, head.root) {
        return Err("its entries do not give the log that it says".into());
    }
    for hash in hashes {
        let kept = reader.hash(hash.level, hash.index).map_err(|error| error.to_string())?;
        if kept != hash.hash {
            return Err(format!("hash {} of level {} of the log is another", hash.index, hash.level).into());
        }
    }
    if let Some(bodies) = reader.bodies(height)? {
        transactions(&bodies, &header, &results, trust)?;
    }
    signatures(reader, trust, &header, &head)?;
    Ok((header, results))
}

fn transactions(bodies: &[Vec<u8>], header: &Header, results: &[StoredResult], trust: &Trust) -> Result<(), String> {
    let check = |bytes: &Vec<u8>| {
        let decoded = Transaction::decode(bytes).and_then(|transaction| transaction.check_unsigned(&trust.network()));
        decoded.map_err(|error| error.to_string())
    };
    let checked = bodies.iter().map(check).collect::<Result<Vec<_>, _>>()?;
    let is_of = |(one, result): (&contracts::transaction::Checked, &StoredResult)| {
        (one.id(), one.digest()) == (result.entry.transaction, result.entry.digest)
    };
    let same = checked.len() == results.len()
        && header.transactions == execute::digest_of_transactions(&checked)
        && checked.iter().zip(results).all(is_of);
    if same { Ok(()) } else { Err("it has other transactions than it says".into()) }
}

fn signatures(reader: &Reader, trust: &mut Trust, header: &Header, head: &TreeHead) -> Result<(), String> {
    let (height, text) = (header.entry.height, |error: StoreError| error.to_string());
    let certificate = reader.certificate(height).map_err(text)?.ok_or("its certificate is missing")?;
    if (certificate.block, certificate.height) != (header.id(), height) {
        return Err("its certificate is of another block".into());
    }
    certificate.verify(&trust.network(), trust.era(head.size)).map_err(|error| error.to_string())?;
    let seal = reader.seal(height).map_err(text)?.ok_or("its seal is missing")?;
    let seal = Seal::try_from_slice(&seal).map_err(|error| format!("its seal: {error}"))?;
    seal.verify(trust, head).map_err(|error| format!("its seal: {error}"))?;
    if header.ends_era() {
        let change = era::change_after(reader, height).map_err(|error| error.to_string())?;
        era::check_closes(change.as_ref(), header)?;
        change.iter().try_for_each(|change| trust.extend(change)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Are the records those of the tree, and does that have the root that was signed?
fn state(reader: &Reader, version: u64, root: Digest) -> Result<(), String> {
    let mut leaves = Vec::new();
    let walked = tree::walk(reader, version, &mut |leaf| {
        leaves.push(leaf);
        Ok::<(), TreeError>(())
    });
    if walked.map_err(|error| error.to_string())? != root {
        return Err("the tree has another root than was signed".into());
    }
    let records = reader.records().map(|row| row.map(|(key, value)| Leaf::of(&key, &value)));
    let mut records = records.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?;
    records.sort_unstable();
    if records == leaves { Ok(()) } else { Err("the records are not those of the tree".into()) }
}
