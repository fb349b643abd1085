//! One of everything that is written down for ever, with fixed values, for golden bytes and codecs.

use super::refusals::{apply, basis, group, list, mint, renew, revise, revise_offer, revoke, revoke_key, step};
use crate::{
    action::Action,
    agreement::{Agreement, Buy, Holding, RevocationReason},
    basis::{BasisKind, LegalBasis},
    consent::{Consent, ConsentStart, ConsentState, EndsOn, Scope},
    dataset::{Dataset, Listing, ListingReason},
    delivery::{Deliver, Delivery},
    event::Event,
    founding::Parameters,
    governance::{
        Accuse, Approve, Ballot, Change, CompromisedKey, Governance, Misconduct, PartyDecision, Proposal,
        ProposalState, Propose, Protest, Protested, Protests, Protocol, Ready, Testimony,
    },
    group::Group,
    id::*,
    jacket::{Access, Classification, Distribution, Jacket, Variable},
    key::Signature,
    merkle::{self, Frontier},
    offer::{MakeOffer, Offer, OfferRevision, Price, WithdrawOffer},
    outcome::{BlockEntry, Entry, Outcome, TransactionEntry},
    party::{AddKey, Admit, Country, KeyUse, Party, PartyKey, PartyKind, Role, Roles, Standing, SuspensionReason},
    provenance::Activity,
    quota::Quota,
    quote::{Quote, SignedQuote, UsedQuote},
    rejection::{Gap, Rejection},
    settlement::{Account, Booking, Burn, Supply},
    side::SideOwner,
    state::{Record, Subject},
    statement::Said,
    takedown::{TakeDown, TakeSideDown, TakenDown},
    terms::{Allowed, Onward, Terms},
    testing::*,
    validators::ValidatorSet,
    version::{AddVersion, Anchored, Version},
    vocabulary::*,
};

pub(super) const DATASET: DatasetId = DatasetId([1; 32]);
const VERSION: VersionId = VersionId([2; 32]);
const OFFER: OfferId = OfferId([3; 32]);
const AGREEMENT: AgreementId = AgreementId([4; 32]);
const SIDE: SideId = SideId([5; 32]);
const CONSENT: ConsentId = ConsentId([6; 16]);
const PROPOSAL: ProposalId = ProposalId([10; 32]);
const BALLOT: Ballot = Ballot { validator: 1, signature: Signature([9; 64]) };
/// Two votes of which nobody may give both, and a proposal.
const PREVOTE: Testimony =
    Testimony { said: Said::Prevote { block: Some(Digest([4; 32])) }, signature: Signature([9; 64]) };
const NO_PREVOTE: Testimony = Testimony { said: Said::Prevote { block: None }, ..PREVOTE };
const PROPOSED: Testimony = Testimony { said: Said::Proposal { block: Digest([4; 32]), since: Some(1) }, ..PREVOTE };
const GROUP: GroupId = GroupId([7; 32]);

/// A jacket with something in every field.
fn full_jacket() -> Jacket {
    let variable = Variable {
        name: "rain".into(),
        kind: VariableType::Number,
        unit: Some("mm".into()),
        meaning: Some("fallen in an hour".into()),
    };
    let distribution = Distribution {
        title: Some("file".into()),
        link: "https://example.org/rain.csv".into(),
        download: true,
        media_type: Some("text/csv".into()),
    };
    Jacket {
        source_publisher: Some("Weather Service".into()),
        variables: vec![variable],
        types: vec![DataType::Table, DataType::TimeSeries],
        formats: vec!["CSV".into()],
        keywords: vec!["rain".into(), "weather".into()],
        themes: vec!["environment".into()],
        collection: Stated::said(CollectionMethod::Sensors),
        collection_cost: Stated::said(CollectionCost::High),
        sharing: Stated::said(SharingCondition::Purchase),
        expected_uses: vec![Purpose::Planning, Purpose::Research],
        licence: Some("https://creativecommons.org/licenses/by/4.0/".into()),
        landing_page: Some("https://example.org/rain".into()),
        distributions: vec![distribution],
        languages: vec!["en".into()],
        modified: Some("2024-05-01".into()),
        issued: Some("2020".into()),
        ..jacket(restricted())
    }
}

fn restricted() -> Classification {
    let parties = vec![PartyId([1; 32]), PartyId([2; 32])];
    Classification { access: Stated::said(Access::Specific { parties }), ..shared(PersonalStatus::Anonymised) }
}

fn full_terms() -> Terms {
    Terms {
        purposes: Allowed::Only { purposes: vec![Purpose::Planning, Purpose::Research] },
        duration_days: Some(365),
        onward: Onward::SameTerms,
        attribution: Some("Weather Service, Palma".into()),
    }
}

