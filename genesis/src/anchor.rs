//! The trust anchor: all that a verifier has to be given by somebody it trusts.
//!
//! Network id and first validator set. Everything else (blocks, receipts, later sets) is proved from
//! it. The file holds nothing secret; what matters is the way on which it reached its reader.

use crate::{
    files::{self, Access, FileError},
    limits::ANCHOR_BYTES_MAX,
    strict,
};
use contracts::{id::NetworkId, rejection::Malformed, validators::ValidatorSet};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Network id and first validator set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustAnchor {
    /// The network.
    pub network: NetworkId,
    /// Who signed its first blocks.
    pub set: ValidatorSet,
}

/// A trust anchor that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not written as an anchor is.
    #[error("{} is no trust anchor: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Its validator set is not valid.
    #[error("{} names no usable validator set", path.display())]
    Set {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Malformed,
    },
}

impl AnchorError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Format { .. } | Self::Set { .. } => {
                "ask the network's operator for the anchor again, and compare its network id on a second way".into()
            }
        }
    }
}

impl TrustAnchor {
    /// The anchor as its file holds it.
    pub fn to_json(&self) -> Vec<u8> {
        strict::encode(self)
    }

    /// Reads an anchor from the bytes of its file; `path` is named in errors only.
    ///
    /// # Errors
    /// [`AnchorError`], naming the file.
    pub fn from_json(path: &Path, bytes: &[u8]) -> Result<Self, AnchorError> {
        let format = |reason| AnchorError::Format { path: path.to_path_buf(), reason };
        let anchor: Self = strict::decode(bytes).map_err(format)?;
        anchor.set.check().map_err(|source| AnchorError::Set { path: path.to_path_buf(), source })?;
        Ok(anchor)
    }

    /// Reads an anchor file.
    ///
    /// # Errors
    /// [`AnchorError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, AnchorError> {
        Self::from_json(path, &files::read(path, ANCHOR_BYTES_MAX)?)
    }

    /// Writes a new anchor file.
    ///
    /// # Errors
    /// [`AnchorError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), AnchorError> {
        Ok(files::write_new(path, &self.to_json(), Access::Public)?)
    }
}
