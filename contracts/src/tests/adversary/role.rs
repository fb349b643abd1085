//! By a role that one does not hold: every action of the table is tried by every kind of party.

use crate::{
    action::Action,
    agreement::RevocationReason,
    dataset::{Listing, Publish},
    id::*,
    offer::{MakeOffer, Price, WithdrawOffer},
    party::{Admit, Apply, KeyUse, Party, Role, Roles, Standing},
    takedown::{TakeDown, TakeSideDown},
    testing::*,
    tests::governance::{approve, four, parameters, propose, proposed, ready, validators},
    tests::misconduct::{accuse, protest},
    tests::refusals::{
        apply, basis, burn, deliver, group, list, mint, renew, revise, revise_offer, revoke, revoke_key, step,
        subscribe, suspend,
    },
};

const EVERYBODY: [u16; 10] =
    [OPERATOR, AGENT, GATEWAY, PROVIDER, BUYER, CUSTODIAN, OTHER_PROVIDER, OTHER_CUSTODIAN, APPLICANT, STRANGER];
/// Somebody who has applied and was not admitted.
const APPLICANT: u16 = 98;
const FOUNDERS: &[u16] = &[OPERATOR, AGENT, GATEWAY, PROVIDER, BUYER, CUSTODIAN, OTHER_PROVIDER, OTHER_CUSTODIAN];
const WITH_A_KEY: &[u16] =
    &[OPERATOR, AGENT, GATEWAY, PROVIDER, BUYER, CUSTODIAN, OTHER_PROVIDER, OTHER_CUSTODIAN, APPLICANT];

/// What the goods are, with a subscription, a consent and a side body besides.
struct Stand {
    goods: Goods,
    subscription: AgreementId,
    consent: ConsentId,
    with_side: DatasetId,
    /// Its side body.
    side: SideId,
    /// What somebody who applied wrote of itself.
    contacts: SideId,
    /// A proposal that one validator of four has approved.
    open: ProposalId,
    /// A new set that waits for readiness.
    passed: ProposalId,
}

fn stand() -> (Market, Stand) {
    let (mut market, goods) = Market::trading();
    market.mint(OTHER_PROVIDER, 10_000);
    let subscription = subscribe(&mut market, goods);
    let consent = market.consent(CUSTODIAN, goods.personal, 1);
    let [side, contacts] = [6, 7].map(|seed| SideId([seed; 32]));
    market.ok(PROVIDER, Publish { side: Some(side), ..publish("with side", open()) });
    market.ok(APPLICANT, Apply { side: Some(contacts), ..apply() });
    let with_side = DatasetId::of(&party(PROVIDER), "catalogue", "with side");
    four(&mut market);
    let open = proposed(&mut market, parameters(5_000), 1);
    let passed = proposed(&mut market, validators(5), 3);
    (market, Stand { goods, subscription, consent, with_side, side, contacts, open, passed })
}

type Make = fn(u16, &Stand) -> Action;

