//! What happened: the facts that a transaction leaves, for histories, services and auditors.
//!
//! An event names its subjects; it is appended to the history of each, so "these are all events of
//! this subject" can be proven. Tags are permanent.

use crate::{
    agreement::{Agreement, Holding, RevocationReason},
    basis::{BasisKind, LegalBasis},
    consent::{Consent, ConsentState},
    dataset::{Dataset, Listing, ListingReason},
    delivery::Delivery,
    founding::Parameters,
    governance::{Governance, Misconduct, Proposal, Protests, Protocol},
    group::Group,
    id::*,
    key::PublicKey,
    money::{Amount, Currency},
    offer::{Offer, Price},
    party::{KeyUse, Party, Roles, Standing, SuspensionReason},
    provenance::Activity,
    rejection::Rejection,
    settlement::{Account, Booking, Supply},
    state::Key,
    takedown::TakenDown,
    validators::ValidatorSet,
    version::Version,
    vocabulary::Purpose,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(missing_docs, reason = "fields are named as what they hold; actions document them")]
pub enum Event {
    /// A policy said no.
    Refused { sender: PartyId, action: u8, rejection: Rejection } = 0,
    /// Somebody asks to become a member.
    PartyApplied { party: PartyId, name: String, key: PublicKey } = 1,
    /// Somebody was admitted, or has other roles.
    PartyAdmitted { party: PartyId, roles: Roles, by: PartyId } = 2,
    /// Somebody was suspended.
    PartySuspended { party: PartyId, reason: SuspensionReason, by: PartyId } = 3,
    /// A key was added.
    KeyAdded { party: PartyId, key: PublicKey, usage: KeyUse } = 4,
    /// A key was revoked.
    KeyRevoked { party: PartyId, key: PublicKey, compromised: bool } = 5,
    /// A group was formed or changed.
    GroupSet { group: GroupId, owner: PartyId, members: u32 } = 6,
    /// A dataset joined the catalogue.
    DatasetPublished { dataset: DatasetId, publisher: PartyId, jacket: Digest, side: Option<SideId> } = 10,
    /// A dataset's jacket changed.
    DatasetRevised { dataset: DatasetId, revision: u32, jacket: Digest, side: Option<SideId> } = 11,
    /// A listing was suspended, listed again or withdrawn.
    DatasetListed { dataset: DatasetId, listing: Listing, reason: ListingReason } = 12,
    /// A content was anchored.
    VersionAdded {
        dataset: DatasetId,
        version: VersionId,
        number: u32,
        blake3: Blake3,
        sha256: Digest,
        bytes: u64,
        parents: Vec<VersionId>,
    } = 13,
    /// A step of processing was recorded.
    StepRecorded { dataset: DatasetId, by: PartyId, activity: Activity, run: [u8; 16] } = 14,
    /// An offer was made, or has a new revision.
    OfferMade { offer: OfferId, dataset: DatasetId, revision: u32, price: Price, terms: Digest } = 20,
    /// An offer was closed.
    OfferWithdrawn { offer: OfferId, dataset: DatasetId } = 21,
    /// A licence was bought.
    Bought {
        agreement: AgreementId,
        buyer: PartyId,
        provider: PartyId,
        dataset: DatasetId,
        offer: OfferId,
        revision: u32,
        purpose: Purpose,
        amount: Amount,
        currency: Option<Currency>,
        end_ms: Option<TimeMs>,
    } = 30,
    /// A subscription was prolonged.
    Renewed { agreement: AgreementId, dataset: DatasetId, amount: Amount, currency: Currency, end_ms: TimeMs } = 31,
    /// A licence ended before its time.
    Revoked { agreement: AgreementId, dataset: DatasetId, reason: RevocationReason, by: PartyId } = 32,
    /// A version is handed out.
    Delivered {
        delivery: DeliveryId,
        agreement: AgreementId,
        dataset: DatasetId,
        version: VersionId,
        buyer: PartyId,
        gateway: PartyId,
    } = 40,
    /// A consent was given or has ended.
    ConsentChanged { consent: ConsentId, dataset: DatasetId, controller: PartyId, state: ConsentState } = 50,
    /// A version leaves a consent's subject out.
    ConsentExcluded { consent: ConsentId, dataset: DatasetId, number: u32 } = 51,
    /// A legal basis was stated or ended.
    BasisStated { dataset: DatasetId, purpose: Purpose, kind: BasisKind, controller: PartyId, ended: bool } = 52,
    /// A side body was taken down.
    SideTakenDown { side: SideId, dataset: DatasetId, by: PartyId } = 53,
    /// Money came on the ledger.
    Minted { party: PartyId, amount: Amount, currency: Currency, reference: BankReference } = 60,
    /// Money left the ledger.
    Burned { party: PartyId, amount: Amount, currency: Currency, reference: BankReference } = 61,
    /// Money moved.
    Paid { from: PartyId, to: PartyId, amount: Amount, currency: Currency } = 62,
    /// A validator proposed something, and so approved it.
    Proposed { proposal: ProposalId, validator: u8, until_ms: TimeMs } = 70,
    /// A validator approved a proposal.
    Approved { proposal: ProposalId, validator: u8 } = 71,
    /// A quorum approved a new validator set.
    SetPassed { proposal: ProposalId, set: Digest, validators: u8 } = 72,
    /// A validator of the new set is ready.
    SetReady { proposal: ProposalId, validator: u8, height: Height } = 73,
    /// The new set decides from the next height on.
    SetChanged { proposal: ProposalId, number: u32, set: Digest } = 74,
    /// A quorum changed the parameters.
    ParametersChanged { proposal: ProposalId } = 75,
    /// A quorum decided where a party stands.
    PartyDecided { proposal: ProposalId, party: PartyId, standing: Standing, roles: Roles } = 76,
    /// A validator signed two things that exclude each other.
    Accused { validator: u8, key: PublicKey, height: Height, round: u32 } = 77,
    /// A quorum decided which version of the rules is in force from a height on.
    ProtocolDecided { proposal: ProposalId, version: u16, from: Height } = 78,
    /// A validator protests against a proposal of another: it breaks the rules. So many have protested by now, and
    /// where they are more than a third of the set, it is established that it broke them.
    Protested { validator: u8, key: PublicKey, by: u8, height: Height, round: u32, protests: u8, established: bool } =
        79,
    /// A side body was taken down, whatever committed to it.
    SideBodyTakenDown { side: SideId, owner: PartyId, by: PartyId } = 80,
}

