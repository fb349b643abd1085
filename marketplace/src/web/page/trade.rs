//! The page that shows what is about to be signed.

use super::Tag;
use crate::web::{form::Form, frame::Frame, show::Id};
use askama::Template;
use contracts::id::DatasetId;

/// What is about to be signed.
#[derive(Clone, Debug, Template)]
#[template(path = "confirm.html")]
pub struct ConfirmPage {
    /// Its frame.
    pub frame: Frame,
    /// What is licensed.
    pub dataset: DatasetId,
    /// The same, shortened.
    pub dataset_id: Id,
    /// Its title.
    pub title: String,
    /// Who grants.
    pub provider: String,
    /// Who buys.
    pub buyer: String,
    /// What for.
    pub purpose: String,
    /// How long, where it is a subscription.
    pub term: Option<String>,
    /// The terms, as they are rendered for people.
    pub terms: Vec<String>,
    /// Digest of the terms.
    pub terms_digest: String,
    /// On which ground, for data about people.
    pub basis: Option<String>,
    /// What the sum is.
    pub sum_name: String,
    /// The sum.
    pub sum: String,
    /// Balance before and after.
    pub money: Vec<(String, String)>,
    /// How long the price is held.
    pub expires: String,
    /// Under which offer.
    pub offer: Id,
    /// At which revision.
    pub revision: u32,
    /// Warnings.
    pub notes: Vec<Tag>,
    /// Signs and buys; `None` where that would be refused.
    pub form: Option<Form>,
}
