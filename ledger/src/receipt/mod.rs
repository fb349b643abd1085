//! Receipts: what a stranger needs, with the trust anchor, to see that an entry is in the log.
//!
//! A receipt is a *statement*, the same on every node (which entry, where, under which checkpoint),
//! and a *seal*, the signatures of a quorum over that checkpoint, as this node first stored them.
//! Owns their bytes, their verification and what is built on them: heights, state evidence and
//! histories ([`evidence`]), the trust chain ([`trust`]), and what helps where a key was lost
//! ([`later`]). It never reads a store, a clock or a key file: verifying is a pure function of the
//! receipt and of whom one trusts.
//!
//! # Bytes
//! borsh (integers little-endian, lists after their length in 32 bits), closed: whoever reads them
//! encodes again and compares, and refuses trailing bytes.
//!
//! ```text
//! 00                      format
//! network                 32 bytes
//! index                   u64
//! entry                   01 transaction entry, or 02 block entry (`contracts::outcome`)
//! path                    u32 count (at most 64), that many hashes, from the leaf's sibling up
//! checkpoint              u64 size, 32 bytes root
//! log signature           64 bytes, by the log key of the first cosigner below, over the checkpoint's text
//! cosignatures            u32 count (the quorum), each: u8 validator's number, u64 time, 64 bytes;
//!                         numbers ascending
//! ```
//!
//! A seal carries one log signature and no more: C2SP clients want one, and with a second for each
//! cosigner a receipt of sixteen validators would not fit [`RECEIPT_BYTES_TYPICAL`].

use crate::{
    log::{
        LEVELS_MAX,
        proof::{ProofError, TreeHead, root_of_inclusion, verify_consistency},
    },
    note::{NoteError, checkpoint, export::TlogProof},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, NetworkId},
    limits::VALIDATORS_MAX,
    outcome::Entry,
};
use serde::Serialize;
use std::io;

pub mod evidence;
pub mod later;
pub mod seal;
pub mod trust;

pub use evidence::{EvidenceError, HeightProof, HistoryEvidence, HistoryLeaf, StateEvidence};
pub use later::{LATER_FILE_BYTES_MAX, Later, LaterError, LaterFile};
pub use seal::{Cosignature, Seal, SealError, Vote};
pub use trust::{CHANGES_MAX, SetChange, Trust, TrustError};

/// What a transaction's receipt may take with sixteen validators and a path of 30 hashes, in bytes:
/// it fits two sectors of any disk and a QR code of the larger kind.
pub const RECEIPT_BYTES_TYPICAL: usize = 2 * 1024;
/// No receipt is longer, in bytes: a block entry with a path of 64 hashes under sixteen validators.
pub const RECEIPT_BYTES_MAX: usize = fixed_bytes(LEVELS_MAX) + BLOCK_ENTRY_BYTES;

/// A transaction's log entry in bytes, tag included, with a refusal's code.
const TRANSACTION_ENTRY_BYTES: usize = 99;
/// A block's log entry in bytes, tag included.
const BLOCK_ENTRY_BYTES: usize = 217;
/// Signatures that sixteen validators' seal carries: more than two thirds.
const QUORUM_MAX: usize = VALIDATORS_MAX * 2 / 3 + 1;

const fn fixed_bytes(path: usize) -> usize {
    let statement = 32 + 8 + (4 + 32 * path) + (8 + 32);
    let seal = 64 + 4 + QUORUM_MAX * (1 + 8 + 64);
    1 + statement + seal
}

const _: () = assert!(VALIDATORS_MAX == 16, "the sizes here reckon with sixteen validators");
const _: () = assert!(fixed_bytes(30) + TRANSACTION_ENTRY_BYTES <= RECEIPT_BYTES_TYPICAL);

/// The only format there is so far.
const FORMAT: u8 = 0;

