//! Samples of every event, refusal and kind of record, for both verifiers to decode alike.

use borsh::BorshDeserialize;
use contracts::{
    agreement::{Agreement, Holding, RevocationReason},
    basis::{BasisKind, LegalBasis},
    consent::{Consent, ConsentStart, ConsentState, EndsOn, Scope},
    dataset::{Dataset, Listing},
    delivery::Delivery,
    event::Event,
    founding::Parameters,
    governance::{
        Ballot, Change, CompromisedKey, Governance, Misconduct, PartyDecision, Proposal, ProposalState, Protested,
        Protests, Protocol, Testimony,
    },
    group::Group,
    id::*,
    jacket::{Access, Classification, Distribution, Jacket, Variable},
    key::{PublicKey, Signature},
    merkle::Frontier,
    money::{Amount, Currency},
    offer::{Offer, OfferRevision, Price},
    party::{KeyUse, Party, PartyKey, PartyKind, Role, Roles, Standing},
    quota::Quota,
    quote::UsedQuote,
    rejection::Rejection,
    settlement::{Account, Booking, Supply},
    side::SideOwner,
    state::{Key, Record, Subject},
    statement::Said,
    takedown::TakenDown,
    terms::{Allowed, Onward, Terms},
    validators::ValidatorSet,
    version::{Anchored, Content, Version},
    vocabulary::*,
};

