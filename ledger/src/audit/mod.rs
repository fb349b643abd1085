//! Audit: everything again from genesis, with nothing believed but the trust anchor.
//!
//! Each block is verified and executed anew into a scratch store, by the rules and nothing else:
//! signatures, certificates, seals, order, time, replays, execution, log, state tree, histories and
//! money. For a data directory every row of every family is then compared with the scratch store's,
//! so whatever differs is *located*: by family and key, by height, or by file. A URL is audited from
//! the blocks that its node serves. The audit reads; it never repairs. What it made anew it hands on
//! ([`Replayed`]), so that services can compare what they made of the ledger.
//!
//! Only what was served or stored can be wrong: a node or a bucket that does not answer is no finding. Nor is it one
//! about a directory that a node which completes it serves what does not hold.

mod compare;
mod hashed;
mod missed;
mod money;
mod partial;
mod replayed;
mod report;
mod source;

pub use compare::rows as compare_rows;
pub use replayed::Replayed;
pub use report::{Finding, Findings, Report};

use crate::{
    api::client::Client,
    archive::Archive,
    chain::{BlockError, Chain},
    era::{self, Era},
    highwater::{HighWater, HighWaterError, Mark},
    limits::UNSEALED_HEIGHTS_MAX,
    log::{self, proof::TreeHead},
    receipt::{Seal, SetChange, Trust},
    sides::Sides,
    store::{KvError, Reader, Store, StoreError},
};
use borsh::BorshDeserialize;
use contracts::{
    id::{Height, SideId},
    state::Reading,
    takedown::TakenDown,
};
use genesis::{SignedDocument, TrustAnchor};
use missed::{Broken, Missed};
use source::Source;
use std::{collections::BTreeSet, path::Path};

/// Why an audit could not be made at all. What is wrong with the ledger is a [`Finding`] instead.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The scratch store cannot be used.
    #[error("the audit's scratch folder cannot be used: {0}")]
    Scratch(String),
    /// The anchor cannot be used.
    #[error("the trust anchor cannot be used: {0}")]
    Anchor(String),
    /// Another process has the ledger open.
    #[error("{0}")]
    InUse(String),
    /// A newer release wrote the directory, or the blocks go by rules that this one does not know, which says nothing
    /// about the ledger.
    #[error("{0}")]
    Newer(String),
    /// Opening the ledger needs room that its disk does not have.
    #[error("{0}")]
    DiskFull(String),
    /// The archive, or the node that has the blocks, does not answer, which says nothing about the ledger. Nor does what
    /// a node lends that does not hold.
    #[error("{0}")]
    Away(String),
}

/// Audits the node folder `folder` (the one that holds `db`), whose node is stopped.
///
/// `scratch` is an empty folder that the audit may fill and the caller deletes; `progress` is told
/// each height that was verified and the last one.
///
/// # Errors
/// [`AuditError`].
pub fn folder(
    folder: &Path,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    scratch: &Path,
    progress: &dyn Fn(Height, Height),
) -> Result<Report, AuditError> {
    folder_and_ledger(folder, document, anchor, scratch, Elsewhere::default(), progress).map(|(report, _)| report)
}

/// Where an audit finds what the store of a directory lacks.
#[derive(Default)]
pub struct Elsewhere {
    /// Its archive, where it has one.
    pub archive: Option<Archive>,
    /// A node that has all blocks.
    pub node: Option<Served>,
}

/// A node that serves blocks, and what drives its client.
pub struct Served {
    /// Its client, from the same anchor.
    pub client: Client,
    /// Drives it.
    pub runtime: tokio::runtime::Handle,
}

