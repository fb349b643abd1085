//! The custodian's page.

use super::{
    Drawn, draw,
    values::{EVERYTHING, application, frame, jacket},
};
use crate::web::{frame::Frame, page::*, show::Id};
use contracts::id::*;

/// With consents on record, and without.
pub fn pages() -> Vec<Drawn> {
    let some = consents(frame("consents", EVERYTHING));
    let none = ConsentsPage { rows: Vec::new(), ..some.clone() };
    vec![draw("consents", &some), draw("consents-none", &none)]
}

fn consents(frame: Frame) -> ConsentsPage {
    let row = ConsentRow {
        id: Id::of(&ConsentId([2; 16])),
        dataset: DatasetId([9; 32]),
        title: jacket().title,
        since: 1,
        purposes: "Research; Facilitating urban planning".into(),
        until: "2026-01-01".into(),
        state: ("good", "given".into()),
        given: true,
        excluded: None,
    };
    let ended = ConsentRow { state: ("bad", "withdrawn".into()), given: false, excluded: Some(2), ..row.clone() };
    ConsentsPage {
        frame,
        done: None,
        rows: vec![row, ended],
        pager: Pager::default(),
        form: application(),
        erase: application().prefixed("erase"),
    }
}
