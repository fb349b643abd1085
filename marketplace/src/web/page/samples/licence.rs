//! A licence, and lists of them.

use super::{
    Drawn, draw,
    values::{EVERYTHING, NOW, frame, jacket, revision, version},
};
use crate::web::{
    form::Form,
    frame::Frame,
    page::*,
    show::{Id, Moment},
};
use contracts::{
    agreement::{Agreement, RevocationReason},
    id::*,
    money::Amount,
    offer::Price,
    terms::Onward,
    vocabulary::Purpose,
};

/// Both, and the list without rows on either side.
pub fn pages() -> Vec<Drawn> {
    let list = |rows, sold| AgreementsPage {
        frame: frame("agreements", EVERYTHING),
        heading: "Licences",
        both: true,
        sold,
        rows,
        pager: Pager::default(),
    };
    let row = |id, revoked| {
        let title = jacket().title;
        AgreementRow::of(&AgreementId([id; 32]), &agreement(revoked), title, "Office".into(), NOW)
    };
    vec![
        draw("licence", &licence(frame("licence", EVERYTHING))),
        draw("agreements", &list(vec![row(6, None), row(5, Some(RevocationReason::Breach))], false)),
        draw("agreements-none", &list(Vec::new(), false)),
        draw("agreements-none-granted", &list(Vec::new(), true)),
    ]
}

fn licence(frame: Frame) -> LicencePage {
    let held = agreement(None);
    LicencePage {
        frame,
        id: Id::of(&AgreementId([6; 32])),
        dataset: held.dataset,
        title: jacket().title,
        state: state(&held, NOW),
        fresh: true,
        notes: vec![],
        versions: vec![version(2), version(1)],
        older: None,
        no_download: None,
        terms: revision(Price::Free).terms.render().lines().map(str::to_string).collect(),
        terms_digest: held.terms.to_string(),
        deliveries: vec![DeliveryRow {
            time: Moment::of(NOW),
            version: "Version 2".into(),
            gateway: "Market".into(),
            id: Id::of(&DeliveryId([5; 32])),
        }],
        pager: Pager::default(),
        facts: vec![("Purpose".into(), held.purpose.label().into()), ("Paid".into(), paid(&held))],
        buyer: (held.buyer, "Harbour Authority of the Long Estuary".into()),
        provider: (held.provider, "Office of Rivers and Coasts".into()),
        start: Moment::of(held.start_ms),
        end: held.end_ms.map(Moment::of),
        receipt: Some("/x".into()),
        explored: Some("/x".into()),
        acts: vec![(
            "Give it back".into(),
            "What was paid stays paid.".into(),
            Form { submit: "Give the licence back".into(), look: "grave", ..Form::default() },
        )],
    }
}

fn agreement(revoked: Option<RevocationReason>) -> Agreement {
    Agreement {
        buyer: PartyId([3; 32]),
        provider: PartyId([4; 32]),
        dataset: DatasetId([9; 32]),
        offer: OfferId([8; 32]),
        revision: 2,
        terms: Digest([7; 32]),
        onward: Onward::DerivedOnly,
        purpose: Purpose::Planning,
        paid: Amount::new(120_050).unwrap(),
        currency: Some("EUR".parse().unwrap()),
        start_ms: NOW,
        end_ms: Some(NOW + 86_400_000),
        revoked,
        justification: None,
    }
}