/// As [`folder`], and hands on the ledger as it was made anew; nothing where not every block could be
/// verified, since what services made of the rest could not be compared with anything. A ledger that was begun by
/// a snapshot is audited with older blocks from `elsewhere`, and one that was pruned with
/// transactions from there; where nobody has them, nothing is executed, and the report says so.
///
/// # Errors
/// [`AuditError`].
pub fn folder_and_ledger(
    folder: &Path,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    scratch: &Path,
    elsewhere: Elsewhere,
    progress: &dyn Fn(Height, Height),
) -> Result<(Report, Option<Replayed>), AuditError> {
    let mut report = Report::new(anchor.network);
    // Opening makes what is missing, and an audit makes nothing.
    for name in ["db", "highwater", "sides", "sides.key"] {
        if !folder.join(name).exists() {
            report.find(folder.join(name).display().to_string(), "is missing");
        }
    }
    if !report.is_clean() {
        return Ok((report, None));
    }
    if let Err(error @ HighWaterError::Newer { .. }) = HighWater::read(&folder.join("highwater")) {
        return Err(AuditError::Newer(error.to_string()));
    }
    let store = match Store::open_with(&folder.join("db"), elsewhere.archive.clone()) {
        Ok(store) => store,
        Err(StoreError::Kv(error @ KvError::InUse { .. })) => return Err(AuditError::InUse(error.to_string())),
        Err(StoreError::Kv(error @ KvError::DiskFull { .. })) => return Err(AuditError::DiskFull(error.to_string())),
        Err(StoreError::Kv(error @ KvError::Newer { .. })) => return Err(AuditError::Newer(error.to_string())),
        Err(error) => {
            report.find("db", error.to_string());
            return Ok((report, None));
        }
    };
    let lacking = match hashed::lacking(&store, elsewhere.archive.as_ref()) {
        Ok(lacking) => lacking,
        Err(error) if error.is_away() => return Err(AuditError::Away(error.to_string())),
        Err(error) => {
            report.find("db", error.to_string());
            return Ok((report, None));
        }
    };
    let base = store.reader().begins().map_err(|error| AuditError::Scratch(error.to_string()))?;
    let source = source::Folder::new(store.clone());
    let source: Box<dyn Source> = match (lacking.clone(), elsewhere.node) {
        (None, _) => Box::new(source),
        (Some(reason), None) => return Ok((unexecuted(folder, &store, document, anchor, reason, progress)?, None)),
        (Some(_), Some(Served { client, runtime })) => {
            let base = base.as_ref().map_or(0, |base| base.height);
            let tip = source.last().unwrap_or_default();
            let node = source::Node::new(client, runtime, tip);
            Box::new(source::Completed { folder: source, base, node })
        }
    };
    let (scratch, gone) = replay(&*source, document, anchor, scratch, &mut report, progress)?;
    if let (Some(lacking), Some(gone)) = (lacking, gone) {
        let reason = format!("{lacking}, and {gone}");
        return Ok((unexecuted(folder, &store, document, anchor, reason, progress)?, None));
    }
    let whole = report.is_clean();
    if whole {
        let mut found = Findings::default();
        let mut find = |place, what| found.find(place, what);
        report.rows = partial::rows(&store, scratch.store(), base.as_ref(), &mut find);
        report.also(found);
    }
    check_highwater(folder, &store, document, &mut report);
    let committed = compare::sides(scratch.store(), &mut report);
    check_sides(folder, &store, Some(&committed), &mut report);
    report.finish();
    let replayed = whole.then(|| Replayed::new(scratch, document.document.founding.clone()));
    Ok((report, replayed))
}

/// Audits what the node at `client` serves. Where it has not all transactions any more, the audit ends before the first
/// that is gone, and the report says so. How many blocks there are is the node's word: one that has none shows nothing,
/// and of one that keeps newer ones back the newest block's time tells.
///
/// # Errors
/// [`AuditError`].
pub fn url(
    client: Client,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    scratch: &Path,
    runtime: &tokio::runtime::Handle,
    progress: &dyn Fn(Height, Height),
) -> Result<Report, AuditError> {
    let mut report = Report::new(anchor.network);
    let source = match source::Node::whole(client, runtime.clone()) {
        Ok(source) => source,
        Err(missed) => return missed.find("status", &mut report).map(|()| report),
    };
    let (pinned, has_none) = (source.trust(), source.last() == Ok(0));
    let (chain, gone) = replay(&source, document, anchor, scratch, &mut report, progress)?;
    goes_on(&chain, document, &pinned, &mut report);
    if let Some(gone) = gone {
        match source.newest() {
            Ok(newest) => report.unserved = Some(format!("{gone}; block {newest}, its newest, is sealed by a quorum")),
            Err(missed) => missed.find("newest block", &mut report)?,
        }
    }
    if has_none {
        report.unserved = Some(format!("{} says that it has no block", source.url()));
    }
    report.finish();
    Ok(report)
}

/// Is the ledger one of the validators that were `pinned` when they were seen before? Whoever has the keys of a set that
/// gave way can go on from where it did.
fn goes_on(chain: &Chain, document: &SignedDocument, pinned: &Trust, report: &mut Report) {
    let size = chain.tip().log.count();
    let founders = &document.document.founding.validators;
    match era::trust(&chain.store().reader(), chain.tip().network, founders) {
        Ok(followed) if followed.continues(pinned) => {}
        // The node is behind, which is no wrong.
        Ok(followed) if pinned.continues(&followed) && pinned.era(size) == followed.era(size) => {}
        Ok(_) => report.find("newest block", "validators sealed it who had given way to others, as was seen before"),
        Err(error) => report.find("newest block", error.to_string()),
    }
}

/// The audit of the node folder `folder` where nobody has what is missing for the `reason` that is given.
fn unexecuted(
    folder: &Path,
    store: &Store,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    reason: String,
    progress: &dyn Fn(Height, Height),
) -> Result<Report, AuditError> {
    let mut report = Report::new(anchor.network);
    hashes(store, document, anchor, &mut report, progress)?;
    report.unexecuted = Some(reason);
    report.not_audited.extend(UNEXECUTED.map(str::to_owned));
    check_highwater(folder, store, document, &mut report);
    check_sides(folder, store, None, &mut report);
    report.finish();
    Ok(report)
}

