//! What one validator said at the height at work, as others remember it: for one that may have forgotten it.

use super::{context::Bft as Ctx, record, wire};
use contracts::{
    id::{Height, NetworkId},
    key::{Domain, PublicKey, Signature},
};
use malachite_consensus::{Input as EngineInput, SignedConsensusMsg};

/// Messages that are shown of one validator: of more rounds than a height ever has, three for each.
const SHOWN_MAX: usize = 64;

/// The newest messages among `records` that the validator with consensus key `key` signed, as it sent them.
pub fn said_by(records: &[Vec<u8>], key: &PublicKey) -> Vec<Vec<u8>> {
    let of_it = |bytes: &Vec<u8>| {
        let message = match record::decode(bytes).ok()? {
            EngineInput::Vote(vote) if vote.voter.0 == *key => SignedConsensusMsg::Vote(vote),
            EngineInput::Proposal(proposal) if proposal.proposer.0 == *key => SignedConsensusMsg::Proposal(proposal),
            _ => return None,
        };
        Some(wire::encode(&wire::Message::Consensus(message)))
    };
    let mut said: Vec<_> = records.iter().rev().filter_map(of_it).take(SHOWN_MAX).collect();
    said.reverse();
    said
}

/// The height of which `bytes` is a message that `key` signed, and that is not among `records`, which are of height
/// `at_work`. Nothing where it is another's, is no message, or is remembered.
pub fn forgotten(
    bytes: &[u8],
    network: &NetworkId,
    key: &PublicKey,
    at_work: Height,
    records: &[Vec<u8>],
) -> Option<Height> {
    // Nearly all messages are others': most are told apart without reading them.
    if !bytes.windows(key.0.len()).any(|part| part == key.0) {
        return None;
    }
    let said = Said::of(&wire::decode(bytes).ok()?).filter(|said| said.who == *key && said.is_signed(network))?;
    let is_known = |bytes: &Vec<u8>| {
        let known = record::decode(bytes).ok().and_then(|input| Said::of(&input));
        known.is_some_and(|known| known.who == said.who && known.message == said.message)
    };
    (said.height != at_work || !records.iter().any(is_known)).then_some(said.height)
}

/// A vote or a proposal.
struct Said {
    who: PublicKey,
    height: Height,
    message: (Domain, Vec<u8>),
    signature: Signature,
}

impl Said {
    fn of(input: &EngineInput<Ctx>) -> Option<Self> {
        let (who, height, message, signature) = match input {
            EngineInput::Vote(vote) => (vote.voter, vote.height, vote.signed(), vote.signature),
            EngineInput::Proposal(made) => (made.proposer, made.height, made.signed(), made.signature),
            _ => return None,
        };
        Some(Self { who: who.0, height: height.0, message, signature })
    }

    fn is_signed(&self, network: &NetworkId) -> bool {
        let (domain, message) = &self.message;
        self.who.verify(*domain, network, message, &self.signature).is_ok()
    }
}
