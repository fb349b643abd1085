//! Evidence bundles: one file that lets a stranger check, offline and from the trust anchor alone,
//! what the ledger says of one dataset, agreement, consent or other record.
//!
//! Owns the file's form, its making and its verification. It never reads a store: whoever makes a
//! bundle gathers its parts. The second verifier, `tests/verifier/lonja_verify.py`, implements the
//! same from this page.
//!
//! # What is in it
//! The trust chain; a height proof (the receipt of a block entry, whose state root everything else
//! hangs on); the subject's record or its absence, with *all* events of its history; records related
//! to it, with or without theirs; receipts of transactions that those events name.
//!
//! # Nothing in it is beyond proof
//! The file is a pure function of those parts, each of which is there as raw bytes in hexadecimal:
//! what is decoded for people beside them is derived again by the verifier, and the file must come
//! out byte for byte (JSON of two-space indentation, fields in the order of [`document`], UTF-8
//! unescaped where JSON allows, one newline at the end). So a changed letter anywhere is refused, a
//! duplicate key too, and there is nothing to show that was not proven.
//!
//! The file as a whole is signed by nobody. Somebody can leave related records or receipts out, and
//! what remains is still true; the subject's own history cannot be shortened.

use crate::receipt::{
    EvidenceError, HeightProof, HistoryEvidence, HistoryLeaf, Receipt, ReceiptError, SetChange, StateEvidence, Trust,
    TrustError,
};
use contracts::{
    id::{Height, TimeMs, TransactionId},
    outcome::{BlockEntry, Entry},
    state::Key,
};
use serde::Serialize;

mod document;
mod related;
mod show;

pub use related::related;
pub use show::{kind_of, show};

/// A bundle's file, in bytes: what a browser or a mail server still takes.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Records in a bundle, the subject included.
pub const RECORDS_MAX: usize = 10_000;

/// The parts of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// All changes of the validator set since the anchor, up to the height at least.
    pub changes: Vec<SetChange>,
    /// The height that everything is true at.
    pub height: HeightProof,
    /// The subject first, then related records by ascending key.
    pub records: Vec<RecordEvidence>,
    /// Receipts of transactions that the events name, in the order in which they first do.
    pub receipts: Vec<Receipt>,
}

/// A record in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEvidence {
    /// The record or its absence, with its proof.
    pub state: StateEvidence,
    /// All its events, or `None` where its history is not in the bundle.
    pub history: Option<Vec<HistoryLeaf>>,
}

/// Why a bundle is not accepted, or cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Too long to be looked at.
    #[error("a bundle has at most {BUNDLE_BYTES_MAX} bytes and {RECORDS_MAX} records")]
    TooLarge,
    /// Not a bundle.
    #[error("this is no evidence bundle: {0}")]
    Form(String),
    /// What is shown is not what is proven.
    #[error("from byte {at} on the file is not what its own proofs say")]
    Shown {
        /// The first byte that differs.
        at: usize,
    },
    /// A record of a kind that we cannot show, or damaged.
    #[error("record {0} is of no kind that can be shown")]
    Kind(Key),
    /// The trust chain does not hold.
    #[error("the trust chain does not hold: {0}")]
    Trust(#[from] TrustError),
    /// The chain is not the one that the verifier has seen before, or is shorter.
    #[error("the trust chain is older than the one seen before, or another")]
    Pinned,
    /// The height proof or a record's proof does not hold.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// A receipt does not hold.
    #[error("the receipt of entry {index} does not hold")]
    Receipt {
        /// Its entry.
        index: u64,
        /// Why.
        #[source]
        source: ReceiptError,
    },
    /// A part stands where it does not belong.
    #[error("{0}")]
    Order(&'static str),
}

/// What a bundle proved. Everything else that the file says is proven with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Kind of the subject, such as `dataset`.
    pub kind: &'static str,
    /// Key of the subject.
    pub subject: Key,
    /// Is there such a record?
    pub exists: bool,
    /// The height at which this is so.
    pub height: Height,
    /// The time of that block, in milliseconds since 1970.
    pub time_ms: TimeMs,
    /// Records proven.
    pub records: usize,
    /// Events in histories that were recomputed.
    pub events: usize,
    /// Receipts verified.
    pub receipts: usize,
    /// Changes of the validator set that were followed.
    pub changes: usize,
    /// Who signed the height.
    pub signers: Vec<String>,
}