/// What cannot be audited of a node's folder without executing its blocks.
const UNEXECUTED: [&str; 3] = [
    "ledger: whether the rules give the results and the state that were signed",
    "ledger: its indexes of transactions, sizes and histories",
    "side bodies: whether a transaction names each",
];

/// Verifies what can be verified without executing blocks.
fn hashes(
    store: &Store,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    report: &mut Report,
    progress: &dyn Fn(Height, Height),
) -> Result<(), AuditError> {
    let mut trust = trusted(document, anchor, report)?;
    if report.is_clean() {
        hashed::check(store, &mut trust, report, progress)?;
        money::check(store, report);
    }
    Ok(())
}

/// Trust that begins with the anchor, of which the founding document has to be.
fn trusted(document: &SignedDocument, anchor: &TrustAnchor, report: &mut Report) -> Result<Trust, AuditError> {
    if let Err(error) = document.verify() {
        report.find("network.json", error.to_string());
    } else if document.anchor() != *anchor {
        report.find("network.json", "the founding document is of another network than the anchor");
    }
    Trust::new(anchor.network, anchor.set.clone()).map_err(|error| AuditError::Anchor(error.to_string()))
}

/// Verifies and executes every block of `source` into a scratch store. Returns that, and why it ends before the last
/// block where transactions are not there any more.
fn replay(
    source: &dyn Source,
    document: &SignedDocument,
    anchor: &TrustAnchor,
    scratch: &Path,
    report: &mut Report,
    progress: &dyn Fn(Height, Height),
) -> Result<(Chain, Option<String>), AuditError> {
    let mut trust = trusted(document, anchor, report)?;
    let broken = |error: &dyn std::error::Error| AuditError::Scratch(error.to_string());
    let store = Store::open(scratch).map_err(|error| broken(&error))?;
    let founding = &document.document.founding;
    let mut chain = Chain::open(store, anchor.network, founding).map_err(|error| broken(&error))?;
    if !report.is_clean() {
        return Ok((chain, None));
    }
    let last = match source.last() {
        Ok(last) => last,
        Err(reason) => {
            report.find("tip", reason);
            return Ok((chain, None));
        }
    };
    let mut gone = None;
    for height in 1..=last {
        match one(source, &mut trust, &mut chain, (height, last), report) {
            Ok(()) => progress(height, last),
            Err(Broken::Scratch(reason)) => return Err(AuditError::Scratch(reason)),
            Err(Broken::Block(Missed::Gone(reason))) => {
                gone = Some(reason);
                break;
            }
            Err(Broken::Block(missed)) => {
                missed.find(format!("block {height}"), report)?;
                break;
            }
        }
    }
    let tip = chain.tip();
    report.head(tip.height, tip.time_ms, TreeHead { size: tip.log.count(), root: tip.log.root() }, tip.state_root);
    money::check(chain.store(), report);
    Ok((chain, gone))
}

/// Verifies the block at `height`, up to `last`, and commits it to the scratch store.
fn one(
    source: &dyn Source,
    trust: &mut Trust,
    chain: &mut Chain,
    (height, last): (Height, Height),
    report: &mut Report,
) -> Result<(), Broken> {
    let page = source.block(height)?;
    let (header, lent) = (&page.block.header, &page.lent);
    let head = TreeHead { size: header.log_size, root: header.log_root };
    // Before the block is executed: whose header a quorum signed, its transactions alone may be another's.
    let certified = page.certificate.verify_of(header, &trust.network(), trust.era(head.size));
    certified.map_err(|error| lent.untrue(error))?;
    let prepared = chain.verify(&page.block).map_err(|error| match error {
        BlockError::NotWhole => lent.other_transactions(error).into(),
        error => Broken::from(error),
    })?;
    let due = page.due || source::is_sealed_alone(trust.era(head.size), height, last);
    match &page.seal {
        Some(seal) => seal.verify(trust, &head).map_err(|error| lent.untrue(format!("its seal: {error}")))?,
        None if due => return Err("its seal is missing".into()),
        None => {}
    }
    report.unsealed += u64::from(!due);
    let committed = chain.commit(prepared, page.certificate)?;
    if committed.results != page.results {
        return Err(lent.untrue("its results are not what executing it gives").into());
    }
    if let Some(seal) = &page.seal {
        let seal = borsh::to_vec(seal).expect("writing to memory does not fail");
        chain.store().keep_seal(height, seal).map_err(|error| Broken::Scratch(error.to_string()))?;
    }
    if committed.header.ends_era() && (due || page.change.is_some()) {
        follow(trust, chain, page.change)?;
    }
    report.block(committed.results.iter().map(|result| &result.entry));
    Ok(())
}

