//! Governance: what no single organisation can do, decided by a quorum of the validators.
//!
//! A validator [proposes](Propose) a [`Change`], others [approve](Approve) it, each with a ballot that its
//! consensus key signs over the proposal's id, which is the digest of all that is decided. So a decision
//! can be verified from proposal, set and ballots alone, without a ledger. Who does not approve says
//! nothing; a proposal that finds no quorum in its time is over.
//!
//! Ballots count for the validator set in which they were asked for: when that changes, what is open is
//! void as long as another set is in force. Should exactly that set come back in the proposal's time, the ballots
//! count again, since they are still the word of those who decide.
//!
//! A change of the set itself comes into force in two steps, since a network whose new members are not there yet would
//! stop: a quorum decides it, and then a quorum of the *new* set says that it is [ready](Ready). The block in which that
//! is complete is the last one of the old set. Until then another set that a quorum decides takes its place: the
//! validators in force are never bound by newcomers that do not come.
//!
//! Of keys, only those of validators are decided: a quorum that gave a party another key could trade in its name. Who
//! has lost its only one applies anew, and gets the roles that it had; what it owns stays with the party that it was.
//!
//! Any party that was admitted may hand a ballot in, also one that an operator has suspended since: or one operator
//! could suspend all others and nothing would be decided any more. It is the validator's key that decides, not the
//! sender. What is decided of a party stands above operators ([`PartyDecision`]).

mod accuse;
mod approve;
mod decided;
mod propose;
mod protest;
pub mod protocol;
mod ready;
mod succession;

pub use accuse::{Accuse, Misconduct, Testimony};
pub use approve::Approve;
pub(crate) use decided::given_by_operators;
pub use decided::{OF_A_QUORUM, PartyDecision, open_to_operators};
pub use propose::Propose;
pub use protest::{Protest, Protested, Protests};
pub use protocol::{PROTOCOL_FIRST, PROTOCOL_NEWEST, Protocol};
pub use ready::Ready;
pub use succession::CompromisedKey;

use crate::{
    action::Call,
    founding::Parameters,
    id::{Digest, Height, NetworkId, PartyId, ProposalId, TimeMs},
    key::{Domain, SignError, Signature, Signer},
    party::{Roles, Standing},
    quota::STRANGER_LIMITS,
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject},
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Change {
    /// Another validator set: somebody joins, leaves, is expelled, or has other keys.
    Validators {
        /// The whole new set.
        set: ValidatorSet,
        /// Numbers of validators of the set before whose keys may be in other hands, ascending: what
        /// these keys signed counts no more unless a later set vouches for it.
        compromised: Vec<u8>,
    } = 0,
    /// Other parameters of the rules.
    Parameters {
        /// All of them.
        parameters: Parameters,
    } = 1,
    /// Another standing and other roles of a party, operators included.
    Party {
        /// Who.
        party: PartyId,
        /// Where it stands from then on.
        standing: Standing,
        /// All roles that it has from then on.
        roles: Roles,
    } = 2,
    /// The next version of the rules.
    Protocol {
        /// Which.
        version: u16,
        /// The first height of it.
        from: Height,
    } = 3,
}

impl Change {
    fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Validators { set, compromised } => {
                set.check()?;
                if compromised.is_sorted_by(|a, b| a < b) {
                    return Ok(());
                }
                Err(Malformed::new("compromised", "numbers of validators, ascending, none twice"))
            }
            Self::Parameters { parameters: Parameters { quota } } => {
                let least = STRANGER_LIMITS;
                let room = quota.count_max >= least.count_max
                    && quota.bytes_max >= least.bytes_max
                    && quota.state_bytes_max >= least.state_bytes_max;
                if room {
                    return Ok(());
                }
                let reason = format!(
                    "at least {} transactions, {} bytes and {} bytes of state in a window: with less there might be \
                     no room for the proposal that mends it",
                    least.count_max, least.bytes_max, least.state_bytes_max
                );
                Err(Malformed::new("quota", reason))
            }
            Self::Party { standing: Standing::Applied, .. } => {
                Err(Malformed::new("standing", "`active` or `suspended`: nobody is made an applicant again"))
            }
            Self::Party { roles, .. } => roles.check(),
            // What is next, the state alone tells.
            Self::Protocol { .. } => Ok(()),
        }
    }
}

/// A validator's word on a proposal.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Its number in the set that is asked.
    pub validator: u8,
    /// By its consensus key, over the proposal's id (domain `lonja/sign/ballot/v1`), or over id and height
    /// (domain `lonja/sign/ready/v1`).
    pub signature: Signature,
}

impl Ballot {
    /// The ballot of validator number `validator` for `proposal`.
    ///
    /// # Errors
    /// What the signer says.
    pub fn approve(
        network: &NetworkId,
        proposal: &ProposalId,
        validator: u8,
        consensus: &dyn Signer,
    ) -> Result<Self, SignError> {
        Ok(Self { validator, signature: consensus.sign(&Domain::Ballot.message(network, &proposal.0))? })
    }