/// Each action as it would succeed, and who may do it. Keys are anybody's own.
const TABLE: [(Make, &[u16]); 30] = [
    (|_, _| apply().into(), &[STRANGER]),
    (|_, _| Admit { party: party(BUYER), roles: Roles::of(&[Role::Buyer]) }.into(), &[OPERATOR]),
    (|_, _| suspend(BUYER).into(), &[OPERATOR]),
    (|seed, _| add_key(seed, 500, KeyUse::Sign).into(), WITH_A_KEY),
    (|seed, _| revoke_key(seed + 100).into(), FOUNDERS),
    (|_, _| group(None).into(), &[PROVIDER, OTHER_PROVIDER]),
    (|_, _| publish("new", open()).into(), &[PROVIDER, OTHER_PROVIDER]),
    (|_, s| revise(s.goods.dataset, 1, open()).into(), &[PROVIDER]),
    (|_, s| list(s.goods.dataset, Listing::Suspended).into(), &[PROVIDER]),
    (|_, s| add_version(s.goods.dataset, 2).into(), &[PROVIDER]),
    (|_, s| step(s.goods.dataset, vec![s.goods.version]).into(), &[PROVIDER]),
    (|_, s| TakeDown { dataset: s.with_side }.into(), &[PROVIDER, OPERATOR]),
    (|_, s| TakeSideDown { side: s.side }.into(), &[PROVIDER, OPERATOR]),
    (|_, s| MakeOffer { dataset: s.goods.dataset, terms: terms(), price: Price::Free }.into(), &[PROVIDER]),
    (|_, s| revise_offer(s.goods.offer, 1).into(), &[PROVIDER]),
    (|_, s| WithdrawOffer { offer: s.goods.offer }.into(), &[PROVIDER]),
    (|_, s| buy(s.goods.offer, 500).into(), &[BUYER, OTHER_PROVIDER]),
    (|_, s| renew(s.subscription, 10).into(), &[BUYER]),
    (|_, s| revoke(s.goods.agreement, RevocationReason::Breach).into(), &[PROVIDER]),
    (|_, s| deliver(s.goods.agreement, s.goods.version).into(), &[PROVIDER, GATEWAY]),
    (|_, s| give(s.goods.personal, 9).into(), &[CUSTODIAN, OTHER_CUSTODIAN]),
    (|_, s| withdraw(s.consent).into(), &[CUSTODIAN]),
    (|_, s| basis(s.goods.personal, false).into(), &[PROVIDER]),
    (|_, _| mint(BUYER, 1, 99).into(), &[AGENT]),
    (|_, _| burn(BUYER, 1).into(), &[AGENT]),
    // Whoever hands a ballot in, it is the validator's.
    (|_, _| propose(3, parameters(7_000)).into(), FOUNDERS),
    (|_, s| approve(2, s.open).into(), FOUNDERS),
    (|_, s| ready(0, s.passed, 0).into(), FOUNDERS),
    (|_, _| accuse(2, 9).into(), FOUNDERS),
    (|_, _| protest(2, 3, 9).into(), FOUNDERS),
];

/// Whether `seed` gets this through. Whoever is nobody may not even try.
fn goes_through(market: &Market, seed: u16, action: Action) -> bool {
    let mut market = market.clone();
    let transaction = market.transaction(seed, action);
    market.send(transaction).is_ok_and(|done| done.entry.outcome == crate::outcome::Outcome::Applied)
}

#[test]
fn nobody_does_what_its_role_does_not_allow() {
    let (market, stand) = stand();
    for (make, entitled) in TABLE {
        for seed in EVERYBODY {
            let action = make(seed, &stand);
            let slug = action.slug();
            assert_eq!(goes_through(&market, seed, action), entitled.contains(&seed), "{slug} by {seed}");
        }
    }
    // Contacts are their own also where the party is no member yet.
    for seed in EVERYBODY {
        let action = TakeSideDown { side: stand.contacts }.into();
        assert_eq!(goes_through(&market, seed, action), [APPLICANT, OPERATOR].contains(&seed), "contacts by {seed}");
    }
    let tried: Vec<_> = TABLE.iter().map(|(make, _)| make(BUYER, &stand).slug()).collect();
    assert!(Action::TABLE.iter().map(|(_, slug)| *slug).eq(tried), "each action of the table is tried");
}

#[test]
fn somebody_suspended_or_not_yet_admitted_only_changes_keys_takes_down_its_prose_and_hands_ballots_in() {
    let (market, stand) = stand();
    for standing in [Standing::Suspended, Standing::Applied] {
        for (make, entitled) in TABLE {
            for seed in entitled.iter().copied().filter(|seed| FOUNDERS.contains(seed)) {
                let mut market = market.clone();
                market.set(&Party::key(&party(seed)), |party: &mut Party| party.standing = standing);
                let action = make(seed, &stand);
                let of_keys = matches!(action, Action::AddKey(_) | Action::RevokeKey(_));
                // Or an operator could suspend all others, and nothing would be decided about it any more.
                let of_validators = action.slug().starts_with("governance.") && standing == Standing::Suspended;
                // What it wrote is its own to delete, unless its keys may be in other hands.
                let of_its_own =
                    matches!(action, Action::TakeSideDown(_)) && seed == PROVIDER && standing == Standing::Applied;
                let slug = action.slug();
                let through = goes_through(&market, seed, action);
                assert_eq!(through, of_keys || of_validators || of_its_own, "{slug} by {seed}, {standing:?}");
            }
        }
    }
}