/// Terms whose text and digest are golden.
pub(super) fn all_terms() -> Vec<Terms> {
    vec![full_terms(), terms(), open_terms()]
}

pub(super) fn a_quote() -> Quote {
    Quote {
        buyer: party(BUYER),
        offer: OFFER,
        revision: 2,
        periods: 3,
        amount: amount(1_250),
        currency: Some(eur()),
        expires_ms: 1_700_000_000_000,
        nonce: [8; 16],
    }
}

/// One of each action, in the order of the table.
pub(super) fn actions() -> Vec<Action> {
    let mut publish = publish("rain", restricted());
    publish.jacket = full_jacket();
    publish.side = Some(SIDE);
    let quote = SignedQuote { quote: a_quote(), key: key(113), signature: Signature([9; 64]) };
    vec![
        apply().into(),
        Admit { party: party(STRANGER), roles: Roles::of(&[Role::Provider, Role::Gateway]) }.into(),
        super::refusals::suspend(BUYER).into(),
        AddKey { key: key(STRANGER), usage: KeyUse::Price, proof: Signature([9; 64]) }.into(),
        revoke_key(BUYER).into(),
        group(Some(GROUP)).into(),
        publish.into(),
        revise(DATASET, 1, open()).into(),
        list(DATASET, Listing::Suspended).into(),
        AddVersion { parents: vec![VERSION], excludes: vec![CONSENT], ..add_version(DATASET, 2) }.into(),
        step(DATASET, vec![VERSION]).into(),
        TakeDown { dataset: DATASET }.into(),
        TakeSideDown { side: SIDE }.into(),
        MakeOffer { dataset: DATASET, terms: full_terms(), price: subscription(10) }.into(),
        revise_offer(OFFER, 1).into(),
        WithdrawOffer { offer: OFFER }.into(),
        Buy { quote: Some(quote), ..buy(OFFER, 1_250) }.into(),
        renew(AGREEMENT, 10).into(),
        revoke(AGREEMENT, RevocationReason::Breach).into(),
        Deliver { agreement: AGREEMENT, version: VERSION }.into(),
        give(DATASET, 6).into(),
        withdraw(CONSENT).into(),
        basis(DATASET, false).into(),
        mint(BUYER, 100, 1).into(),
        Burn { party: party(BUYER), amount: amount(50), currency: eur(), reference: BankReference([8; 32]) }.into(),
        Propose { change: changes().remove(0), base: Digest([1; 32]), until_ms: 1_700_000_000_000, ballot: BALLOT }
            .into(),
        Approve { proposal: PROPOSAL, ballot: BALLOT }.into(),
        Ready { proposal: PROPOSAL, height: 7, ballot: BALLOT }.into(),
        Accuse { validator: key(BUYER), height: 7, round: 2, first: PREVOTE, second: NO_PREVOTE }.into(),
        Protest {
            proposer: key(BUYER),
            height: 7,
            round: 2,
            proposed: PROPOSED,
            by: key(PROVIDER),
            signature: Signature([8; 64]),
        }
        .into(),
    ]
}

/// One of each change that governance decides.
pub(super) fn changes() -> Vec<Change> {
    vec![
        Change::Validators { set: founding().validators, compromised: vec![0, 2] },
        Change::Parameters { parameters: Parameters::default() },
        Change::Party { party: party(BUYER), standing: Standing::Active, roles: Roles::of(&[Role::Operator]) },
        Change::Protocol { version: 2, from: 700 },
    ]
}