/// Follows the record by which the era of the newest block ends; it must say what the state says.
fn follow(trust: &mut Trust, chain: &Chain, change: Option<SetChange>) -> Result<(), Broken> {
    let change = change.ok_or_else(|| "it ends an era, and the record of that is missing".to_string())?;
    let tip = chain.tip();
    let head = TreeHead { size: tip.log.count(), root: tip.log.root() };
    let era = Era { number: trust.changes() as u32, after: 0, set: trust.newest().clone() };
    let expected = era.change(&chain.store().reader(), &head).map_err(|error| error.to_string())?;
    if change.unsigned() != expected {
        return Err("the record of the change of validators is not what the ledger decided".into());
    }
    trust.extend(&change).map_err(|error| error.to_string())?;
    chain.store().keep_set_change(&change).map_err(|error| Broken::Scratch(error.to_string()))
}

fn check_highwater(folder: &Path, store: &Store, document: &SignedDocument, report: &mut Report) {
    match HighWater::open(&folder.join("highwater")) {
        Err(error) => report.find("highwater", error.to_string()),
        Ok(file) => {
            let mark = file.mark();
            let reader = store.reader();
            let root = log::root(&reader, mark.size);
            if root.as_ref().ok() != Some(&mark.root) {
                report.find("highwater", format!("it says height {} with another log than the store has", mark.height));
            }
            if mark.height < report.height && signs_all(&reader, document, &mark) && !stands(&reader, &mark, report) {
                report.find(
                    "highwater",
                    format!("it says height {}, the store has height {}", mark.height, report.height),
                );
            }
        }
    }
}

/// Did the node sign every block that it has above `mark`? So does a single validator, and a mark that is lower than
/// its store was put in the place of a newer one. One of several also takes blocks that it does not sign; what it
/// signed, the others know and tell it before it takes part.
fn signs_all(reader: &Reader, document: &SignedDocument, mark: &Mark) -> bool {
    // Where the records cannot be read, that is found elsewhere.
    let trust = era::trust(reader, document.network, &document.document.founding.validators);
    trust.ok().is_none_or(|trust| trust.era(mark.size + 1).validators.len() == 1)
}

/// May `mark` be lower than a store whose blocks the node signs? A snapshot brings blocks that it never signed; and a
/// stop between a block and its mark leaves the newest block without mark and seal, until the next start.
fn stands(reader: &Reader, mark: &Mark, report: &Report) -> bool {
    let is_of_snapshot = reader.begins().is_ok_and(|base| base.is_some_and(|base| mark.height <= base.height));
    let newest = report.height;
    is_of_snapshot || (mark.height + 1 == newest && reader.seal(newest).is_ok_and(|seal| seal.is_none()))
}

/// Every side body that is there must be what its name commits to. Those `committed` to on the ledger are told from
/// others, where they are known. One that was taken down is not to be there; a node that was stopped deletes it when it
/// starts again.
fn check_sides(folder: &Path, store: &Store, committed: Option<&BTreeSet<SideId>>, report: &mut Report) {
    let sides = match Sides::open(&folder.join("sides"), &folder.join("sides.key")) {
        Ok(sides) => sides,
        Err(error) => return report.find("sides", error.to_string()),
    };
    match sides.list() {
        Err(error) => report.find("sides", error.to_string()),
        Ok(files) => {
            for (path, id) in files {
                match id.map(|id| (committed.is_none_or(|committed| committed.contains(&id)), sides.get(&id))) {
                    None => report.find(path.display().to_string(), "no side body has this name"),
                    Some(_) if id.is_some_and(|id| was_gone(store, &id, report.height)) => {
                        report.find(path.display().to_string(), "this side body was taken down, and is there still");
                    }
                    Some((_, Err(error))) => report.find(path.display().to_string(), error.to_string()),
                    // A submission that never came into a block leaves one; it holds nothing of the ledger.
                    Some((false, Ok(_))) => report.orphan(),
                    Some((true, Ok(_))) => report.side(),
                }
            }
        }
    }
}

/// Was `side` taken down so many blocks ago that a node which stopped at `newest` had deleted it?
fn was_gone(store: &Store, side: &SideId, newest: Height) -> bool {
    let gone: Option<TakenDown> = store.reader().value(&TakenDown::key(side)).ok().flatten();
    // What a damaged store says of a height is not to be added to.
    gone.is_some_and(|gone| gone.height < newest.saturating_sub(UNSEALED_HEIGHTS_MAX as u64 + 1))
}

/// A seal as stored.
fn decode_seal(bytes: &[u8]) -> Result<Seal, String> {
    Seal::try_from_slice(bytes).map_err(|error| format!("its seal cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
