//! What somebody would try: each test is a way round the rules that is closed.
//!
//! Attacks by one kind of party are in a file of its own: as a [`buyer`], as a [`provider`], as a
//! [`custodian`], as a settlement [`agent`], with [`keys`] that are no longer one's own, by a [`role`]
//! that one does not hold, through [`listing`]s that change under their offers, and as a [`validator`]. Here is the rest.
//! Simple ones are cases of `refusals.rs`. What rules cannot see is no test but a limit, told in the
//! README: two parties of one owner who trade with each other, a provider who changes one byte and
//! calls it derived, a custodian who records a consent that nobody gave.

mod agent;
mod buyer;
mod custodian;
mod keys;
mod listing;
mod provider;
mod role;
mod validator;

use super::refusals::{basis, closed, deliver, limited, list, renew, revise, revise_offer, revoke, subscribe, suspend};
use crate::{
    agreement::{Agreement, Buy, RevocationReason},
    basis::StateBasis,
    consent::{Give, Scope},
    dataset::{Dataset, Listing},
    event::Event,
    founding::Founding,
    id::*,
    jacket::Access,
    limits::{EXCLUDES_MAX, OUTCOME_BYTES_MAX, PARENTS_MAX, QUOTA_WINDOW_BLOCKS},
    offer::{MakeOffer, Offer, Price},
    party::{Country, Roles},
    quota::{Quota, QuotaLimits},
    rejection::Rejection,
    state::{Fault, Key, Reading},
    takedown::TakeDown,
    terms::{Onward, Terms},
    testing::*,
    version::{AddVersion, Content},
    vocabulary::*,
};
use borsh::BorshDeserialize;

#[test]
fn an_offer_does_not_outlive_the_classification_that_it_was_made_under() {
    let (market, goods) = Market::trading();
    let gaps = crate::jacket::Classification { access: Stated::NotStated, ..shared(PersonalStatus::None) };
    for (classification, name) in
        [(gaps, "ClassificationIncomplete"), (closed(), "ClosedIsNotTraded"), (open(), "NotOpen")]
    {
        let mut market = market.clone();
        let agreement = subscribe(&mut market, goods);
        market.ok(PROVIDER, revise(goods.dataset, 1, classification));
        for refused in [market.no(BUYER, buy(goods.offer, 500)), market.no(BUYER, renew(agreement, 10))] {
            assert_eq!(Rejection::name_of(refused.code()), Some(name), "{refused}");
        }
    }
}

#[test]
fn renewing_passes_the_same_checks_as_buying() {
    let (market, goods) = Market::trading();
    let agreement_in = |market: &mut Market| subscribe(market, goods);

    let mut personal = market.clone();
    let offer = personal.offer(PROVIDER, goods.dataset, subscription(10));
    let agreement = AgreementId(personal.ok(BUYER, Buy { justification: None, ..buy(offer, 10) }).0);
    personal.ok(PROVIDER, revise(goods.dataset, 1, shared(PersonalStatus::Personal)));
    assert_eq!(personal.no(BUYER, renew(agreement, 10)), Rejection::JustificationMissing);

    type Change = fn(&mut Market, Goods) -> TransactionId;
    let cases: [(Change, &str); 5] = [
        (|m, g| m.ok(PROVIDER, revise(g.dataset, 1, shared(PersonalStatus::Personal))), "NoGround"),
        (|m, _| m.ok(OPERATOR, suspend(BUYER)), "PartyNotActive"),
        (|m, _| m.ok(OPERATOR, suspend(PROVIDER)), "PartyNotActive"),
        (|m, g| m.ok(PROVIDER, list(g.dataset, Listing::Suspended)), "DatasetNotListed"),
        (
            |m, g| m.ok(PROVIDER, revise(g.dataset, 1, limited(Access::Specific { parties: vec![] }))),
            "AccessRestricted",
        ),
    ];
    for (change, name) in cases {
        let mut market = market.clone();
        let agreement = agreement_in(&mut market);
        change(&mut market, goods);
        let refused = market.no(BUYER, renew(agreement, 10));
        assert_eq!(Rejection::name_of(refused.code()), Some(name), "{refused}");
    }
}

