//! The provider's pages: my listings, and everything about one of them.

use super::{Ground, OfferCard, Pager, VersionRow};
use crate::web::{form::Form, frame::Frame, show::Id};
use askama::Template;
use contracts::id::DatasetId;

/// My listings.
#[derive(Clone, Debug, Template)]
#[template(path = "provide.html")]
pub struct ProvidePage {
    /// Its frame.
    pub frame: Frame,
    /// How many are shown.
    pub summary: String,
    /// The listings.
    pub rows: Vec<ListingRow>,
    /// Further ones.
    pub pager: Pager,
}

/// One of my listings.
#[derive(Clone, Debug)]
pub struct ListingRow {
    /// Which.
    pub id: DatasetId,
    /// Title.
    pub title: String,
    /// Closed, shared or open.
    pub spectrum: &'static str,
    /// How many versions.
    pub versions: u32,
    /// How many open offers.
    pub offers: String,
    /// What it lacks.
    pub todo: String,
}

/// One of my listings, with everything that can be done to it.
#[derive(Clone, Debug, Template)]
#[template(path = "listing.html")]
pub struct ListingPage {
    /// Its frame.
    pub frame: Frame,
    /// Which.
    pub id: Id,
    /// Title.
    pub title: String,
    /// What was just done.
    pub done: Option<String>,
    /// What an offer still needs.
    pub gaps: Vec<&'static str>,
    /// Closed data are not offered.
    pub closed: bool,
    /// Newest first.
    pub versions: Vec<VersionRow>,
    /// Older versions.
    pub older: Pager,
    /// Uploads another version.
    pub upload: Form,
    /// Newest first.
    pub offers: Vec<OfferCard>,
    /// Older offers.
    pub more_offers: Pager,
    /// The description in short.
    pub facts: Vec<(String, String)>,
    /// Takes outline and contacts down, where there are any.
    pub take_down: Option<Form>,
    /// Consents and legal bases.
    pub grounds: Vec<Ground>,
    /// States a legal basis.
    pub basis: Form,
    /// The form for a basis has faults, so it is open.
    pub basis_open: bool,
    /// Where it stands in the catalogue.
    pub standing: String,
    /// Suspend, relist, withdraw.
    pub standings: Vec<Form>,
}
