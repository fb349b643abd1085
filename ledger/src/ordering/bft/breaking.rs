//! Proposals whose blocks break the rules, with the signature of whoever proposed them.
//!
//! Block and signed proposal come by different messages, in any order, and one of them may never come. Only both
//! together say something of the proposer: a block alone is not signed, and a proposal names a block that may be good.

use super::context::Proposal;
use crate::limits::{ORDERING_PROPOSALS_MAX, REPLICA_PROPOSALS_PER_ROUND_MAX};
use contracts::{id::Digest, key::Signature, statement::Statement};
use std::collections::{BTreeMap, BTreeSet};

/// A proposal, and the proposer's signature.
type Signed = (Statement, Signature);

/// What was proposed at the height at work, and which of it breaks the rules. Whose turn a round is decides the
/// proposer, so round and block name a proposal.
#[derive(Default)]
pub struct Breaking {
    signed: BTreeMap<(u32, Digest), Signed>,
    broken: BTreeSet<(u32, Digest)>,
}

impl Breaking {
    /// Another height is at work.
    pub fn clear(&mut self) {
        self.signed.clear();
        self.broken.clear();
    }

    /// A proposal came, and its signature holds. Returns it if its block is known to break the rules.
    pub fn signed(&mut self, proposal: &Proposal, signature: Signature) -> Option<Signed> {
        let (statement, name) = (proposal.statement(), (proposal.round.as_u32()?, proposal.block.0));
        if self.broken.contains(&name) {
            return Some((statement, signature));
        }
        // A second one of a round is a lie of another kind already.
        let of_round = self.signed.range((name.0, Digest([0; 32]))..=(name.0, Digest([255; 32]))).count();
        if of_round < REPLICA_PROPOSALS_PER_ROUND_MAX {
            self.signed.insert(name, (statement, signature));
        }
        // Of a height that takes so many rounds, the newest are kept.
        if self.signed.len() > ORDERING_PROPOSALS_MAX {
            self.signed.pop_first();
        }
        None
    }

    /// A block that was proposed in `round` breaks the rules. Returns the proposal, if it has come.
    pub fn broken(&mut self, round: u32, block: Digest) -> Option<Signed> {
        self.broken.insert((round, block));
        if self.broken.len() > ORDERING_PROPOSALS_MAX {
            self.broken.pop_first();
        }
        self.signed.get(&(round, block)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::context::*, *};
    use contracts::key::PublicKey;
    use malachite_types::Round;

    fn proposal(round: u32, block: u8) -> Proposal {
        let proposer = Address(PublicKey([7; 32]));
        Proposal {
            height: At(4),
            round: Round::new(round),
            block: BlockId(Digest([block; 32])),
            pol_round: Round::Nil,
            proposer,
        }
    }

    const SIGNATURE: Signature = Signature([9; 64]);

    #[test]
    fn block_and_signature_meet_in_any_order_and_in_one_round() {
        let mut breaking = Breaking::default();
        assert_eq!(breaking.signed(&proposal(1, 1), SIGNATURE), None);
        assert_eq!(breaking.broken(2, Digest([1; 32])), None, "it was signed for another round");
        assert_eq!(breaking.broken(1, Digest([2; 32])), None, "and for another block");
        let found = breaking.broken(1, Digest([1; 32])).unwrap();
        assert_eq!(found, (proposal(1, 1).statement(), SIGNATURE));
        assert_eq!(breaking.signed(&proposal(2, 1), SIGNATURE), Some((proposal(2, 1).statement(), SIGNATURE)));
        breaking.clear();
        assert_eq!(breaking.broken(1, Digest([1; 32])), None, "of the height at work alone");
    }

    #[test]
    fn what_is_held_has_a_bound() {
        let mut breaking = Breaking::default();
        for round in 0..2 * ORDERING_PROPOSALS_MAX as u32 {
            for block in 0..9 {
                breaking.signed(&proposal(round, block), SIGNATURE);
                breaking.broken(round, Digest([100 + block; 32]));
            }
        }
        assert_eq!((breaking.signed.len(), breaking.broken.len()), (ORDERING_PROPOSALS_MAX, ORDERING_PROPOSALS_MAX));
        let newest = 2 * ORDERING_PROPOSALS_MAX as u32 - 1;
        assert!(
            breaking.broken(newest, Digest([1; 32])).is_some() && breaking.broken(newest, Digest([2; 32])).is_none()
        );
        assert!(breaking.broken(0, Digest([1; 32])).is_none());
    }
}