#[test]
fn privacy_comes_before_price() {
    let (mut market, goods) = Market::trading();
    // No ground, no balance and the wrong price: the ground is what is said.
    market.ok(AGENT, super::refusals::burn(BUYER, 99_500));
    let refused = market.no(BUYER, buy(goods.personal_offer, 1));
    assert_eq!(refused, Rejection::NoGround { purpose: Purpose::Research });
    market.ok(PROVIDER, revise(goods.dataset, 1, limited(Access::Specific { parties: vec![] })));
    assert_eq!(market.no(BUYER, buy(goods.offer, 1)), Rejection::AccessRestricted);
}

#[test]
fn somebody_suspended_acts_no_more() {
    let (mut market, goods) = Market::trading();
    let mut with_side = publish("side", open());
    with_side.side = Some(SideId([5; 32]));
    market.ok(PROVIDER, with_side);
    let dataset = DatasetId::of(&party(PROVIDER), "catalogue", "side");
    market.ok(OPERATOR, suspend(PROVIDER));
    market.ok(OPERATOR, suspend(BUYER));
    let not_active = |seed| Rejection::PartyNotActive { party: party(seed) };
    assert_eq!(market.no(PROVIDER, revoke(goods.agreement, RevocationReason::Breach)), not_active(PROVIDER));
    assert_eq!(market.no(BUYER, revoke(goods.agreement, RevocationReason::ByBuyer)), not_active(BUYER));
    assert_eq!(market.no(PROVIDER, TakeDown { dataset }), not_active(PROVIDER));
    assert_eq!(market.no(BUYER, buy(goods.offer, 500)), not_active(BUYER));
    let admit = crate::party::Admit { party: party(BUYER), roles: Roles::of(&[crate::party::Role::Buyer]) };
    market.ok(OPERATOR, admit);
    assert_eq!(market.no(PROVIDER, deliver(goods.agreement, goods.version)), not_active(PROVIDER));
    // Its agreements stay: a gateway delivers, and an operator takes prose down.
    market.ok(GATEWAY, deliver(goods.agreement, goods.version));
    market.ok(OPERATOR, TakeDown { dataset });
    assert_eq!(market.no(OPERATOR, TakeDown { dataset }), Rejection::NoSideBody { dataset });
}

#[test]
fn a_quote_cannot_claim_a_payment_that_is_not_made() {
    let (mut market, goods) = Market::trading();
    let offer = market.offer(PROVIDER, goods.dataset, Price::Free);
    let mut quoted = quote(&market, PROVIDER, offer, 400).quote;
    quoted.currency = None;
    let claim = Buy { quote: Some(sign_quote(PROVIDER + 100, quoted)), ..buy(offer, 400) };
    assert_eq!(market.no(BUYER, claim), Rejection::QuoteForAnother);
    market.ok(BUYER, buy(offer, 0));
}

#[test]
fn a_quote_is_honoured_when_the_offer_has_changed() {
    let (mut market, goods) = Market::trading();
    let quote = Some(quote(&market, PROVIDER, goods.offer, 450));
    market.ok(PROVIDER, crate::offer::ReviseOffer { price: one_off(9_000), ..revise_offer(goods.offer, 1) });
    let id = market.ok(BUYER, Buy { quote, ..buy(goods.offer, 450) });
    let agreement: Agreement = market.get(&Agreement::key(&AgreementId(id.0)));
    assert_eq!((agreement.revision, agreement.paid), (1, amount(450)));
}

