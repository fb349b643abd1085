//! As a custodian: to stand in for another, to bring a consent back, to block the data of others.

use crate::{
    consent::{ConsentState, End, Give},
    id::*,
    rejection::Rejection,
    testing::*,
    tests::refusals::{deliver, suspend},
    version::AddVersion,
};

#[test]
fn a_consent_is_its_custodians_alone() {
    let (mut market, goods) = Market::trading();
    let consent = market.consent(CUSTODIAN, goods.personal, 1);
    for state in [ConsentState::Withdrawn, ConsentState::Revoked, ConsentState::Invalidated, ConsentState::Expired] {
        let refused = market.no(OTHER_CUSTODIAN, End { consent, state });
        assert_eq!(refused, Rejection::NotTheController { consent });
    }
    // Its id is public; nobody records another consent under it, not even its custodian.
    for seed in [CUSTODIAN, OTHER_CUSTODIAN] {
        assert_eq!(market.no(seed, give(goods.personal, 1)), Rejection::ConsentKnown { consent });
    }
    market.ok(CUSTODIAN, withdraw(consent));
    for seed in [CUSTODIAN, OTHER_CUSTODIAN] {
        assert_eq!(market.no(seed, give(goods.personal, 1)), Rejection::ConsentKnown { consent });
    }
}

#[test]
fn a_new_consent_does_not_revive_one_that_is_over() {
    let (mut market, goods) = Market::trading();
    let first = market.consent(CUSTODIAN, goods.personal, 1);
    let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
    market.ok(CUSTODIAN, withdraw(first));
    // Somebody else consents, for all versions, by another custodian: who withdrew is still in there.
    market.consent(OTHER_CUSTODIAN, goods.personal, 2);
    let refused = market.no(GATEWAY, deliver(agreement, goods.personal_version));
    assert_eq!(refused, Rejection::ConsentEnded { clean_from: 2 });
    // The same with one whose time is over.
    let (mut market, goods) = Market::trading();
    market.ok(CUSTODIAN, Give { until_day: TODAY + 2, ..give(goods.personal, 1) });
    let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
    market.wait_days(3);
    market.ok(OTHER_CUSTODIAN, Give { until_day: TODAY + 300, ..give(goods.personal, 2) });
    assert_eq!(market.no(GATEWAY, deliver(agreement, goods.personal_version)), Rejection::ConsentExpired);
}

#[test]
fn what_a_hostile_custodian_blocks_is_opened_again() {
    let (mut market, goods) = Market::trading();
    let honest = market.consent(CUSTODIAN, goods.personal, 1);
    let agreement = AgreementId(market.ok(BUYER, buy(goods.personal_offer, 700)).0);
    // It records consents that nobody gave, and withdraws one: nothing is delivered any more.
    let (ended, kept) =
        (market.consent(OTHER_CUSTODIAN, goods.personal, 2), market.consent(OTHER_CUSTODIAN, goods.personal, 3));
    market.ok(OTHER_CUSTODIAN, withdraw(ended));
    market.no(GATEWAY, deliver(agreement, goods.personal_version));
    // The operator suspends it and ends what it left; the provider's next version leaves both out.
    market.ok(OPERATOR, suspend(OTHER_CUSTODIAN));
    market.no(OTHER_CUSTODIAN, give(goods.personal, 4));
    market.no(OTHER_CUSTODIAN, withdraw(kept));
    market.ok(OPERATOR, End { consent: kept, state: ConsentState::Invalidated });
    market.ok(PROVIDER, AddVersion { excludes: vec![ended, kept], ..add_version(goods.personal, 2) });
    market.ok(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 2)));
    // The honest consent is what it was.
    market.ok(CUSTODIAN, withdraw(honest));
    market.no(GATEWAY, deliver(agreement, VersionId::of(&goods.personal, 2)));
}

#[test]
fn a_consent_for_one_dataset_opens_no_other() {
    let (mut market, goods) = Market::trading();
    let other = market.publish(PROVIDER, "others", shared(crate::vocabulary::PersonalStatus::Personal));
    market.version(PROVIDER, other);
    market.consent(CUSTODIAN, other, 1);
    let purpose = crate::vocabulary::Purpose::Research;
    assert_eq!(market.no(BUYER, buy(goods.personal_offer, 700)), Rejection::NoGround { purpose });
}
