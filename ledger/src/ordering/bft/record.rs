//! Records: what a validator keeps of the height at work, so that it goes on where it stopped.
//!
//! Kept are the inputs that the engine must be told again: votes, proposals, judged blocks, timers
//! that ran out, and quorums of prevotes. The host frames and checks the bytes; see
//! [`Output::Record`](crate::ordering::Output::Record).

use super::{
    context::{Address, At, Bft as Ctx, BlockId},
    wire,
};
use borsh::BorshDeserialize;
use malachite_consensus::{Input as EngineInput, ProposedValue, SignedConsensusMsg};
use malachite_types::{PolkaCertificate, Round, Timeout, Validity, ValueOrigin};

/// The bytes of a record.
///
/// # Panics
/// For an input that the engine never asks to keep.
pub fn encode(input: &EngineInput<Ctx>) -> Vec<u8> {
    let bytes = match input {
        EngineInput::Vote(vote) => borsh::to_vec(&(0u8, SignedConsensusMsg::Vote(vote.clone()))),
        EngineInput::Proposal(proposal) => borsh::to_vec(&(0u8, SignedConsensusMsg::Proposal(proposal.clone()))),
        EngineInput::PolkaCertificate(certificate) => borsh::to_vec(&(1u8, certificate)),
        EngineInput::ProposedValue(value, _) => {
            let ProposedValue { height, round, valid_round, proposer, value, validity } = value;
            borsh::to_vec(&(2u8, height, round, valid_round, proposer, value, validity))
        }
        EngineInput::TimeoutElapsed(timeout) => borsh::to_vec(&(3u8, step(*timeout), timeout.round)),
        never => unreachable!("the engine does not ask to keep {never:?}"),
    };
    bytes.expect("writing to memory does not fail")
}

/// The input that a record is.
pub fn decode(bytes: &[u8]) -> Result<EngineInput<Ctx>, String> {
    let (tag, rest) = bytes.split_first().ok_or("it is empty")?;
    let input = match tag {
        0 => match read::<SignedConsensusMsg<Ctx>>(rest)? {
            SignedConsensusMsg::Vote(vote) => EngineInput::Vote(vote),
            SignedConsensusMsg::Proposal(proposal) => EngineInput::Proposal(proposal),
        },
        1 => EngineInput::PolkaCertificate(read::<PolkaCertificate<Ctx>>(rest)?),
        2 => {
            let (height, round, valid_round, proposer, value, validity) =
                read::<(At, Round, Round, Address, BlockId, Validity)>(rest)?;
            let judged = ProposedValue { height, round, valid_round, proposer, value, validity };
            EngineInput::ProposedValue(judged, ValueOrigin::Consensus)
        }
        3 => {
            let (step, round) = read::<(u8, Round)>(rest)?;
            EngineInput::TimeoutElapsed(match step {
                0 => Timeout::propose(round),
                1 => Timeout::prevote(round),
                2 => Timeout::precommit(round),
                _ => return Err(format!("there is no timer {step}")),
            })
        }
        _ => return Err(format!("there is no record {tag}")),
    };
    wire::check(&input)?;
    Ok(input)
}

fn read<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, String> {
    borsh::from_slice(bytes).map_err(|error| error.to_string())
}

fn step(timeout: Timeout) -> u8 {
    use malachite_types::TimeoutKind::*;
    match timeout.kind {
        Propose => 0,
        Prevote => 1,
        Precommit => 2,
        Rebroadcast | FinalizeHeight(_) => unreachable!("the engine keeps no timer that only sends again"),
    }
}
