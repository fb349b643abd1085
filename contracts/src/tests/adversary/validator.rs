//! As a validator, or as fewer of them than a quorum.

use crate::{
    action::Action,
    governance::{Approve, Ballot, Change, Governance, Proposal, ProposalState, Propose, Ready},
    id::{ProposalId, TimeMs},
    rejection::Rejection,
    testing::*,
    tests::governance::{approve, consensus, market, now, outcomes, proposed, ready, set, validators},
    validators::ValidatorSet,
};

/// The first validators of `base` propose `change`, as many of them as are a quorum.
fn passed(market: &mut Market, base: u8, change: Change, until_ms: TimeMs) -> ProposalId {
    let digest = set(base).digest();
    let id = Propose::id_of(&change, &digest, until_ms);
    let ballot = |number| Ballot::approve(&NETWORK, &id, number, &consensus(number)).unwrap();
    market.ok(BUYER, Propose { change, base: digest, until_ms, ballot: ballot(0) });
    for number in 1..set(base).quorum() as u8 {
        market.ok(BUYER, Approve { proposal: id, ballot: ballot(number) });
    }
    id
}

fn pending(market: &Market) -> Option<ProposalId> {
    now::<Governance>(market, &Governance::key()).pending
}

/// Readiness said as of the block before the next.
fn ready_now(market: &Market, number: u8, proposal: ProposalId) -> Ready {
    ready(number, proposal, market.context.height - 1)
}

#[test]
fn a_liar_that_completes_an_older_proposal_delays_the_others_once() {
    let mut market = market();
    // Two of the others had asked for six, and then three of them decide to go on without the liar.
    let older = proposed(&mut market, validators(6), 2);
    let until_ms = market.context.time_ms + DAY_MS;
    let without = |market: &mut Market, until_ms| passed(market, 4, validators(3), until_ms);
    let expelled = without(&mut market, until_ms);
    assert_eq!(pending(&market), Some(expelled));
    market.ok(PROVIDER, approve(3, older));
    assert_eq!(pending(&market), Some(older));
    let again = without(&mut market, until_ms + 1);
    assert_eq!(pending(&market), Some(again));
    // What has passed has had its time: nobody brings it back, by a ballot or by readiness.
    let moved = Rejection::ProposalMoved { now: ProposalState::Passed };
    assert_eq!(market.no(PROVIDER, approve(3, older)), moved);
    for (number, late) in [(3, older), (2, expelled)] {
        let late = ready_now(&market, number, late);
        assert_eq!(market.no(PROVIDER, late), Rejection::SetChangeUnderWay);
    }
    for number in 0..3 {
        let word = ready_now(&market, number, again);
        market.ok(BUYER, word);
    }
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(3));
}

/// There would be a set between the two that decides no block and signs no record, and no node could start again.
#[test]
fn a_block_has_one_change_of_the_set() {
    for (between, after) in [(5, 4), (5, 6)] {
        let mut market = market();
        let until_ms = market.context.time_ms + DAY_MS;
        let first = passed(&mut market, 4, validators(between), until_ms);
        let height = market.context.height - 1;
        let digest = set(between).digest();
        let second = Propose::id_of(&validators(after), &digest, until_ms);
        let ballot = |number| Ballot::approve(&NETWORK, &second, number, &consensus(number)).unwrap();
        // All of it was signed before the first is in force.
        let propose = Propose { change: validators(after), base: digest, until_ms, ballot: ballot(0) };
        let ready_for = |proposal, count: u8| {
            let words = (0..set(count).quorum() as u8).map(move |number| ready(number, proposal, height).into());
            words.collect::<Vec<Action>>()
        };
        let approve = |number| Approve { proposal: second, ballot: ballot(number) }.into();
        let approvals: Vec<Action> = (1..set(between).quorum() as u8).map(approve).collect();
        let block = [ready_for(first, between), vec![propose.into()], approvals, ready_for(second, after)].concat();
        let refused: Vec<u8> = outcomes(&mut market, block).into_iter().filter(|code| *code > 0).collect();
        assert_eq!(refused, vec![Rejection::SetChangeUnderWay.code(); set(after).quorum()]);
        assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(between));
        // The next block may have it.
        for number in 0..set(after).quorum() as u8 {
            market.ok(BUYER, ready(number, second, height));
        }
        assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(after));
    }
}

#[test]
fn what_was_replaced_stays_so_when_the_same_validators_decide_again() {
    let mut market = market();
    let until_ms = market.context.time_ms + DAY_MS;
    let lost = passed(&mut market, 4, validators(5), until_ms);
    for number in 0..3 {
        let word = ready_now(&market, number, lost);
        market.ok(BUYER, word);
    }
    for (base, after) in [(4, 6), (6, 4)] {
        let proposal = passed(&mut market, base, validators(after), until_ms);
        for number in 0..set(after).quorum() as u8 {
            let word = ready_now(&market, number, proposal);
            market.ok(BUYER, word);
        }
    }
    // The set is the one that was asked, its time is not over, and one word is missing.
    let Proposal { base, state, .. } = now(&market, &Proposal::key(&lost));
    assert_eq!((base, state), (now::<ValidatorSet>(&market, &ValidatorSet::key()).digest(), ProposalState::Passed));
    let word = ready_now(&market, 3, lost);
    assert_eq!(market.no(BUYER, word), Rejection::SetChangeUnderWay);
    assert_eq!((pending(&market), now::<ValidatorSet>(&market, &ValidatorSet::key())), (None, set(4)));
}
