//! Histories against RFC 6962's own definition, over all events that were ever told.

use super::refusals::{deliver, revise, revise_offer, suspend};
use crate::{
    event::Event,
    execute::Executed,
    id::*,
    merkle::{self, Frontier},
    state::{Key, history_leaf},
    testing::*,
};
use borsh::BorshDeserialize;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// RFC 6962, section 2.1, as it is written there.
fn naive(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => merkle::empty_root(),
        [one] => *one,
        many => {
            let split = many.len().next_power_of_two() / 2;
            merkle::node(&naive(&many[..split]), &naive(&many[split..]))
        }
    }
}

/// Every event so far, by subject.
#[derive(Default)]
struct Told(BTreeMap<Key, Vec<Digest>>);

impl Told {
    fn hear(&mut self, height: Height, executed: &Executed) {
        for done in &executed.done {
            let mut pointers = done.histories.iter();
            for (number, event) in done.events.iter().enumerate() {
                let leaf = merkle::leaf(&history_leaf(height, &done.entry.transaction, number as u16, event));
                for key in event.subjects() {
                    let leaves = self.0.entry(key.clone()).or_default();
                    assert_eq!(pointers.next(), Some(&(key, leaves.len() as u64, number as u16)));
                    leaves.push(leaf);
                }
            }
            assert_eq!(pointers.next(), None);
            assert_eq!(done.entry.events, Event::digest_all(&done.events));
        }
    }

    fn compare(&self, state: &BTreeMap<Key, Vec<u8>>) {
        for (key, bytes) in state {
            let frontier = Frontier::deserialize(&mut bytes.as_slice()).unwrap();
            let leaves = self.0.get(key).map_or(&[][..], Vec::as_slice);
            assert_eq!(frontier.count(), leaves.len() as u64, "{key}");
            assert_eq!(frontier.root(), naive(leaves), "{key}");
        }
        assert!(self.0.keys().all(|key| state.contains_key(key)), "each subject of an event is a record");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_frontier_of_each_record_is_that_of_its_events(steps in proptest::collection::vec((0..9u8, 0..4u8), 1..40)) {
        let (mut market, goods) = Market::trading();
        let mut told = Told::default();
        // What happened before is heard by the same road: from nothing, the founding state first.
        market.state.values_mut().for_each(|bytes| {
            let mut rest = bytes.as_slice();
            Frontier::deserialize(&mut rest).unwrap();
            *bytes = [borsh::to_vec(&Frontier::EMPTY).unwrap().as_slice(), rest].concat();
        });
        for steps in steps.chunks(3) {
            let block: Vec<_> = steps.iter().map(|(kind, which)| match kind {
                0 => market.transaction(PROVIDER, revise(goods.dataset, u32::from(*which), open())),
                1 => market.transaction(PROVIDER, revise_offer(goods.offer, u32::from(*which))),
                2 => market.transaction(BUYER, buy(goods.offer, 500)),
                3 => market.transaction(GATEWAY, deliver(goods.agreement, goods.version)),
                4 => market.transaction(CUSTODIAN, give(goods.personal, *which)),
                5 => market.transaction(CUSTODIAN, withdraw(ConsentId([*which; 16]))),
                6 => market.transaction(PROVIDER, add_version(goods.personal, u32::from(*which))),
                7 => market.transaction(AGENT, super::refusals::mint(BUYER, 5, *which)),
                _ => market.transaction(PROVIDER, suspend(BUYER)),
            }).collect();
            let height = market.context.height;
            told.hear(height, &market.commit(&block).unwrap());
            told.compare(&market.state);
        }
    }
}
