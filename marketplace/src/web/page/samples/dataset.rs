//! A listing as others see it, and closed data.

use super::{
    Drawn, draw,
    values::{frame, jacket, revision, version},
};
use crate::web::{
    form::{Field, Form, Part, choices},
    frame::Frame,
    jacket,
    page::*,
    show::{Id, Mark},
};
use contracts::{
    id::*,
    money::Amount,
    offer::Price,
    party::Role,
    vocabulary::{Purpose, Stated},
};

/// Both.
pub fn pages() -> Vec<Drawn> {
    let closed = ClosedPage {
        frame: frame("dataset-closed", None),
        id: Id::of(&DatasetId([2; 32])),
        publisher: PartyId([3; 32]),
        publisher_name: "Harbour".into(),
        mark: Mark::of(&Stated::said(())),
        own: false,
    };
    vec![draw("dataset", &dataset(frame("dataset", Some(&[Role::Buyer])))), draw("dataset-closed", &closed)]
}

fn dataset(frame: Frame) -> DatasetPage {
    let sample = jacket();
    let eur = "EUR".parse().unwrap();
    let amount = Amount::new(120_050).unwrap();
    let offers = [
        Price::Subscription { amount, currency: eur, period_days: 30, periods_max: 12 },
        Price::OneOff { amount, currency: eur },
        Price::Free,
    ];
    let card = |(number, price): (usize, &Price)| {
        let mut card = OfferCard::of(&OfferId([number as u8; 32]), 2, &revision(*price));
        card.form = Some(ask(&format!("o{number}"), number == 0));
        card
    };
    DatasetPage {
        frame,
        id: Id::of(&DatasetId([9; 32])),
        title: sample.title.clone(),
        catalogue: "estuary".into(),
        catalogue_href: "/search?catalogue=estuary".into(),
        identifier: "https://data.example.org/id/levels-and-salinity/2025/quality-controlled".into(),
        source_publisher: sample.source_publisher.clone(),
        publisher: PartyId([3; 32]),
        publisher_name: "Harbour Authority of the Long Estuary".into(),
        tags: tags(&sample),
        standing: Some("This listing is suspended: it is not traded or delivered for now.".into()),
        own: true,
        outline: Outline::of(
            "Water level and salinity at 41 gauges, hourly, since 1990.\n\nGaps of less than three hours are filled and marked.",
        ),
        keywords: sample.keywords.iter().map(|word| (format!("/search?q={word}"), word.clone())).collect(),
        variables: sample.variables.iter().map(VariableRow::of).collect(),
        variables_caption: "2 variables.".into(),
        jacket: jacket::jacket(&sample),
        classification: jacket::classification(&sample.classification),
        origins: jacket::origins(&sample.classification),
        distributions: sample.distributions.iter().map(DistributionRow::of).collect(),
        distributions_caption: "2 links".into(),
        landing_page: sample.landing_page.as_deref().map(|link| OutsideLink::of(link, None)),
        licence: sample.licence.as_deref().map(|link| OutsideLink::of(link, None)),
        versions: vec![version(2), version(1)],
        older: Some("/x".into()),
        held: Some(("/agreements/x".into(), "You hold a licence in force.".into())),
        offers: offers.iter().enumerate().map(card).collect(),
        no_offer: String::new(),
        more_offers: Pager::of("/x", "offers", None, Some("y".into()), "Further offers"),
        personal: Some(Personal {
            intro: "These data are about people. They are sold and delivered only on one of these grounds.".into(),
            grounds: vec![
                Ground {
                    purpose: Purpose::Research.label(),
                    look: "good",
                    state: "consented".into(),
                    text: "12 consents in force.".into(),
                },
                Ground {
                    purpose: Purpose::Planning.label(),
                    look: "bad",
                    state: "stopped".into(),
                    text: "A consent has ended.".into(),
                },
            ],
        }),
        revision: 4,
        digest: Id::of(&Digest([1; 32])),
        explored: Some("/x".into()),
    }
}

fn ask(prefix: &str, periods: bool) -> Form {
    let mut fields = vec![Field::select("purpose", "What for", &choices!(Purpose))];
    if periods {
        fields.push(Field::number("periods", "How many periods").value("1"));
    }
    Form {
        action: "/x".into(),
        submit: "Get a price".into(),
        asks: true,
        parts: vec![Part::plain(fields)],
        ..Form::default()
    }
    .prefixed(prefix)
}
