//! Consents against a naive model that remembers everybody: who is in which version, and whose
//! consent is over. The rules keep counters instead, and may be stricter about older versions,
//! never laxer.

use super::refusals::{basis, deliver};
use crate::{
    agreement::Buy,
    consent::{ConsentState, End, Give},
    delivery::require_ground,
    id::*,
    rejection::{Rejection, Stop},
    testing::*,
    version::AddVersion,
    vocabulary::{PersonalStatus, Purpose},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Give { id: u8, back: u32, purposes: u8, days: u32 },
    End { id: u8 },
    AddVersion { leaves_out: BTreeSet<u8> },
    Wait { days: u64 },
    Basis { purpose: bool, ended: bool },
}

const PURPOSES: [Purpose; 2] = [Purpose::Planning, Purpose::Research];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8u8, 0..3u32, 1..4u8, 1..6u32)
            .prop_map(|(id, back, purposes, days)| Step::Give { id, back, purposes, days }),
        3 => (0..8u8).prop_map(|id| Step::End { id }),
        3 => proptest::collection::btree_set(0..8u8, 0..5).prop_map(|leaves_out| Step::AddVersion { leaves_out }),
        1 => (0..3u64).prop_map(|days| Step::Wait { days }),
        1 => (any::<bool>(), any::<bool>()).prop_map(|(purpose, ended)| Step::Basis { purpose, ended }),
    ]
}

struct Person {
    since: u32,
    left_out_in: Option<u32>,
    over: bool,
    until_day: u32,
    purposes: Vec<Purpose>,
}

impl Person {
    fn is_in(&self, version: u32) -> bool {
        version >= self.since && self.left_out_in.is_none_or(|first| version < first)
    }
}

#[derive(Default)]
struct Naive {
    people: BTreeMap<u8, Person>,
    versions: u32,
    bases: BTreeSet<Purpose>,
}

impl Naive {
    fn asked(&self, purpose: Purpose) -> impl Iterator<Item = &Person> {
        self.people.values().filter(move |person| person.purposes.contains(&purpose))
    }

    /// Somebody in the version has withdrawn, or the time of their consent is over.
    fn forbids(&self, version: u32, purpose: Purpose, today: u32) -> bool {
        self.asked(purpose).any(|person| person.is_in(version) && (person.over || person.until_day <= today))
    }

    /// Somebody whose data are in the version consents, or the law allows it without.
    fn has_ground(&self, version: u32, purpose: Purpose) -> bool {
        self.bases.contains(&purpose) || self.asked(purpose).any(|person| !person.over && person.is_in(version))
    }

    /// A consent for data that are still to come has expired: the rules block then, too.
    fn expired_ahead(&self, purpose: Purpose, today: u32) -> bool {
        self.asked(purpose).any(|person| {
            !person.over && person.left_out_in.is_none() && person.since > self.versions && person.until_day <= today
        })
    }
}

fn compare(steps: Vec<Step>) {
    let mut market = Market::founded();
    let dataset = market.publish(PROVIDER, "people", shared(PersonalStatus::Personal));
    let mut naive = Naive::default();
    for step in steps {
        act(&mut market, dataset, &mut naive, step);
        let today = (market.context.time_ms / DAY_MS) as u32;
        let record = market.get::<crate::dataset::Dataset>(&crate::dataset::Dataset::key(&dataset));
        for purpose in PURPOSES {
            for version in 1..=naive.versions {
                let allowed =
                    require_ground(&market.state, &dataset, &record, version, purpose, market.context.time_ms);
                let forbidden = naive.forbids(version, purpose, today);
                assert!(allowed.is_err() || !forbidden, "version {version} holds somebody whose consent is over");
                assert!(allowed.is_err() || naive.has_ground(version, purpose), "version {version} has no ground");
                if version == naive.versions && !naive.expired_ahead(purpose, today) {
                    let may = !forbidden && naive.has_ground(version, purpose);
                    assert_eq!(allowed.is_ok(), may, "about the newest version both agree: {allowed:?}");
                }
            }
        }
    }
}