/// What is so, in words that every node says alike.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct Statement {
    /// The network, whose id is in the log's name.
    pub network: NetworkId,
    /// Number of the entry in the log.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// Its inclusion path in the tree of the checkpoint, from the leaf's sibling up.
    pub path: Vec<Digest>,
    /// The checkpoint of the block that the entry is in; in a bundle it may be that of a later one.
    pub checkpoint: TreeHead,
}

impl BorshDeserialize for Statement {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self {
            network: NetworkId::deserialize_reader(reader)?,
            index: u64::deserialize_reader(reader)?,
            entry: Entry::deserialize_reader(reader)?,
            path: bounded(reader, LEVELS_MAX, "a path has at most 64 hashes")?,
            checkpoint: TreeHead::deserialize_reader(reader)?,
        })
    }
}

/// A list whose length is checked before anything is reserved for it.
fn bounded<T: BorshDeserialize, R: io::Read>(reader: &mut R, max: usize, more: &'static str) -> io::Result<Vec<T>> {
    let count = u32::deserialize_reader(reader)?;
    if count as usize > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, more));
    }
    (0..count).map(|_| T::deserialize_reader(reader)).collect()
}

/// A statement under a seal. Its bytes never change once a node has given it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// What is so.
    pub statement: Statement,
    /// Who says it.
    pub seal: Seal,
}

/// What a receipt proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of the entry.
    pub index: u64,
    /// The entry.
    pub entry: Entry,
    /// The checkpoint that it is under.
    pub checkpoint: TreeHead,
    /// Names of the validators that signed, in the order of their numbers.
    pub signers: Vec<String>,
    /// When the last of them signed, in seconds since 1970, by its own clock.
    pub sealed_s: u64,
}

