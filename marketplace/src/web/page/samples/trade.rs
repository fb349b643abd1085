//! What is about to be signed.

use super::{
    Drawn, draw,
    values::{EVERYTHING, frame, jacket, revision},
};
use crate::web::{
    form::{Field, Form, Part},
    frame::Frame,
    page::ConfirmPage,
    show::Id,
};
use contracts::{id::*, offer::Price, vocabulary::Purpose};

/// The page.
pub fn pages() -> Vec<Drawn> {
    vec![draw("confirm", &confirm(frame("confirm", EVERYTHING)))]
}

fn confirm(frame: Frame) -> ConfirmPage {
    ConfirmPage {
        frame,
        dataset: DatasetId([9; 32]),
        dataset_id: Id::of(&DatasetId([9; 32])),
        title: jacket().title,
        provider: "Office of Rivers and Coasts".into(),
        buyer: "Harbour Authority of the Long Estuary".into(),
        purpose: Purpose::Planning.label().into(),
        term: Some("3 periods of 30 days, 90 days in all".into()),
        terms: revision(Price::Free).terms.render().lines().map(str::to_string).collect(),
        terms_digest: Digest([0x5a; 32]).to_string(),
        basis: Some("12 consents in force.".into()),
        sum_name: "To pay once".into(),
        sum: "3601.50 EUR".into(),
        money: vec![("Your balance".into(), "5000.00 EUR".into()), ("After it".into(), "1398.50 EUR".into())],
        expires: "9 Oct 2025, 09:08 UTC".into(),
        offer: Id::of(&OfferId([8; 32])),
        revision: 2,
        notes: vec![("warn", "No content here: you buy a licence to data held elsewhere.".into())],
        form: Some(Form {
            action: "/x".into(),
            submit: "Sign and buy for 3601.50 EUR".into(),
            parts: vec![Part::plain(vec![
                Field::area("justification", "Why you need data about people", 4)
                    .hint("Kept beside the ledger, for you, the provider and the regulator."),
                Field::checks(
                    "acknowledge",
                    "No content here",
                    &[("yes", "I know that there is nothing to download here".into())],
                ),
            ])],
            ..Form::default()
        }),
    }
}
