//! The provider's pages.

use super::{
    Drawn, draw,
    values::{EVERYTHING, application, frame, jacket, prose, revision, version},
};
use crate::web::{
    form::{Field, Form, Part},
    frame::Frame,
    page::*,
    show::Id,
};
use contracts::{id::*, offer::Price};

/// My listings, with rows and without, and one of them.
pub fn pages() -> Vec<Drawn> {
    let row = ListingRow {
        id: DatasetId([9; 32]),
        title: jacket().title,
        spectrum: "Shared data",
        versions: 2,
        offers: "1".into(),
        todo: "2 gaps in the classification".into(),
    };
    let list = |summary: &str, rows| ProvidePage {
        frame: frame("provide", EVERYTHING),
        summary: summary.into(),
        rows,
        pager: Pager::default(),
    };
    vec![
        draw("provide", &list("1 listing", vec![row])),
        draw("provide-none", &list("Nothing is listed yet.", Vec::new())),
        draw("listing", &listing(frame("listing", EVERYTHING))),
    ]
}

fn listing(frame: Frame) -> ListingPage {
    let mut card = OfferCard::of(&OfferId([1; 32]), 1, &revision(Price::Free));
    card.form = Some(Form { submit: "Withdraw this offer".into(), look: "grave", ..Form::default() });
    ListingPage {
        frame,
        id: Id::of(&DatasetId([9; 32])),
        title: jacket().title,
        done: Some("Version 2 is on the ledger.".into()),
        gaps: vec!["Structure", "Quadrant"],
        closed: false,
        versions: vec![version(1)],
        older: Pager::default(),
        upload: Form {
            submit: "Upload".into(),
            multipart: true,
            parts: vec![Part::plain(vec![Field::file("file", "File")])],
            ..Form::default()
        }
        .prefixed("u"),
        offers: vec![card],
        more_offers: Pager::default(),
        facts: vec![("Identifier".into(), "levels".into())],
        take_down: prose("").form,
        grounds: vec![Ground {
            purpose: "Research",
            look: "good",
            state: "legal basis".into(),
            text: "Water Act".into(),
        }],
        basis: application().prefixed("b"),
        basis_open: false,
        standing: "Listed.".into(),
        standings: vec![Form { submit: "Suspend".into(), look: "second", ..Form::default() }],
    }
}