/// Why a receipt is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Its bytes are no receipt.
    #[error("these bytes are no receipt: {0}")]
    Form(String),
    /// It belongs elsewhere.
    #[error("the receipt is of network {got}, not of {expected}")]
    Network {
        /// Whom we trust.
        expected: NetworkId,
        /// Whom the receipt names.
        got: NetworkId,
    },
    /// The path does not lead from the entry to the checkpoint.
    #[error("the entry is not in the tree of the checkpoint")]
    Path(#[source] ProofError),
    /// A checkpoint ends in a block entry, and a transaction never stands there.
    #[error("entry {index} cannot stand at this place of a log of {size}")]
    Place {
        /// The entry.
        index: u64,
        /// The checkpoint.
        size: u64,
    },
    /// The block says that another set decided it.
    #[error("the block names validator set {got}, the trust chain {expected}")]
    Set {
        /// The set in force by the trust chain.
        expected: Digest,
        /// The set that the block entry names.
        got: Digest,
    },
    /// The seal does not hold.
    #[error("the seal does not hold: {0}")]
    Seal(#[from] SealError),
    /// The later checkpoint does not continue the earlier one.
    #[error("the later checkpoint does not continue the receipt's")]
    Consistency(#[source] ProofError),
    /// A later checkpoint was given that is not later.
    #[error("the later checkpoint is under the same validator set as the receipt's")]
    NotLater,
    /// None was given.
    #[error("there is no later checkpoint for it")]
    NoLater,
    /// It cannot be written as a C2SP text.
    #[error("the receipt cannot be exported")]
    Export(#[from] NoteError),
}

impl ReceiptError {
    /// Is a later checkpoint needed, since a key under the seal may be in other hands?
    pub fn wants_later(&self) -> bool {
        matches!(self, Self::Seal(SealError::Compromised(_)))
    }
}

impl Receipt {
    /// The bytes, which are the receipt.
    pub fn encode(&self) -> Vec<u8> {
        borsh::to_vec(&(FORMAT, &self.statement, &self.seal)).expect("writing to memory does not fail")
    }

    /// Reads a receipt. Nothing in it is to be believed before [`Receipt::verify`].
    ///
    /// # Errors
    /// [`ReceiptError::Form`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        let form = |reason: &str| ReceiptError::Form(reason.to_owned());
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(form("longer than any receipt"));
        }
        let (format, statement, seal): (u8, Statement, Seal) =
            borsh::from_slice(bytes).map_err(|error| ReceiptError::Form(error.to_string()))?;
        if format != FORMAT {
            return Err(form("an unknown format"));
        }
        let receipt = Self { statement, seal };
        if receipt.encode() == bytes { Ok(receipt) } else { Err(form("not the bytes that a node writes")) }
    }

    /// Checks everything: entry, path, checkpoint and each signature, against whom we trust.
    ///
    /// # Errors
    /// [`ReceiptError`], which names what does not hold.
    pub fn verify(&self, trust: &Trust) -> Result<Verified, ReceiptError> {
        let head = self.located(trust)?;
        let era = trust.era(head.size);
        if let Entry::Block(block) = &self.statement.entry {
            let expected = era.digest();
            if block.validators != expected {
                return Err(ReceiptError::Set { expected, got: block.validators });
            }
        }
        self.seal.verify(trust, &head)?;
        Ok(self.verified(trust, &head, &self.seal))
    }

    /// Checks a receipt whose own seal is no longer believed, because a key of its set may be in
    /// other hands: its checkpoint must be the beginning of `later`, under a set after it.
    ///
    /// # Errors
    /// [`ReceiptError`], which names what does not hold.
    pub fn verify_through(&self, trust: &Trust, later: &Later) -> Result<Verified, ReceiptError> {
        let head = self.located(trust)?;
        if trust.era_number(later.checkpoint.size) <= trust.era_number(head.size) {
            return Err(ReceiptError::NotLater);
        }
        verify_consistency(&head, &later.checkpoint, &later.proof).map_err(ReceiptError::Consistency)?;
        later.seal.verify(trust, &later.checkpoint)?;
        Ok(self.verified(trust, &later.checkpoint, &later.seal))
    }

    /// The checkpoint, once the entry is known to be in its tree at its place.
    fn located(&self, trust: &Trust) -> Result<TreeHead, ReceiptError> {
        let Statement { network, index, entry, path, checkpoint } = &self.statement;
        if *network != trust.network() {
            return Err(ReceiptError::Network { expected: trust.network(), got: *network });
        }
        let root = root_of_inclusion(&entry.leaf(), *index, checkpoint.size, path).map_err(ReceiptError::Path)?;
        if root != checkpoint.root {
            return Err(ReceiptError::Path(ProofError::Root { expected: checkpoint.root, got: root }));
        }
        let last = *index == checkpoint.size - 1;
        if last != matches!(entry, Entry::Block(_)) {
            return Err(ReceiptError::Place { index: *index, size: checkpoint.size });
        }
        Ok(*checkpoint)
    }

    fn verified(&self, trust: &Trust, head: &TreeHead, seal: &Seal) -> Verified {
        Verified {
            index: self.statement.index,
            entry: self.statement.entry,
            checkpoint: self.statement.checkpoint,
            signers: seal.signers(trust.era(head.size)),
            sealed_s: seal.cosignatures.iter().map(|cosignature| cosignature.time_s).max().unwrap_or(0),
        }
    }

    /// The receipt as C2SP `tlog-proof` text, for verifiers that know nothing of lonja. They need the
    /// entry's bytes beside it.
    ///
    /// # Errors
    /// [`ReceiptError::Export`] or [`ReceiptError::Seal`] where the seal names unknown validators.
    pub fn tlog_proof(&self, trust: &Trust) -> Result<TlogProof, ReceiptError> {
        let Statement { network, index, path, checkpoint, .. } = &self.statement;
        let lines = self.seal.lines(network, trust.era(checkpoint.size))?;
        let note = checkpoint::note(network, checkpoint, lines)?;
        Ok(TlogProof { index: *index, path: path.clone(), checkpoint: note })
    }
}

#[cfg(test)]
pub(crate) mod tests;
