//! Tells people in sentences what a transaction asked for and what happened.
//!
//! A sentence is made of text and of links to the things it names, so that pages show links and
//! exports show words, from one source. Titles of closed datasets are all that is said of them.

mod action;
mod event;
mod governance;

pub use action::asks;
pub use event::{EVENT_KINDS, consent_state, key_use, price_text, role_list, slug, tells};
pub use governance::{ballot_of, details, place, quota_words, sentence_case, what, word_of};

use crate::{
    index::{IndexError, Reader},
    view::format::short,
};
use contracts::{
    agreement::Agreement,
    group::Group,
    id::*,
    jacket::Jacket,
    money::Currency,
    offer::{Offer, OfferRevision},
    state::Reading,
    version::Version,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A named thing and where its page is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Link {
    /// What kind of thing.
    pub kind: &'static str,
    /// Its identifier, whole.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its page.
    pub href: String,
}

/// A part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Piece {
    /// Words.
    Text(String),
    /// A thing by its name.
    Link(Link),
}

/// A sentence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sentence(pub Vec<Piece>);

impl Sentence {
    /// The sentence as plain words.
    pub fn text(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Link(link) => link.name.as_str(),
            })
            .collect()
    }
}

/// Puts a sentence together: `sentence!["…", link, "…"]`.
macro_rules! sentence {
    ($($piece:expr),* $(,)?) => { $crate::view::tell::Sentence(vec![$($crate::view::tell::Piece::from($piece)),*]) };
}
pub(crate) use sentence;

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Link> for Piece {
    fn from(link: Link) -> Self {
        Self::Link(link)
    }
}

/// Names things as the read model knows them.
pub struct Names<'r, 'a>(pub &'r Reader<'a>);

impl Names<'_, '_> {
    /// A party.
    ///
    /// # Errors
    /// [`IndexError`], as of all methods here.
    pub fn party(&self, id: &PartyId) -> Result<Link, IndexError> {
        let name = self.0.party_name(id)?.unwrap_or_else(|| format!("unknown party {}", short(&id.to_string())));
        Ok(link("party", id.to_string(), name))
    }

    /// A dataset by its title.
    pub fn dataset(&self, id: &DatasetId) -> Result<Link, IndexError> {
        let title = self.0.value::<Jacket>(&Jacket::key(id))?.map(|jacket| jacket.title);
        let name = title.unwrap_or_else(|| format!("unknown dataset {}", short(&id.to_string())));
        Ok(link("dataset", id.to_string(), name))
    }

    /// A version, on the page of its dataset.
    pub fn version(&self, id: &VersionId) -> Result<Link, IndexError> {
        match self.0.value::<Version>(&Version::key(id))? {
            None => Ok(link("version", id.to_string(), format!("unknown version {}", short(&id.to_string())))),
            Some(version) => {
                let dataset = self.dataset(&version.dataset)?;
                let href = format!("{}#version-{}", dataset.href, version.number);
                let name = format!("version {} of {}", version.number, dataset.name);
                Ok(Link { kind: "version", id: id.to_string(), name, href })
            }
        }
    }

    /// An offer, by what it offers.
    pub fn offer(&self, id: &OfferId) -> Result<Link, IndexError> {
        let offered = match self.0.value::<Offer>(&Offer::key(id))? {
            Some(offer) => format!("offer of {}", self.dataset(&offer.dataset)?.name),
            None => format!("unknown offer {}", short(&id.to_string())),
        };
        Ok(link("offer", id.to_string(), offered))
    }

    /// An agreement, by its number.
    pub fn agreement(&self, id: &AgreementId) -> Link {
        link("agreement", id.to_string(), format!("agreement {}", short(&id.to_string())))
    }

    /// The dataset of an agreement.
    pub fn dataset_of(&self, id: &AgreementId) -> Result<Option<Link>, IndexError> {
        let agreement = self.0.value::<Agreement>(&Agreement::key(id))?;
        agreement.map(|agreement| self.dataset(&agreement.dataset)).transpose()
    }

    /// The currency of a revision of an offer.
    pub fn currency_of(&self, offer: &OfferId, revision: u32) -> Result<Option<Currency>, IndexError> {
        let found = self.0.value::<OfferRevision>(&OfferRevision::key(offer, revision))?;
        Ok(found.and_then(|found| found.price.currency()))
    }

    /// A delivery.
    pub fn delivery(&self, id: &DeliveryId) -> Link {
        link("delivery", id.to_string(), format!("delivery {}", short(&id.to_string())))
    }

    /// A consent.
    pub fn consent(&self, id: &ConsentId) -> Link {
        link("consent", id.to_string(), format!("consent {}", short(&id.to_string())))
    }

    /// A group, by its name.
    pub fn group(&self, id: &GroupId) -> Result<Link, IndexError> {
        let name = self.0.value::<Group>(&Group::key(id))?.map(|group| format!("group {}", group.name));
        let name = name.unwrap_or_else(|| format!("unknown group {}", short(&id.to_string())));
        Ok(link("group", id.to_string(), name))
    }

    /// A transaction.
    pub fn transaction(&self, id: &TransactionId) -> Link {
        link("transaction", id.to_string(), format!("transaction {}", short(&id.to_string())))
    }
}

fn link(kind: &'static str, id: String, name: String) -> Link {
    Link { kind, href: format!("/{kind}/{id}"), id, name }
}
