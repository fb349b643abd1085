//! Later checkpoints: what a receipt needs whose own seal counts no more, since a key under it may be in other hands.
//!
//! The validators that came after sealed a log of which the receipt's is the beginning, and so they vouch for it.
//! Who keeps that beside the receipt needs no node afterwards.
//!
//! # The file
//! JSON of two-space indentation and one newline at the end; what is proven stands there as borsh in hexadecimal.
//!
//! ```text
//! {
//!   "format": "lonja-later/v1",
//!   "trust": [a SetChange each, from the founding on],
//!   "later": [a Later each]
//! }
//! ```

use super::{Receipt, ReceiptError, Seal, SetChange, Trust, TrustError, Verified};
use crate::log::proof::TreeHead;
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::Digest;
use serde::{Deserialize, Serialize};

/// Bytes of a file of later checkpoints at most: thousands of them, behind all changes of twenty years.
pub const LATER_FILE_BYTES_MAX: u64 = 16 << 20;

/// The only form there is so far.
const FORMAT: &str = "lonja-later/v1";

/// A checkpoint of a later set, and that it continues an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Later {
    /// The later checkpoint.
    pub checkpoint: TreeHead,
    /// Consistency proof from the earlier to the later one.
    pub proof: Vec<Digest>,
    /// The later set's signatures.
    pub seal: Seal,
}

/// Later checkpoints to keep, and whom one has to trust for them. Nothing in it is to be believed before it verifies
/// from an anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaterFile {
    /// Every change of the validator set since the founding.
    pub changes: Vec<SetChange>,
    /// One for each receipt that needs it, in any order.
    pub later: Vec<Later>,
}

/// Why a file of later checkpoints cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no file of later checkpoints: {0}")]
pub struct LaterError(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: String,
    trust: Vec<String>,
    later: Vec<String>,
}

impl LaterFile {
    /// The file.
    pub fn encode(&self) -> Vec<u8> {
        let written = Written { format: FORMAT.into(), trust: to_hex(&self.changes), later: to_hex(&self.later) };
        let mut bytes = serde_json::to_vec_pretty(&written).expect("text has a JSON form");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`LaterError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LaterError> {
        let written: Written = serde_json::from_slice(bytes).map_err(|error| LaterError(error.to_string()))?;
        if written.format != FORMAT {
            return Err(LaterError(format!("it is not of the form {FORMAT}")));
        }
        let file = Self { changes: of_hex(&written.trust)?, later: of_hex(&written.later)? };
        if file.encode() == bytes { Ok(file) } else { Err(LaterError("not the bytes that lonja writes".into())) }
    }

    /// What is known, and the changes of the file that are not.
    ///
    /// # Errors
    /// [`TrustError`], where they do not lead on.
    pub fn trust(&self, known: &Trust) -> Result<Trust, TrustError> {
        let mut trust = known.clone();
        let fresh = self.changes.iter().filter(|change| change.number as usize > known.changes());
        fresh.into_iter().try_for_each(|change| trust.extend(change))?;
        Ok(trust)
    }

    /// Checks a receipt through one of the later checkpoints, which is returned.
    ///
    /// # Errors
    /// [`ReceiptError`], for the last of them.
    pub fn verify(&self, receipt: &Receipt, trust: &Trust) -> Result<(Verified, TreeHead), ReceiptError> {
        let mut refused = ReceiptError::NoLater;
        for later in &self.later {
            match receipt.verify_through(trust, later) {
                Ok(verified) => return Ok((verified, later.checkpoint)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }
}

fn to_hex(values: &[impl BorshSerialize]) -> Vec<String> {
    values.iter().map(|value| hex::encode(borsh::to_vec(value).expect("writing to memory does not fail"))).collect()
}

fn of_hex<T: BorshDeserialize>(texts: &[String]) -> Result<Vec<T>, LaterError> {
    let one = |text: &String| {
        let bytes = hex::decode(text).map_err(|error| LaterError(error.to_string()))?;
        T::try_from_slice(&bytes).map_err(|error| LaterError(error.to_string()))
    };
    texts.iter().map(one).collect()
}