/// One of each event, in the order of tags.
pub(super) fn events() -> Vec<Event> {
    let (sender, by, currency) = (party(BUYER), party(OPERATOR), eur());
    let reference = BankReference([8; 32]);
    vec![
        Event::Refused {
            sender,
            action: 30,
            rejection: Rejection::ClassificationIncomplete { missing: vec![Gap::Spectrum, Gap::Refresh] },
        },
        Event::PartyApplied { party: sender, name: "Buyer".into(), key: key(BUYER) },
        Event::PartyAdmitted { party: sender, roles: Roles::of(&[Role::Buyer]), by },
        Event::PartySuspended { party: sender, reason: SuspensionReason::KeyCompromise, by },
        Event::KeyAdded { party: sender, key: key(STRANGER), usage: KeyUse::Price },
        Event::KeyRevoked { party: sender, key: key(STRANGER), compromised: true },
        Event::GroupSet { group: GROUP, owner: by, members: 3 },
        Event::DatasetPublished { dataset: DATASET, publisher: by, jacket: Digest([1; 32]), side: Some(SIDE) },
        Event::DatasetRevised { dataset: DATASET, revision: 2, jacket: Digest([1; 32]), side: None },
        Event::DatasetListed { dataset: DATASET, listing: Listing::Withdrawn, reason: ListingReason::Legal },
        Event::VersionAdded {
            dataset: DATASET,
            version: VERSION,
            number: 1,
            blake3: Blake3([1; 32]),
            sha256: Digest([2; 32]),
            bytes: 10,
            parents: vec![VERSION],
        },
        Event::StepRecorded { dataset: DATASET, by, activity: Activity::Anonymise, run: [4; 16] },
        Event::OfferMade {
            offer: OFFER,
            dataset: DATASET,
            revision: 1,
            price: subscription(10),
            terms: full_terms().digest(),
        },
        Event::OfferWithdrawn { offer: OFFER, dataset: DATASET },
        Event::Bought {
            agreement: AGREEMENT,
            buyer: sender,
            provider: by,
            dataset: DATASET,
            offer: OFFER,
            revision: 1,
            purpose: Purpose::Research,
            amount: amount(10),
            currency: Some(currency),
            end_ms: Some(9),
        },
        Event::Renewed { agreement: AGREEMENT, dataset: DATASET, amount: amount(10), currency, end_ms: 9 },
        Event::Revoked { agreement: AGREEMENT, dataset: DATASET, reason: RevocationReason::Legal, by },
        Event::Delivered {
            delivery: DeliveryId([9; 32]),
            agreement: AGREEMENT,
            dataset: DATASET,
            version: VERSION,
            buyer: sender,
            gateway: by,
        },
        Event::ConsentChanged { consent: CONSENT, dataset: DATASET, controller: by, state: ConsentState::Withdrawn },
        Event::ConsentExcluded { consent: CONSENT, dataset: DATASET, number: 2 },
        Event::BasisStated {
            dataset: DATASET,
            purpose: Purpose::Safety,
            kind: BasisKind::PublicTask,
            controller: by,
            ended: false,
        },
        Event::SideTakenDown { side: SIDE, dataset: DATASET, by },
        Event::Minted { party: sender, amount: amount(10), currency, reference },
        Event::Burned { party: sender, amount: amount(10), currency, reference },
        Event::Paid { from: sender, to: by, amount: amount(10), currency },
        Event::Proposed { proposal: PROPOSAL, validator: 1, until_ms: 9 },
        Event::Approved { proposal: PROPOSAL, validator: 2 },
        Event::SetPassed { proposal: PROPOSAL, set: Digest([1; 32]), validators: 5 },
        Event::SetReady { proposal: PROPOSAL, validator: 4, height: 9 },
        Event::SetChanged { proposal: PROPOSAL, number: 1, set: Digest([1; 32]) },
        Event::ParametersChanged { proposal: PROPOSAL },
        Event::PartyDecided {
            proposal: PROPOSAL,
            party: sender,
            standing: Standing::Suspended,
            roles: Roles::of(&[Role::Buyer]),
        },
        Event::Accused { validator: 3, key: key(BUYER), height: 7, round: 2 },
        Event::ProtocolDecided { proposal: PROPOSAL, version: 2, from: 700 },
        Event::Protested { validator: 3, key: key(BUYER), by: 1, height: 7, round: 2, protests: 2, established: true },
        Event::SideBodyTakenDown { side: SIDE, owner: sender, by },
    ]
}

/// Both kinds of log entry, the first with both outcomes.
pub(super) fn entries() -> Vec<Entry> {
    let one = |outcome| TransactionEntry {
        transaction: TransactionId([1; 32]),
        digest: Digest([2; 32]),
        outcome,
        events: Digest([3; 32]),
    };
    vec![
        Entry::Transaction(one(Outcome::Applied)),
        Entry::Transaction(one(Outcome::Refused { code: 81 })),
        Entry::Block(BlockEntry {
            height: 7,
            time_ms: 1_700_000_000_000,
            parent: Digest([1; 32]),
            round: 1,
            transactions: 2,
            log_root_before: Digest([2; 32]),
            state_root: Digest([3; 32]),
            validators: Digest([4; 32]),
            next_validators: Digest([5; 32]),
            replay: Digest([6; 32]),
        }),
    ]
}

/// What is done with each kind of record.
pub(super) trait EachRecord {
    fn see<T: Subject + PartialEq + std::fmt::Debug>(&mut self, record: Record<T>);
}

