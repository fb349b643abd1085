//! Draws every page with values that strain it, so that each is rendered by `cargo test` and can be
//! looked at: `LONJA_PAGES=folder cargo test -p marketplace draw_every_page` leaves them in `folder`.

use super::*;
use crate::web::{
    form::{Faults, Field, Form, Part, Sent, choices},
    frame::{Frame, Viewer},
    jacket,
    show::{Id, Mark, Moment},
};
use contracts::{
    agreement::{Agreement, RevocationReason},
    id::*,
    jacket::{Access, Classification, Distribution, Jacket, Variable},
    money::Amount,
    offer::{OfferRevision, Price},
    party::{Role, Roles, Standing},
    terms::{Allowed, Onward, Terms},
    version::Content,
    vocabulary::*,
};

const NOW: TimeMs = 1_760_000_000_000;

fn frame(page: &'static str, roles: Option<&[Role]>) -> Frame {
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

fn jacket_sample() -> Jacket {
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

fn revision(price: Price) -> OfferRevision {
    let terms = Terms {
        purposes: Allowed::Only { purposes: vec![Purpose::Planning, Purpose::Research] },
        duration_days: Some(365),
        onward: Onward::DerivedOnly,
        attribution: Some("Office of Rivers and Coasts".into()),
    };
    OfferRevision { text: Digest::of(&[terms.render().as_bytes()]), terms, price }
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

fn version(number: u32) -> VersionRow {
    let content = Content {
        blake3: Blake3([number as u8; 32]),
        sha256: Digest([0x5a; 32]),
        bytes: 48_200_133,
        media_type: "text/csv".into(),
    };
    let parents = if number > 1 { vec![("/datasets/x".into(), "Gauges, version 3".into())] } else { vec![] };
    VersionRow::of(&VersionId([number as u8; 32]), number, &content, parents)
}

fn dataset(frame: Frame) -> DatasetPage {
    let sample = jacket_sample();
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

fn hits() -> Hits {
    let sample = jacket_sample();
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

fn application() -> Form {
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

fn confirm(frame: Frame) -> ConfirmPage {
    ConfirmPage {
        frame,
        dataset: DatasetId([9; 32]),
        dataset_id: Id::of(&DatasetId([9; 32])),
        title: jacket_sample().title,
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

fn licence(frame: Frame) -> LicencePage {
    let held = agreement(None);
    LicencePage {
        frame,
        id: Id::of(&AgreementId([6; 32])),
        dataset: held.dataset,
        title: jacket_sample().title,
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

fn search(frame: Frame, found: Hits) -> SearchPage {
    let value = |name: &str, count: usize, chosen| FacetValue {
        href: "/search".into(),
        name: name.into(),
        count: count.to_string(),
        chosen,
    };
    let group = |name, open| FacetGroup {
        name,
        open,
        values: vec![
            value("Open data", 800, true),
            value("A very long name of a publisher of data in an office", 12, false),
        ],
        cut: true,
    };
    SearchPage {
        frame,
        asked: "water levels".into(),
        kept: vec![("spectrum".into(), "open".into())],
        total: "812 listings".into(),
        sorts: vec![("/search".into(), "Best match", true), ("/search?sort=title".into(), "Title", false)],
        order: "Best match first: 1 to 20 of 812.".into(),
        chosen: vec![("/search".into(), "Data spectrum: Open data".into())],
        clear: "/search?q=water".into(),
        guessed: vec!["levles".into()],
        widened: true,
        hits: found,
        pager: Pager::of("/search?q=water", "cursor", Some("a"), Some("b".into()), "Next 20"),
        facets: vec![group("Data spectrum", true), group("Publisher", false)],
    }
}

fn account(frame: Frame) -> AccountPage {
    let line = Line {
        time: Moment::of(NOW),
        what: "Paid to Office of Rivers and Coasts for".into(),
        about: Some(("/x".into(), jacket_sample().title)),
        amount: "−1200.50 EUR".into(),
        balance: "3799.50 EUR".into(),
        id: Id::of(&TransactionId([5; 32])),
        href: None,
    };
    AccountPage {
        frame,
        name: "Harbour Authority of the Long Estuary".into(),
        party: PartyId([3; 32]),
        id: Id::of(&PartyId([3; 32])),
        balances: vec![("/x".into(), "3799.50 EUR".into(), true), ("/y".into(), "12 JPY".into(), false)],
        currency: "EUR".into(),
        lines: vec![line.clone(), line],
        total: Some("3799.50 EUR".into()),
        pager: Pager::default(),
        refusals: vec![Refusal {
            time: Moment::of(NOW),
            code: "100 BalanceTooSmall".into(),
            why: "the balance is 0.00 EUR, 1.00 EUR are needed".into(),
            id: Id::of(&TransactionId([4; 32])),
        }],
        refusal_pager: Pager::default(),
        facts: vec![("Roles".into(), "buyer, provider".into())],
        session_until: Moment::of(NOW),
    }
}

fn listing(frame: Frame) -> ListingPage {
    let mut card = OfferCard::of(&OfferId([1; 32]), 1, &revision(Price::Free));
    card.form = Some(Form { submit: "Withdraw this offer".into(), look: "grave", ..Form::default() });
    ListingPage {
        frame,
        id: Id::of(&DatasetId([9; 32])),
        title: jacket_sample().title,
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

fn consents(frame: Frame) -> ConsentsPage {
    let row = ConsentRow {
        id: Id::of(&ConsentId([2; 16])),
        dataset: DatasetId([9; 32]),
        title: jacket_sample().title,
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

fn operate(frame: Frame) -> OperatePage {
    OperatePage {
        frame,
        summary: "1 waits, 1 is in".into(),
        done: Some("Harbour is admitted.".into()),
        applied: vec![Applicant {
            id: Id::of(&PartyId([1; 32])),
            name: "Reed and Sons".into(),
            kind: "Business",
            country: "ES".into(),
            form: application().prefixed("a0"),
        }],
        members: vec![Member {
            party: PartyId([2; 32]),
            name: "Office of Rivers and Coasts".into(),
            roles: "provider, buyer".into(),
            standing: standing(Standing::Active),
            managed: true,
            act: Some(("suspend", "Suspend")),
        }],
        pager: Pager::default(),
    }
}

/// Every page of the market, by its type.
fn pages() -> Vec<(&'static str, String)> {
    let all = [Role::Operator, Role::Provider, Role::Buyer, Role::Custodian].as_slice();
    let draw = |name, page: &dyn askama::DynTemplate| (name, page.dyn_render().unwrap());
    let mut wrong = Faults::default();
    wrong.add("name", "Enter a name");
    wrong.add("roles", "Choose a role");
    wrong.add("contact", "Contact has 9000 bytes, 8192 at most: shorten it");
    let held = agreement(Some(RevocationReason::Breach));
    let rows = vec![
        AgreementRow::of(&AgreementId([6; 32]), &agreement(None), jacket_sample().title, "Office".into(), NOW),
        AgreementRow::of(&AgreementId([5; 32]), &held, jacket_sample().title, "Office".into(), NOW),
    ];
    let home = |roles| HomePage {
        frame: frame("home", roles),
        tally: vec![
            ("/search".into(), "907".into(), "listings".into()),
            ("/search?spectrum=open".into(), "812".into(), "open data".into()),
            ("/search?availability=offer".into(), "14".into(), "on offer".into()),
        ],
        hits: hits(),
        mine: vec![("Balance".into(), "3799.50 EUR".into())],
        themes: vec![("/x".into(), "Environment".into(), "12".into())],
    };
    vec![
        draw("home", &home(None)),
        draw("home-in", &home(Some(all))),
        draw("search", &search(frame("search", None), hits())),
        draw("search-empty", &search(frame("search", None), Hits::default())),
        draw("dataset", &dataset(frame("dataset", Some(&[Role::Buyer])))),
        draw(
            "dataset-closed",
            &ClosedPage {
                frame: frame("dataset-closed", None),
                id: Id::of(&DatasetId([2; 32])),
                publisher: PartyId([3; 32]),
                publisher_name: "Harbour".into(),
                mark: Mark::of(&Stated::said(())),
                own: false,
            },
        ),
        draw("confirm", &confirm(frame("confirm", Some(all)))),
        draw("licence", &licence(frame("licence", Some(all)))),
        draw(
            "agreements",
            &AgreementsPage {
                frame: frame("agreements", Some(all)),
                heading: "Licences",
                both: true,
                sold: false,
                rows,
                pager: Pager::default(),
            },
        ),
        draw("account", &account(frame("account", Some(all)))),
        draw("apply", &simple(frame("apply", None), Faults::default())),
        draw("apply-wrong", &simple(frame("apply", None), wrong)),
        draw(
            "applied",
            &AppliedPage {
                frame: frame("applied", None),
                name: "Reed and Sons".into(),
                party: PartyId([1; 32]),
                standing: "has applied".into(),
            },
        ),
        draw(
            "link",
            &LinkPage {
                frame: frame("link", Some(all)),
                name: "Reed and Sons".into(),
                link: "http://127.0.0.1:7200/enter/q7w0-3m4n5b6v7c8x9z0a1s2d3f4g5h6j7k8l9q0w1e2".into(),
                expires: Moment::of(NOW),
            },
        ),
        draw(
            "party",
            &PartyPage {
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
            },
        ),
        draw(
            "provide",
            &ProvidePage {
                frame: frame("provide", Some(all)),
                summary: "2 listings".into(),
                rows: vec![ListingRow {
                    id: DatasetId([9; 32]),
                    title: jacket_sample().title,
                    spectrum: "Shared data",
                    versions: 2,
                    offers: "1".into(),
                    todo: "2 gaps in the classification".into(),
                }],
                pager: Pager::default(),
            },
        ),
        draw("listing", &listing(frame("listing", Some(all)))),
        draw("orders", &orders::sample(frame("orders", Some(all)))),
        draw("operate", &operate(frame("operate", Some(all)))),
        draw("consents", &consents(frame("consents", Some(all)))),
        draw("help", &HelpPage::new(frame("help", None))),
        draw(
            "error",
            &ErrorPage {
                frame: frame("error", Some(all)),
                status: "409".into(),
                code: Some("BalanceTooSmall (100)".into()),
                heading: "The balance is too small".into(),
                text: "The balance is 0.00 EUR, 1.00 EUR are needed.".into(),
                record: Some(Id::of(&TransactionId([4; 32]))),
                remedies: vec![
                    ("/account".into(), "See your account".into()),
                    (String::new(), "Pay in at the bank".into()),
                ],
            },
        ),
    ]
}

#[test]
fn draw_every_page() {
    let folder = std::env::var_os("LONJA_PAGES").map(std::path::PathBuf::from);
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("market.css"), include_str!("../../../assets/market.css")).unwrap();
    }
    for (name, html) in pages() {
        check(name, &html);
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        }
    }
}

/// What holds of every page, whatever it says.
fn check(name: &str, html: &str) {
    assert!(html.contains("<body data-page=\""), "{name} does not say its type");
    assert_eq!(html.matches("<h1").count(), 1, "{name} has one heading of the first order");
    assert!(
        !html.contains("<script") && !html.contains(" style=") && !html.contains(" onclick"),
        "{name} would break its policy"
    );
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{name} has ids twice: {twice:?}");
    for rest in html.split(" for=\"").skip(1) {
        let target = rest.split('"').next().unwrap();
        assert!(ids.contains(&target), "{name}: a label leads to `{target}`, which is not there");
    }
    for rest in html.split("href=\"#").skip(1) {
        let target = rest.split('"').next().unwrap();
        assert!(ids.contains(&target), "{name}: a link leads to `{target}`, which is not there");
    }
    let posts = html.matches("method=\"post\"").count();
    assert_eq!(html.matches("name=\"csrf\"").count(), posts, "{name}: a form without its token");
}
