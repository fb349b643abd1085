//! Coming in: pages that are one form, an application that was received, a sign-in link, a party.

use super::{Hits, Pager, Tag};
use crate::web::{form::Form, frame::Frame, show::Moment};
use askama::Template;
use contracts::{
    id::PartyId,
    party::{PartyKind, Role, Standing},
};

/// A page that is one form.
#[derive(Clone, Debug, Template)]
#[template(path = "simple.html")]
pub struct SimplePage {
    /// Its frame.
    pub frame: Frame,
    /// Where it belongs: address and name.
    pub trail: Option<(String, String)>,
    /// Its heading.
    pub title: String,
    /// What it is for.
    pub intro: Vec<String>,
    /// Warnings.
    pub notes: Vec<Tag>,
    /// The form.
    pub form: Form,
    /// What to know besides.
    pub after: Vec<String>,
}

/// After an application.
#[derive(Clone, Debug, Template)]
#[template(path = "applied.html")]
pub struct AppliedPage {
    /// Its frame.
    pub frame: Frame,
    /// Who applied.
    pub name: String,
    /// Under which id.
    pub party: PartyId,
    /// Where it stands.
    pub standing: String,
}

/// A sign-in link, shown once.
#[derive(Clone, Debug, Template)]
#[template(path = "link.html")]
pub struct LinkPage {
    /// Its frame.
    pub frame: Frame,
    /// For whom.
    pub name: String,
    /// The link.
    pub link: String,
    /// Until when.
    pub expires: Moment,
}

/// What everybody may know of a party.
#[derive(Clone, Debug, Template)]
#[template(path = "party.html")]
pub struct PartyPage {
    /// Its frame.
    pub frame: Frame,
    /// Its name.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: String,
    /// Where it stands.
    pub standing: Tag,
    /// What it may do.
    pub roles: String,
    /// Under whose law it is.
    pub country: String,
    /// Its id.
    pub party: PartyId,
    /// Its listings.
    pub hits: Hits,
    /// Further ones.
    pub pager: Pager,
    /// In the explorer.
    pub explored: Option<String>,
}

/// A kind of organisation in words (ISO/DIS 37156 9.2 g).
pub fn kind_label(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::City => "City organisation",
        PartyKind::ThirdSector => "Third sector organisation",
        PartyKind::Business => "Business",
        PartyKind::Citizens => "Citizens' agent or association",
        PartyKind::Academic => "Academic organisation",
        PartyKind::OtherCity => "Another city",
        PartyKind::Authority => "Supervising authority",
    }
}

/// A role in words.
pub fn role_label(role: Role) -> &'static str {
    match role {
        Role::Operator => "operator",
        Role::Provider => "provider",
        Role::Buyer => "buyer",
        Role::SettlementAgent => "settlement agent",
        Role::Regulator => "regulator",
        Role::Custodian => "custodian",
        Role::Gateway => "gateway",
    }
}

/// A standing in words.
pub fn standing(standing: Standing) -> Tag {
    match standing {
        Standing::Applied => ("warn", "has applied".into()),
        Standing::Active => ("good", "active".into()),
        Standing::Suspended => ("bad", "suspended".into()),
    }
}
