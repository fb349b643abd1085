//! What validators say in ordering, and sign. It stands here and not beside the ordering because the rules judge it:
//! two statements that exclude each other are on the ledger what they are to a court ([`crate::governance::Accuse`], [`crate::governance::Protest`]).

use crate::{
    id::{Digest, Height},
    key::{Domain, PublicKey},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What is said of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Said {
    /// A first vote, for a block or for none.
    Prevote {
        /// The block's id.
        block: Option<Digest>,
    } = 0,
    /// A vote that decides, for a block or for none.
    Precommit {
        /// The block's id.
        block: Option<Digest>,
    } = 1,
    /// A proposal, by whose turn it is.
    Proposal {
        /// The block's id.
        block: Digest,
        /// The round in which a quorum prevoted for the block, if it was proposed before.
        since: Option<u32>,
    } = 2,
}

impl Said {
    /// May no honest validator say both, of one height and round? That is so of two votes of one kind, and of two
    /// proposals, for different blocks. (A second proposal of the same block decides nothing else.)
    pub fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Prevote { block: one }, Self::Prevote { block: two })
            | (Self::Precommit { block: one }, Self::Precommit { block: two }) => one != two,
            (Self::Proposal { block: one, .. }, Self::Proposal { block: two, .. }) => one != two,
            _ => false,
        }
    }

    /// The word for people.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Prevote { .. } => "prevote",
            Self::Precommit { .. } => "precommit",
            Self::Proposal { .. } => "proposal",
        }
    }
}

/// A statement of one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Statement {
    /// Its consensus key.
    pub validator: PublicKey,
    /// Of which height.
    pub height: Height,
    /// Of which round.
    pub round: u32,
    /// What.
    pub said: Said,
}

impl Statement {
    /// Purpose and message that its signature is over. A precommit for a block is what certificates are made of, so
    /// it signs what they say ([`decided`]). All else has other purposes, so that it can never stand in one.
    pub fn signed(&self) -> (Domain, Vec<u8>) {
        match self.said {
            Said::Precommit { block: Some(block) } => (Domain::Block, decided(self.height, self.round, &block)),
            Said::Proposal { .. } => (Domain::Proposal, self.bytes()),
            Said::Prevote { .. } | Said::Precommit { block: None } => (Domain::Vote, self.bytes()),
        }
    }

    /// Purpose and message of the signature of another validator that protests against what this proposes
    /// ([`crate::governance::Protest`]).
    pub fn protested(&self) -> (Domain, Vec<u8>) {
        (Domain::Protest, self.bytes())
    }

    fn bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }
}

/// What a certificate's signatures are over: `block` was decided at `height` in `round`.
pub fn decided(height: Height, round: u32, block: &Digest) -> Vec<u8> {
    [height.to_be_bytes().as_slice(), &round.to_be_bytes(), &block.0].concat()
}