/// The variant `tag` with everything in it zero or empty, where such a one can be.
fn empty<T: BorshDeserialize>(tag: u8) -> Option<T> {
    (0..400).find_map(|length| borsh::from_slice(&[vec![tag], vec![0; length]].concat()).ok())
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

/// Every refusal there is.
pub(super) fn rejections() -> Vec<Rejection> {
    Rejection::CODES
        .iter()
        .map(|(code, name)| match empty(*code) {
            Some(rejection) => rejection,
            None => {
                assert_eq!(*name, "BalanceTooSmall", "a sample is missing");
                Rejection::BalanceTooSmall {
                    balance: amount(3),
                    amount: amount(1_000_000_000_000_000),
                    currency: currency("JPY"),
                }
            }
        })
        .collect()
}

/// Every event there is, some of them with all that they can hold.
pub(super) fn events() -> Vec<Event> {
    let mut events: Vec<Event> = (0..=u8::MAX).filter_map(empty).collect();
    let (party, dataset) = (PartyId([1; 32]), DatasetId([2; 32]));
    events.extend(rejections().into_iter().map(|rejection| Event::Refused { sender: party, action: 31, rejection }));
    let euro = currency("EUR");
    events.extend([
        Event::PartyApplied {
            party,
            name: "Ayuntamiento de «Ávila»\n\"\\/\u{1}\u{7f} 市場 🐟".into(),
            key: PublicKey([9; 32]),
        },
        Event::PartyAdmitted { party, roles: Roles::of(&Role::ALL), by: party },
        Event::DatasetPublished { dataset, publisher: party, jacket: Digest([5; 32]), side: Some(SideId([6; 32])) },
        Event::VersionAdded {
            dataset,
            version: VersionId([7; 32]),
            number: 4_000_000_000,
            blake3: Blake3([8; 32]),
            sha256: Digest([9; 32]),
            bytes: u64::MAX,
            parents: vec![VersionId([1; 32]), VersionId([2; 32])],
        },
        Event::OfferMade {
            offer: OfferId([3; 32]),
            dataset,
            revision: 2,
            price: Price::Subscription { amount: amount(990), currency: euro, period_days: 30, periods_max: 12 },
            terms: Digest([4; 32]),
        },
        Event::Bought {
            agreement: AgreementId([5; 32]),
            buyer: party,
            provider: party,
            dataset,
            offer: OfferId([3; 32]),
            revision: 2,
            purpose: Purpose::Innovation,
            amount: amount(11_880),
            currency: Some(euro),
            end_ms: Some(1_800_000_000_000),
        },
        Event::Renewed {
            agreement: AgreementId([5; 32]),
            dataset,
            amount: amount(990),
            currency: euro,
            end_ms: 1_900_000_000_000,
        },
        Event::Minted { party, amount: amount(5), currency: currency("USD"), reference: BankReference([6; 32]) },
        Event::Burned { party, amount: amount(5), currency: currency("USD"), reference: BankReference([7; 32]) },
        Event::Paid { from: party, to: PartyId([2; 32]), amount: amount(990), currency: euro },
    ]);
    events
}

fn record<T: Subject>(key: Key, value: T) -> (Key, Vec<u8>) {
    assert_eq!(key.tag(), T::TAG);
    (key, Record { history: Frontier::EMPTY, value }.encode())
}

fn zero<T: Subject>(name: u8) -> (Key, Vec<u8>) {
    let value: T =
        (0..400).find_map(|length| T::try_from_slice(&vec![0; length]).ok()).expect("all zero is a value of this kind");
    record(Key::new(T::TAG, &[&[name]]), value)
}

const PROPOSAL: ProposalId = ProposalId([6; 32]);

fn proposal(change: Change) -> Proposal {
    let ballot = |validator| Ballot { validator, signature: Signature([validator; 64]) };
    Proposal {
        change,
        base: Digest([1; 32]),
        until_ms: 1_800_000_000_000,
        state: ProposalState::InForce,
        ballots: vec![ballot(2), ballot(0)],
        ready: vec![ballot(1)],
    }
}

/// A record of every kind that bundles carry, with an empty history. The first is a dataset's.
pub(super) fn records() -> Vec<(Key, Vec<u8>)> {
    let (party, dataset) = (PartyId([1; 32]), DatasetId([2; 32]));
    let rule = InferenceRule::KeywordCategory;
    let classification = Classification {
        framework_class: Stated::said(FrameworkClass::Thematic),
        spectrum: Stated::said(Spectrum::Shared),
        access: Stated::said(Access::Specific { parties: vec![party] }),
        categories: Stated::by(rule, vec![CollectableCategory::Movement, CollectableCategory::Use]),
        insight_levels: Stated::by(InferenceRule::CategoryInsight, vec![InsightLevel::Critical]),
        roles: Stated::said(vec![DataRole::Creator, DataRole::SecondaryPublisher]),
        processing: Stated::said(ProcessingState::Archived),
        usage: Stated::said(DataUsage::Versioned),
        structure: Stated::said(Structure::RealTime),
        quadrant: Stated::NotStated,
        sensitivity: Stated::said(SensitivityClass::InternalUse),
        personal: Stated::by(InferenceRule::SystemOfRecords, PersonalStatus::Personal),
        spatial: Stated::said("Ávila".into()),
        temporal: Stated::said("2020/2025".into()),
        refresh: Stated::by(InferenceRule::Accrual, "R/P1D".into()),
    };
    let jacket = Jacket {
        title: "Tram stops".into(),
        source_publisher: Some("Tranvías".into()),
        variables: vec![Variable {
            name: "stop".into(),
            kind: VariableType::Place,
            unit: Some("m".into()),
            meaning: None,
        }],
        types: vec![DataType::Table, DataType::Service],
        formats: vec!["text/csv".into()],
        keywords: vec!["tram".into(), "城".into()],
        themes: vec![],
        collection: Stated::said(CollectionMethod::Sensors),
        collection_cost: Stated::said(CollectionCost::High),
        sharing: Stated::by(InferenceRule::DcatAccessLevel, SharingCondition::NotShared),
        expected_uses: vec![Purpose::Planning],
        licence: Some("https://example.org/licence".into()),
        landing_page: None,
        distributions: vec![Distribution {
            title: None,
            link: "https://example.org/f.csv".into(),
            download: true,
            media_type: Some("text/csv".into()),
        }],
        languages: vec!["es".into()],
        modified: Some("2025-01-01".into()),
        issued: None,
        classification: classification.clone(),
    };
    let full = Dataset {
        publisher: party,
        catalogue: "city".into(),
        identifier: "https://example.org/trams?id=7&x=\"é\"".into(),
        revision: 3,
        jacket: Digest([4; 32]),
        side: Some(SideId([5; 32])),
        listing: Listing::Listed,
        classification,
        versions: 2,
    };
    let member = Party {
        name: "Tranvías".into(),
        kind: PartyKind::OtherCity,
        jurisdiction: "ES".parse().unwrap(),
        standing: Standing::Active,
        roles: Roles::of(&[Role::Provider, Role::Gateway]),
        keys: vec![PartyKey { key: PublicKey([7; 32]), usage: KeyUse::Price, since: 3, revoked: Some(9) }],
        side: None,
    };
    let agreement = Agreement {
        buyer: party,
        provider: party,
        dataset,
        offer: OfferId([3; 32]),
        revision: 1,
        terms: Digest([4; 32]),
        onward: Onward::DerivedOnly,
        purpose: Purpose::PublicService,
        paid: amount(100),
        currency: Some(currency("EUR")),
        start_ms: 1,
        end_ms: Some(2),
        revoked: Some(RevocationReason::Quality),
        justification: Some(SideId([8; 32])),
    };
    let terms = Terms {
        purposes: Allowed::Only { purposes: vec![Purpose::Research, Purpose::Safety] },
        duration_days: Some(365),
        onward: Onward::SameTerms,
        attribution: Some("© Tranvías".into()),
    };
    let price = Price::OneOff { amount: amount(5), currency: currency("USD") };
    let version = Version {
        dataset,
        number: 1,
        content: Content {
            blake3: Blake3([1; 32]),
            sha256: Digest([2; 32]),
            bytes: 1 << 40,
            media_type: "text/csv".into(),
        },
        parents: vec![VersionId([3; 32])],
        excludes: vec![ConsentId([4; 16])],
    };
    let consent = Consent {
        controller: party,
        dataset,
        since_version: 1,
        purposes: vec![Purpose::Research],
        state: ConsentState::Withdrawn,
        notice: Digest([1; 32]),
        from_ms: 5,
        until_day: 20_000,
        record: Digest([2; 32]),
        excluded_in: Some(2),
    };
    let basis = LegalBasis {
        kind: BasisKind::PublicTask,
        jurisdiction: "ES".parse().unwrap(),
        reference: "Ley 7/1985".into(),
        controller: party,
        controls: vec!["pseudonyms".into(), "no export".into()],
        ended: false,
    };
    let booking = Booking { party, amount: amount(7), currency: currency("EUR"), minted: true };
    let ends = vec![EndsOn { day: 7, count: 2 }];
    let scope = Scope { required: 1, outstanding: 1, pending: 1, clean_from: 2, ends };
    let set = crate::receipt::tests::set(0, 4);
    vec![
        record(Dataset::key(&dataset), full),
        record(Party::key(&party), member),
        record(Jacket::key(&dataset), jacket),
        record(Agreement::key(&AgreementId([5; 32])), agreement),
        record(Key::new(OfferRevision::TAG, &[&[1]]), OfferRevision { terms, text: Digest([6; 32]), price }),
        record(Key::new(Version::TAG, &[&[1]]), version),
        record(Key::new(Consent::TAG, &[&[1]]), consent),
        record(Key::new(Scope::TAG, &[&[1]]), scope),
        record(Key::new(LegalBasis::TAG, &[&[1]]), basis),
        record(Key::new(Group::TAG, &[&[1]]), Group { owner: party, name: "g".into(), members: vec![party] }),
        record(Key::new(Booking::TAG, &[&[1]]), booking),
        record(ValidatorSet::key(), crate::receipt::tests::set(0, 4)),
        zero::<Quota>(9),
        zero::<Dataset>(9),
        zero::<Jacket>(9),
        zero::<UsedQuote>(9),
        zero::<Version>(9),
        zero::<Offer>(9),
        zero::<OfferRevision>(9),
        zero::<Agreement>(9),
        zero::<Holding>(9),
        zero::<Delivery>(9),
        zero::<Consent>(9),
        zero::<Account>(9),
        zero::<Supply>(9),
        zero::<Parameters>(9),
        zero::<SideOwner>(9),
        zero::<Anchored>(9),
        zero::<Proposal>(9),
        zero::<Governance>(9),
        zero::<Misconduct>(9),
        zero::<Protocol>(9),
        zero::<Protests>(9),
        zero::<PartyDecision>(9),
        record(PartyDecision::key(&party), PartyDecision { proposal: PROPOSAL }),
        zero::<ConsentStart>(9),
        record(Key::new(ConsentStart::TAG, &[&[1]]), ConsentStart { version: 2 }),
        zero::<TakenDown>(9),
        record(TakenDown::key(&SideId([8; 32])), TakenDown { by: party, height: 7 }),
        zero::<CompromisedKey>(9),
        record(CompromisedKey::key(&PublicKey([3; 32])), CompromisedKey { proposal: PROPOSAL }),
        record(Key::new(Proposal::TAG, &[&[4]]), proposal(Change::Protocol { version: 2, from: 700 })),
        record(Misconduct::key(&crate::testing::accusation(1, 7).validator), misconduct()),
        record(Protests::key(&crate::testing::accusation(1, 7).validator), protests()),
        record(Key::new(Proposal::TAG, &[&[1]]), proposal(Change::Validators { set, compromised: vec![1, 3] })),
        record(Key::new(Proposal::TAG, &[&[2]]), proposal(Change::Parameters { parameters: Parameters::default() })),
        record(
            Key::new(Proposal::TAG, &[&[3]]),
            proposal(Change::Party { party, standing: Standing::Suspended, roles: Roles::of(&[Role::Operator]) }),
        ),
        record(Governance::key(), Governance { changes: 3, in_force: Some(PROPOSAL), pending: None }),
    ]
}

fn proposed(block: u8, since: Option<u32>) -> Testimony {
    let said = Said::Proposal { block: Digest([block; 32]), since };
    Testimony { said, signature: Signature([block; 64]) }
}

/// Two validators protested, each against another proposal.
fn protests() -> Protests {
    let of = |by: u8, proposed| Protested {
        by: PublicKey([by; 32]),
        height: 7,
        round: 2,
        proposed,
        signature: Signature([by; 64]),
    };
    Protests { name: "v1".into(), protests: vec![of(1, proposed(1, None)), of(2, proposed(2, Some(1)))] }
}

/// Two proposals of one round.
fn misconduct() -> Misconduct {
    Misconduct { name: "v1".into(), height: 7, round: 2, first: proposed(1, None), second: proposed(2, Some(1)) }
}
