//! The machine that keeps the ledger: blocks, log, state tree, proofs, store, node and client.
//!
//! Owns everything between a signed transaction and a proof that a stranger believes. Knows nothing
//! of the marketplace or the explorer, which read it through [`api`]. Read in this order: [`block`],
//! [`log`], [`tree`], [`receipt`], [`bundle`], [`chain`] (propose, verify, commit), [`ordering`] (solo, or a
//! Byzantine quorum), [`replica`] (a chain that grows by ordering, without clock or sockets) and [`voting`]
//! (what it keeps of the height at work), [`store`], [`era`] (one validator set after the other), [`snapshot`] (how a node begins in the middle), [`archive`] (old transactions outside the store), [`node`] (the one
//! thread that owns the chain), [`api`], [`witness`] (strangers who vouch that there is one log).
//! `sim` runs whole networks of replicas from a seed.

pub mod limits;

pub mod block;
pub mod bundle;
pub mod log;
pub mod note;
pub mod receipt;
pub mod replay;
pub mod submission;
pub mod time;
pub mod tree;
mod unexecuted;
pub mod verified;

pub mod highwater;
pub mod ordering;
pub mod peers;
pub mod room;
pub mod sides;
pub mod store;
pub mod voting;
mod whole;
pub use whole::{Failed, Passing, found_full, passing};

pub mod api;
pub mod archive;
pub mod audit;
pub mod bench;
pub mod bucket;
pub mod chain;
#[doc(hidden)]
pub mod decoders;
pub mod era;
pub mod mempool;
pub mod metrics;
pub mod node;
pub mod replica;
#[cfg(test)]
mod sim;
pub mod snapshot;
mod spans;
#[doc(hidden)]
pub mod testing;
pub mod witness;
