//! The machine that keeps the ledger: blocks, log, state tree, proofs, store, node and client.

pub mod log;
pub mod tree;
