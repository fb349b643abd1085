//! A licence, and lists of them.

use super::{Pager, Tag, VersionRow};
use crate::web::{
    form::Form,
    frame::Frame,
    show::{Id, Moment},
};
use askama::Template;
use contracts::{
    agreement::{Agreement, RevocationReason},
    id::{AgreementId, DatasetId, PartyId, TimeMs},
};

/// A licence.
#[derive(Clone, Debug, Template)]
#[template(path = "licence.html")]
pub struct LicencePage {
    /// Its frame.
    pub frame: Frame,
    /// The agreement.
    pub id: Id,
    /// To what.
    pub dataset: DatasetId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub state: Tag,
    /// It was just bought.
    pub fresh: bool,
    /// Warnings.
    pub notes: Vec<Tag>,
    /// Versions that can be downloaded.
    pub versions: Vec<VersionRow>,
    /// Further versions.
    pub older: Option<String>,
    /// Why nothing can be downloaded.
    pub no_download: Option<String>,
    /// The terms, as they are rendered for people.
    pub terms: Vec<String>,
    /// Digest of the terms.
    pub terms_digest: String,
    /// What was delivered.
    pub deliveries: Vec<DeliveryRow>,
    /// Further deliveries.
    pub pager: Pager,
    /// Purpose, price, justification.
    pub facts: Vec<(String, String)>,
    /// Who holds it.
    pub buyer: (PartyId, String),
    /// Who granted it.
    pub provider: (PartyId, String),
    /// From when.
    pub start: Moment,
    /// Until when.
    pub end: Option<Moment>,
    /// Where the receipt is.
    pub receipt: Option<String>,
    /// In the explorer.
    pub explored: Option<String>,
    /// Renew, give back, revoke: heading, explanation and form.
    pub acts: Vec<(String, String, Form)>,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// When.
    pub time: Moment,
    /// What.
    pub version: String,
    /// By whom.
    pub gateway: String,
    /// Its record.
    pub id: Id,
}

/// Licences bought or granted.
#[derive(Clone, Debug, Template)]
#[template(path = "agreements.html")]
pub struct AgreementsPage {
    /// Its frame.
    pub frame: Frame,
    /// Its heading.
    pub heading: &'static str,
    /// The party both buys and provides.
    pub both: bool,
    /// Granted rather than bought.
    pub sold: bool,
    /// The licences.
    pub rows: Vec<AgreementRow>,
    /// Further ones.
    pub pager: Pager,
}

/// One licence in a list.
#[derive(Clone, Debug)]
pub struct AgreementRow {
    /// Which.
    pub id: AgreementId,
    /// Title of the dataset.
    pub title: String,
    /// The other side.
    pub other: String,
    /// What for.
    pub purpose: &'static str,
    /// From when.
    pub start: Moment,
    /// Until when.
    pub end: Option<Moment>,
    /// What was paid.
    pub paid: String,
    /// Where it stands.
    pub state: Tag,
}

impl AgreementRow {
    /// A licence to `title`; `other` is the name of the other side.
    pub fn of(id: &AgreementId, agreement: &Agreement, title: String, other: String, now_ms: TimeMs) -> Self {
        Self {
            id: *id,
            title,
            other,
            purpose: agreement.purpose.label(),
            start: Moment::of(agreement.start_ms),
            end: agreement.end_ms.map(Moment::of),
            paid: paid(agreement),
            state: state(agreement, now_ms),
        }
    }
}

/// What was paid so far, in words.
pub fn paid(agreement: &Agreement) -> String {
    agreement.currency.map_or_else(|| "free".to_string(), |currency| agreement.paid.display(currency))
}

/// Where a licence stands at `now_ms`.
pub fn state(agreement: &Agreement, now_ms: TimeMs) -> Tag {
    match agreement.revoked {
        Some(RevocationReason::ByBuyer) => ("", "given back".into()),
        Some(RevocationReason::Breach) => ("bad", "revoked: breach of terms".into()),
        Some(RevocationReason::Legal) => ("bad", "revoked: legal reasons".into()),
        Some(RevocationReason::Quality) => ("bad", "revoked: faults in the data".into()),
        None if agreement.in_force(now_ms) => ("good", "in force".into()),
        None => ("warn", "ended".into()),
    }
}
