//! What may not be in a block at all, each reason earned; and what the bytes alone show.

use super::refusals::{apply, basis, mint, revoke_key, step};
use crate::{
    action::{Action, Rule},
    execute::{ExecuteError, Inadmissible, execute, select},
    founding::{Founding, Parameters},
    id::*,
    key::{PublicKey, Signature, TestSigner},
    limits::{TRANSACTION_BYTES_MAX, VALIDITY_BLOCKS_MAX},
    quota::{QuotaLimits, STRANGER_LIMITS},
    testing::*,
    transaction::{Body, Checked, Transaction, TransactionError},
    version::AddVersion,
};

fn signed(sender: PartyId, seed: u16, last_valid: Height, action: Action) -> Checked {
    let body = Body { network: NETWORK, sender, key: key(seed), nonce: [1; 16], last_valid, action };
    body.sign(&TestSigner::of(seed)).unwrap().check(&NETWORK).unwrap()
}

fn add(seed: u16) -> Action {
    add_key(BUYER, seed, crate::party::KeyUse::Sign).into()
}

#[test]
fn time_and_replay() {
    let mut market = Market::founded();
    market.context.height = 50;
    let mut at = |last_valid| market.send(signed(party(BUYER), BUYER, last_valid, add(40)));
    assert_eq!(at(49), Err(Inadmissible::Expired { last_valid: 49, height: 50 }));
    let most = 50 + VALIDITY_BLOCKS_MAX;
    assert_eq!(at(most + 1), Err(Inadmissible::ValidTooLong { last_valid: most + 1, most, height: 50 }));
    at(50).unwrap();

    let once = market.transaction(BUYER, add(41));
    let twice = [once.clone(), once.clone()];
    let refused = execute(&market.state, &market.context, &twice);
    assert_eq!(refused, Err(ExecuteError::Inadmissible { index: 1, reason: Inadmissible::Replayed(once.id()) }));
    let selected = select(&market.state, &market.context, twice.to_vec()).unwrap();
    assert_eq!(selected.dropped, [(1, Inadmissible::Replayed(once.id()))]);
    assert_eq!(selected.transactions, [once]);
}

#[test]
fn sender_and_key() {
    let mut market = Market::founded();
    let stranger = party(STRANGER);
    let unknown = Err(Inadmissible::UnknownParty(stranger));
    assert_eq!(market.send(signed(stranger, STRANGER, 5, add(40))), unknown);
    // Nobody applies in the name of another's key.
    assert_eq!(market.send(signed(stranger, BUYER, 5, apply().into())), unknown);

    let key_unknown = |seed| Err(Inadmissible::UnknownKey(party(seed)));
    assert_eq!(market.send(signed(party(BUYER), PROVIDER, 5, add(40))), key_unknown(BUYER));
    // A pricing key signs quotes, nothing else.
    assert_eq!(market.send(signed(party(BUYER), BUYER + 100, 5, add(40))), key_unknown(BUYER));
    market.ok(BUYER, add(40));
    let revoke = market.transaction_by(party(BUYER), 40, revoke_key(BUYER));
    market.send(revoke).unwrap();
    assert_eq!(market.send(signed(party(BUYER), BUYER, 9, add(41))), key_unknown(BUYER));
    let by_new = market.transaction_by(party(BUYER), 40, add(41));
    market.send(by_new).unwrap();
}

#[test]
fn quotas_of_members_and_of_strangers() {
    let quota = QuotaLimits { count_max: 2, ..QuotaLimits::default() };
    let mut market = Market::founded();
    let founding = Founding { parameters: Parameters { quota }, ..founding() };
    market.state = founding.state().unwrap();
    market.ok(AGENT, mint(BUYER, 1, 1));
    // A refusal uses the quota up as well.
    market.no(AGENT, mint(BUYER, 1, 1));
    let third = market.transaction(AGENT, mint(BUYER, 1, 2));
    assert!(matches!(market.send(third), Err(Inadmissible::Quota(_))));
    market.context.height = crate::limits::QUOTA_WINDOW_BLOCKS;
    market.ok(AGENT, mint(BUYER, 1, 3));

    let mut market = Market::founded();
    let strangers = (0..=STRANGER_LIMITS.count_max as u16).map(|n| market.transaction(1_000 + n, apply()));
    let strangers: Vec<_> = strangers.collect();
    let selected = select(&market.state, &market.context, strangers).unwrap();
    assert_eq!(selected.dropped.len(), 1, "all strangers share one quota");
    // Members are not touched by strangers.
    market.commit(&selected.transactions).unwrap();
    market.ok(AGENT, mint(BUYER, 1, 1));
}

/// What an operator suspended for flooding does not go on at the rate of a member, and has room for what it may do.
#[test]
fn the_suspended_have_little_room_and_their_own() {
    let mut market = Market::founded();
    market.ok(OPERATOR, super::refusals::suspend(BUYER));
    let left = |market: &mut Market, seed: u16, count: u64| {
        let many: Vec<_> = (0..count).map(|_| market.transaction(seed, revoke_key(STRANGER))).collect();
        let selected = select(&market.state, &market.context, many).unwrap();
        market.commit(&selected.transactions).unwrap();
        selected.transactions.len() as u64
    };
    let most = STRANGER_LIMITS.count_max;
    assert_eq!(left(&mut market, BUYER, most + 1), most);
    // Strangers, members and others who are suspended are not touched by that.
    market.ok(STRANGER, apply());
    market.ok(OPERATOR, super::refusals::suspend(PROVIDER));
    assert_eq!(left(&mut market, PROVIDER, 1), 1);
    assert_eq!(left(&mut market, CUSTODIAN, most + 1), most + 1);
    // Nor do strangers take from it.
    market.context.height = crate::limits::QUOTA_WINDOW_BLOCKS;
    let strangers: Vec<_> = (0..most as u16).map(|n| market.transaction(1_000 + n, apply())).collect();
    market.commit(&strangers).unwrap();
    assert_eq!(left(&mut market, BUYER, 1), 1);
}

