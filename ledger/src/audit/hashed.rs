//! The audit of a ledger of which blocks or transactions are missing, and that nobody completes: everything but the
//! execution. What a quorum of validators signed is here, hash by hash, and the state is the one that they signed;
//! that the rules lead from one to the other is not shown, and the report says so.
//!
//! Not even the blocks above the gap are executed. Executing the first of them takes the state before it, and no node
//! keeps that: of the tree the newest [`STATE_VERSIONS_KEPT`](crate::limits::STATE_VERSIONS_KEPT) versions are there, of
//! which only the hashes, and of the records their values now, not as they were then. Where a snapshot began the
//! ledger its state has long been written over. To keep a state for audits would be a second store; a node that has all
//! blocks costs nobody that, and need not be trusted.

use super::{AuditError, Missed, Report, source};
use crate::{
    archive::Archive,
    block::Header,
    era,
    log::HashReader,
    receipt::{Seal, Trust},
    store::{Reader, Store, StoreError, StoredResult},
    tree::{self, Leaf, TreeError},
    unexecuted::{self, Place},
};
use borsh::BorshDeserialize;
use contracts::{
    id::{Digest, Height},
    merkle::Frontier,
    validators::ValidatorSet,
};

/// The first part of its blocks that `store` and `archive` lack, for people; `None` where everything is there.
pub(super) fn lacking(store: &Store, archive: Option<&Archive>) -> Result<Option<String>, StoreError> {
    let reader = store.reader();
    let base = reader.base()?;
    if base > 0 {
        return Ok(Some(format!("the node joined by a snapshot, and has no blocks up to {base}")));
    }
    let first = match archive {
        Some(archive) => archive.lacking(&reader)?.first().map(|run| *run.start()),
        None => unkept(&reader)?,
    };
    Ok(first.map(|height| format!("the transactions of block {height} were pruned, and no archive has them")))
}

/// The first block that was pruned and is in the store no more: block 1, unless the mark of pruning says too much.
fn unkept(reader: &Reader) -> Result<Option<Height>, StoreError> {
    for height in 1..=reader.pruned()? {
        if reader.kept_bodies(height).is_ok_and(|bodies| bodies.is_none()) {
            return Ok(Some(height));
        }
    }
    Ok(None)
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
        Err((place, missed)) => missed.find(place, report),
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
    let mut place = match reader.begins().map_err(at_meta)? {
        Some(base) => Place { height: base.height, block: base.block, log: base.log },
        None => Place { height: 0, block: Digest(tip.network.0), log: Frontier::EMPTY },
    };
    let sealed = source::sealed(reader, tip.height).map_err(|what| ("meta".to_owned(), what))?;
    while place.height < tip.height {
        let height = place.height + 1;
        let checked = block(reader, trust, &place, height, |set| {
            height <= sealed || source::is_sealed_alone(set, height, tip.height)
        });
        let (after, header, results, due) = checked.map_err(|what| (format!("block {height}"), what))?;
        report.unsealed += u64::from(!due);
        report.block(results.iter().map(|result| &result.entry));
        report.head(height, header.entry.time_ms, unexecuted::head(&header), header.entry.state_root);
        progress(height, tip.height);
        place = after;
    }
    if (place.block, &place.log) != (tip.block, &tip.log) || report.state_root != tip.state_root {
        return Err(("tip".into(), "it is not what the newest block says".into()));
    }
    state(reader, tip.height, tip.state_root).map_err(|what| ("state".into(), what.into()))
}

/// Verifies the block at `height` as far as it is there; its seal must be where that `is_due` by its validators. Returns
/// where the chain is after it, and whether it was due.
fn block(
    reader: &Reader,
    trust: &mut Trust,
    place: &Place,
    height: Height,
    is_due: impl Fn(&ValidatorSet) -> bool,
) -> Result<(Place, Header, Vec<StoredResult>, bool), Missed> {
    let header = reader.header(height)?.ok_or("its header is missing")?;
    let results = reader.results(height)?.ok_or("its results are missing")?;
    let (after, hashes) = unexecuted::follows(place, &header, &results)?;
    for hash in hashes {
        let kept = reader.hash(hash.level, hash.index).map_err(|error| error.to_string())?;
        if kept != hash.hash {
            return Err(format!("hash {} of level {} of the log is another", hash.index, hash.level).into());
        }
    }
    if let Some(bodies) = reader.bodies(height)? {
        unexecuted::transactions(&trust.network(), &bodies, &header, &results)?;
    }
    let due = is_due(trust.era(header.log_size));
    signatures(reader, trust, &header, due)?;
    Ok((after, header, results, due))
}

fn signatures(reader: &Reader, trust: &mut Trust, header: &Header, due: bool) -> Result<(), String> {
    let head = unexecuted::head(header);
    let (height, text) = (header.entry.height, |error: StoreError| error.to_string());
    let certificate = reader.certificate(height).map_err(text)?.ok_or("its certificate is missing")?;
    certificate.verify_of(header, &trust.network(), trust.era(head.size)).map_err(|error| error.to_string())?;
    match reader.seal(height).map_err(text)? {
        Some(seal) => {
            let seal = Seal::try_from_slice(&seal).map_err(|error| format!("its seal: {error}"))?;
            seal.verify(trust, &head).map_err(|error| format!("its seal: {error}"))?;
        }
        None if due => return Err("its seal is missing".into()),
        None => {}
    }
    if header.ends_era() {
        let change = era::change_after(reader, height).map_err(|error| error.to_string())?;
        if change.is_none() && !due {
            return Ok(());
        }
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
