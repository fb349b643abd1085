//! Values that several samples share, made to strain a page: long titles, every field filled.

use crate::web::{
    form::{Field, Form, Part},
    frame::{Frame, Viewer},
    page::{Hit, Hits, Prose, VersionRow},
    show::{Id, Moment},
};
use contracts::{
    id::*,
    jacket::{Access, Classification, Distribution, Jacket, Variable},
    offer::{OfferRevision, Price},
    party::{Role, Roles, Standing},
    terms::{Allowed, Onward, Terms},
    version::Content,
    vocabulary::*,
};

/// The time of the newest block.
pub const NOW: TimeMs = 1_760_000_000_000;

/// Somebody who may do everything that pages are for.
pub const EVERYTHING: Option<&[Role]> = Some(&[Role::Operator, Role::Provider, Role::Buyer, Role::Custodian]);

/// The frame of a page; without roles nobody is signed in.
pub fn frame(page: &'static str, roles: Option<&[Role]>) -> Frame {
    let viewer = roles.map(|roles| Viewer {
        party: PartyId([3; 32]),
        name: "Harbour Authority of the Long Estuary".into(),
        roles: Roles::of(roles),
        standing: Standing::Active,
    });
    Frame {
        page,
        viewer,
        token: "token".into(),
        height: 12_345,
        time: Moment::of(NOW),
        network: Id::of(&NetworkId([0xab; 32])),
        explorer: Some("http://127.0.0.1:7300".into()),
        sheet: "market.css".into(),
    }
}

/// Prose beside the ledger, with the form that takes it down.
pub fn prose(text: &str) -> Prose {
    let form = Form { submit: "Take it down".into(), look: "grave", ..Form::default() };
    Prose { text: text.into(), form: Some(form) }
}

/// A jacket with something in most of its fields.
pub fn jacket() -> Jacket {
    Jacket {
        title: "Hourly water levels and salinity of the estuary, all gauges, quality-controlled".into(),
        source_publisher: Some("Office of Rivers and Coasts".into()),
        variables: vec![
            Variable {
                name: "station_id".into(),
                kind: VariableType::Code,
                unit: None,
                meaning: Some("Gauge, as on the map of the office".into()),
            },
            Variable {
                name: "water_level_above_chart_datum_in_millimetres".into(),
                kind: VariableType::Number,
                unit: Some("mm".into()),
                meaning: None,
            },
        ],
        types: vec![DataType::Table, DataType::TimeSeries],
        formats: vec!["CSV".into(), "JSON".into()],
        keywords: ["tide", "gauge", "salinity", "flood warning", "estuary"].map(str::to_string).to_vec(),
        themes: vec!["environment".into()],
        collection: Stated::said(CollectionMethod::Sensors),
        collection_cost: Stated::NotStated,
        sharing: Stated::said(SharingCondition::Purchase),
        expected_uses: vec![Purpose::Planning, Purpose::Environment],
        licence: Some("https://example.org/licence".into()),
        landing_page: Some(
            "https://example.org/a/very/long/path/that/does/not/end/anywhere/near/the/right/margin?of=the&page=1"
                .into(),
        ),
        distributions: vec![
            Distribution {
                title: Some("All gauges since 1990".into()),
                link: "https://example.org/all.csv".into(),
                download: true,
                media_type: Some("text/csv".into()),
            },
            Distribution { title: None, link: "urn:service:levels".into(), download: false, media_type: None },
        ],
        languages: vec!["en".into()],
        modified: Some("2025-03-01".into()),
        issued: None,
        classification: Classification {
            framework_class: Stated::by(InferenceRule::KeywordFramework, FrameworkClass::Thematic),
            spectrum: Stated::said(Spectrum::Shared),
            access: Stated::by(InferenceRule::DcatAccessLevel, Access::Public),
            categories: Stated::by(
                InferenceRule::KeywordCategory,
                vec![CollectableCategory::Status, CollectableCategory::Use],
            ),
            insight_levels: Stated::by(
                InferenceRule::CategoryInsight,
                vec![InsightLevel::Analytical, InsightLevel::Strategic],
            ),
            personal: Stated::said(PersonalStatus::Personal),
            refresh: Stated::said("R/PT1H".into()),
            ..Classification::default()
        },
    }
}

/// A revision of an offer at this price.
pub fn revision(price: Price) -> OfferRevision {
    let terms = Terms {
        purposes: Allowed::Only { purposes: vec![Purpose::Planning, Purpose::Research] },
        duration_days: Some(365),
        onward: Onward::DerivedOnly,
        attribution: Some("Office of Rivers and Coasts".into()),
    };
    OfferRevision { text: Digest::of(&[terms.render().as_bytes()]), terms, price }
}

/// A version; from the second on it was made from another.
pub fn version(number: u32) -> VersionRow {
    let content = Content {
        blake3: Blake3([number as u8; 32]),
        sha256: Digest([0x5a; 32]),
        bytes: 48_200_133,
        media_type: "text/csv".into(),
    };
    let parents = if number > 1 { vec![("/datasets/x".into(), "Gauges, version 3".into())] } else { vec![] };
    VersionRow::of(&VersionId([number as u8; 32]), number, &content, parents)
}

/// A form with a field of every kind.
pub fn application() -> Form {
    Form {
        action: "/apply".into(),
        submit: "Apply".into(),
        parts: vec![
            Part::under(
                "Organisation",
                "As it is registered.",
                vec![
                    Field::line("name", "Name").hint("At most 160 bytes.").autocomplete("organization"),
                    Field::line("country", "Country").hint("Two letters, such as ES."),
                    Field::radios(
                        "kind",
                        "Kind of organisation",
                        &[("city", "City organisation".into()), ("business", "Business".into())],
                    ),
                    Field::checks("roles", "Roles", &[("buyer", "Buyer".into()), ("provider", "Provider".into())])
                        .optional(),
                ],
            ),
            Part::under(
                "Contact",
                "",
                vec![Field::area("contact", "Contact", 3).optional(), Field::file("file", "A file").optional()],
            ),
        ],
        ..Form::default()
    }
}

/// Three listings: one with everything, a closed one, one with little.
pub fn hits() -> Hits {
    let sample = jacket();
    let outline = "Water level and salinity at 41 gauges, hourly, since 1990. Gaps of less than three hours are filled and marked. ".repeat(3);
    let one = Hit::of(DatasetId([1; 32]), &sample, "Harbour", Some(&outline), true, Some("1200.50 EUR once".into()));
    Hits {
        hits: vec![
            one.clone(),
            Hit::closed(DatasetId([2; 32]), "Harbour"),
            Hit { excerpt: String::new(), price: None, ..one },
        ],
    }
}
