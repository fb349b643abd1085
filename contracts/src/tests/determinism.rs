//! The same input gives the same bytes, whoever executes; a refusal leaves nothing but its record.

use super::refusals::{deliver, mint, revise_offer, suspend};
use crate::{
    event::Event,
    execute::{Inadmissible, execute, select},
    party::Party,
    quota::Quota,
    state::Reading,
    testing::*,
    transaction::Checked,
};
use proptest::prelude::*;

fn candidate(market: &mut Market, goods: Goods, kind: u8, which: u8) -> Checked {
    match kind {
        0 => market.transaction(BUYER, buy(goods.offer, 500)),
        1 => market.transaction(BUYER, buy(goods.offer, u64::from(which))),
        2 => market.transaction(AGENT, mint(BUYER, 5, which)),
        3 => market.transaction(GATEWAY, deliver(goods.agreement, goods.version)),
        4 => market.transaction(CUSTODIAN, give(goods.personal, which)),
        5 => market.transaction(PROVIDER, revise_offer(goods.offer, u32::from(which))),
        6 => market.transaction(1_000 + u16::from(which), super::refusals::apply()),
        7 => market.transaction(1_000 + u16::from(which), publish("x", open())),
        8 => market.transaction(OPERATOR, suspend(BUYER)),
        _ => market.transaction_by(party(BUYER), PROVIDER, publish("x", open())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whoever_executes_gets_the_same(kinds in proptest::collection::vec((0..10u8, 0..4u8), 0..24)) {
        let (mut market, goods) = Market::trading();
        let mut candidates: Vec<_> =
            kinds.into_iter().map(|(kind, which)| candidate(&mut market, goods, kind, which)).collect();
        if let Some(first) = candidates.first().cloned() {
            candidates.push(first);
        }
        let selected = select(&market.state, &market.context, candidates.clone()).unwrap();
        let again = execute(&market.state, &market.context, &selected.transactions).unwrap();
        prop_assert_eq!(&selected.executed, &again);
        prop_assert_eq!(&select(&market.state, &market.context, candidates.clone()).unwrap(), &selected);
        prop_assert_eq!(selected.transactions.len() + selected.dropped.len(), candidates.len());
        let dropped: Vec<_> = selected.dropped.iter().map(|(index, _)| candidates[*index].id()).collect();
        for (index, reason) in &selected.dropped {
            let known = matches!(
                reason,
                Inadmissible::Replayed(_) | Inadmissible::UnknownParty(_) | Inadmissible::UnknownKey(_)
            );
            prop_assert!(known, "{} {}", index, reason);
        }
        for one in &selected.transactions {
            let replayed = dropped.contains(&one.id());
            prop_assert!(!replayed || candidates.iter().filter(|other| other.id() == one.id()).count() == 2);
        }
    }

    #[test]
    fn a_refusal_leaves_its_record_and_nothing_else(kind in 0..9u8, which in 0..4u8) {
        let (mut market, goods) = Market::trading();
        let transaction = candidate(&mut market, goods, kind, which);
        let before = market.state.clone();
        let Ok(executed) = market.commit(std::slice::from_ref(&transaction)) else { return Ok(()) };
        if !matches!(executed.done[0].events[..], [Event::Refused { .. }]) {
            return Ok(());
        }
        let sender = Party::key(&transaction.body().sender);
        let changed: Vec<_> = executed.changes.keys().cloned().collect();
        prop_assert_eq!(changed, [sender.clone(), Quota::key(&transaction.body().sender)]);
        let party = |state: &_| Reading::record::<Party>(state, &sender).unwrap().unwrap();
        let (then, now) = (party(&before), party(&market.state));
        prop_assert_eq!(then.value, now.value);
        prop_assert_eq!(then.history.count() + 1, now.history.count());
    }
}