#[test]
fn bytes_that_are_no_transaction() {
    let market = &mut Market::founded();
    let good = market.transaction(BUYER, add(40)).transaction().clone();
    let bytes = good.bytes();
    let undecodable = |bytes: &[u8]| matches!(Transaction::decode(bytes), Err(TransactionError::Undecodable(_)));
    assert!((0..bytes.len()).all(|end| undecodable(&bytes[..end])), "every truncation");
    assert!(undecodable(&[bytes.as_slice(), &[0]].concat()), "trailing bytes");
    // The tag stands behind network, sender, key, nonce and height.
    let tag = 32 + 32 + 32 + 16 + 8;
    assert_eq!(bytes[tag], good.body.action.tag());
    for unknown in (0..=255u8).filter(|tag| Action::slug_of(*tag).is_none()) {
        let mut changed = bytes.clone();
        changed[tag] = unknown;
        assert!(undecodable(&changed), "tag {unknown}");
    }
    let mut named = market.transaction(STRANGER, apply()).bytes().to_vec();
    let at = named.windows(8).position(|window| window == b"Stranger").unwrap();
    named[at] = 0xff;
    assert!(undecodable(&named), "invalid UTF-8");
    let large = vec![0; TRANSACTION_BYTES_MAX + 1];
    assert_eq!(Transaction::decode(&large), Err(TransactionError::TooLarge(large.len())));

    let elsewhere = good.clone().check(&NetworkId([8; 32]));
    assert!(matches!(elsewhere, Err(TransactionError::WrongNetwork { .. })));
    let forged = Transaction { signature: Signature([1; 64]), ..good.clone() };
    assert!(matches!(forged.check(&NETWORK), Err(TransactionError::Signature(_))));
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        let accepted = Transaction::decode(&flipped).and_then(|transaction| transaction.check(&NETWORK));
        assert!(accepted.is_err(), "byte {index} flipped");
    }
}

#[test]
fn actions_whose_bytes_alone_are_wrong() {
    let mut weak = [0; 32];
    weak[0] = 1;
    let dataset = DatasetId([1; 32]);
    let long = "x".repeat(TRANSACTION_BYTES_MAX);
    let cases: Vec<(&str, Action)> = vec![
        ("name", crate::party::Apply { name: String::new(), ..apply() }.into()),
        ("name", crate::party::Apply { name: "a\u{7}b".into(), ..apply() }.into()),
        ("name", crate::party::Apply { name: long.clone(), ..apply() }.into()),
        ("jurisdiction", crate::party::Apply { jurisdiction: crate::party::Country(*b"es"), ..apply() }.into()),
        ("key", crate::party::AddKey { key: PublicKey(weak), ..add_key(BUYER, 1, crate::party::KeyUse::Sign) }.into()),
        ("amount", crate::settlement::Mint { amount: amount(0), ..mint(BUYER, 1, 1) }.into()),
        ("periods", crate::agreement::Buy { periods: 0, ..buy(OfferId([1; 32]), 1) }.into()),
        ("periods", crate::agreement::Buy { periods: 121, ..buy(OfferId([1; 32]), 1) }.into()),
        ("price.amount", crate::offer::MakeOffer { dataset, terms: terms(), price: one_off(0) }.into()),
        ("terms.duration_days", crate::offer::MakeOffer { dataset, terms: terms(), price: subscription(1) }.into()),
        (
            "terms.duration_days",
            crate::offer::ReviseOffer { price: subscription(1), ..super::refusals::revise_offer(OfferId([1; 32]), 1) }
                .into(),
        ),
        ("purposes", crate::consent::Give { purposes: vec![], ..give(dataset, 1) }.into()),
        (
            "state",
            crate::consent::End { consent: ConsentId([1; 16]), state: crate::consent::ConsentState::Given }.into(),
        ),
        ("controls", crate::basis::StateBasis { controls: vec![], ..basis(dataset, false) }.into()),
        ("reference", crate::basis::StateBasis { reference: "   ".into(), ..basis(dataset, false) }.into()),
        ("controls", crate::basis::StateBasis { controls: vec![" ".into()], ..basis(dataset, false) }.into()),
        ("ended_ms", crate::provenance::RecordStep { ended_ms: 0, ..step(dataset, vec![]) }.into()),
        ("inputs", step(dataset, vec![VersionId([1; 32]); 2]).into()),
        ("parents", AddVersion { parents: vec![VersionId([1; 32]); 2], ..add_version(dataset, 1) }.into()),
        ("excludes", AddVersion { excludes: many_consents(), ..add_version(dataset, 1) }.into()),
        ("title", {
            let mut action = publish("x", open());
            action.jacket.title = String::new();
            action.into()
        }),
        ("access", {
            let classification = crate::jacket::Classification {
                access: crate::vocabulary::Stated::said(crate::jacket::Access::Public),
                ..open()
            };
            publish("x", classification).into()
        }),
    ];
    for (field, action) in cases {
        assert_eq!(action.check().map_err(|malformed| malformed.field), Err(field), "{action:?}");
    }
    assert!(mint(BUYER, 1, 1).check().is_ok() && step(dataset, vec![]).check().is_ok());
}

fn many_consents() -> Vec<ConsentId> {
    (0..=crate::limits::EXCLUDES_MAX as u32)
        .map(|n| {
            let mut id = ConsentId([0; 16]);
            id.0[..4].copy_from_slice(&n.to_be_bytes());
            id
        })
        .collect()
}
