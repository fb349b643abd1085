//! The desk between engine and host: it answers what can be answered at once (signatures and their
//! checks) and gathers the rest as [`Output`]s.

use super::{
    Patience,
    breaking::Breaking,
    context::{Address, Bft as Ctx, Proposal, Vote, Voters},
    record, verify, wire,
};
use crate::ordering::{Certificate, Misbehaviour, OrderingError, Output, Timer, TimerKind};
use contracts::{
    governance::{Accuse, Testimony},
    id::{Digest, Height, NetworkId},
    key::{Domain, Signature, Signer},
    statement::Statement,
};
use malachite_consensus::{
    ConsensusMsg, Effect, Input as EngineInput, LivenessMsg, MisbehaviorEvidence, Resumable, Resume, VoteExtensionError,
};
use malachite_types::{CommitCertificate, LinearTimeouts, Round, SignedMessage, Timeout, TimeoutKind, VoteType};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Who let its last turn pass is waited for this part of the usual time: a quarter of a second of two, in
/// which one that is back has made itself heard.
const DOUBTFUL_PATIENCE: u32 = 8;

/// What is signed at most once for a height and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Prevote,
    Precommit,
    Proposal,
}

/// Keys, timeouts, and what the engine wants from the world.
pub struct Desk {
    network: NetworkId,
    signer: Arc<dyn Signer>,
    timeouts: LinearTimeouts,
    height: Height,
    voters: Voters,
    /// Messages of this height that we signed, without their signatures. The engine never signs two
    /// that exclude each other; this holds even if it should.
    signed: BTreeMap<(Kind, u32), Vec<u8>>,
    breaking: Breaking,
    /// Records are read back: none is kept a second time.
    pub replaying: bool,
    /// A signature that the engine wanted checked since this was last cleared does not verify.
    pub invalid: bool,
    outputs: Vec<Output>,
    failure: Option<OrderingError>,
}

impl Desk {
    pub fn new(network: NetworkId, signer: Arc<dyn Signer>, patience: Patience) -> Self {
        let timeouts = LinearTimeouts {
            propose: patience.propose,
            propose_delta: patience.more,
            prevote: patience.vote,
            prevote_delta: patience.more,
            precommit: patience.vote,
            precommit_delta: patience.more,
            rebroadcast: patience.rebroadcast,
            max_timeout: patience.longest,
        };
        Self {
            network,
            signer,
            timeouts,
            height: 0,
            voters: Voters::of(&contracts::validators::ValidatorSet { validators: Vec::new() }, &[]),
            signed: BTreeMap::new(),
            breaking: Breaking::default(),
            replaying: false,
            invalid: false,
            outputs: Vec::new(),
            failure: None,
        }
    }

    /// Begins height `height`, decided by `voters`.
    pub fn open(&mut self, height: Height, voters: Voters) {
        self.height = height;
        self.voters = voters;
        self.signed.clear();
        self.breaking.clear();
        self.outputs.clear();
    }

    /// The height at work.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Who decides it.
    pub fn voters(&self) -> &Voters {
        &self.voters
    }

    /// Our address.
    pub fn address(&self) -> Address {
        Address(self.signer.public())
    }

    /// Address of validator `number`.
    pub fn address_of(&self, number: u16) -> Option<Address> {
        self.voters.address(number)
    }

    /// Did we sign a proposal for `round`?
    pub fn has_proposed(&self, round: u32) -> bool {
        self.signed.contains_key(&(Kind::Proposal, round))
    }

    /// Takes note of what we signed before we stopped.
    pub fn remember(&mut self, inputs: &[EngineInput<Ctx>]) {
        let us = self.address();
        for input in inputs {
            match input {
                EngineInput::Vote(vote) if vote.voter == us => {
                    let key = (kind(vote.kind), verify::number(vote.round));
                    self.signed.entry(key).or_insert_with(|| vote.signed().1);
                }
                EngineInput::Proposal(proposal) if proposal.proposer == us => {
                    let key = (Kind::Proposal, verify::number(proposal.round));
                    self.signed.entry(key).or_insert_with(|| proposal.signed().1);
                }
                _ => {}
            }
        }
    }

    /// A block that was proposed in `round` breaks the rules.
    pub fn judged_breaking(&mut self, round: u32, block: Digest) {
        let found = self.breaking.broken(round, block);
        self.blame_for_breaking(found);
    }

    fn blame_for_breaking(&mut self, found: Option<(Statement, Signature)>) {
        let Some((proposal, signature)) = found else { return };
        if let Some(validator) = self.voters.number(&Address(proposal.validator)) {
            self.outputs.push(Output::Misbehaved(Misbehaviour::Breaking { validator, proposal, signature }));
        }
    }