/// Shows one record of each kind of subject.
pub(super) fn each_record(seen: &mut impl EachRecord) {
    let held = |usage, revoked| PartyKey { key: key(BUYER), usage, since: 1, revoked };
    seen.see(record(Party {
        name: "Buyer".into(),
        kind: PartyKind::Academic,
        jurisdiction: Country(*b"ES"),
        standing: Standing::Active,
        roles: Roles::of(&[Role::Buyer]),
        keys: vec![held(KeyUse::Sign, None), held(KeyUse::Price, Some(4))],
        side: Some(SIDE),
    }));
    seen.see(record(Quota { window: 1, count: 2, bytes: 3, state_bytes: 4 }));
    seen.see(record(Dataset {
        publisher: party(PROVIDER),
        catalogue: "catalogue".into(),
        identifier: "rain".into(),
        revision: 2,
        jacket: full_jacket().digest(),
        side: Some(SIDE),
        listing: Listing::Listed,
        classification: restricted(),
        versions: 3,
    }));
    seen.see(record(full_jacket()));
    seen.see(record(Version {
        dataset: DATASET,
        number: 1,
        content: content(1),
        parents: vec![VERSION],
        excludes: vec![CONSENT],
    }));
    seen.see(record(Offer { dataset: DATASET, provider: party(PROVIDER), revision: 1, withdrawn: true }));
    seen.see(record(OfferRevision { terms: full_terms(), text: Digest([1; 32]), price: Price::Free }));
    seen.see(record(UsedQuote { agreement: AGREEMENT }));
    seen.see(record(Agreement {
        buyer: party(BUYER),
        provider: party(PROVIDER),
        dataset: DATASET,
        offer: OFFER,
        revision: 1,
        terms: full_terms().digest(),
        onward: Onward::SameTerms,
        purpose: Purpose::Research,
        paid: amount(10),
        currency: Some(eur()),
        start_ms: 1,
        end_ms: Some(2),
        revoked: Some(RevocationReason::Quality),
        justification: Some(SIDE),
    }));
    seen.see(record(Holding { agreement: AGREEMENT, count: 2 }));
    let gateway = party(GATEWAY);
    seen.see(record(Delivery { agreement: AGREEMENT, version: VERSION, gateway, time_ms: 1 }));
    seen.see(record(Consent {
        controller: party(CUSTODIAN),
        dataset: DATASET,
        since_version: 1,
        purposes: vec![Purpose::Research],
        state: ConsentState::Objected,
        notice: Digest([1; 32]),
        from_ms: 1,
        until_day: TODAY,
        record: Digest([2; 32]),
        excluded_in: Some(2),
    }));
    let ends = vec![EndsOn { day: TODAY, count: 2 }];
    seen.see(record(Scope { required: 2, outstanding: 1, pending: 1, clean_from: 3, ends }));
    seen.see(record(LegalBasis {
        kind: BasisKind::Contract,
        jurisdiction: Country(*b"ES"),
        reference: "article".into(),
        controller: party(PROVIDER),
        controls: vec!["log".into()],
        ended: false,
    }));
    seen.see(record(Group { owner: party(PROVIDER), name: "Partners".into(), members: vec![party(BUYER)] }));
    seen.see(record(Account { balance: amount(10) }));
    seen.see(record(Supply { minted: amount(10), burned: amount(1) }));
    seen.see(record(Booking { party: party(BUYER), amount: amount(10), currency: eur(), minted: true }));
    seen.see(record::<ValidatorSet>(founding().validators));
    seen.see(record(Parameters::default()));
    seen.see(record(SideOwner { owner: party(PROVIDER) }));
    seen.see(record(Anchored { number: 2 }));
    seen.see(record(Proposal {
        change: changes().remove(0),
        base: Digest([1; 32]),
        until_ms: 9,
        state: ProposalState::Passed,
        ballots: vec![BALLOT, BALLOT],
        ready: vec![BALLOT],
    }));
    seen.see(record(Governance { changes: 1, in_force: Some(PROPOSAL), pending: Some(PROPOSAL) }));
    let (first, second) = (PROPOSED, Testimony { said: Said::Precommit { block: None }, ..PROPOSED });
    seen.see(record(Misconduct { name: "v3".into(), height: 7, round: 2, first, second }));
    seen.see(record(Protocol { version: 2, from: 700, before: 1 }));
    let protested =
        |by: u16, proposed| Protested { by: key(by), height: 7, round: 2, proposed, signature: Signature([8; 64]) };
    let again = Testimony { said: Said::Proposal { block: Digest([5; 32]), since: None }, ..PROPOSED };
    let protests = vec![protested(BUYER, PROPOSED), protested(PROVIDER, again)];
    seen.see(record(Protests { name: "v3".into(), protests }));
    seen.see(record(PartyDecision { proposal: PROPOSAL }));
    seen.see(record(CompromisedKey { proposal: PROPOSAL }));
    seen.see(record(ConsentStart { version: 3 }));
    seen.see(record(TakenDown { by: party(OPERATOR), height: 7 }));
}

/// A record after three events.
fn record<T: Subject>(value: T) -> Record<T> {
    let mut history = Frontier::EMPTY;
    (0..3u8).for_each(|n| history.append(merkle::leaf(&[n])));
    Record { history, value }
}
