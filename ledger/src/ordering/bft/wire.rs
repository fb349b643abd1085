//! Messages between validators: borsh, bounded, and refused where the engine could not bear them.

use super::context::{Bft as Ctx, Proposal};
use crate::limits::{ORDERING_MESSAGE_BYTES_MAX, ORDERING_ROUND_MAX};
use borsh::{BorshDeserialize, BorshSerialize};
use malachite_consensus::{Input as EngineInput, LivenessMsg, SignedConsensusMsg};
use malachite_types::Round;

/// What validators tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A vote or a proposal.
    Consensus(SignedConsensusMsg<Ctx>),
    /// What helps those who missed something.
    Liveness(LivenessMsg<Ctx>),
}

impl BorshSerialize for Message {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        match self {
            Self::Consensus(message) => (0u8, message).serialize(writer),
            Self::Liveness(message) => (1u8, message).serialize(writer),
        }
    }
}

impl BorshDeserialize for Message {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        match u8::deserialize_reader(reader)? {
            0 => SignedConsensusMsg::deserialize_reader(reader).map(Self::Consensus),
            1 => LivenessMsg::deserialize_reader(reader).map(Self::Liveness),
            tag => Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, format!("there is no message {tag}"))),
        }
    }
}

/// The bytes of a message.
pub fn encode(message: &Message) -> Vec<u8> {
    let bytes = borsh::to_vec(message).expect("writing to memory does not fail");
    assert!(bytes.len() <= ORDERING_MESSAGE_BYTES_MAX, "what we send, others take");
    bytes
}

/// The engine's input that a message is, or what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<EngineInput<Ctx>, String> {
    if bytes.len() > ORDERING_MESSAGE_BYTES_MAX {
        return Err(format!("it has {} bytes, allowed are {ORDERING_MESSAGE_BYTES_MAX}", bytes.len()));
    }
    let message: Message = borsh::from_slice(bytes).map_err(|error| error.to_string())?;
    let input = match message {
        Message::Consensus(SignedConsensusMsg::Vote(vote)) | Message::Liveness(LivenessMsg::Vote(vote)) => {
            EngineInput::Vote(vote)
        }
        Message::Consensus(SignedConsensusMsg::Proposal(proposal)) => EngineInput::Proposal(proposal),
        Message::Liveness(LivenessMsg::PolkaCertificate(certificate)) => EngineInput::PolkaCertificate(certificate),
        Message::Liveness(LivenessMsg::SkipRoundCertificate(certificate)) => EngineInput::RoundCertificate(certificate),
    };
    check(&input)?;
    Ok(input)
}

/// Refuses rounds that the engine never acts in: it counts up from them and waits for them.
pub fn check(input: &EngineInput<Ctx>) -> Result<(), String> {
    let defined = |round: Round| match round.as_u32() {
        Some(number) if number <= ORDERING_ROUND_MAX => Ok(()),
        _ => Err(format!("round {round} is none from 0 to {ORDERING_ROUND_MAX}")),
    };
    match input {
        EngineInput::Vote(vote) => defined(vote.message.round),
        EngineInput::Proposal(signed) => {
            let Proposal { round, pol_round, .. } = &signed.message;
            defined(*round)?;
            if pol_round.is_nil() { Ok(()) } else { defined(*pol_round) }
        }
        EngineInput::PolkaCertificate(certificate) => defined(certificate.round),
        EngineInput::RoundCertificate(certificate) => defined(certificate.round),
        EngineInput::ProposedValue(value, _) => defined(value.round),
        EngineInput::TimeoutElapsed(timeout) => defined(timeout.round),
        EngineInput::StartHeight(..) | EngineInput::Propose(_) | EngineInput::SyncValueResponse(_) => {
            Err("it is none that comes from outside".into())
        }
    }
}

/// What a validator that lies can make: tests of those who listen to it.
#[cfg(test)]
pub(crate) mod forge {
    use super::{super::context::*, *};
    use contracts::{
        id::{Digest, Height, NetworkId},
        key::Signer,
    };
    use malachite_types::{NilOrVal, PolkaCertificate, SignedMessage, VoteType};

    /// What a vote or proposal says: what one validator may say only once.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub struct Said {
        pub who: contracts::key::PublicKey,
        /// 0 prevote, 1 precommit, 2 proposal.
        pub kind: u8,
        pub height: Height,
        pub round: u32,
    }

    /// What `bytes` say, and for which block, if they are a vote or a proposal.
    pub fn said(bytes: &[u8]) -> Option<(Said, Option<Digest>)> {
        let (who, kind, height, round, block) = match decode(bytes).ok()? {
            EngineInput::Vote(vote) => {
                let Vote { kind, height, round, block, voter } = vote.message;
                let block = match block {
                    NilOrVal::Val(block) => Some(block.0),
                    NilOrVal::Nil => None,
                };
                (voter, if kind == VoteType::Prevote { 0 } else { 1 }, height, round, block)
            }
            EngineInput::Proposal(proposal) => {
                let Proposal { height, round, block, proposer, .. } = proposal.message;
                (proposer, 2, height, round, Some(block.0))
            }
            _ => return None,
        };
        Some((Said { who: who.0, kind, height: height.0, round: round.as_u32()? }, block))
    }

    /// The message of `signer` that says `said` of `block`.
    pub fn message(network: &NetworkId, signer: &dyn Signer, said: &Said, block: Option<Digest>) -> Vec<u8> {
        let (who, height, round) = (Address(signer.public()), At(said.height), Round::new(said.round));
        let message = if said.kind == 2 {
            let block = BlockId(block.expect("a proposal is for a block"));
            let proposal = Proposal { height, round, block, pol_round: Round::Nil, proposer: who };
            let (domain, message) = proposal.signed();
            let signature = signer.sign(&domain.message(network, &message)).expect("a test's key signs");
            SignedConsensusMsg::Proposal(SignedMessage::new(proposal, signature))
        } else {
            let kind = if said.kind == 0 { VoteType::Prevote } else { VoteType::Precommit };
            let block = block.map_or(NilOrVal::Nil, |block| NilOrVal::Val(BlockId(block)));
            let vote = Vote { kind, height, round, block, voter: who };
            let (domain, message) = vote.signed();
            let signature = signer.sign(&domain.message(network, &message)).expect("a test's key signs");
            SignedConsensusMsg::Vote(SignedMessage::new(vote, signature))
        };
        encode(&Message::Consensus(message))
    }

    /// A quorum of prevotes, as it is said to be, without any.
    pub fn polka(height: Height, round: u32, block: Digest) -> Vec<u8> {
        let (height, round, value_id) = (At(height), Round::new(round), BlockId(block));
        let certificate = PolkaCertificate { height, round, value_id, polka_signatures: Vec::new() };
        encode(&Message::Liveness(LivenessMsg::PolkaCertificate(certificate)))
    }
}