impl Bundle {
    /// The file.
    ///
    /// # Errors
    /// [`BundleError::Kind`], [`BundleError::TooLarge`], or [`BundleError::Order`].
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let bytes = document::encode(self)?;
        if bytes.len() > BUNDLE_BYTES_MAX { Err(BundleError::TooLarge) } else { Ok(bytes) }
    }

    /// Reads a file. It is then known to show what its parts say, and nothing is proven yet.
    ///
    /// # Errors
    /// [`BundleError::Form`], [`BundleError::Shown`] or [`BundleError::TooLarge`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge);
        }
        let bundle = document::decode(bytes)?;
        let again = bundle.encode()?;
        if again == bytes {
            return Ok(bundle);
        }
        let at = again.iter().zip(bytes).position(|(ours, theirs)| ours != theirs);
        Err(BundleError::Shown { at: at.unwrap_or(again.len().min(bytes.len())) })
    }

    /// Checks every proof in it, from the trust anchor in `trust`. Where `trust` has followed changes
    /// before, the bundle's chain must contain them.
    ///
    /// # Errors
    /// [`BundleError`], which names what does not hold.
    pub fn verify(&self, trust: &Trust) -> Result<Report, BundleError> {
        let trust = self.trust(trust)?;
        let (block, verified) = self.height.verify(&trust)?;
        self.check_order()?;
        for record in &self.records {
            record.verify(&block)?;
        }
        self.verify_receipts(&trust, verified.checkpoint.size)?;
        let subject = &self.records[0].state;
        Ok(Report {
            kind: kind_of(&subject.key).ok_or_else(|| BundleError::Kind(subject.key.clone()))?,
            subject: subject.key.clone(),
            exists: subject.value.is_some(),
            height: block.height,
            time_ms: block.time_ms,
            records: self.records.len(),
            events: self.events().count(),
            receipts: self.receipts.len(),
            changes: trust.changes(),
            signers: verified.signers,
        })
    }

    /// Trust from the anchor through the bundle's own chain, which must go on what is `known`, or be a part of it.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn trust(&self, known: &Trust) -> Result<Trust, BundleError> {
        let mut trust = known.anchor();
        for change in &self.changes {
            trust.extend(change)?;
        }
        if trust.continues(known) { Ok(trust) } else { Err(BundleError::Pinned) }
    }

    /// The subject comes first with its history, the others ascend.
    fn check_order(&self) -> Result<(), BundleError> {
        let (subject, related) = self.records.split_first().ok_or(BundleError::Order("a bundle has a subject"))?;
        if self.records.len() > RECORDS_MAX {
            return Err(BundleError::TooLarge);
        }
        if subject.state.value.is_some() != subject.history.is_some() {
            return Err(BundleError::Order("the subject comes with all its events, if it exists"));
        }
        let ascending = related.is_sorted_by(|a, b| a.state.key < b.state.key);
        if !ascending || related.iter().any(|record| record.state.key == subject.state.key) {
            return Err(BundleError::Order("related records ascend by key, and do not repeat the subject"));
        }
        Ok(())
    }

    fn verify_receipts(&self, trust: &Trust, size: u64) -> Result<(), BundleError> {
        let mut named = self.transactions().into_iter();
        for receipt in &self.receipts {
            let index = receipt.statement.index;
            receipt.verify(trust).map_err(|source| BundleError::Receipt { index, source })?;
            if receipt.statement.checkpoint.size > size {
                return Err(BundleError::Order("a receipt is of a later height than the bundle's"));
            }
            // The search goes on where it stopped, so receipts stand in that order, none twice.
            let Some(transaction) = transaction_of(receipt) else {
                return Err(BundleError::Order("receipts beside the height's are of transactions"));
            };
            if !named.any(|name| name == transaction) {
                return Err(BundleError::Order("receipts are of transactions that the events name, in their order"));
            }
        }
        Ok(())
    }

    /// All events in it, in the order of the records.
    pub fn events(&self) -> impl Iterator<Item = &HistoryLeaf> {
        self.records.iter().flat_map(|record| record.history.iter().flatten())
    }

    /// The transactions that the events name, each once, in the order in which they first do: whose
    /// receipts may stand in [`Bundle::receipts`].
    pub fn transactions(&self) -> Vec<TransactionId> {
        let mut seen = std::collections::BTreeSet::new();
        self.events().map(|leaf| leaf.transaction).filter(|transaction| seen.insert(*transaction)).collect()
    }
}

impl RecordEvidence {
    fn verify(&self, block: &BlockEntry) -> Result<(), BundleError> {
        match (&self.history, &self.state.value) {
            (None, _) => Ok(self.state.verify(block)?),
            (Some(_), None) => Err(EvidenceError::Absent(self.state.key.clone()).into()),
            (Some(leaves), Some(_)) => {
                Ok(HistoryEvidence { state: self.state.clone(), leaves: leaves.clone() }.verify(block)?)
            }
        }
    }
}

fn transaction_of(receipt: &Receipt) -> Option<TransactionId> {
    match receipt.statement.entry {
        Entry::Transaction(entry) => Some(entry.transaction),
        Entry::Block(_) => None,
    }
}

/// Reads and verifies the file of a bundle.
///
/// # Errors
/// [`BundleError`], which names what does not hold.
pub fn verify(bytes: &[u8], trust: &Trust) -> Result<Report, BundleError> {
    Bundle::decode(bytes)?.verify(trust)
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