impl Event {
    /// The records whose histories take this up. All of them exist once the event is told.
    pub fn subjects(&self) -> Vec<Key> {
        match self {
            Self::Refused { sender, .. } => vec![Party::key(sender)],
            Self::PartyApplied { party, .. }
            | Self::PartyAdmitted { party, .. }
            | Self::PartySuspended { party, .. }
            | Self::KeyAdded { party, .. }
            | Self::KeyRevoked { party, .. } => vec![Party::key(party)],
            Self::GroupSet { group, .. } => vec![Group::key(group)],
            Self::DatasetPublished { dataset, .. }
            | Self::DatasetRevised { dataset, .. }
            | Self::DatasetListed { dataset, .. }
            | Self::SideTakenDown { dataset, .. }
            | Self::StepRecorded { dataset, .. } => vec![Dataset::key(dataset)],
            Self::VersionAdded { dataset, version, .. } => vec![Dataset::key(dataset), Version::key(version)],
            Self::OfferMade { offer, dataset, .. } | Self::OfferWithdrawn { offer, dataset } => {
                vec![Offer::key(offer), Dataset::key(dataset)]
            }
            Self::Bought { agreement, buyer, dataset, .. } => {
                vec![Agreement::key(agreement), Dataset::key(dataset), Holding::key(buyer, dataset)]
            }
            Self::Renewed { agreement, dataset, .. } | Self::Revoked { agreement, dataset, .. } => {
                vec![Agreement::key(agreement), Dataset::key(dataset)]
            }
            Self::Delivered { delivery, agreement, .. } => vec![Delivery::key(delivery), Agreement::key(agreement)],
            Self::ConsentChanged { consent, dataset, .. } | Self::ConsentExcluded { consent, dataset, .. } => {
                vec![Consent::key(consent), Dataset::key(dataset)]
            }
            Self::BasisStated { dataset, purpose, .. } => {
                vec![LegalBasis::key(dataset, *purpose), Dataset::key(dataset)]
            }
            Self::Minted { party, currency, reference, .. } | Self::Burned { party, currency, reference, .. } => {
                vec![Account::key(party, *currency), Supply::key(*currency), Booking::key(reference)]
            }
            Self::Paid { from, to, currency, .. } if from == to => vec![Account::key(from, *currency)],
            Self::Paid { from, to, currency, .. } => vec![Account::key(from, *currency), Account::key(to, *currency)],
            // So that all proposals there ever were are the history of one record.
            Self::Proposed { proposal, .. } => vec![Proposal::key(proposal), Governance::key()],
            Self::Approved { proposal, .. } | Self::SetPassed { proposal, .. } | Self::SetReady { proposal, .. } => {
                vec![Proposal::key(proposal)]
            }
            Self::SetChanged { proposal, .. } => vec![Proposal::key(proposal), ValidatorSet::key()],
            Self::ParametersChanged { proposal } => vec![Proposal::key(proposal), Parameters::key()],
            Self::PartyDecided { proposal, party, .. } => vec![Proposal::key(proposal), Party::key(party)],
            Self::Accused { key, .. } => vec![Misconduct::key(key), Governance::key()],
            Self::Protested { key, .. } => vec![Protests::key(key), Governance::key()],
            Self::ProtocolDecided { proposal, .. } => vec![Proposal::key(proposal), Protocol::key()],
            Self::SideBodyTakenDown { side, owner, .. } => vec![TakenDown::key(side), Party::key(owner)],
        }
    }

    /// SHA-256 over a transaction's events, as log entries carry it.
    pub fn digest_all(events: &[Event]) -> Digest {
        Digest::of(&[b"lonja/events/v1\0", &borsh::to_vec(events).expect("writing to memory does not fail")])
    }
}
