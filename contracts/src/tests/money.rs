//! Money against a ledger that a child could keep: a map of balances and two totals.

use super::refusals::revoke;
use crate::{
    agreement::{Agreement, Buy, Renew, RevocationReason},
    id::*,
    limits::AMOUNT_MAX,
    rejection::Rejection,
    settlement::{Account, Burn, Mint, Supply},
    state::Reading,
    testing::*,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Mint { who: u16, minor: u64 },
    Burn { who: u16, minor: u64 },
    Buy { who: u16, once: bool, periods: u32 },
    Renew { periods: u32 },
    Revoke,
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop::sample::select(vec![BUYER, OTHER_PROVIDER, PROVIDER]);
    let edge = prop_oneof![
        6 => 1..2_000u64,
        1 => Just(AMOUNT_MAX),
        1 => (AMOUNT_MAX - 2_000)..AMOUNT_MAX,
    ];
    prop_oneof![
        3 => (who(), edge.clone()).prop_map(|(who, minor)| Step::Mint { who, minor }),
        2 => (who(), edge).prop_map(|(who, minor)| Step::Burn { who, minor }),
        4 => (prop::sample::select(vec![BUYER, OTHER_PROVIDER]), any::<bool>(), 1..14u32)
            .prop_map(|(who, once, periods)| Step::Buy { who, once, periods }),
        2 => (1..14u32).prop_map(|periods| Step::Renew { periods }),
        1 => Just(Step::Revoke),
    ]
}

#[derive(Default)]
struct Naive {
    balances: BTreeMap<u16, u64>,
    minted: u64,
    burned: u64,
}

impl Naive {
    fn of(&self, who: u16) -> u64 {
        self.balances.get(&who).copied().unwrap_or(0)
    }

    fn add(&mut self, who: u16, minor: u64) {
        *self.balances.entry(who).or_default() += minor;
    }

    /// The payment, or the code of its refusal.
    fn pay(&mut self, from: u16, to: u16, minor: u64) -> Option<u8> {
        if self.of(from) < minor {
            return Some(100);
        }
        *self.balances.get_mut(&from).unwrap_or(&mut 0) -= minor;
        self.add(to, minor);
        None
    }
}

const ONCE: u64 = 300;
const PERIOD: u64 = 70;

fn compare(steps: Vec<Step>) {
    let mut market = Market::founded();
    let dataset = market.publish(PROVIDER, "rain", shared(crate::vocabulary::PersonalStatus::None));
    let (once, often) =
        (market.offer(PROVIDER, dataset, one_off(ONCE)), market.offer(PROVIDER, dataset, subscription(PERIOD)));
    let mut naive = Naive::default();
    let mut subscribed: Option<(u16, AgreementId)> = None;
    let mut revoked = false;
    for step in steps {
        let reference = BankReference(market.fresh());
        let (got, expected) = match step {
            Step::Mint { who, minor } => {
                let mint = Mint { party: party(who), amount: amount(minor), currency: eur(), reference };
                // Money that is gone takes no room: more than the limit at once is refused, and nothing else.
                let there = naive.balances.values().sum::<u64>();
                let expected = if there + minor > AMOUNT_MAX { Some(101) } else { None };
                if expected.is_none() {
                    naive.add(who, minor);
                    if naive.minted + minor > AMOUNT_MAX {
                        (naive.minted, naive.burned) = (there, 0);
                    }
                    naive.minted += minor;
                }
                (market.act(AGENT, mint), expected)
            }
            Step::Burn { who, minor } => {
                let burn = Burn { party: party(who), amount: amount(minor), currency: eur(), reference };
                let expected = if naive.of(who) < minor { Some(100) } else { None };
                if expected.is_none() {
                    *naive.balances.get_mut(&who).unwrap() -= minor;
                    naive.burned += minor;
                }
                (market.act(AGENT, burn), expected)
            }
            Step::Buy { who, once: true, .. } => (market.act(who, buy(once, ONCE)), naive.pay(who, PROVIDER, ONCE)),
            Step::Buy { who, periods, .. } => {
                let minor = PERIOD * u64::from(periods);
                let expected = if periods > 12 { Some(46) } else { naive.pay(who, PROVIDER, minor) };
                let got = market.act(who, Buy { periods, ..buy(often, minor) });
                if let Ok(id) = &got {
                    (subscribed, revoked) = (Some((who, AgreementId(id.0))), false);
                }
                (got, expected)
            }
            Step::Renew { periods } => {
                let Some((who, agreement)) = subscribed else { continue };
                let minor = PERIOD * u64::from(periods);
                let expected = match () {
                    () if revoked => Some(61),
                    () if periods > 12 => Some(46),
                    () => naive.pay(who, PROVIDER, minor),
                };
                (market.act(who, Renew { agreement, periods, amount: amount(minor) }), expected)
            }
            Step::Revoke => {
                let Some((who, agreement)) = subscribed else { continue };
                let expected = revoked.then_some(61);
                revoked = true;
                (market.act(who, revoke(agreement, RevocationReason::ByBuyer)), expected)
            }
        };
        assert_eq!(got.as_ref().err().map(Rejection::code), expected, "{got:?}");
        agree(&market, &naive);
    }
    if let Some((_, agreement)) = subscribed {
        let agreement: Agreement = market.get(&Agreement::key(&agreement));
        assert_eq!(agreement.paid.minor() % PERIOD, 0);
        let days = (agreement.end_ms.unwrap() - agreement.start_ms) / DAY_MS;
        assert_eq!(agreement.paid.minor() / PERIOD, days / 30, "paid for exactly the days that it runs");
    }
}

fn agree(market: &Market, naive: &Naive) {
    let balance = |who| market.state.value::<Account>(&Account::key(&party(who), eur())).unwrap();
    for who in [BUYER, OTHER_PROVIDER, PROVIDER] {
        assert_eq!(balance(who).map_or(0, |account| account.balance.minor()), naive.of(who));
    }
    let supply = market.state.value::<Supply>(&Supply::key(eur())).unwrap().unwrap_or_default();
    assert_eq!((supply.minted.minor(), supply.burned.minor()), (naive.minted, naive.burned));
    assert_eq!(naive.balances.values().sum::<u64>(), naive.minted - naive.burned);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn accounts_agree_with_a_naive_ledger(steps in proptest::collection::vec(step(), 1..40)) {
        compare(steps);
    }
}