#[test]
fn the_same_bytes_are_nothing_derived() {
    let (mut market, goods) = Market::trading();
    market.mint(OTHER_PROVIDER, 500);
    market.ok(OTHER_PROVIDER, buy(goods.offer, 500));
    let dataset = market.publish(OTHER_PROVIDER, "derived", shared(PersonalStatus::None));
    let parents = vec![goods.version];
    let copy = AddVersion { parents: parents.clone(), ..add_version(dataset, 1) };
    assert_eq!(market.no(OTHER_PROVIDER, copy.clone()), Rejection::UpstreamLicence { parent: goods.version });
    market.ok(OTHER_PROVIDER, AddVersion { content: content(2), ..copy.clone() });

    let terms = Terms { onward: Onward::SameTerms, ..terms() };
    let offer = market.ok(PROVIDER, MakeOffer { dataset: goods.dataset, terms, price: Price::Free });
    market.ok(OTHER_PROVIDER, buy(OfferId(offer.0), 0));
    market.ok(OTHER_PROVIDER, AddVersion { number: 2, ..copy });
}

#[test]
fn who_answers_for_a_legal_basis_is_a_member() {
    let (mut market, goods) = Market::trading();
    let unknown = StateBasis { controller: party(STRANGER), ..basis(goods.personal, false) };
    assert_eq!(market.no(PROVIDER, unknown.clone()), Rejection::PartyUnknown { party: party(STRANGER) });
    market.ok(STRANGER, super::refusals::apply());
    assert_eq!(market.no(PROVIDER, unknown.clone()), Rejection::PartyNotActive { party: party(STRANGER) });
    // Ending one must always be possible.
    market.ok(PROVIDER, StateBasis { ended: true, ..unknown });
}

#[test]
fn counters_at_their_end_refuse_and_do_not_panic() {
    let (mut market, goods) = Market::trading();
    let at = Dataset::key(&goods.personal);
    let consent = market.consent(CUSTODIAN, goods.personal, 1);
    market.set(&at, |dataset: &mut Dataset| (dataset.versions, dataset.revision) = (u32::MAX - 1, u32::MAX));
    assert_eq!(market.no(PROVIDER, add_version(goods.personal, u32::MAX)), Rejection::VersionNumber { next: u32::MAX });
    assert_eq!(market.no(PROVIDER, add_version(goods.personal, 0)), Rejection::VersionNumber { next: u32::MAX });
    market.no(PROVIDER, revise(goods.personal, u32::MAX, open()));
    market.ok(CUSTODIAN, Give { since_version: u32::MAX, ..give(goods.personal, 2) });
    market.ok(CUSTODIAN, withdraw(ConsentId([2; 16])));
    market.ok(CUSTODIAN, withdraw(consent));
    market.set(&Offer::key(&goods.offer), |offer: &mut Offer| offer.revision = u32::MAX);
    market.no(PROVIDER, revise_offer(goods.offer, u32::MAX));
    let scope = Scope::key(&goods.personal, Purpose::Research);
    market.set(&scope, |scope: &mut Scope| {
        scope.required = u32::MAX;
        scope.outstanding = u32::MAX;
    });
    assert_eq!(market.no(CUSTODIAN, give(goods.personal, 3)), Rejection::TooManyConsents);

    let limits = QuotaLimits { count_max: u64::MAX, bytes_max: u64::MAX, state_bytes_max: u64::MAX };
    let full =
        Quota { window: u64::MAX / QUOTA_WINDOW_BLOCKS, count: u64::MAX, bytes: u64::MAX, state_bytes: u64::MAX };
    assert!(full.admit(u64::MAX, u64::MAX, &limits).is_ok());
    assert!(full.admit(u64::MAX, u64::MAX, &QuotaLimits::default()).is_err());
}

#[test]
fn the_end_of_time_does_not_overflow() {
    let (mut market, goods) = Market::trading();
    let agreement = subscribe(&mut market, goods);
    market.context.time_ms = u64::MAX - 10_000;
    market.ok(BUYER, renew(agreement, 10));
    let renewed: Agreement = market.get(&Agreement::key(&agreement));
    assert_eq!(renewed.end_ms, Some(u64::MAX));
}

