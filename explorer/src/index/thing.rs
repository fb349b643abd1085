//! Kinds of things, how they are named in the index's keys, and the lists they stand in.

use contracts::{
    agreement::Agreement, consent::Consent, dataset::Dataset, delivery::Delivery, governance::Proposal, group::Group,
    id::*, offer::Offer, party::Party, state::Key, version::Version,
};

/// Kinds of things that have a page or a place on one. Numbers are in the index's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A party.
    Party = 1,
    /// A dataset.
    Dataset = 2,
    /// A version of a dataset.
    Version = 3,
    /// An offer.
    Offer = 4,
    /// An agreement.
    Agreement = 5,
    /// A delivery.
    Delivery = 6,
    /// A consent.
    Consent = 7,
    /// A group.
    Group = 8,
    /// A transaction.
    Transaction = 9,
    /// A block.
    Block = 10,
    /// A proposal of governance.
    Proposal = 11,
    /// A validator, by its consensus key.
    Validator = 12,
    /// A validator set while it decides, by its number.
    Era = 13,
}

impl Kind {
    const ALL: [Kind; 13] = [
        Kind::Party,
        Kind::Dataset,
        Kind::Version,
        Kind::Offer,
        Kind::Agreement,
        Kind::Delivery,
        Kind::Consent,
        Kind::Group,
        Kind::Transaction,
        Kind::Block,
        Kind::Proposal,
        Kind::Validator,
        Kind::Era,
    ];

    /// The kind with this number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The word for people and links.
    pub fn word(self) -> &'static str {
        match self {
            Self::Party => "party",
            Self::Dataset => "dataset",
            Self::Version => "version",
            Self::Offer => "offer",
            Self::Agreement => "agreement",
            Self::Delivery => "delivery",
            Self::Consent => "consent",
            Self::Group => "group",
            Self::Transaction => "transaction",
            Self::Block => "block",
            Self::Proposal => "proposal",
            Self::Validator => "validator",
            Self::Era => "era",
        }
    }
}

/// One thing: its kind and its identifier, consents filled up with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thing {
    /// What kind.
    pub kind: Kind,
    /// Which.
    pub id: [u8; 32],
}

impl Thing {
    /// The thing of `kind` named `id`.
    ///
    /// # Panics
    /// With more than 32 bytes: no identifier has more.
    pub fn new(kind: Kind, id: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes[..id.len()].copy_from_slice(id);
        Self { kind, id: bytes }
    }

    pub(super) fn key(&self) -> [u8; 33] {
        let mut key = [0; 33];
        key[0] = self.kind as u8;
        key[1..].copy_from_slice(&self.id);
        key
    }
}

/// Lists that pages show. Numbers are in the index's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ListKind {
    /// Things of a kind, of a scope or of all.
    Parties = 1,
    /// Datasets; by party.
    Datasets = 2,
    /// Versions; by dataset.
    Versions = 3,
    /// Offers; by dataset, party.
    Offers = 4,
    /// Agreements; by dataset, party, offer.
    Agreements = 5,
    /// Deliveries; by dataset, agreement, party.
    Deliveries = 6,
    /// Consents; by dataset, party.
    Consents = 7,
    /// Groups; by party.
    Groups = 8,
    /// Refusals (their transactions); by whatever the action named.
    Refusals = 9,
    /// Transactions; by sender.
    Transactions = 10,
    /// Versions that were made from others; by each that they were made from.
    Derived = 11,
    /// Proposals of governance; by party that handed in or is concerned, validator that proposed.
    Proposals = 12,
    /// Words of validators on proposals: proposing, approving, being ready; by proposal, validator, party.
    Ballots = 13,
    /// Evidence against validators; by the validator against whom it stands.
    Accusations = 14,
    /// Eras; by validator.
    Eras = 15,
    /// Decisions on the version of the rules: their proposals.
    Protocols = 16,
    /// Decisions on the parameters of the rules: their proposals.
    Parameters = 17,
}

/// The key of the record that a thing's page is about.
pub fn state_key(thing: &Thing) -> Option<Key> {
    let id = thing.id;
    Some(match thing.kind {
        Kind::Party => Party::key(&PartyId(id)),
        Kind::Dataset => Dataset::key(&DatasetId(id)),
        Kind::Version => Version::key(&VersionId(id)),
        Kind::Offer => Offer::key(&OfferId(id)),
        Kind::Agreement => Agreement::key(&AgreementId(id)),
        Kind::Delivery => Delivery::key(&DeliveryId(id)),
        Kind::Group => Group::key(&GroupId(id)),
        Kind::Consent => {
            let mut short = [0; 16];
            short.copy_from_slice(&id[..16]);
            Consent::key(&ConsentId(short))
        }
        Kind::Proposal => Proposal::key(&ProposalId(id)),
        Kind::Transaction | Kind::Block | Kind::Validator | Kind::Era => return None,
    })
}