fn act(market: &mut Market, dataset: DatasetId, naive: &mut Naive, step: Step) {
    let today = (market.context.time_ms / DAY_MS) as u32;
    match step {
        Step::Give { id, back, purposes, days } => {
            let since_version = (naive.versions + 1).saturating_sub(back).max(1);
            let purposes: Vec<_> = PURPOSES
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| purposes >> bit & 1 == 1)
                .map(|(_, one)| one)
                .collect();
            let until_day = today + days;
            let action = Give { since_version, purposes: purposes.clone(), until_day, ..give(dataset, id) };
            let got = market.act(CUSTODIAN, action);
            assert_eq!(got.is_ok(), !naive.people.contains_key(&id), "{got:?}");
            let person = Person { since: since_version, left_out_in: None, over: false, until_day, purposes };
            naive.people.entry(id).or_insert(person);
        }
        Step::End { id } => {
            let got = market.act(CUSTODIAN, withdraw(ConsentId([id; 16])));
            let person = naive.people.get_mut(&id).filter(|person| !person.over);
            assert_eq!(got.is_ok(), person.is_some(), "{got:?}");
            if let Some(person) = person {
                person.over = true;
            }
        }
        Step::AddVersion { leaves_out } => {
            let number = naive.versions + 1;
            let excludes = leaves_out.iter().map(|id| ConsentId([*id; 16])).collect();
            let got = market.act(PROVIDER, AddVersion { excludes, ..add_version(dataset, number) });
            let may = |id| naive.people.get(id).is_some_and(|person: &Person| person.left_out_in.is_none());
            assert_eq!(got.is_ok(), leaves_out.iter().all(may), "{got:?}");
            if got.is_ok() {
                naive.versions = number;
                for id in leaves_out {
                    naive.people.get_mut(&id).unwrap().left_out_in = Some(number);
                }
            }
        }
        Step::Wait { days } => market.wait_days(days),
        Step::Basis { purpose, ended } => {
            let purpose = PURPOSES[usize::from(purpose)];
            market.ok(PROVIDER, crate::basis::StateBasis { purpose, ..basis(dataset, ended) });
            if ended {
                naive.bases.remove(&purpose)
            } else {
                naive.bases.insert(purpose)
            };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_delivery_that_the_naive_model_forbids(steps in proptest::collection::vec(step(), 1..30)) {
        compare(steps);
    }
}

/// A market where the personal dataset was sold with the consent of person 1.
fn sold() -> (Market, Goods, AgreementId, ConsentId) {
    let (mut market, goods) = Market::trading();
    let consent = market.consent(CUSTODIAN, goods.personal, 1);
    let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
    market.ok(GATEWAY, deliver(agreement, goods.personal_version));
    (market, goods, agreement, consent)
}

fn without(dataset: DatasetId, number: u32, consent: ConsentId) -> AddVersion {
    AddVersion { excludes: vec![consent], ..add_version(dataset, number) }
}

#[test]
fn a_withdrawal_stops_the_next_delivery_until_a_version_leaves_the_subject_out() {
    let (mut market, goods, agreement, consent) = sold();
    market.consent(CUSTODIAN, goods.personal, 2);
    market.ok(CUSTODIAN, withdraw(consent));
    let first = deliver(agreement, goods.personal_version);
    assert_eq!(market.no(GATEWAY, first.clone()), Rejection::ConsentEnded { clean_from: 2 });
    let unchanged = market.version(PROVIDER, goods.personal);
    assert_eq!(market.no(GATEWAY, deliver(agreement, unchanged)), Rejection::ConsentEnded { clean_from: 3 });
    market.ok(PROVIDER, without(goods.personal, 3, consent));
    market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 3)));
    assert_eq!(market.no(GATEWAY, first), Rejection::ConsentEnded { clean_from: 3 });
}

#[test]
fn who_was_left_out_before_withdrawing_is_still_in_the_old_version() {
    let (mut market, goods, agreement, consent) = sold();
    market.consent(CUSTODIAN, goods.personal, 2);
    market.ok(PROVIDER, without(goods.personal, 2, consent));
    market.ok(CUSTODIAN, withdraw(consent));
    market.no(GATEWAY, deliver(agreement, goods.personal_version));
    market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 2)));
}

#[test]
fn no_other_ground_opens_a_version_that_holds_somebody_who_withdrew() {
    let (mut market, goods, agreement, consent) = sold();
    market.ok(CUSTODIAN, withdraw(consent));
    market.ok(PROVIDER, without(goods.personal, 2, consent));
    market.ok(PROVIDER, basis(goods.personal, false));
    market.no(GATEWAY, deliver(agreement, goods.personal_version));
    market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 2)));
}

#[test]
fn a_withdrawal_before_the_data_come_binds_the_version_they_come_with() {
    let (mut market, goods, agreement, _) = sold();
    let second = Give { since_version: 2, ..give(goods.personal, 2) };
    market.ok(CUSTODIAN, second);
    market.ok(CUSTODIAN, withdraw(ConsentId([2; 16])));
    market.ok(GATEWAY, deliver(agreement, goods.personal_version));
    let careless = market.version(PROVIDER, goods.personal);
    market.no(GATEWAY, deliver(agreement, careless));
    market.ok(PROVIDER, without(goods.personal, 3, ConsentId([2; 16])));
    market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 3)));
}

