//! Coming in, a party, help and errors.

use super::{
    Drawn, draw,
    values::{EVERYTHING, application, frame, hits},
};
use crate::web::{
    form::{Faults, Sent},
    frame::Frame,
    page::*,
    show::Id,
};
use contracts::{id::*, party::Standing};

/// All of them; the form also with faults.
pub fn pages() -> Vec<Drawn> {
    let mut wrong = Faults::default();
    wrong.add("name", "Enter a name");
    wrong.add("roles", "Choose a role");
    wrong.add("contact", "Contact has 9000 bytes, 8192 at most: shorten it");
    let applied = AppliedPage {
        frame: frame("applied", None),
        name: "Reed and Sons".into(),
        party: PartyId([1; 32]),
        standing: "has applied".into(),
    };
    vec![
        draw("apply", &simple(frame("apply", None), Faults::default())),
        draw("apply-wrong", &simple(frame("apply", None), wrong)),
        draw("applied", &applied),
        draw("party", &party()),
        draw("help", &HelpPage::new(frame("help", None))),
        draw("error", &error()),
    ]
}

fn simple(frame: Frame, faults: Faults) -> SimplePage {
    SimplePage {
        frame,
        trail: Some(("/".into(), "Market".into())),
        title: "Apply for membership".into(),
        intro: vec!["An organisation applies once.".into()],
        notes: vec![("warn", "Names of persons do not go on the ledger.".into())],
        form: application()
            .again(&Sent(vec![("name".into(), "Harbour".into()), ("kind".into(), "city".into())]), faults),
        after: vec!["What happens next is on the next page.".into()],
    }
}

fn party() -> PartyPage {
    PartyPage {
        frame: frame("party", None),
        name: "Reed and Sons".into(),
        kind: "Business".into(),
        standing: standing(Standing::Active),
        roles: "buyer".into(),
        country: "ES".into(),
        party: PartyId([1; 32]),
        hits: hits(),
        pager: Pager::default(),
        explored: None,
    }
}

fn error() -> ErrorPage {
    ErrorPage {
        frame: frame("error", EVERYTHING),
        status: "409".into(),
        code: Some("BalanceTooSmall (100)".into()),
        heading: "The balance is too small".into(),
        text: "The balance is 0.00 EUR, 1.00 EUR are needed.".into(),
        record: Some(Id::of(&TransactionId([4; 32]))),
        remedies: vec![("/account".into(), "See your account".into()), (String::new(), "Pay in at the bank".into())],
    }
}
