//! Another version of the rules: from when it is in force, and how its date moves.

use super::{
    governance::{approve, in_four, market, now, propose, proposed, state},
    refusals::Case,
};
use crate::{
    execute::ExecuteError,
    governance::{Change, ProposalState, Protocol},
    limits::PROTOCOL_NOTICE_BLOCKS,
    rejection::Rejection,
    testing::*,
};

#[test]
fn another_version_of_the_rules_begins_at_its_height_and_stops_whoever_does_not_know_it() {
    let mut market = market();
    let from = market.context.height + PROTOCOL_NOTICE_BLOCKS + 10;
    let proposal = proposed(&mut market, Change::Protocol { version: 2, from }, 3);
    assert_eq!(state(&market, proposal), ProposalState::InForce);
    let put_off = proposed(&mut market, Change::Protocol { version: 2, from: from + 5 }, 3);
    assert_eq!(now::<Protocol>(&market, &Protocol::key()), Protocol { version: 2, from: from + 5, before: 1 });
    assert_eq!(state(&market, put_off), ProposalState::InForce);
    let at = |market: &Market, height| Protocol::at(&market.state, height).unwrap();
    assert_eq!([from, from + 4, from + 5, u64::MAX].map(|height| at(&market, height)), [1, 1, 2, 2]);
    market.context.height = from + 4;
    market.mint(BUYER, 1);
    // Nothing is executed by rules that are not these, and nothing is changed by trying.
    market.context.height = from + 5;
    let transaction = market.transaction(AGENT, crate::tests::refusals::mint(BUYER, 1, 77));
    let refused = crate::execute::execute(&market.state, &market.context, &[transaction]);
    assert_eq!(refused, Err(ExecuteError::ProtocolUnknown { version: 2, height: from + 5 }));
    assert!(refused.unwrap_err().to_string().contains("install a release that does"));
}

/// An older proposal that its last validator approves late, or one that is made anew.
#[test]
fn a_date_that_was_decided_is_put_off_and_never_brought_forward() {
    let mut market = market();
    let from = market.context.height + PROTOCOL_NOTICE_BLOCKS + 100;
    let earlier = proposed(&mut market, Change::Protocol { version: 2, from }, 2);
    proposed(&mut market, Change::Protocol { version: 2, from: from + 50 }, 3);
    let refused = Rejection::ProtocolHeight { least: from + 50 };
    assert_eq!(market.no(BUYER, approve(3, earlier)), refused);
    assert_eq!(market.no(BUYER, propose(0, Change::Protocol { version: 2, from: from + 49 })), refused);
    assert_eq!(now::<Protocol>(&market, &Protocol::key()).from, from + 50);
    proposed(&mut market, Change::Protocol { version: 2, from: from + 60 }, 3);
    assert_eq!(now::<Protocol>(&market, &Protocol::key()).from, from + 60);
}

/// A case for each refusal of versions.
pub(super) const PROTOCOLS: &[Case] = &[
    ("ProtocolVersion", |m, _| {
        in_four(m, |m| m.no(BUYER, propose(0, Change::Protocol { version: 3, from: m.context.height + 1_000 })))
    }),
    ("ProtocolVersion", |m, _| {
        in_four(m, |m| m.no(BUYER, propose(0, Change::Protocol { version: 1, from: m.context.height + 1_000 })))
    }),
    ("ProtocolHeight", |m, _| {
        let from = m.context.height + PROTOCOL_NOTICE_BLOCKS;
        in_four(m, |m| m.no(BUYER, propose(0, Change::Protocol { version: 2, from: from - 1 })))
    }),
    ("ProtocolHeight", |m, _| {
        in_four(m, |m| {
            // It was early enough when it was proposed, and is not when a quorum would be complete.
            let from = m.context.height + PROTOCOL_NOTICE_BLOCKS;
            let open = proposed(m, Change::Protocol { version: 2, from }, 2);
            m.context.height += 1;
            m.no(BUYER, approve(2, open))
        })
    }),
];
