//! What validators are accused of and protest against: what the rules take for evidence, and what they keep.

use super::{
    governance::{consensus, in_four, market, now, set},
    refusals::Case,
};
use crate::{
    event::Event,
    governance::{Accuse, Misconduct, Protest, Protests, Testimony},
    id::*,
    key::Signer,
    statement::{Said, Statement},
    testing::*,
    validators::ValidatorSet,
};

/// What validator `number` said, with its signature.
fn testimony(number: u8, height: Height, said: Said) -> Testimony {
    let signer = consensus(number);
    let (domain, message) = Statement { validator: signer.public(), height, round: 1, said }.signed();
    Testimony { said, signature: signer.sign(&domain.message(&NETWORK, &message)).unwrap() }
}

fn accusation(number: u8, height: Height, first: Said, second: Said) -> Accuse {
    let [first, second] = [first, second].map(|said| testimony(number, height, said));
    Accuse { validator: consensus(number).public(), height, round: 1, first, second }
}

/// Validator `number` prevoted twice at `height`.
pub(super) fn accuse(number: u8, height: Height) -> Accuse {
    accusation(number, height, Said::Prevote { block: None }, Said::Prevote { block: Some(Digest([1; 32])) })
}

/// Validator `by` protests against block `content`, which validator `number` proposed at `height`.
fn protest_against(number: u8, by: u8, height: Height, content: u8) -> Protest {
    let said = Said::Proposal { block: Digest([content; 32]), since: None };
    let signature = testimony(number, height, said).signature;
    let statement = Statement { validator: consensus(number).public(), height, round: 1, said };
    Protest::sign(&NETWORK, &statement, signature, &consensus(by)).unwrap()
}

/// The same against one block.
pub(super) fn protest(number: u8, by: u8, height: Height) -> Protest {
    protest_against(number, by, height, 1)
}

#[test]
fn two_statements_that_exclude_each_other_are_kept_and_others_are_none() {
    let (one, two) = (Digest([1; 32]), Digest([2; 32]));
    let pairs = [
        (Said::Prevote { block: Some(one) }, Said::Prevote { block: Some(two) }),
        (Said::Prevote { block: None }, Said::Prevote { block: Some(two) }),
        (Said::Precommit { block: Some(one) }, Said::Precommit { block: Some(two) }),
        (Said::Precommit { block: Some(one) }, Said::Precommit { block: None }),
        (Said::Proposal { block: one, since: None }, Said::Proposal { block: two, since: Some(0) }),
    ];
    for (first, second) in pairs {
        let mut market = market();
        market.ok(BUYER, accusation(1, 9, first, second));
        let kept: Misconduct = now(&market, &Misconduct::key(&consensus(1).public()));
        assert_eq!((kept.name.as_str(), kept.height, kept.first.said, kept.second.said), ("v1", 9, first, second));
    }
    // An honest validator says these of one round.
    let honest = [
        (Said::Prevote { block: Some(one) }, Said::Precommit { block: Some(two) }),
        (Said::Prevote { block: Some(one) }, Said::Prevote { block: Some(one) }),
        (Said::Proposal { block: one, since: None }, Said::Proposal { block: one, since: Some(0) }),
        (Said::Prevote { block: Some(one) }, Said::Proposal { block: two, since: None }),
    ];
    for (first, second) in honest {
        let action = crate::action::Action::from(accusation(1, 9, first, second));
        assert_eq!(action.check().unwrap_err().field, "second", "{first:?} {second:?}");
    }
}

/// The event by which validator `by` has protested against a proposal of validator 1.
fn protested(market: &mut Market, protest: Protest) -> (u8, bool) {
    let transaction = market.transaction(BUYER, protest);
    let done = market.send(transaction).unwrap();
    let [Event::Protested { validator: 1, protests, established, .. }] = done.events[..] else {
        panic!("{:?}", done.events)
    };
    (protests, established)
}

#[test]
fn the_word_of_more_than_a_third_establishes_what_one_alone_does_not() {
    let mut market = market();
    let record = |market: &Market| now::<Protests>(market, &Protests::key(&consensus(1).public()));
    assert_eq!(protested(&mut market, protest(1, 3, 9)), (1, false));
    assert!(!record(&market).established(&set(4)));
    // That each saw another block of it changes nothing.
    assert_eq!(protested(&mut market, protest_against(1, 0, 12, 5)), (2, true));
    assert!(record(&market).established(&set(4)));
    assert_eq!(protested(&mut market, protest(1, 2, 9)), (3, true));
    let Protests { name, protests } = record(&market);
    assert_eq!((name.as_str(), protests.len()), ("v1", 3));
    assert!(protests.is_sorted_by(|a, b| a.by < b.by));
    // What is kept can be verified without the ledger.
    for one in &protests {
        let kept = Protest {
            proposer: consensus(1).public(),
            height: one.height,
            round: one.round,
            proposed: one.proposed,
            by: one.by,
            signature: one.signature,
        };
        kept.verify(&NETWORK).unwrap();
        assert!(Protest { height: one.height + 1, ..kept.clone() }.verify(&NETWORK).is_err());
        assert!(Protest { by: consensus(1).public(), ..kept }.verify(&NETWORK).is_err());
    }
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(4), "it expels nobody");
}

