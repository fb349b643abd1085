//! The pages: plain values that templates draw. Built from what the market knows, they ask nothing
//! and change nothing, so each can be drawn and tested by itself.

mod account;
mod consent;
mod dataset;
mod entry;
mod error;
mod help;
mod home;
mod licence;
mod operate;
mod orders;
mod provide;
#[cfg(test)]
mod samples;
mod search;
mod trade;

pub use account::{AccountPage, Line, Refusal};
pub use consent::{ConsentRow, ConsentsPage};
pub use dataset::{
    ClosedPage, DatasetPage, DistributionRow, Ground, OfferCard, Outline, OutsideLink, Personal, VariableRow,
    VersionRow, basis_label, price,
};
pub use entry::{AppliedPage, LinkPage, PartyPage, SimplePage, kind_label, role_label, standing};
pub use error::ErrorPage;
pub use help::HelpPage;
pub use home::HomePage;
pub use licence::{AgreementRow, AgreementsPage, DeliveryRow, LicencePage, paid, state};
pub use operate::{Applicant, Member, OperatePage};
pub use orders::{OrderRow, OrdersPage};
pub use provide::{ListingPage, ListingRow, ProvidePage};
pub use search::{FacetGroup, FacetValue, SearchPage, facet_name, value_name};
pub use trade::ConfirmPage;

use super::form::Form;
use askama::{Template, filters::HtmlSafe};
use contracts::{
    id::DatasetId,
    jacket::Jacket,
    vocabulary::{PersonalStatus, Spectrum},
};

/// Prose beside the ledger.
#[derive(Clone, Debug)]
pub struct Prose {
    /// What it says, or why that cannot be said.
    pub text: String,
    /// Takes it down, where it is there.
    pub form: Option<Form>,
}

/// A word with a look: empty, `good`, `warn` or `bad`.
pub type Tag = (&'static str, String);

/// Listings in a list.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "part/hits.html")]
pub struct Hits {
    /// The listings.
    pub hits: Vec<Hit>,
}

impl HtmlSafe for Hits {}

impl Hits {
    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }
}

/// One listing in a list.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which.
    pub id: DatasetId,
    /// Its title, or that it is closed.
    pub title: String,
    /// Publisher at the source or the listing party.
    pub publisher: String,
    /// The beginning of its outline; empty where there is none.
    pub excerpt: String,
    /// What tells listings apart at a glance.
    pub tags: Vec<Tag>,
    /// Its formats.
    pub formats: String,
    /// What it costs, if it is offered.
    pub price: Option<String>,
}

impl Hit {
    /// A listing with its jacket. `price` is that of the newest open offer.
    pub fn of(
        id: DatasetId,
        jacket: &Jacket,
        party: &str,
        outline: Option<&str>,
        content: bool,
        price: Option<String>,
    ) -> Self {
        let mut tags = tags(jacket);
        tags.push(if content { ("good", "content here".into()) } else { ("", "no content here".into()) });
        Self {
            id,
            title: jacket.title.clone(),
            publisher: jacket.source_publisher.clone().unwrap_or_else(|| party.to_string()),
            excerpt: outline.map(|text| super::show::excerpt(text, 220)).unwrap_or_default(),
            tags,
            formats: formats(&jacket.formats),
            price,
        }
    }

    /// A listing that is acknowledged and not described.
    pub fn closed(id: DatasetId, party: &str) -> Self {
        Self {
            id,
            title: "Closed data".into(),
            publisher: party.to_string(),
            excerpt: String::new(),
            tags: vec![("warn", "acknowledged without details".into())],
            formats: String::new(),
            price: None,
        }
    }
}

/// Formats in a list of listings; the page of a listing has all of them.
const FORMATS: usize = 6;

fn formats(all: &[String]) -> String {
    let named = all.iter().take(FORMATS).cloned().collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(FORMATS) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Spectrum, restriction, and whether about people.
pub fn tags(jacket: &Jacket) -> Vec<Tag> {
    let class = &jacket.classification;
    let mut tags: Vec<Tag> = Vec::new();
    match class.spectrum.value() {
        Some(Spectrum::Open) => tags.push(("good", "open data".into())),
        Some(Spectrum::Shared) => {
            let access = class.access.value().map_or("restriction not stated", |access| access.label());
            tags.push(("", format!("shared data, {access}")));
        }
        Some(Spectrum::Closed) => tags.push(("warn", "closed data".into())),
        None => tags.push(("", "spectrum not stated".into())),
    }
    match class.personal.value() {
        Some(PersonalStatus::Personal) => tags.push(("warn", "personal data".into())),
        Some(PersonalStatus::Anonymised) => tags.push(("", "anonymised personal data".into())),
        _ => {}
    }
    tags
}

/// Links to the first and the next page of a list.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "part/pager.html")]
pub struct Pager {
    /// Back to the first; `None` on it.
    pub first: Option<String>,
    /// On to the next; `None` on the last.
    pub next: Option<String>,
    /// What the link to the next says.
    pub label: String,
}

impl HtmlSafe for Pager {}

impl Pager {
    /// A pager whose pages are at `base` with a cursor. `base` has its own `?` if it has a query.
    pub fn of(base: &str, name: &str, cursor: Option<&str>, next: Option<String>, label: &str) -> Self {
        let join = if base.contains('?') { '&' } else { '?' };
        Self {
            first: cursor.is_some().then(|| base.to_string()),
            next: next.map(|next| format!("{base}{join}{name}={}", super::show::encode(&next))),
            label: label.into(),
        }
    }

    /// With links that lead to the place called `anchor` on the page.
    pub fn at(self, anchor: &str) -> Self {
        let to = |href: String| format!("{href}#{anchor}");
        Self { first: self.first.map(to), next: self.next.map(to), label: self.label }
    }
}