#[test]
fn a_consent_for_data_that_are_to_come_is_no_ground_for_the_version_before() {
    let (mut market, goods) = Market::trading();
    market.ok(CUSTODIAN, Give { since_version: 2, ..give(goods.personal, 1) });
    let none = Rejection::NoGround { purpose: Purpose::Research };
    assert_eq!(market.no(BUYER, buy(goods.personal_offer, 700)), none);
    // Nor where the sale has another ground that is over by now.
    market.ok(PROVIDER, basis(goods.personal, false));
    let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
    market.ok(GATEWAY, deliver(agreement, goods.personal_version));
    market.ok(PROVIDER, basis(goods.personal, true));
    assert_eq!(market.no(GATEWAY, deliver(agreement, goods.personal_version)), none);
    // With its version it is one, for that and no older.
    let second = market.version(PROVIDER, goods.personal);
    market.ok(GATEWAY, deliver(agreement, second));
    market.ok(BUYER, buy(goods.personal_offer, 700));
    assert_eq!(market.no(GATEWAY, deliver(agreement, goods.personal_version)), none);
}

#[test]
fn who_never_came_into_the_data_is_no_ground_for_those_that_come_later() {
    let (mut market, goods) = Market::trading();
    let next = |number: u8| Give { since_version: u32::from(number) + 1, ..give(goods.personal, number) };
    market.ok(CUSTODIAN, next(1));
    market.ok(PROVIDER, without(goods.personal, 2, ConsentId([1; 16])));
    market.ok(CUSTODIAN, next(2));
    let none = Rejection::NoGround { purpose: Purpose::Research };
    assert_eq!(market.no(BUYER, buy(goods.personal_offer, 700)), none, "nobody in version 2 consents");
    market.version(PROVIDER, goods.personal);
    market.ok(BUYER, buy(goods.personal_offer, 700));
}

#[test]
fn before_the_first_version_those_who_consent_to_it_are_the_ground() {
    let mut market = Market::founded();
    market.mint(BUYER, 1_000);
    let dataset = market.publish(PROVIDER, "people", shared(PersonalStatus::Personal));
    let offer = market.offer(PROVIDER, dataset, one_off(700));
    market.no(BUYER, buy(offer, 700));
    market.consent(CUSTODIAN, dataset, 1);
    market.ok(BUYER, buy(offer, 700));
}

#[test]
fn calling_the_data_something_else_does_not_undo_a_withdrawal() {
    for personal in [PersonalStatus::None, PersonalStatus::Anonymised] {
        let (mut market, goods, agreement, consent) = sold();
        market.ok(CUSTODIAN, withdraw(consent));
        market.ok(PROVIDER, super::refusals::revise(goods.personal, 1, shared(personal)));
        market.no(GATEWAY, deliver(agreement, goods.personal_version));
        market.no(BUYER, buy(goods.personal_offer, 700));
    }
}

#[test]
fn what_may_be_personal_needs_a_ground() {
    let (mut market, goods) = Market::trading();
    let mut classification = shared(PersonalStatus::None);
    classification.personal = crate::vocabulary::Stated::NotStated;
    market.ok(PROVIDER, super::refusals::revise(goods.dataset, 1, classification));
    let purpose = Purpose::Research;
    assert_eq!(market.no(PROVIDER, deliver(goods.agreement, goods.version)), Rejection::NoGround { purpose });
}

#[test]
fn an_operator_ends_a_consent_when_its_custodian_cannot() {
    let (mut market, goods, agreement, consent) = sold();
    let ended = End { consent, state: ConsentState::Invalidated };
    assert_eq!(market.no(OPERATOR, ended.clone()), Rejection::NotTheController { consent });
    market.ok(OPERATOR, super::refusals::suspend(CUSTODIAN));
    market.no(CUSTODIAN, ended.clone());
    market.no(OTHER_CUSTODIAN, ended.clone());
    market.ok(OPERATOR, ended);
    market.no(GATEWAY, deliver(agreement, goods.personal_version));
}

#[test]
fn a_damaged_scope_is_a_fault_and_no_panic() {
    let (mut market, goods, _, consent) = sold();
    market.set(&crate::consent::Scope::key(&goods.personal, Purpose::Research), |scope: &mut crate::consent::Scope| {
        *scope = crate::consent::Scope::default();
    });
    let transaction = market.transaction(CUSTODIAN, withdraw(consent));
    assert!(matches!(market.commit(&[transaction]), Err(crate::execute::ExecuteError::Fault(_))));
}

#[test]
fn a_purchase_for_another_purpose_needs_its_own_ground() {
    let (mut market, goods, ..) = sold();
    let other = Buy { purpose: Purpose::Business, ..buy(goods.personal_offer, 700) };
    assert_eq!(market.no(BUYER, other), Rejection::NoGround { purpose: Purpose::Business });
    let record = market.get::<crate::dataset::Dataset>(&crate::dataset::Dataset::key(&goods.personal));
    let asked = require_ground(&market.state, &goods.personal, &record, 1, Purpose::Business, market.context.time_ms);
    assert_eq!(asked, Err(Stop::Refused(Rejection::NoGround { purpose: Purpose::Business })));
}
