//! The explorer: the whole history as pages, proofs and bundles that anybody can check.
