//! Checks of signatures and of the engine's certificates.

use super::context::{Address, Bft as Ctx, Proposal, Vote, Voters};
use contracts::{id::NetworkId, key::Signature};
use malachite_consensus::ThresholdParams;
use malachite_types::{
    CertificateError, CommitCertificate, CommitSignature, Context, NilOrVal, PolkaCertificate, PolkaSignature, Round,
    RoundCertificate, RoundCertificateType, RoundSignature, ThresholdParam, ValidatorSet, VoteType,
};
use std::collections::BTreeSet;

type Checked = Result<(), CertificateError<Ctx>>;

/// Does `signature` say that `vote.voter` voted so?
pub fn vote(network: &NetworkId, vote: &Vote, signature: &Signature) -> bool {
    let (domain, message) = vote.signed();
    vote.voter.0.verify(domain, network, &message, signature).is_ok()
}

/// Does `signature` say that `proposal.proposer` proposed so?
pub fn proposal(network: &NetworkId, proposal: &Proposal, signature: &Signature) -> bool {
    let (domain, message) = proposal.signed();
    proposal.proposer.0.verify(domain, network, &message, signature).is_ok()
}

/// A quorum of precommits for one block.
pub fn commit(
    network: &NetworkId,
    certificate: &CommitCertificate<Ctx>,
    voters: &Voters,
    thresholds: &ThresholdParams,
) -> Checked {
    let CommitCertificate { height, round, value_id, commit_signatures } = certificate;
    let check = |signed: &CommitSignature<Ctx>| {
        let precommit = Ctx.new_precommit(*height, *round, NilOrVal::Val(*value_id), signed.address);
        let valid = vote(network, &precommit, &signed.signature);
        if valid { Ok(()) } else { Err(CertificateError::InvalidCommitSignature(signed.clone())) }
    };
    tally(voters, thresholds.quorum, commit_signatures, |signed| signed.address, check)
}

/// A quorum of prevotes for one block.
pub fn polka(
    network: &NetworkId,
    certificate: &PolkaCertificate<Ctx>,
    voters: &Voters,
    thresholds: &ThresholdParams,
) -> Checked {
    let PolkaCertificate { height, round, value_id, polka_signatures } = certificate;
    let check = |signed: &PolkaSignature<Ctx>| {
        let prevote = Ctx.new_prevote(*height, *round, NilOrVal::Val(*value_id), signed.address);
        let valid = vote(network, &prevote, &signed.signature);
        if valid { Ok(()) } else { Err(CertificateError::InvalidPolkaSignature(signed.clone())) }
    };
    tally(voters, thresholds.quorum, polka_signatures, |signed| signed.address, check)
}

/// Votes that justify entering another round: a quorum of precommits for anything, or any votes of
/// more than a third.
pub fn round(
    network: &NetworkId,
    certificate: &RoundCertificate<Ctx>,
    voters: &Voters,
    thresholds: &ThresholdParams,
) -> Checked {
    let RoundCertificate { height, round, cert_type, round_signatures } = certificate;
    let precommits = *cert_type == RoundCertificateType::Precommit;
    let enough = if precommits { thresholds.quorum } else { thresholds.honest };
    let check = |signed: &RoundSignature<Ctx>| {
        let (kind, block) = (signed.vote_type, signed.value_id);
        let cast = Vote { kind, height: *height, round: *round, block, voter: signed.address };
        if precommits && kind != VoteType::Precommit {
            return Err(CertificateError::InvalidVoteType(signed.address));
        }
        let valid = vote(network, &cast, &signed.signature);
        if valid { Ok(()) } else { Err(CertificateError::InvalidRoundSignature(signed.clone())) }
    };
    tally(voters, enough, round_signatures, |signed| signed.address, check)
}

/// Counts distinct validators of the set, each of whose signatures must pass `check`.
fn tally<S>(
    voters: &Voters,
    enough: ThresholdParam,
    signatures: &[S],
    who: impl Fn(&S) -> Address,
    check: impl Fn(&S) -> Checked,
) -> Checked {
    let mut seen = BTreeSet::new();
    for signed in signatures {
        let address = who(signed);
        if voters.get_by_address(&address).is_none() {
            return Err(CertificateError::UnknownValidator(address));
        }
        if !seen.insert(address) {
            return Err(CertificateError::DuplicateVote(address));
        }
        check(signed)?;
    }
    let (signed, total) = (seen.len() as u64, voters.total_voting_power());
    if enough.is_met(signed, total) {
        return Ok(());
    }
    Err(CertificateError::NotEnoughVotingPower { signed, total, expected: enough.min_expected(total) })
}

/// The round as a number. What the engine signs, decides and waits for has one.
pub fn number(round: Round) -> u32 {
    round.as_u32().expect("the engine acts in rounds from 0 on, and messages without one are refused")
}
