//! Deterministic simulation of a network: every run follows from one seed, and a failing seed repeats.
//!
//! [`world`] owns a virtual clock and delivers what replicas send through links that lose, delay, double
//! and reorder it. It cuts the network in parts and lets the power fail at any write. What runs in it are
//! the real [`crate::replica`] and [`crate::ordering`], no stand-ins; only the ledger below is small, and
//! the disk forgets what was not synced ([`toy`]). [`liar`] is a validator that breaks the rules.
//!
//! After each event the world checks what must hold always: no two replicas commit different blocks at a
//! height, every certificate verifies, nobody honest signs two things that exclude each other, nobody
//! honest is accused or protested against, and the rules take each protest ([`rules`]). Once the faults end, every honest replica must get on.

mod chance;
mod liar;
mod plan;
mod rules;
mod toy;
mod world;

pub use chance::Chance;
pub use plan::{Plan, Report};
pub use world::World;

#[cfg(test)]
mod tests;
