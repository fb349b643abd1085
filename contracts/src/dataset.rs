//! Datasets: published with a jacket by a provider, revised by no one else, suspended, withdrawn.

use crate::{
    action::{Call, Rule},
    event::Event,
    id::{DatasetId, Digest, PartyId, SideId, VersionId},
    jacket::{Classification, Jacket},
    limits::IDENTIFIER_BYTES_MAX,
    party::{Role, require_role},
    rejection::{Malformed, Rejection, Stop},
    side,
    state::{Key, Reading, Subject, View},
    text,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What rules need to know of a dataset. Its jacket is a record of its own, so that a sale does
/// not rewrite forty kilobytes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Dataset {
    /// The party that published it and alone may change or offer it.
    pub publisher: PartyId,
    /// Catalogue it belongs to.
    pub catalogue: String,
    /// Its identifier there.
    pub identifier: String,
    /// From 1; each change of the jacket adds one.
    pub revision: u32,
    /// Digest of the jacket at this revision.
    pub jacket: Digest,
    /// Outline, contacts and unmapped fields, beside the ledger.
    pub side: Option<SideId>,
    /// Where it stands.
    pub listing: Listing,
    /// Where it stands in the vocabulary, as the jacket says.
    pub classification: Classification,
    /// How many versions it has; the newest has this number.
    pub versions: u32,
}

/// Where a dataset stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Listing {
    /// In the catalogue.
    Listed = 0,
    /// In the catalogue, not traded and not delivered for now.
    Suspended = 1,
    /// Out of the catalogue for good; agreements in force keep running.
    Withdrawn = 2,
}

impl Subject for Dataset {
    const TAG: u8 = 3;
    const KIND: &'static str = "dataset";
}

impl Dataset {
    /// Where `dataset` is kept.
    pub fn key(dataset: &DatasetId) -> Key {
        Key::new(Self::TAG, &[&dataset.0])
    }

    /// The id of its newest version, if it has one.
    pub fn newest(&self, dataset: &DatasetId) -> Option<VersionId> {
        (self.versions > 0).then(|| VersionId::of(dataset, self.versions))
    }
}

/// The dataset `id`.
///
/// # Errors
/// A refusal where it is unknown.
pub fn require(view: &dyn View, id: &DatasetId) -> Result<Dataset, Stop> {
    Ok(view.value(&Dataset::key(id))?.ok_or(Rejection::DatasetUnknown { dataset: *id })?)
}

/// The dataset `id`, if `sender` is its publisher, active as a provider.
///
/// # Errors
/// A refusal that says which is not so.
pub fn require_own(view: &dyn View, id: &DatasetId, sender: &PartyId) -> Result<Dataset, Stop> {
    require_role(view, sender, Role::Provider)?;
    let dataset = require(view, id)?;
    if dataset.publisher != *sender {
        return Err(Rejection::NotThePublisher { dataset: *id }.into());
    }
    Ok(dataset)
}

/// Adds a dataset to the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Catalogue it belongs to: a name of the publisher's own choice.
    pub catalogue: String,
    /// Its identifier there. Publisher, catalogue and identifier together name the dataset.
    pub identifier: String,
    /// What it is.
    pub jacket: Jacket,
    /// Outline, contacts and unmapped fields, beside the ledger.
    pub side: Option<SideId>,
}

impl Publish {
    /// The id under which `publisher` publishes this.
    pub fn id(&self, publisher: &PartyId) -> DatasetId {
        DatasetId::of(publisher, &self.catalogue, &self.identifier)
    }
}

impl Rule for Publish {
    fn check(&self) -> Result<(), Malformed> {
        text::line("catalogue", &self.catalogue, 1, IDENTIFIER_BYTES_MAX)?;
        text::line("identifier", &self.identifier, 1, IDENTIFIER_BYTES_MAX)?;
        self.jacket.check()
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Provider)?;
        let id = self.id(&call.sender);
        let key = Dataset::key(&id);
        if call.state.value::<Dataset>(&key)?.is_some() {
            return Err(Rejection::DatasetExists { dataset: id }.into());
        }
        side::claim(call, self.side)?;
        let dataset = Dataset {
            publisher: call.sender,
            catalogue: self.catalogue.clone(),
            identifier: self.identifier.clone(),
            revision: 1,
            jacket: self.jacket.digest(),
            side: self.side,
            listing: Listing::Listed,
            classification: self.jacket.classification.clone(),
            versions: 0,
        };
        call.state.emit(Event::DatasetPublished {
            dataset: id,
            publisher: call.sender,
            jacket: dataset.jacket,
            side: self.side,
        });
        call.state.put(&Jacket::key(&id), self.jacket.clone())?;
        Ok(call.state.put(&key, dataset)?)
    }
}

/// Replaces the jacket of a dataset; the old one stays in history.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revise {
    /// Which.
    pub dataset: DatasetId,
    /// The revision that this follows: somebody else's change in between is not overwritten.
    pub follows: u32,
    /// What it is now.
    pub jacket: Jacket,
    /// Outline, contacts and unmapped fields, beside the ledger.
    pub side: Option<SideId>,
}

impl Rule for Revise {
    fn check(&self) -> Result<(), Malformed> {
        self.jacket.check()
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut dataset = require_own(call.state, &self.dataset, &call.sender)?;
        if dataset.listing == Listing::Withdrawn {
            return Err(Rejection::DatasetNotListed { dataset: self.dataset }.into());
        }
        if dataset.revision != self.follows {
            return Err(Rejection::RevisionMoved { now: dataset.revision }.into());
        }
        side::claim(call, self.side)?;
        dataset.revision = dataset.revision.checked_add(1).ok_or(Rejection::RevisionMoved { now: u32::MAX })?;
        dataset.jacket = self.jacket.digest();
        dataset.side = self.side;
        dataset.classification = self.jacket.classification.clone();
        call.state.emit(Event::DatasetRevised {
            dataset: self.dataset,
            revision: dataset.revision,
            jacket: dataset.jacket,
            side: self.side,
        });
        call.state.put(&Jacket::key(&self.dataset), self.jacket.clone())?;
        Ok(call.state.put(&Dataset::key(&self.dataset), dataset)?)
    }
}

/// Why a listing changed its standing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ListingReason {
    /// Ready to be found.
    Ready = 0,
    /// Faults in the data.
    Quality = 1,
    /// Law, a court or a data subject asks for it.
    Legal = 2,
    /// No longer kept by its publisher.
    Ended = 3,
}

/// Suspends, relists or withdraws a dataset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Which.
    pub dataset: DatasetId,
    /// Where it stands from now on.
    pub listing: Listing,
    /// Why.
    pub reason: ListingReason,
}

impl Rule for List {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut dataset = require_own(call.state, &self.dataset, &call.sender)?;
        if dataset.listing == Listing::Withdrawn {
            return Err(Rejection::DatasetNotListed { dataset: self.dataset }.into());
        }
        dataset.listing = self.listing;
        call.state.emit(Event::DatasetListed { dataset: self.dataset, listing: self.listing, reason: self.reason });
        Ok(call.state.put(&Dataset::key(&self.dataset), dataset)?)
    }
}