    /// What the host is to do, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// Why the desk could not do what the engine wanted.
    pub fn take_failure(&mut self) -> Option<OrderingError> {
        self.failure.take()
    }

    /// Answers the engine. Where a key cannot sign, the answer is one that stops the engine, and
    /// [`Self::take_failure`] says why.
    pub fn carry_out(&mut self, effect: Effect<Ctx>) -> Resume<Ctx> {
        match effect {
            Effect::SignVote(vote, resume) => match self.sign_vote(&vote) {
                Ok(signature) => resume.resume_with(SignedMessage::new(vote, signature)),
                Err(failure) => self.fail(failure),
            },
            Effect::SignProposal(proposal, resume) => match self.sign_proposal(&proposal) {
                Ok(signature) => resume.resume_with(SignedMessage::new(proposal, signature)),
                Err(failure) => self.fail(failure),
            },
            Effect::VerifySignature(signed, _, resume) => {
                let valid = match &signed.message {
                    ConsensusMsg::Vote(vote) => verify::vote(&self.network, vote, &signed.signature),
                    ConsensusMsg::Proposal(proposal) => verify::proposal(&self.network, proposal, &signed.signature),
                };
                self.invalid |= !valid;
                if let ConsensusMsg::Proposal(proposal) = &signed.message
                    && valid
                {
                    let found = self.breaking.signed(proposal, signed.signature);
                    self.blame_for_breaking(found);
                }
                resume.resume_with(valid)
            }
            Effect::VerifyCommitCertificate(certificate, voters, thresholds, resume) => {
                resume.resume_with(self.noted(verify::commit(&self.network, &certificate, &voters, &thresholds)))
            }
            Effect::VerifyPolkaCertificate(certificate, voters, thresholds, resume) => {
                resume.resume_with(self.noted(verify::polka(&self.network, &certificate, &voters, &thresholds)))
            }
            Effect::VerifyRoundCertificate(certificate, voters, thresholds, resume) => {
                resume.resume_with(self.noted(verify::round(&self.network, &certificate, &voters, &thresholds)))
            }
            Effect::VerifyExtendedCommitCertificate(certificate, voters, thresholds, _, resume) => {
                let plain = certificate.trim_vote_extensions();
                resume.resume_with(verify::commit(&self.network, &plain, &voters, &thresholds))
            }
            Effect::ExtendVote(.., resume) => resume.resume_with(None),
            Effect::VerifyVoteExtension(.., resume) => {
                resume.resume_with(Err(VoteExtensionError::InvalidVoteExtension))
            }
            wanted => {
                self.gather(wanted);
                Resume::Continue
            }
        }
    }

    fn noted<E>(&mut self, verified: Result<(), E>) -> Result<(), E> {
        self.invalid |= verified.is_err();
        verified
    }

    /// Effects that the host carries out.
    fn gather(&mut self, effect: Effect<Ctx>) {
        match effect {
            Effect::CancelAllTimeouts(_) => self.outputs.push(Output::StopAll),
            Effect::CancelTimeout(timeout, _) => self.outputs.extend(timer(timeout).map(Output::Stop)),
            Effect::ScheduleTimeout(timeout, _) => {
                let after = self.patience(timeout);
                self.outputs.extend(timer(timeout).map(|timer| Output::Start(timer, after)));
            }
            Effect::PublishConsensusMsg(message, _) => self.send(&wire::Message::Consensus(message)),
            Effect::PublishLivenessMsg(message, _) => self.send(&wire::Message::Liveness(message)),
            Effect::RepublishVote(vote, _) => self.send(&wire::Message::Liveness(LivenessMsg::Vote(vote))),
            Effect::RepublishRoundCertificate(certificate, _) => {
                self.send(&wire::Message::Liveness(LivenessMsg::SkipRoundCertificate(certificate)));
            }
            Effect::GetValue(_, round, _, _) => self.outputs.push(Output::Propose { round: verify::number(round) }),
            Effect::RestreamProposal(_, round, _, _, block, _) => {
                self.outputs.push(Output::Resend { round: verify::number(round), block: block.0 });
            }
            Effect::WalAppend(_, input, _) if !self.replaying => {
                self.outputs.push(Output::Record(record::encode(&input)));
            }
            Effect::Decide(certificate, _, _) => {
                let certificate = self.certificate(&certificate);
                self.outputs.push(Output::Decided(certificate));
            }
            Effect::Finalize(_, _, evidence, _) => self.blame(&evidence),
            // Told for information, or part of a path that no host of ours takes.
            Effect::StartRound(..)
            | Effect::WalAppend(..)
            | Effect::CertVerifiedSyncValue(..)
            | Effect::CertRejectedSyncValue(..) => {}
            answered => unreachable!("{answered:?} is answered at once"),
        }
    }

