//! The birth of a network: its signed document, trust anchor, sealed keys and directories.
//!
//! This crate owns the founding document and its id, the trust anchor that a verifier starts from,
//! key files and keys on tokens (the only code where secret keys are made or touch disk), the node's configuration,
//! and the layout of a data directory. It never opens a socket or a ledger: it is done before the first
//! block, and knows nothing of what comes after.
//!
//! Read in this order: [`document`], [`anchor`], [`member`], [`proposal`], [`keyfile`], [`token`], [`keyring`], [`config`], [`layout`].

pub mod anchor;
pub mod document;
pub mod member;
pub mod proposal;

pub mod keyfile;
pub mod keyring;
pub mod passphrase;
pub mod token;

pub mod config;
pub mod layout;

pub mod files;
pub mod limits;
mod strict;
mod suggest;

pub use anchor::TrustAnchor;
pub use document::{NetworkDocument, SignedDocument};
pub use keyfile::{Cost, FileSigner};
pub use keyring::{KeyName, Keyring, OpenKey};
pub use layout::Layout;
pub use member::{Member, SignedMember};
pub use passphrase::Passphrase;
pub use proposal::{Proposal, SignedBy};
pub use suggest::nearest;
pub use token::{NewPair, Pin, TokenSigner};
