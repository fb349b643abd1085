//! What the engine is generic over: our heights, blocks, votes and validators.

use crate::ordering::Turn;
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height},
    key::{Domain, PublicKey, Signature},
    statement::{Said, Statement},
    validators::ValidatorSet,
};
use malachite_types::{self as engine, Context, LinearTimeouts, NilOrVal, Round, SignedExtension, VoteType};
use std::{fmt, sync::Arc};

/// A validator's address: its consensus key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Address(pub PublicKey);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Address for Address {}

/// A height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct At(pub Height);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Height for At {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// What is decided: a block's id, and nothing of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct BlockId(pub Digest);

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl engine::Value for BlockId {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

/// Our keys, to the engine. Secrets stay with the [`contracts::key::Signer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys;

impl engine::SigningScheme for Keys {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        bytes.try_into().map(Signature).map_err(|_| "a signature has 64 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        bytes.try_into().map(PublicKey).map_err(|_| "a public key has 32 bytes")
    }

    fn encode_public_key(key: &PublicKey) -> Vec<u8> {
        key.0.to_vec()
    }
}

/// One validator, with one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voter {
    address: Address,
}

impl engine::Validator<Bft> for Voter {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &PublicKey {
        &self.address.0
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// The validators of a height, in the order of their numbers, and whose turn it is in which round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voters {
    voters: Arc<[Voter]>,
    turns: Arc<[Turn]>,
}

impl Voters {
    /// Those of `set`, who propose in the order of `turns`.
    pub fn of(set: &ValidatorSet, turns: &[Turn]) -> Self {
        let voters = set.validators.iter().map(|validator| Voter { address: Address(validator.consensus) });
        Self { voters: voters.collect(), turns: turns.into() }
    }

    /// Number of the validator at `address`.
    pub fn number(&self, address: &Address) -> Option<u16> {
        self.voters.iter().position(|voter| voter.address == *address).map(|number| number as u16)
    }

    /// Address of validator `number`.
    pub fn address(&self, number: u16) -> Option<Address> {
        self.voters.get(usize::from(number)).map(|voter| voter.address)
    }

    /// Whose turn it is. They go round.
    pub fn turn(&self, round: u32) -> Turn {
        self.turns[round as usize % self.turns.len()]
    }
}

impl engine::ValidatorSet<Bft> for Voters {
    fn count(&self) -> usize {
        self.voters.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.voters.len() as u64
    }

    fn get_by_address(&self, address: &Address) -> Option<&Voter> {
        self.voters.iter().find(|voter| voter.address == *address)
    }

    fn get_by_index(&self, index: usize) -> Option<&Voter> {
        self.voters.get(index)
    }
}

/// A proposal: this block, at this height, in this round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    pub height: At,
    pub round: Round,
    pub block: BlockId,
    /// The round in which a quorum prevoted for the block, if it was proposed before.
    pub pol_round: Round,
    pub proposer: Address,
}

impl Proposal {
    /// What is said, as the rules know it.
    pub fn statement(&self) -> Statement {
        let said = Said::Proposal { block: self.block.0, since: self.pol_round.as_u32() };
        Statement { validator: self.proposer.0, height: self.height.0, round: number(self.round), said }
    }

    /// Purpose and message that a signature is over.
    pub fn signed(&self) -> (Domain, Vec<u8>) {
        self.statement().signed()
    }
}

impl engine::Proposal<Bft> for Proposal {
    fn height(&self) -> At {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &BlockId {
        &self.block
    }

    fn take_value(self) -> BlockId {
        self.block
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}

/// A vote. Without extensions: a signature over what is not decided would vouch for nothing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    pub kind: VoteType,
    pub height: At,
    pub round: Round,
    pub block: NilOrVal<BlockId>,
    pub voter: Address,
}

impl Vote {
    /// What is said, as the rules know it.
    pub fn statement(&self) -> Statement {
        let block = match self.block {
            NilOrVal::Val(block) => Some(block.0),
            NilOrVal::Nil => None,
        };
        let said = match self.kind {
            VoteType::Prevote => Said::Prevote { block },
            VoteType::Precommit => Said::Precommit { block },
        };
        Statement { validator: self.voter.0, height: self.height.0, round: number(self.round), said }
    }

    /// Purpose and message that a signature is over.
    pub fn signed(&self) -> (Domain, Vec<u8>) {
        self.statement().signed()
    }
}

impl engine::Vote<Bft> for Vote {
    fn height(&self) -> At {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.block
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.block
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.voter
    }

    fn extension(&self) -> Option<&SignedExtension<Bft>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<Bft>> {
        None
    }

    fn extend(self, _: SignedExtension<Bft>) -> Self {
        self
    }
}

/// A round as statements have it. Messages without one are refused ([`super::wire::check`]), and nobody signs one; in
/// the place of none stands a number that no message may have.
fn number(round: Round) -> u32 {
    round.as_u32().unwrap_or(u32::MAX)
}

/// Blocks do not pass through the engine, in parts or whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPart {}

impl engine::ProposalPart<Bft> for NoPart {
    fn is_first(&self) -> bool {
        match *self {}
    }

    fn is_last(&self) -> bool {
        match *self {}
    }
}

/// All of the above together.
#[derive(Clone, Copy, Debug)]
pub struct Bft;

impl Context for Bft {
    type Address = Address;
    type Height = At;
    type ProposalPart = NoPart;
    type Proposal = Proposal;
    type Validator = Voter;
    type ValidatorSet = Voters;
    type Timeouts = LinearTimeouts;
    type Value = BlockId;
    type Vote = Vote;
    type Extension = bytes::Bytes;
    type SigningScheme = Keys;

    fn select_proposer<'a>(&self, voters: &'a Voters, _: At, round: Round) -> &'a Voter {
        &voters.voters[usize::from(voters.turn(round.as_u32().unwrap_or(0)).number)]
    }

    fn new_proposal(&self, height: At, round: Round, block: BlockId, pol_round: Round, proposer: Address) -> Proposal {
        Proposal { height, round, block, pol_round, proposer }
    }

    fn new_prevote(&self, height: At, round: Round, block: NilOrVal<BlockId>, voter: Address) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, block, voter }
    }

    fn new_precommit(&self, height: At, round: Round, block: NilOrVal<BlockId>, voter: Address) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, block, voter }
    }
}
