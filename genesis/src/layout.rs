//! The directory of a network: what lies where, and how it comes into being.
//!
//! ```text
//! network.json   the signed founding document     keys/      sealed key files
//! anchor.json    the trust anchor                 node/      the ledger
//! lonja.toml     addresses and directories        market/    the marketplace's read model, vault, objects
//! passphrase     only when nobody types it        explorer/  the explorer's read model
//! ```
//!
//! It is made beside its place and renamed, so that it is there whole or not at all.
//!
//! A trial of several validators has a directory of each but the first below it, as
//! `validators/validator-1`: document, anchor, configuration, `node/`, and the keys of that validator alone.

mod create;

pub use create::{FounderSpec, Spec};

use crate::{
    anchor::{AnchorError, TrustAnchor},
    config::{Config, ConfigError},
    document::{DocumentError, SignedDocument},
    files::FileError,
    keyring::{Keyring, KeyringError},
    passphrase::PassphraseError,
};
use contracts::limits::VALIDATORS_MAX;
use std::path::{Path, PathBuf};

/// A network's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// A directory that cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is something already.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// No network lies there.
    #[error("{} holds no network", path.display())]
    NoNetwork {
        /// The directory.
        path: PathBuf,
    },
    /// Too few or too many validators.
    #[error("a network has 1 to {VALIDATORS_MAX} validators, not {got}")]
    Validators {
        /// How many were asked for.
        got: usize,
    },
    /// Not so many ports follow the first.
    #[error("{count} validators need {count} ports from {first} on")]
    Ports {
        /// The first.
        first: u16,
        /// How many.
        count: usize,
    },
    /// Document and anchor are of different networks.
    #[error("{} and the founding document beside it are of different networks", path.display())]
    Stranger {
        /// The anchor's file.
        path: PathBuf,
    },
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// The document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The anchor.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The passphrase's file.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
}

impl LayoutError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotEmpty { .. } => "choose another --dir, or move what is there away".into(),
            Self::NoNetwork { path } => format!(
                "create one with `lonja network create --dir {0}`, or start a demonstration with `lonja up --demo --dir {0}`",
                path.display()
            ),
            Self::Validators { .. } => format!("ask for 1 to {VALIDATORS_MAX}"),
            Self::Ports { count, .. } => {
                format!("choose ports from 1 to {}, with room behind each", usize::from(u16::MAX) + 1 - count)
            }
            Self::Stranger { path } => format!(
                "compare the network id in {} and in network.json beside it with what another member has, and put the \
                 one that differs back from a copy",
                path.display()
            ),
            Self::File(error) => error.remedy(),
            Self::Key(error) => error.remedy(),
            Self::Document(error) => error.remedy(),
            Self::Anchor(error) => error.remedy(),
            Self::Config(error) => error.remedy(),
            Self::Passphrase(error) => error.remedy(),
        }
    }
}

impl Layout {
    /// The network's directory `root`, whether or not it is there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The signed founding document.
    pub fn document_path(&self) -> PathBuf {
        self.root.join("network.json")
    }

    /// The trust anchor.
    pub fn anchor_path(&self) -> PathBuf {
        self.root.join("anchor.json")
    }

    /// The configuration.
    pub fn config_path(&self) -> PathBuf {
        self.root.join("lonja.toml")
    }

    /// The passphrase, when nobody types it.
    pub fn passphrase_path(&self) -> PathBuf {
        self.root.join("passphrase")
    }

    /// The key files.
    pub fn keys_path(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// A data directory that the configuration names relative to this one.
    pub fn data_path(&self, data: &Path) -> PathBuf {
        self.root.join(data)
    }

    /// The directory of another validator of the same trial, by its name.
    pub fn validator(&self, name: &str) -> Self {
        Self::at(self.root.join("validators").join(name))
    }

    /// Is there a network?
    pub fn exists(&self) -> bool {
        self.document_path().exists()
    }

    /// The keys.
    pub fn keyring(&self) -> Keyring {
        Keyring::at(self.keys_path())
    }

    /// Reads and verifies the founding document.
    ///
    /// # Errors
    /// [`LayoutError`], naming file and remedy.
    pub fn document(&self) -> Result<SignedDocument, LayoutError> {
        if !self.exists() {
            return Err(LayoutError::NoNetwork { path: self.root.clone() });
        }
        Ok(SignedDocument::read(&self.document_path())?)
    }

    /// Reads the trust anchor, which must be of the founding document's network when that is there.
    ///
    /// # Errors
    /// [`LayoutError`], naming file and remedy.
    pub fn anchor(&self) -> Result<TrustAnchor, LayoutError> {
        let anchor = TrustAnchor::read(&self.anchor_path())?;
        if self.exists() && self.document()?.anchor() != anchor {
            return Err(LayoutError::Stranger { path: self.anchor_path() });
        }
        Ok(anchor)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// [`LayoutError`], naming file, key and remedy.
    pub fn config(&self) -> Result<Config, LayoutError> {
        Ok(Config::read(&self.config_path())?)
    }
}
