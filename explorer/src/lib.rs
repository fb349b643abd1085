//! The explorer: the whole history as pages, proofs and bundles that anybody can check.

mod format;
pub mod index;
mod limits;
mod redact;
mod tell;
pub mod view;