    /// How long a timeout is. Who let its last turn pass is not waited for as long as others, and the round
    /// that fails with it is over sooner.
    fn patience(&self, timeout: Timeout) -> Duration {
        let usual = self.timeouts.duration_for(timeout);
        let doubtful = || self.voters.turn(verify::number(timeout.round)).doubtful;
        match timeout.kind {
            TimeoutKind::Propose | TimeoutKind::Prevote | TimeoutKind::Precommit if doubtful() => {
                usual / DOUBTFUL_PATIENCE
            }
            _ => usual,
        }
    }

    fn send(&mut self, message: &wire::Message) {
        self.outputs.push(Output::Send(wire::encode(message)));
    }

    fn fail(&mut self, failure: OrderingError) -> Resume<Ctx> {
        self.failure = Some(failure);
        Resume::Continue
    }

    fn sign_vote(&mut self, vote: &Vote) -> Result<Signature, OrderingError> {
        self.sign(kind(vote.kind), vote.round, vote.signed())
    }

    fn sign_proposal(&mut self, proposal: &Proposal) -> Result<Signature, OrderingError> {
        self.sign(Kind::Proposal, proposal.round, proposal.signed())
    }

    fn sign(
        &mut self,
        kind: Kind,
        round: Round,
        (domain, message): (Domain, Vec<u8>),
    ) -> Result<Signature, OrderingError> {
        let round = verify::number(round);
        let before = self.signed.entry((kind, round)).or_insert_with(|| message.clone());
        if *before != message {
            let what = match kind {
                Kind::Prevote => "prevote",
                Kind::Precommit => "precommit",
                Kind::Proposal => "proposal",
            };
            return Err(OrderingError::SignedAlready { what, height: self.height, round });
        }
        Ok(self.signer.sign(&domain.message(&self.network, &message))?)
    }

    fn certificate(&self, decided: &CommitCertificate<Ctx>) -> Certificate {
        let number = |address| self.voters.number(address).expect("the engine counts votes of the set alone");
        let mut signatures: Vec<_> =
            decided.commit_signatures.iter().map(|signed| (number(&signed.address), signed.signature)).collect();
        signatures.sort_unstable_by_key(|(number, _)| *number);
        let round = verify::number(decided.round);
        Certificate { height: decided.height.0, round, block: decided.value_id.0, signatures }
    }

    fn blame(&mut self, evidence: &MisbehaviorEvidence<Ctx>) {
        let votes = evidence
            .votes
            .iter()
            .flat_map(|(_, pairs)| pairs)
            .map(|(first, second)| [first, second].map(|signed| (signed.message.statement(), signed.signature)));
        let proposals = evidence
            .proposals
            .iter()
            .flat_map(|(_, pairs)| pairs)
            .map(|(first, second)| [first, second].map(|signed| (signed.message.statement(), signed.signature)));
        let pairs: Vec<_> = votes.chain(proposals).collect();
        for [(first, its), (second, others)] in pairs {
            let Statement { validator, height, round, said } = first;
            // The engine also tells of a block that was proposed twice with different grounds, which harms nobody.
            if second != (Statement { said: second.said, ..first }) || !said.excludes(&second.said) {
                continue;
            }
            let Some(number) = self.voters.number(&Address(validator)) else { continue };
            let [first, second] =
                [(said, its), (second.said, others)].map(|(said, signature)| Testimony { said, signature });
            let evidence = Accuse { validator, height, round, first, second };
            self.outputs.push(Output::Misbehaved(Misbehaviour::Excluding { validator: number, evidence }));
        }
    }
}

fn kind(kind: VoteType) -> Kind {
    match kind {
        VoteType::Prevote => Kind::Prevote,
        VoteType::Precommit => Kind::Precommit,
    }
}

/// A timeout as a timer of the host. The engine waits for late votes of a decided height only if it is
/// given a target time, and it is given none.
fn timer(timeout: Timeout) -> Option<Timer> {
    let kind = match timeout.kind {
        TimeoutKind::Propose => TimerKind::Propose,
        TimeoutKind::Prevote => TimerKind::Prevote,
        TimeoutKind::Precommit => TimerKind::Precommit,
        TimeoutKind::Rebroadcast => TimerKind::Rebroadcast,
        TimeoutKind::FinalizeHeight(_) => return None,
    };
    Some(Timer { kind, round: timeout.round.as_u32()? })
}
