//! The custodian's page: consents on record, and recording one.

use super::{Pager, Tag};
use crate::web::{form::Form, frame::Frame, show::Id};
use askama::Template;
use contracts::{
    consent::{Consent, ConsentState},
    id::{ConsentId, DatasetId},
};

/// The custodian's page.
#[derive(Clone, Debug, Template)]
#[template(path = "consents.html")]
pub struct ConsentsPage {
    /// Its frame.
    pub frame: Frame,
    /// What was just done.
    pub done: Option<String>,
    /// Consents on record.
    pub rows: Vec<ConsentRow>,
    /// Further ones.
    pub pager: Pager,
    /// Records one.
    pub form: Form,
    /// Erases what is on record of a person.
    pub erase: Form,
}

/// One consent.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// Its random id.
    pub id: Id,
    /// For which dataset.
    pub dataset: DatasetId,
    /// That dataset's title.
    pub title: String,
    /// From which version on.
    pub since: u32,
    /// What for.
    pub purposes: String,
    /// Until when.
    pub until: String,
    /// Where it stands.
    pub state: Tag,
    /// It can be withdrawn.
    pub given: bool,
    /// The version that leaves its subject out.
    pub excluded: Option<u32>,
}

impl ConsentRow {
    /// A consent on record for the dataset called `title`.
    pub fn of(id: &ConsentId, consent: &Consent, title: String) -> Self {
        let given = consent.state == ConsentState::Given;
        let state: Tag = match consent.state {
            ConsentState::Given => ("good", "given".into()),
            ConsentState::Withdrawn => ("bad", "withdrawn".into()),
            ConsentState::Revoked => ("bad", "revoked".into()),
            ConsentState::Invalidated => ("bad", "invalidated".into()),
            ConsentState::Objected => ("bad", "objected".into()),
            ConsentState::Expired => ("warn", "expired".into()),
        };
        let purposes = consent.purposes.iter().map(|purpose| purpose.label()).collect::<Vec<_>>().join("; ");
        Self {
            id: Id::of(id),
            dataset: consent.dataset,
            title,
            since: consent.since_version,
            purposes,
            until: day(consent.until_day),
            state,
            given,
            excluded: consent.excluded_in,
        }
    }
}

/// A day since 1970 as an ISO date.
fn day(days: u32) -> String {
    let start = jiff::civil::date(1970, 1, 1);
    let span = jiff::Span::new().try_days(i64::from(days));
    match span.and_then(|span| start.checked_add(span)) {
        Ok(date) => date.to_string(),
        Err(_) => format!("day {days} since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_read_as_dates() {
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(20_000), "2024-10-04");
        assert_eq!(day(u32::MAX), format!("day {} since 1970", u32::MAX));
    }
}