#[test]
fn the_largest_outcome_fits() {
    let (mut market, goods) = Market::trading();
    let ids: Vec<_> = (0..EXCLUDES_MAX as u32)
        .map(|n| {
            let mut id = ConsentId([0; 16]);
            id.0[..4].copy_from_slice(&n.to_be_bytes());
            id
        })
        .collect();
    for consent in &ids {
        market.ok(CUSTODIAN, Give { consent: *consent, ..give(goods.personal, 0) });
    }
    let first = market.get::<Dataset>(&Dataset::key(&goods.dataset)).versions;
    for _ in 1..PARENTS_MAX {
        market.version(PROVIDER, goods.dataset);
    }
    let mut parents: Vec<_> =
        (first..first + PARENTS_MAX as u32).map(|number| VersionId::of(&goods.dataset, number)).collect();
    parents.sort();
    let content = Content { media_type: "x".repeat(255), ..content(2) };
    let largest = AddVersion { parents, excludes: ids, content, ..add_version(goods.personal, 2) };
    let transaction = market.transaction(PROVIDER, largest);
    let done = market.send(transaction).unwrap();
    assert!(matches!(done.events.last(), Some(Event::VersionAdded { .. })), "{:?}", done.events[0]);
    let bytes = borsh::to_vec(&done.events).unwrap().len();
    assert!((OUTCOME_BYTES_MAX - 1_024..=OUTCOME_BYTES_MAX).contains(&bytes), "{bytes}");
}

#[test]
fn a_network_is_not_founded_on_what_could_not_be_admitted() {
    type Change = fn(&mut Founding);
    let wrong: [(&str, Change); 2] = [
        ("roles", |founding| founding.founders[0].roles = Roles::try_from_slice(&[0xff, 0xff]).unwrap()),
        ("founders.jurisdiction", |founding| founding.founders[0].jurisdiction = Country(*b"e\n")),
    ];
    for (field, change) in wrong {
        let mut founding = founding();
        change(&mut founding);
        assert_eq!(founding.check().map_err(|malformed| malformed.field), Err(field));
    }
    founding().check().unwrap();
}

#[test]
fn a_damaged_history_is_a_fault_and_no_panic() {
    let (mut market, _) = Market::trading();
    let key: Key = crate::party::Party::key(&party(BUYER));
    let mut damaged = market.state[&key].clone();
    damaged[0] ^= 1;
    market.state.insert(key.clone(), damaged);
    assert!(matches!(market.state.value::<crate::party::Party>(&key), Err(Fault::Damaged { .. })));
    // One leaf more than there are peaks for: whoever appended to it would look for a peak.
    assert!(crate::merkle::Frontier::try_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    let full = [[0xff; 8].as_slice(), &64u32.to_le_bytes(), &[0; 64 * 32]].concat();
    assert!(crate::merkle::Frontier::try_from_slice(&full).is_err(), "a full tree takes no leaf");
}

#[test]
fn a_side_body_from_outside_keeps_its_invariants() {
    use crate::side::SideBody;
    let field = |name: &str| (name.to_string(), "x".to_string());
    let bytes = |fields: Vec<(String, String)>| borsh::to_vec(&([0u8; 32], fields)).unwrap();
    assert!(SideBody::try_from_slice(&bytes(vec![field("a"), field("b")])).is_ok());
    let many = (0..17).map(|n| field(&format!("{n:02}"))).collect();
    for fields in [vec![field("b"), field("a")], vec![field(&"n".repeat(70_000))], many] {
        assert!(SideBody::try_from_slice(&bytes(fields.clone())).is_err());
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value })).collect();
        let json = serde_json::json!({ "blinding": "00".repeat(32), "fields": fields });
        assert!(serde_json::from_value::<SideBody>(json).is_err());
    }
}
