//! Witnesses as C2SP has them (tlog-witness, tlog-policy): strangers who saw a log grow and never fork.
//!
//! Owns the trust policy that says whose cosignatures are enough, the `add-checkpoint` request, the witness
//! itself with its durable records, and the client that collects cosignatures for our own log. A witness
//! believes nothing but signatures and consistency proofs, so it needs no ledger of its own. Never: the
//! decision whom to trust, which a policy brings, and entries of a log, which a witness does not see.
//!
//! The source is the C2SP text of July 2026. It differs from tlog-witness v1.0.0 where a checkpoint has the
//! recorded size and another root: 422, where v1.0.0 said 409. A 409 means "ask again from this size", which
//! cannot help here; our client takes either answer for what it is.

pub mod policy;
mod reading;

pub mod add;

pub mod client;
mod counts;
pub mod http;
mod records;
pub mod server;
mod trial;

pub use add::AddCheckpoint;
pub use http::router;
pub use policy::Policy;
pub use server::Witness;

/// The number that `text` is in decimal digits without a sign or leading zeros: its one spelling in C2SP.
fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests;
