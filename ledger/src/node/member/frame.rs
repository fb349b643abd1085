//! Frames: what validators send each other, as bytes.

use super::gate::Signed;
use crate::{
    block::Block,
    limits::PEER_FRAME_BYTES_MAX,
    ordering::Certificate,
    receipt::{Seal, SetChange, Vote},
    replica::Packet,
    submission::Submission,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{id::Height, key::Signature};

/// What one validator sends another.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Frame {
    /// A message of ordering at a height.
    Message(Height, Vec<u8>) = 0,
    /// A block that the sender proposes.
    Proposed {
        /// In this round.
        round: u32,
        /// The block.
        block: Block,
    } = 1,
    /// How far the sender is.
    Status(Height) = 2,
    /// A decided block.
    Decided(Block, Certificate) = 3,
    /// The sender's signatures under the checkpoint of a height that it has committed.
    Vote(Height, Vote) = 4,
    /// Asks for the receiver's signatures of a height.
    Want(Height) = 5,
    /// A transaction that was handed in to the sender.
    Submission(Box<Submission>) = 6,
    /// The seal of a height, for one who is behind.
    Sealed(Height, Seal) = 7,
    /// Asks what the sender itself signed last.
    AskSigned = 8,
    /// The answer: the newest signature of the receiver that the sender has.
    Signed(Option<Signed>) = 9,
    /// The sender's signature under the record by which the era ends.
    SetSigned(u32, (u8, Signature)) = 10,
    /// That record whole.
    SetChanged(Box<SetChange>) = 11,
    /// Asks for the record of a change of the set, or the receiver's signature under it.
    WantSet(u32) = 12,
    /// The sender has no transactions up to this height at hand, for one who is behind it. Older releases cannot read
    /// it ([`super::lacking`]).
    Lacks(Height) = 13,
}

impl Frame {
    /// As bytes.
    ///
    /// # Panics
    /// Never: what a node makes is within the bounds of its parts.
    pub fn encode(&self) -> Vec<u8> {
        let bytes = borsh::to_vec(self).expect("writing to memory does not fail");
        assert!(bytes.len() <= PEER_FRAME_BYTES_MAX, "what a node sends, others take");
        bytes
    }

    /// From bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > PEER_FRAME_BYTES_MAX {
            return Err(format!("it has {} bytes, allowed are {PEER_FRAME_BYTES_MAX}", bytes.len()));
        }
        borsh::from_slice(bytes).map_err(|error| error.to_string())
    }
}

impl Frame {
    /// The submission that `bytes` are, if they are one that can be read.
    pub fn submission(bytes: &[u8]) -> Option<Submission> {
        match Self::is_submission(bytes).then(|| Self::decode(bytes)) {
            Some(Ok(Self::Submission(submission))) => Some(*submission),
            _ => None,
        }
    }

    /// Is it a submission that `bytes` begin as? Much of the kind may be about, and none of it is worth a vote.
    pub fn is_submission(bytes: &[u8]) -> bool {
        const TAG: u8 = 6;
        bytes.first() == Some(&TAG)
    }
}

impl From<Packet<Block>> for Frame {
    fn from(packet: Packet<Block>) -> Self {
        match packet {
            Packet::Message(height, bytes) => Self::Message(height, bytes),
            Packet::Proposed { round, block } => Self::Proposed { round, block },
            Packet::Status(height) => Self::Status(height),
            Packet::Decided(block, certificate) => Self::Decided(block, certificate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_frames_of_a_height() {
        let golden = [(Frame::Status(9), 2), (Frame::Want(9), 5), (Frame::Lacks(9), 13)];
        for (frame, tag) in golden {
            let bytes = [tag, 9, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(frame.encode(), bytes);
            assert_eq!(Frame::decode(&bytes), Ok(frame));
        }
    }
}