#[test]
fn protests_are_of_validators_in_force_and_no_more_than_those() {
    let mut market = market();
    market.set(&ValidatorSet::key(), |now: &mut ValidatorSet| *now = set(16));
    for by in (0..16).filter(|by| *by != 1) {
        let (protests, established) = protested(&mut market, protest(1, by, u64::from(by)));
        assert_eq!(established, protests >= 6, "{by}");
    }
    let key = Protests::key(&consensus(1).public());
    let record: Protests = now(&market, &key);
    assert_eq!((record.protests.len(), record.count_of(&set(4))), (15, 3));
    // A set of which one had protested alone: nothing is established any more by those who left.
    let replaced =
        ValidatorSet { validators: [1, 2, 20, 21].map(|number| set(22).validators[number].clone()).to_vec() };
    market.set(&ValidatorSet::key(), |now: &mut ValidatorSet| *now = replaced.clone());
    assert!(!record.established(&replaced));
    let transaction = market.transaction(BUYER, protest(1, 20, 99));
    market.send(transaction).unwrap();
    let record: Protests = now(&market, &key);
    assert_eq!(record.protests.len(), 2, "those who left gave way");
    assert!(record.established(&replaced));
}

#[test]
fn a_protest_is_against_a_proposal_of_another() {
    let field = |protest: Protest| crate::action::Action::from(protest).check().unwrap_err().field;
    for said in [Said::Prevote { block: Some(Digest([1; 32])) }, Said::Precommit { block: None }] {
        assert_eq!(field(Protest { proposed: testimony(1, 9, said), ..protest(1, 2, 9) }), "proposed", "{said:?}");
    }
    assert_eq!(field(protest(1, 1, 9)), "by");
}

#[test]
fn statements_are_signed_for_one_purpose_each() {
    let said = [
        Said::Prevote { block: None },
        Said::Prevote { block: Some(Digest([1; 32])) },
        Said::Precommit { block: None },
        Said::Precommit { block: Some(Digest([1; 32])) },
        Said::Proposal { block: Digest([1; 32]), since: None },
        Said::Proposal { block: Digest([1; 32]), since: Some(1) },
    ];
    let validator = consensus(0).public();
    let messages: std::collections::BTreeSet<Vec<u8>> = said
        .iter()
        .flat_map(|said| [(1, 1), (1, 2), (2, 1)].map(|(height, round)| (said, height, round)))
        .flat_map(|(said, height, round)| {
            let statement = Statement { validator, height, round, said: *said };
            [statement.signed(), statement.protested()].map(|(domain, message)| domain.message(&NETWORK, &message))
        })
        .collect();
    assert_eq!(messages.len(), 36, "no two are signed alike");
}

/// A case for each refusal of an accusation or a protest.
pub(super) const MISCONDUCT: &[Case] = &[
    ("NoConsensusKey", |m, _| in_four(m, |m| m.no(BUYER, accuse(4, 9)))),
    ("AccusedAlready", |m, _| {
        in_four(m, |m| {
            m.ok(BUYER, accuse(1, 9));
            m.no(PROVIDER, accuse(1, 10))
        })
    }),
    ("NoConsensusKey", |m, _| in_four(m, |m| m.no(BUYER, protest(4, 1, 9)))),
    ("NoConsensusKey", |m, _| in_four(m, |m| m.no(BUYER, protest(1, 4, 9)))),
    ("ProtestedAlready", |m, _| {
        in_four(m, |m| {
            m.ok(BUYER, protest(1, 2, 9));
            // Against another it may.
            m.ok(BUYER, protest(3, 2, 9));
            m.no(PROVIDER, protest_against(1, 2, 10, 7))
        })
    }),
    ("TestimonyWrong", |m, _| in_four(m, |m| m.no(BUYER, Protest { height: 10, ..protest(1, 2, 9) }))),
    ("TestimonyWrong", |m, _| in_four(m, |m| m.no(BUYER, Protest { by: consensus(3).public(), ..protest(1, 2, 9) }))),
    ("TestimonyWrong", |m, _| {
        in_four(m, |m| {
            // Nobody is blamed for what another proposed, nor by a signature over another block.
            m.no(BUYER, Protest { proposed: protest(3, 2, 9).proposed, ..protest(1, 2, 9) });
            m.no(BUYER, Protest { signature: protest_against(1, 2, 9, 7).signature, ..protest(1, 2, 9) })
        })
    }),
    ("TestimonyWrong", |m, _| in_four(m, |m| m.no(BUYER, Accuse { height: 10, ..accuse(1, 9) }))),
    ("TestimonyWrong", |m, _| in_four(m, |m| m.no(BUYER, Accuse { round: 0, ..accuse(1, 9) }))),
    ("TestimonyWrong", |m, _| in_four(m, |m| m.no(BUYER, Accuse { validator: consensus(2).public(), ..accuse(1, 9) }))),
    ("TestimonyWrong", |m, _| {
        in_four(m, |m| {
            let mut mixed = accuse(1, 9);
            mixed.second.signature = mixed.first.signature;
            m.no(BUYER, mixed)
        })
    }),
];