    /// The word of validator number `validator` of a new set that it has replayed everything up to `height`
    /// and runs.
    ///
    /// # Errors
    /// What the signer says.
    pub fn ready(
        network: &NetworkId,
        proposal: &ProposalId,
        height: Height,
        validator: u8,
        consensus: &dyn Signer,
    ) -> Result<Self, SignError> {
        let message = readiness(proposal, height);
        Ok(Self { validator, signature: consensus.sign(&Domain::Ready.message(network, &message))? })
    }

    /// Does it stand for its validator of `set`, in `domain` over `message`?
    fn verify(&self, network: &NetworkId, set: &ValidatorSet, domain: Domain, message: &[u8]) -> Result<(), Rejection> {
        let validator = set.validators.get(usize::from(self.validator));
        let key = validator.ok_or(Rejection::NotAValidator { number: self.validator })?.consensus;
        let wrong = |_| Rejection::BallotWrong { number: self.validator };
        key.verify(domain, network, message, &self.signature).map_err(wrong)
    }

    /// Verifies that it approves `proposal` as a validator of `set`: for whoever checks a decision without
    /// a ledger.
    ///
    /// # Errors
    /// [`Rejection::NotAValidator`] or [`Rejection::BallotWrong`].
    pub fn verify_approval(
        &self,
        network: &NetworkId,
        set: &ValidatorSet,
        proposal: &ProposalId,
    ) -> Result<(), Rejection> {
        self.verify(network, set, Domain::Ballot, &proposal.0)
    }
}

fn readiness(proposal: &ProposalId, height: Height) -> Vec<u8> {
    [proposal.0.as_slice(), &height.to_be_bytes()].concat()
}

/// Where a proposal stands. Nothing says that its time is over but the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ProposalState {
    /// Ballots are awaited.
    Open = 0,
    /// A quorum has approved a new set, and readiness is awaited.
    Passed = 1,
    /// It is so.
    InForce = 2,
}

/// A proposal, and who approved it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Proposal {
    /// What is to be.
    pub change: Change,
    /// Digest of the validator set that is asked.
    pub base: Digest,
    /// When its time is over.
    pub until_ms: TimeMs,
    /// Where it stands.
    pub state: ProposalState,
    /// Who approved, in the order in which they did.
    pub ballots: Vec<Ballot>,
    /// Who of a new set is ready, in the order in which they said so.
    pub ready: Vec<Ballot>,
}

impl Subject for Proposal {
    const TAG: u8 = 23;
    const KIND: &'static str = "proposal";
}

impl Proposal {
    /// Where `proposal` is kept.
    pub fn key(proposal: &ProposalId) -> Key {
        Key::new(Self::TAG, &[&proposal.0])
    }
}

/// What governance remembers besides proposals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Governance {
    /// How often the validator set has changed: the number of the newest record of the trust chain.
    pub changes: u32,
    /// The proposal by which the set in force came, unless it is the founding's.
    pub in_force: Option<ProposalId>,
    /// The new set that passed last and whose readiness is awaited. When its time is over, it counts no more; nor do
    /// those that passed before it.
    pub pending: Option<ProposalId>,
}

impl Subject for Governance {
    const TAG: u8 = 24;
    const KIND: &'static str = "governance";
}

impl Governance {
    /// Where it is kept.
    pub fn key() -> Key {
        Key::new(Self::TAG, &[])
    }
}

/// The set in force.
fn set(call: &Call) -> Result<ValidatorSet, Stop> {
    let set = call.state.value(&ValidatorSet::key())?;
    Ok(set.ok_or_else(|| crate::state::Fault::Damaged {
        key: ValidatorSet::key(),
        reason: "there is no validator set".into(),
    })?)
}

/// Proposal `id` in state `state`, if the set in force is the one that is asked and its time is not over.
fn current(call: &Call, id: &ProposalId, state: ProposalState, set: &ValidatorSet) -> Result<Proposal, Stop> {
    let proposal: Proposal =
        call.state.value(&Proposal::key(id))?.ok_or(Rejection::ProposalUnknown { proposal: *id })?;
    if proposal.state != state {
        return Err(Rejection::ProposalMoved { now: proposal.state }.into());
    }
    if proposal.base != set.digest() {
        return Err(Rejection::ProposalOfAnotherSet.into());
    }
    if call.time_ms > proposal.until_ms {
        return Err(Rejection::ProposalExpired { until_ms: proposal.until_ms }.into());
    }
    Ok(proposal)
}

impl ProposalState {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Passed => "passed",
            Self::InForce => "in force",
        }
    }
}

fn add(ballots: &mut Vec<Ballot>, ballot: &Ballot) -> Result<(), Rejection> {
    if ballots.iter().any(|there| there.validator == ballot.validator) {
        return Err(Rejection::BallotTwice { number: ballot.validator });
    }
    ballots.push(ballot.clone());
    Ok(())
}
