//! The `add-checkpoint` request (C2SP tlog-witness, "add-checkpoint"): a checkpoint, and why it extends
//! what the witness knows.

use super::decimal;
use crate::{
    limits::{ADD_CHECKPOINT_BYTES_MAX, ADD_CHECKPOINT_HASHES_MAX},
    log::proof::TreeHead,
    note::{Note, NoteError, checkpoint, unbase64},
};
use contracts::id::Digest;
use data_encoding::BASE64;
use std::fmt;

/// A request in the right form; nothing in it is verified. Its note is a checkpoint of `origin` and `head`,
/// and it has at most [`ADD_CHECKPOINT_HASHES_MAX`] hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<Digest>,
    checkpoint: Note,
    origin: String,
    head: TreeHead,
}

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Too long to be looked at.
    #[error("a request has at most {ADD_CHECKPOINT_BYTES_MAX} bytes")]
    TooLarge,
    /// Nothing separates proof and checkpoint.
    #[error("a request is `old <size>`, hashes, a blank line and a checkpoint")]
    Form,
    /// The first line.
    #[error("the first line is `old`, a space and a size in decimal without leading zeros")]
    Old,
    /// A line of the proof.
    #[error("line {0} is no hash of 32 bytes in base64")]
    Hash(usize),
    /// More hashes than any proof has.
    #[error("a consistency proof has at most {ADD_CHECKPOINT_HASHES_MAX} hashes")]
    Hashes,
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] NoteError),
}

impl AddCheckpoint {
    /// A request to a witness that knows the log's first `old` entries; `proof` leads from there to
    /// `checkpoint`.
    ///
    /// # Errors
    /// [`AddError`] where the note is no checkpoint, or the proof is too long.
    pub fn new(old: u64, proof: Vec<Digest>, checkpoint: Note) -> Result<Self, AddError> {
        if proof.len() > ADD_CHECKPOINT_HASHES_MAX {
            return Err(AddError::Hashes);
        }
        let (origin, head) = checkpoint::parse_extended(checkpoint.text())?;
        Ok(Self { old, proof, checkpoint, origin, head })
    }

    /// Reads a request body.
    ///
    /// # Errors
    /// [`AddError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, AddError> {
        if bytes.len() > ADD_CHECKPOINT_BYTES_MAX {
            return Err(AddError::TooLarge);
        }
        let blank = bytes.windows(2).position(|pair| pair == b"\n\n").ok_or(AddError::Form)?;
        let (head, note) = (&bytes[..blank], &bytes[blank + 2..]);
        let mut lines = std::str::from_utf8(head).map_err(|_| AddError::Form)?.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal).ok_or(AddError::Old)?;
        let mut proof = Vec::new();
        for (number, line) in lines.enumerate() {
            if number >= ADD_CHECKPOINT_HASHES_MAX {
                return Err(AddError::Hashes);
            }
            let hash = unbase64(line).and_then(|bytes| bytes.try_into().ok()).ok_or(AddError::Hash(number + 2))?;
            proof.push(Digest(hash));
        }
        Self::new(old, proof, Note::parse(note)?)
    }

    /// How many entries the sender believes the witness to know.
    pub fn old(&self) -> u64 {
        self.old
    }

    /// The consistency proof from there.
    pub fn proof(&self) -> &[Digest] {
        &self.proof
    }

    /// The checkpoint.
    pub fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Its first line.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its tree.
    pub fn head(&self) -> &TreeHead {
        &self.head
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.proof.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}
